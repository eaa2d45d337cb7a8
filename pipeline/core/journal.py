"""The journal of a run: what each stage took and gave, on disk before anything else hears of it."""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, ParamSpec, Protocol, TypeVar

from pipeline.core.files import atomic

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T", bound="Made")
R = TypeVar("R")


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


class Keep(Protocol):
    """Calls a stage's function, or has what it would give from elsewhere."""

    def __call__(
        self, stage: str, make: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> tuple[R, str]:
        """Return what the stage gives, and how it was had: ``made``, ``loaded`` or ``reused``."""
        ...


def anew(stage: str, make: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> tuple[R, str]:  # noqa: ARG001
    """Make it, whatever was made before."""
    return make(*args, **kwargs), "made"


@dataclass
class Journal:
    """Runs stages, and notes their metrics and seconds.

    Parameters
    ----------
    metrics
        Those noted so far.
    keep
        Gives what a stage gives; unless told otherwise, each is made anew.
    """

    metrics: list[Metric] = field(default_factory=list)
    keep: Keep = anew
    seconds: dict[str, float] = field(default_factory=dict, init=False)
    stages: dict[str, str] = field(default_factory=dict, init=False)

    def stage(self, name: str, make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Have `make` called; note the metrics of what it made, how it was had, and how long."""
        began = time.perf_counter()
        made, how = self.keep(name, make, *args, **kwargs)
        seconds = time.perf_counter() - began
        self.seconds[name], self.stages[name] = seconds, how
        self.metrics.append(Metric(f"time/{name}_s", seconds))
        self.metrics.extend(made.metrics())
        log.info("  %-9s %s (%s, %.1f s)", name, made.describe(), how, seconds)
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
