"""The results of an intrinsic evaluation: as numbers, as metrics and as tables."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.core.files import atomic
from pipeline.core.metrics import Metric
from pipeline.core.notebook import displayed

TOTAL = "total"  # the row of all sections together


def slug(text: str) -> str:
    """Replace characters that the name of a metric cannot have."""
    return re.sub(r"[^\w.-]+", "-", text, flags=re.ASCII)


@dataclass(frozen=True)
class Similarity:
    """How well vectors rank word pairs.

    Parameters
    ----------
    name
        The name of the file.
    spearman
        Rank correlation of cosine similarity with human judgements, over the pairs found; nan for
        fewer than two, or where all are alike.
    found, total
        Pairs of which both words have vectors, and all pairs of the file.
    """

    name: str
    spearman: float
    found: int
    total: int


@dataclass(frozen=True)
class Analogies:
    """How many questions "a is to b as c is to ?" were answered with the expected word.

    Parameters
    ----------
    name
        The name of the file.
    section
        The section, or ``total``.
    correct, seen, total
        Questions answered rightly, those whose four words have vectors, and all.
    candidates
        The number of words among which answers were searched: the fewer, the easier.
    """

    name: str
    section: str
    correct: int
    seen: int
    total: int
    candidates: int

    @property
    def accuracy(self) -> float:
        """Share of the questions seen; nan where there are none."""
        return self.correct / self.seen if self.seen else float("nan")


@displayed
@dataclass(frozen=True)
class Evaluated:
    """The results of vectors on every file.

    Parameters
    ----------
    similarity
        A row for each file.
    analogies
        A row for each section, and after them one for the file: their total.
    """

    similarity: list[Similarity]
    analogies: list[Analogies]

    def facts(self) -> dict[str, Any]:
        """Return what a notebook shows."""
        return {row.name: row.spearman for row in self.similarity} | {
            row.name: row.accuracy for row in self.analogies if row.section == TOTAL
        }

    def describe(self) -> str:
        """Return one line for the terminal."""
        said = [
            f"{row.name} {row.spearman:.3f} ({row.found:,} of {row.total:,} pairs)"
            for row in self.similarity
        ]
        said += [
            f"{row.name} {row.accuracy:.1%} ({row.seen:,} of {row.total:,} questions, "
            f"{row.candidates:,} candidates)"
            for row in self.analogies
            if row.section == TOTAL
        ]
        return ", ".join(said)

    def metrics(self) -> Iterator[Metric]:
        """Yield all numbers, without those that are nan because words have no vector."""
        for pairs in self.similarity:
            yield Metric(f"evaluation/{pairs.name}_found", pairs.found)
            if not math.isnan(pairs.spearman):
                yield Metric(f"evaluation/{pairs.name}_spearman", pairs.spearman)
        for row, section in zip(self.analogies, _sections(self.analogies), strict=True):
            if row.section == TOTAL:
                yield Metric(f"evaluation/{row.name}_seen", row.seen)
                yield Metric(f"evaluation/{row.name}_candidates", row.candidates)
            if row.seen:
                yield Metric(f"evaluation/{row.name}{section}_accuracy", row.accuracy)

    def save(self, folder: Path) -> None:
        """Write ``similarity.csv`` and ``analogies.csv``, if they have rows."""
        analogies = [{**asdict(row), "accuracy": row.accuracy} for row in self.analogies]
        _csv(folder / "similarity.csv", [asdict(row) for row in self.similarity])
        _csv(folder / "analogies.csv", analogies)


def _sections(rows: list[Analogies]) -> list[str]:
    """Return for each row what its metric's name has after that of the file; no two are the same.

    Two sections may differ only in characters that a metric's name cannot have.
    """
    names: list[str] = []
    taken: set[tuple[str, str]] = set()
    for row in rows:
        section = "" if row.section == TOTAL else "/" + (slug(row.section) or "section")
        number = 1
        while (row.name, f"{section}-{number}" if number > 1 else section) in taken:
            number += 1
        names.append(f"{section}-{number}" if number > 1 else section)
        taken.add((row.name, names[-1]))
    return names


def _csv(path: Path, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
