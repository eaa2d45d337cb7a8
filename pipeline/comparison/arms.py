"""`Arm`: the runs that differ in nothing but the seed, taken together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from pipeline.comparison.metrics import Ints, Measured, Metric, measure, metrics_of
from pipeline.comparison.rows import Row, without_seed
from pipeline.comparison.tests import mean_interval
from pipeline.core import scores
from pipeline.core.statistics import Interval, Spread, spread
from pipeline.render.html import distinct_labels
from pipeline.stages.report.finished_run import FinishedRun
from pipeline.stages.report.result import criterion

LONGEST = 80  # characters of an arm's name; comparison.csv has all overrides
MEASURES = ("train_accuracy", "dev_accuracy", "test_accuracy", "test_macro_f1", "seconds")


class Arm:
    """An arm: one configuration, run under one or several seeds on the same test sentences.

    Parameters
    ----------
    rows
        One or more finished runs, a row a seed.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = sorted(rows, key=lambda row: row["seed"])
        first = self.rows[0]
        self.name = (without_seed(first["arm"]) or first["vectors"]) if len(rows) > 1 else ""
        self.name = self.name or first["arm"]
        self.vectors, self.test_digest = first["vectors"], first["test_digest"]
        self.features = max(row["features"] for row in self.rows)
        self.coverage = float(np.mean([row["coverage"] for row in self.rows]))

    @property
    def seeds(self) -> list[int]:
        """The seed of each run."""
        return [row["seed"] for row in self.rows]

    @cached_property
    def runs(self) -> list[FinishedRun]:
        """The runs, read from their folders."""
        return [FinishedRun.read(Path(row["folder"])) for row in self.rows]

    @property
    def classes(self) -> list[str]:
        """The names of the classes."""
        return self.runs[0].classes

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that apply."""
        return metrics_of(ordinal="mean_absolute_error" in self.runs[0].result["test"])

    @cached_property
    def true(self) -> Ints:
        """The (n,) true classes of the test sentences."""
        return self.runs[0].test.true

    @cached_property
    def predicted(self) -> Ints:
        """The (k, n) predicted classes, a row a run."""
        return np.stack([run.test.predicted for run in self.runs])

    @cached_property
    def criterion(self) -> str:
        """The metric by which its strength was chosen on dev; accuracy where runs differ in it."""
        (name, *others) = {criterion(run.result) for run in self.runs}
        return "accuracy" if others else name

    @cached_property
    def varies(self) -> bool:
        """Whether another seed would give other vectors; pretrained ones have no seed."""
        return self.runs[0].result["provenance"].get("source") not in {"file", "pretrained"}

    def measured(self, metric: Metric) -> Measured:
        """Return a metric of every run, and each sentence's influence on its mean."""
        return measure(metric, self.true, self.predicted, len(self.classes))

    def interval(self, metric: Metric) -> Interval:
        """Return the 95 % interval of the mean of a metric: Wilson's for one run's accuracy."""
        row = self.rows[0]
        if metric.name != "accuracy":
            return mean_interval(self.measured(metric))
        if len(self.rows) == 1:
            return Interval(row["test_low"], row["test_high"])
        return mean_interval(self.measured(metric)).of_share()

    def spread(self, measure: str) -> Spread:
        """Return mean and standard deviation over seeds of a column of the rows."""
        return spread([row[measure] for row in self.rows])  # type: ignore[literal-required]

    def recall(self) -> list[float | None]:
        """Return each class's share of test sentences found, averaged over runs; None: no such."""
        found = (self.predicted == self.true).mean(axis=0)
        size = np.bincount(self.true, minlength=len(self.classes))
        hits = np.bincount(self.true, weights=found, minlength=len(self.classes))
        return [float(h / n) if n else None for h, n in zip(hits, size, strict=True)]


def group(rows: Sequence[Row]) -> list[Arm]:
    """Collect finished runs into arms, in the order of their first runs.

    Runs on different test sentences are never one arm.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row["status"] == "done":
            groups.setdefault((row["without_seed"], row["test_digest"]), []).append(row)
    arms: list[Arm] = []
    for members in groups.values():
        twice = len({row["seed"] for row in members}) < len(members)
        arms += [Arm([row]) for row in members] if twice else [Arm(members)]
    names = Counter(arm.name for arm in arms)
    for arm in arms:
        if names[arm.name] > 1:
            arm.name = arm.rows[0]["arm"]
    for arm, label in zip(arms, distinct_labels([arm.name for arm in arms], LONGEST), strict=True):
        arm.name = label
    return arms


def best_on_dev(arms: Sequence[Arm]) -> list[str]:
    """Return the names of the arms that do best on dev; to choose by test would use test twice.

    The metric is the one that all chose their strength by; if they differ in it, accuracy.
    """
    names = {arm.criterion for arm in arms}
    name = names.pop() if len(names) == 1 else "accuracy"
    sign = -1 if name in scores.LOWER_IS_BETTER else 1
    means = [sign * float(np.mean([run.result["dev"][name] for run in arm.runs])) for arm in arms]  # type: ignore[literal-required]
    return [arm.name for arm, mean in zip(arms, means, strict=True) if mean == max(means)]


class Baseline:
    """Always answering the class that is most frequent in train.

    Parameters
    ----------
    run
        Any run on these sentences.
    """

    def __init__(self, run: FinishedRun) -> None:
        train = run.summary["splits"]["train"]["labels"]
        answer = int(np.argmax(train))
        self.label = run.classes[answer]
        true = run.test.true
        counts = scores.confusion_matrix(true, np.full_like(true, answer), len(run.classes))
        self.scores = {name: float(f(counts)) for name, f in scores.METRICS.items()}

    @property
    def accuracy(self) -> float:
        """Its test accuracy."""
        return self.scores["accuracy"]
