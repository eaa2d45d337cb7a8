"""Manage the cache from the command line: ``yourvectors cache``.

List the entries, remove old ones or limit their size, check that everything is intact::

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
from functools import partial
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
    """An entry of the cache, a checkpoint, or a file of an older version.

    Parameters
    ----------
    path
        Its folder or file; the parent folder is named after the stage.
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
        """Whether it is of an older version and never used again."""
        if self.stage in OLD_STAGES or (self.stage in STAGES and self.path.is_file()):
            return True
        return "stage" in _manifest(self.path)


def items(folder: Path) -> list[Item]:
    """Return everything in a cache, the least recently used first."""
    found = []
    paths = [path for stage in _folders(folder) for path in sorted(stage.glob("[!.]*"))]
    for path in (path for path in paths if path.suffix != ".lock"):
        with suppress(OSError):  # removed meanwhile
            marks = (path / MANIFEST, path / STATE, path)
            used = next(mark for mark in marks if mark.exists()).stat().st_mtime
            parts = path.rglob("*") if path.is_dir() else [path]
            found.append(Item(path, sum(part.stat().st_size for part in parts), used))
    return sorted(found, key=lambda item: item.used)


def _folders(folder: Path) -> list[Path]:
    """Return the folders that a cache has: no others, in case a wrong folder is named."""
    return [folder / stage for stage in sorted({*STAGES, *OLD_STAGES, TRAINING})]


def prune(folder: Path, older_than: float = math.inf, max_size: float = math.inf) -> list[Item]:
    """Remove and return old items; also remove unused locks and files of killed processes.

    Items of older versions are always removed. Nothing that a process is writing is touched.

    Parameters
    ----------
    folder
        The cache.
    older_than
        Seconds; what was not used for longer is removed. A checkpoint always is after a week.
    max_size
        Bytes; the least recently used items are removed until no more than this is left.
    """
    kept, removed, now = items(folder), [], time.time()
    size = sum(item.size for item in kept)
    for item in kept:
        limit = min(older_than, ABANDONED) if item.stage == TRAINING else older_than
        if item.is_outdated or now - item.used > limit or size > max_size:
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
            # A process that waits for the lock makes the file again.
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
    text = f"the folder of the cache: {default}"
    common.add_argument("--cache", default=default, metavar="PATH", help=text)
    parser = argparse.ArgumentParser(
        prog="yourvectors cache", description="Manage the cache of results."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", parents=[common], help="list the entries, the last used at the end")
    commands.add_parser("verify", parents=[common], help="check that all entries are intact")
    pruning = commands.add_parser("prune", parents=[common], help="remove what is not needed")
    pruning.add_argument(
        "--older-than",
        type=partial(_amount, units={"h": 3600, "d": 86_400, "w": 7 * 86_400}),
        metavar="TIME",
        default=math.inf,
        help="remove what was not used for this time: 12h, 30d, 4w",
    )
    pruning.add_argument(
        "--max-size",
        type=partial(_amount, units={"MB": 1e6, "GB": 1e9, "TB": 1e12}),
        metavar="SIZE",
        default=math.inf,
        help="keep the most recently used items that fit: 500MB, 5GB",
    )
    return parser


def _amount(text: str, units: dict[str, float]) -> float:
    match = re.fullmatch(rf"(\d+(?:\.\d+)?)\s*({'|'.join(units)})", text)
    if match is None:
        listed = ", ".join(units)
        raise argparse.ArgumentTypeError(f"'{text}' is not a number with a unit: {listed}")
    return float(match[1]) * units[match[2]]


def _damaged(kept: list[Item]) -> Iterator[tuple[Item, str]]:
    for item in kept:
        if item.stage != TRAINING and not item.is_outdated:
            try:
                verify(item.path)
            except (DamagedError, UserError, OSError) as error:
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
