"""The stage store from the command line: ``python -m pipeline cache``.

Look what is kept, remove what is old or too much, check that all is as it was written::

    python -m pipeline cache list
    python -m pipeline cache prune --older-than 30d --max-size 5GB
    python -m pipeline cache verify
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
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from rich.console import Console
from rich.table import Table

from pipeline.cache.store import MANIFEST, BrokenError, Cache, discard, lock_of, verify
from pipeline.core.errors import UserError
from pipeline.stages.vectors.checkpoint import STATE

ABANDONED = 7 * 86_400.0  # seconds after which nobody goes on with a training that was stopped


@dataclass(frozen=True)
class Item:
    """Something that is kept: an entry, the state of a training, or a file of pretrained vectors.

    Parameters
    ----------
    path
        Its folder or file; the folder above is called by the stage.
    size
        Bytes.
    used
        When it was last of use, in seconds since 1970.
    """

    path: Path
    size: int
    used: float

    @property
    def stage(self) -> str:
        """The stage that it is of, or ``training``, or ``pretrained``."""
        return self.path.parent.name

    @property
    def lock(self) -> FileLock:
        """What who writes it holds."""
        path = self.path
        return FileLock(path.with_suffix(".lock")) if path.is_file() else lock_of(path)


def items(folder: Path) -> list[Item]:
    """Return all that is kept in a store, the least recently used first."""
    found = []
    for path in _paths(folder):
        with suppress(OSError):  # gone meanwhile
            named = (path / MANIFEST, path / STATE, path)
            used = next(mark for mark in named if mark.exists()).stat().st_mtime
            parts = path.rglob("*") if path.is_dir() else [path]
            found.append(Item(path, sum(part.stat().st_size for part in parts), used))
    return sorted(found, key=lambda item: item.used)


def _paths(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.glob("*/*")):
        if not path.name.startswith(".") and path.suffix != ".lock":
            yield path


def prune(
    folder: Path, older_than: float | None = None, max_size: float | None = None
) -> list[Item]:
    """Remove what is old or too much, what is left of processes that died, and idle lock files.

    Nothing that is being made is touched.

    Parameters
    ----------
    folder
        The store.
    older_than
        Seconds; what was not used for longer goes. A training's state always goes after a week.
    max_size
        Bytes; the least recently used goes until no more than this is left.

    Returns
    -------
    removed
        What was removed.
    """
    kept, removed, now = items(folder), [], time.time()
    size = sum(item.size for item in kept)
    for item in kept:
        limits = [older_than or math.inf, ABANDONED if item.stage == "training" else math.inf]
        if now - item.used > min(limits) or size > (math.inf if max_size is None else max_size):
            with suppress(Timeout, OSError), item.lock.acquire(timeout=0):
                item.path.unlink() if item.path.is_file() else discard(item.path)
                removed.append(item)
                size -= item.size
    for left in folder.glob("*/.*.*"):  # half written when its process died, or half removed
        entry = left.with_name(left.name.split(".")[1])
        with suppress(Timeout, OSError), lock_of(entry).acquire(timeout=0):
            shutil.rmtree(left)
    for path in folder.glob("*/*.lock"):
        # Whoever waits for it finds that the file is gone, and makes it again.
        with suppress(Timeout, OSError), FileLock(path).acquire(timeout=0):
            path.unlink()
    return removed


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line asks for."""
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
        broken = list(_broken(kept))
        for item, why in broken:
            console.print(f"{item.path} is broken: {why}", markup=False)
        if broken:
            sys.exit(f"error: {_count(broken)} broken; each is made again when it is needed.")
        console.print("all is as it was written", markup=False)
    size = sum(item.size for item in kept)
    console.print(f"{_count(kept)}, {_mb(size)} in {folder}", markup=False)


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    default = Cache().path
    common.add_argument("--cache", default=default, metavar="PATH", help=f"its folder; {default}")
    parser = argparse.ArgumentParser(
        prog="python -m pipeline cache", description="The stage store."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", parents=[common], help="show what is kept, latest used last")
    commands.add_parser("verify", parents=[common], help="check that all is as it was written")
    pruning = commands.add_parser("prune", parents=[common], help="remove what is not needed")
    pruning.add_argument(
        "--older-than", type=_seconds, metavar="TIME", help="not used for so long: 12h, 30d, 4w"
    )
    pruning.add_argument(
        "--max-size", type=_bytes, metavar="SIZE", help="the latest used that fit in: 500MB, 5GB"
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
        raise argparse.ArgumentTypeError(f"'{text}' is no number with one of {listed}: {example}")
    return float(match[1]) * units[match[2]]


def _broken(kept: list[Item]) -> Iterator[tuple[Item, str]]:
    for item in kept:
        if item.stage not in {"training", "pretrained"}:
            try:
                verify(item.path)
            except (BrokenError, UserError) as error:
                yield item, str(error)


def _table(kept: list[Item]) -> Table:
    table = Table(box=None)
    for name in ("stage", "key", "MB", "made in", "last used", "made by", "of"):
        table.add_column(name, justify="right" if name in {"MB", "made in"} else "left")
    for item in kept:
        about = _about(item.path)
        used = datetime.fromtimestamp(item.used, UTC).astimezone()
        seconds = f"{about['seconds']:.1f} s" if "seconds" in about else ""
        kind = about.get("config", {}).get("class", "").rpartition(".")[2]
        cells = (item.stage, item.path.name[:8], f"{item.size / 1e6:.1f}", seconds)
        table.add_row(*cells, f"{used:%Y-%m-%d %H:%M}", about.get("by", ""), kind)
    return table


def _about(path: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((path / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest


def _count(found: Sized) -> str:
    return f"{len(found)} {'entry' if len(found) == 1 else 'entries'}"


def _mb(size: float) -> str:
    return f"{size / 1e6:,.1f} MB"
