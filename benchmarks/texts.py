"""The text that the benchmarks use."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path


def documents(path: Path) -> Iterator[list[str]]:
    """Yield each line's words: lower-cased, split at white space."""
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield line.lower().split()


def take(source: Iterator[list[str]], words: int) -> list[list[str]]:
    """Take documents until they have `words` words together."""
    taken: list[list[str]] = []
    while words > 0 and (document := next(source, None)) is not None:
        taken.append(document[:words])
        words -= len(taken[-1])
    return taken
