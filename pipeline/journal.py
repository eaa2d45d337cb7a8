"""The journal of a run: what each stage took and gave, on disk before anything else hears of it."""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, ParamSpec, Protocol, TypeVar

from pipeline.files import atomic

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T", bound="Made")


class Metric(NamedTuple):
    """A number with its name, at a step."""

    name: str
    value: float
    step: int = 0


class Made(Protocol):
    """What a stage gives: it can say what it is, in words and in numbers."""

    def describe(self) -> str:
        """Return one line for the person at the terminal."""
        ...

    def metrics(self) -> Iterable[Metric]:
        """Return the metrics to track."""
        ...


@dataclass
class Journal:
    """Runs stages, and notes their metrics and seconds."""

    metrics: list[Metric] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def stage(self, name: str, make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `make`; note the metrics of what it made and how long it took, and say so."""
        began = time.perf_counter()
        made = make(*args, **kwargs)
        seconds = time.perf_counter() - began
        self.seconds[name] = seconds
        self.metrics.append(Metric(f"time/{name}_s", seconds))
        self.metrics.extend(made.metrics())
        log.info("  %-9s %s (%.1f s)", name, made.describe(), seconds)
        return made

    def save(self, folder: Path) -> None:
        """Write ``metrics.csv``."""
        with atomic(folder / "metrics.csv") as path, path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(Metric._fields)
            writer.writerows((m.name, float(m.value), m.step) for m in self.metrics)


def read_metrics(folder: Path) -> list[Metric]:
    """Read ``metrics.csv``."""
    with (folder / "metrics.csv").open(newline="") as file:
        return [Metric(r["name"], float(r["value"]), int(r["step"])) for r in csv.DictReader(file)]
