"""Look after the cache from the command line: ``yourvectors cache``.

List what is there, remove what is old or too much, check that everything is intact::

    yourvectors cache list
    yourvectors cache prune --older-than 30d --max-size 5GB
    yourvectors cache verify
"""

from __future__ import annotations

import argparse
import json
import math
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sized
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Console
from rich.table import Table

from pipeline.cache.stages import STAGES, TRAINING
from pipeline.cache.store import MANIFEST, Cache, DamagedError, discard, verify
from pipeline.core.errors import UserError
from pipeline.core.locks import acquire, lock_of
from pipeline.stages.vectors.checkpoint import STATE

OLD_STAGES = ("evaluation", "features", "best", "report", "page")
"""The folders that only version 0.1.0 wrote."""

ABANDONED = 7 * 86_400.0  # seconds after which a stopped training is given up


@dataclass(frozen=True)
class Item:
    """Something in the cache: an entry, a checkpoint, or what an older version left.

    Parameters
    ----------
    path
        Its folder or file; the folder above is named after the stage.
    size
        Bytes.
    used
        When it was last used, in seconds since 1970.
    """

    path: Path
    size: int
    used: float

    @property
    def stage(self) -> str:
        """The stage it belongs to, or ``training`` for a checkpoint."""
        return self.path.parent.name

    @property
    def is_outdated(self) -> bool:
        """Whether it was left by an older version and is never used again."""
        if self.stage in OLD_STAGES or (self.stage in STAGES and self.path.is_file()):
            return True
        return "stage" in _manifest(self.path)


def items(folder: Path) -> list[Item]:
    """Return everything in a cache, the least recently used first."""
    found = []
    for path in _paths(folder):
        with suppress(OSError):  # removed meanwhile
            marks = (path / MANIFEST, path / STATE, path)
            used = next(mark for mark in marks if mark.exists()).stat().st_mtime
            parts = path.rglob("*") if path.is_dir() else [path]
            found.append(Item(path, sum(part.stat().st_size for part in parts), used))
    return sorted(found, key=lambda item: item.used)


def _paths(folder: Path) -> Iterator[Path]:
    for stage in _folders(folder):
        for path in sorted(stage.glob("*")):
            if not path.name.startswith(".") and path.suffix != ".lock":
                yield path


def _folders(folder: Path) -> list[Path]:
    """Return the folders of a cache, and none else in case another folder is named."""
    return [folder / stage for stage in sorted({*STAGES, *OLD_STAGES, TRAINING})]


def prune(
    folder: Path, older_than: float | None = None, max_size: float | None = None
) -> list[Item]:
    """Remove what is old or too much, what older versions or killed processes left, idle locks.

    Nothing that a process is writing is touched.

    Parameters
    ----------
    folder
        The cache.
    older_than
        Seconds; what was not used for longer is removed. A checkpoint always is after a week.
    max_size
        Bytes; the least recently used is removed until no more than this is left.

    Returns
    -------
    removed
        What was removed.
    """
    kept, removed, now = items(folder), [], time.time()
    size = sum(item.size for item in kept)
    for item in kept:
        limit = math.inf if older_than is None else older_than
        if item.stage == TRAINING:
            limit = min(limit, ABANDONED)
        if item.is_outdated:
            limit = -math.inf
        if now - item.used > limit or size > (math.inf if max_size is None else max_size):
            with suppress(Timeout, OSError), _held(lock_of(item.path)):
                discard(item.path)
                removed.append(item)
                size -= item.size
    for stage in _folders(folder):
        for left in stage.glob(".*.*"):  # by a process that was killed
            entry = left.with_name(left.name.split(".")[1])
            with suppress(Timeout, OSError), _held(lock_of(entry)):
                shutil.rmtree(left)
        for path in stage.glob("*.lock"):
            # A process that waits for it finds the file gone and makes it again.
            with suppress(Timeout, OSError), _held(FileLock(path)):
                path.unlink()
        with suppress(OSError):  # not empty
            stage.rmdir()
    return removed


