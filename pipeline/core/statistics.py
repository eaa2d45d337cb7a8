"""Intervals, and mean and deviation of several values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
    """A 95 % confidence interval."""

    low: float
    high: float


def accuracy_interval(correct: int, total: int) -> Interval:
    """Return Wilson's 95 % interval of an accuracy (Wilson 1927)."""
    from scipy import stats

    interval = stats.binomtest(correct, total).proportion_ci(0.95, method="wilson")
    return Interval(float(interval.low), float(interval.high))


class Spread(NamedTuple):
    """Mean and sample standard deviation of `n` values; of one there is no deviation."""

    mean: float
    deviation: float | None
    n: int


def spread(values: Sequence[float]) -> Spread:
    """Return mean and standard deviation (n - 1 in the denominator) of one or more values."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(float(np.mean(values)), deviation, len(values))
