"""The results of an intrinsic evaluation: as numbers, as metrics and as tables."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

from pipeline.core.files import write_table
from pipeline.core.metrics import Metric
from pipeline.core.notebook import displayed

TOTAL = "total"  # the row of all sections together


def slug(text: str) -> str:
    """Replace characters that the name of a metric cannot have."""
    return re.sub(r"[^\w.-]+", "-", text, flags=re.ASCII)


@dataclass(frozen=True)
class Similarity:
    """How well vectors rank the word pairs of a file.

    ``spearman`` is the rank correlation of cosine similarity with human judgements, over the pairs
    ``found``, of which both words have vectors; nan for fewer than two, or where all are alike.
    """

    name: str
    spearman: float
    found: int
    total: int


@dataclass(frozen=True)
class Analogies:
    """How many questions "a is to b as c is to ?" of a file's section were answered correctly.

    ``seen`` are the questions whose four words have vectors, ``candidates`` the number of words
    among which answers were searched: the fewer, the easier. A section called ``total`` has all.
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
    """The results of vectors on every file: a row for each, and for each section of analogies."""

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
        taken: set[str] = set()
        for row in self.analogies:
            name = f"evaluation/{row.name}"
            if row.section == TOTAL:
                yield Metric(f"{name}_seen", row.seen)
                yield Metric(f"{name}_candidates", row.candidates)
            else:
                name = f"{name}/{slug(row.section) or 'section'}"
            # Sections may differ only in characters that a metric's name cannot have.
            numbered = (f"{name}-{i}" for i in count(2))
            name = next(one for one in chain([name], numbered) if one not in taken)
            taken.add(name)
            if row.seen:
                yield Metric(f"{name}_accuracy", row.accuracy)

    def save(self, folder: Path) -> None:
        """Write ``similarity.csv`` and ``analogies.csv``, if they have rows."""
        analogies = [{**asdict(row), "accuracy": row.accuracy} for row in self.analogies]
        tables = {"similarity": [asdict(row) for row in self.similarity], "analogies": analogies}
        for name, rows in tables.items():
            if rows:
                write_table(folder / f"{name}.csv", rows)
