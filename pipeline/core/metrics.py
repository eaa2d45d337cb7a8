"""Metrics of a run, and the file they are written to."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pipeline.core.files import atomic


class Metric(NamedTuple):
    """A number with its name, at a step."""

    name: str
    value: float
    step: int = 0


def write_metrics(folder: Path, metrics: Iterable[Metric]) -> None:
    """Write ``metrics.csv``."""
    with atomic(folder / "metrics.csv") as path, path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(Metric._fields)
        writer.writerows((m.name, float(m.value), m.step) for m in metrics)


def read_metrics(folder: Path) -> list[Metric]:
    """Read ``metrics.csv``."""
    with (folder / "metrics.csv").open(newline="") as file:
        return [Metric(r["name"], float(r["value"]), int(r["step"])) for r in csv.DictReader(file)]
