"""Intervals of shares and of their differences; mean and deviation of several values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Interval(NamedTuple):
    """A 95 % confidence interval."""

    low: float
    high: float

    def of_share(self) -> Interval:
        """Return the part of it that a share, such as an accuracy, can be in."""
        return Interval(max(self.low, 0.0), min(self.high, 1.0))


def accuracy_interval(correct: int, total: int) -> Interval:
    """Return Wilson's 95 % interval of an accuracy (Wilson 1927)."""
    from scipy.special import ndtri  # scipy.stats has this too, but takes half a second to import

    z, p = float(ndtri(0.975)), correct / total
    centre, width = p + z**2 / (2 * total), 1 + z**2 / total
    reach = z * math.sqrt(p * (1 - p) / total + (z / (2 * total)) ** 2)
    low = (centre - reach) / width if correct > 0 else 0.0
    high = (centre + reach) / width if correct < total else 1.0
    return Interval(low, high)


class Difference(NamedTuple):
    """A difference of two shares, with its 95 % confidence interval."""

    difference: float
    low: float
    high: float

    @property
    def is_claimed(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0


def independent(correct: int, total: int, other_correct: int, other_total: int) -> Difference:
    """Compare an accuracy with that on other sentences, the first minus the second.

    The interval is Newcombe's square-and-add interval of Wilson's (Newcombe 1998, *Interval
    estimation for the difference between independent proportions*, method 10).

    Raises
    ------
    ValueError
        If one of the two has no sentences.
    """
    p, q = correct / total, other_correct / other_total
    low, high = accuracy_interval(correct, total)
    other_low, other_high = accuracy_interval(other_correct, other_total)
    difference = p - q
    return Difference(
        difference,
        difference - float(np.hypot(p - low, other_high - q)),
        difference + float(np.hypot(high - p, q - other_low)),
    )


def paired(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Difference:
    """Compare two classifiers by which of the same n sentences each got right, (n,) each.

    The interval is Newcombe's square-and-add interval for paired shares (Newcombe 1998, *Improved
    confidence intervals for the difference between binomial proportions based on paired data*,
    method 10).

    Raises
    ------
    ValueError
        If the two are not of the same length, or empty.
    """
    if first.shape != second.shape or not len(first):
        raise ValueError(f"{first.shape} and {second.shape} are not the same sentences")
    n = len(first)
    both, only_first = int(np.sum(first & second)), int(np.sum(first & ~second))
    only_second = int(np.sum(~first & second))
    neither = n - both - only_first - only_second
    a, b = both + only_first, both + only_second
    p, q = a / n, b / n
    p_low, p_high = accuracy_interval(a, n)
    q_low, q_high = accuracy_interval(b, n)
    together = float(both * neither - only_first * only_second)
    if together > 0:
        together = max(0.0, together - n / 2)  # Newcombe's continuity correction
    deviations = np.sqrt(float(a) * (n - a) * b * (n - b))
    correlation = together / deviations if deviations else 0.0

    def reach(x: float, y: float) -> float:
        return float(np.sqrt(max(0.0, x * x - 2 * correlation * x * y + y * y)))

    return Difference(
        p - q, p - q - reach(p - p_low, q_high - q), p - q + reach(p_high - p, q - q_low)
    )


class Spread(NamedTuple):
    """Mean and sample standard deviation of `n` values; None for one value."""

    mean: float
    deviation: float | None
    n: int


def spread(values: Sequence[float]) -> Spread:
    """Return mean and standard deviation (n - 1 in the denominator) of one or more values."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(float(np.mean(values)), deviation, len(values))