@contextmanager
def _held(lock: FileLock) -> Iterator[None]:
    """Hold a lock that no other process holds; `Timeout` at once if one does."""
    acquire(lock, timeout=0)
    try:
        yield
    finally:
        lock.release()


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    given = _parser().parse_args(arguments)
    folder = Path(given.cache).expanduser()
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)
    if given.command == "prune":
        removed = prune(folder, given.older_than, given.max_size)
        size = sum(item.size for item in removed)
        console.print(f"{_count(removed)} removed, {_mb(size)} ({folder})", markup=False)
    kept = items(folder)
    if given.command == "list" and kept:
        console.print(_table(kept))
    if given.command == "verify":
        damaged = list(_damaged(kept))
        for item, why in damaged:
            console.print(f"{item.path} is damaged: {why}", markup=False)
        if damaged:
            sys.exit(f"error: {_count(damaged)} damaged; each is made again when it is needed.")
        console.print("everything is intact", markup=False)
    size = sum(item.size for item in kept)
    console.print(f"{_count(kept)}, {_mb(size)} in {folder}", markup=False)


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    default = Cache().path
    text = f"the folder of the cache; {default}"
    common.add_argument("--cache", default=default, metavar="PATH", help=text)
    parser = argparse.ArgumentParser(
        prog="yourvectors cache", description="Look after the cache of results."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", parents=[common], help="list the entries, the last used at the end")
    commands.add_parser("verify", parents=[common], help="check that all entries are intact")
    pruning = commands.add_parser("prune", parents=[common], help="remove what is not needed")
    pruning.add_argument(
        "--older-than", type=_seconds, metavar="TIME", help="not used for so long: 12h, 30d, 4w"
    )
    pruning.add_argument(
        "--max-size", type=_bytes, metavar="SIZE", help="keep the last used that fit: 500MB, 5GB"
    )
    return parser


def _seconds(text: str) -> float:
    return _amount(text, {"h": 3600, "d": 86_400, "w": 7 * 86_400}, "30d")


def _bytes(text: str) -> float:
    return _amount(text, {"MB": 1e6, "GB": 1e9, "TB": 1e12}, "5GB")


def _amount(text: str, units: dict[str, float], example: str) -> float:
    match = re.fullmatch(rf"(\d+(?:\.\d+)?)\s*({'|'.join(units)})", text)
    if match is None:
        listed = ", ".join(units)
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a number with one of {listed}: {example}"
        )
    return float(match[1]) * units[match[2]]


def _damaged(kept: list[Item]) -> Iterator[tuple[Item, str]]:
    for item in kept:
        if item.stage != TRAINING and not item.is_outdated:
            try:
                verify(item.path)
            except (DamagedError, UserError) as error:
                yield item, str(error)


def _table(kept: list[Item]) -> Table:
    table = Table(box=None)
    for name in ("stage", "key", "MB", "made in", "last used", "made by", "of"):
        table.add_column(name, justify="right" if name in {"MB", "made in"} else "left")
    for item in kept:
        about = _manifest(item.path)
        used = datetime.fromtimestamp(item.used, UTC).astimezone()
        seconds = f"{about['seconds']:.1f} s" if "seconds" in about else ""
        kind = about.get("key", {}).get("config", {}).get("class", "").rpartition(".")[2]
        if item.is_outdated:
            kind = "an older version: `prune` removes it"
        cells = (item.stage, item.path.name[:8], f"{item.size / 1e6:.1f}", seconds)
        table.add_row(*cells, f"{used:%Y-%m-%d %H:%M}", about.get("by", ""), kind)
    return table


def _manifest(path: Path) -> dict[str, Any]:
    """Return the manifest of an entry; empty if there is none, or it is damaged."""
    try:
        manifest = json.loads((path / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _count(found: Sized) -> str:
    return f"{len(found)} {'entry' if len(found) == 1 else 'entries'}"


def _mb(size: float) -> str:
    return f"{size / 1e6:,.1f} MB"
