"""How sure a number is: intervals, and paired tests on the same sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Interval(NamedTuple):
    """A 95 % confidence interval."""

    low: float
    high: float


def accuracy_interval(correct: int, total: int) -> Interval:
    """Return Wilson's 95 % interval of an accuracy (Wilson 1927)."""
    from scipy import stats

    interval = stats.binomtest(correct, total).proportion_ci(0.95, method="wilson")
    return Interval(float(interval.low), float(interval.high))


class Paired(NamedTuple):
    """Two classifiers on the same sentences: `difference` in accuracy, first minus second."""

    difference: float
    low: float
    high: float
    p: float


def paired(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Paired:
    """Compare two classifiers by which of the same n sentences each got right, (n,) each.

    `p` is the exact McNemar test's (McNemar 1947: a sign test on the sentences that only one got
    right). The 95 % interval of the difference is Newcombe's square-and-add interval for paired
    proportions (Newcombe 1998, method 10).

    Raises
    ------
    ValueError
        If the two are not of the same length, or empty.
    """
    n = _same(first, second)
    from scipy import stats

    both = int(np.sum(first & second))
    only_first = int(np.sum(first & ~second))
    only_second = int(np.sum(~first & second))
    neither = n - both - only_first - only_second
    disagreed = only_first + only_second
    p = float(stats.binomtest(only_first, disagreed).pvalue) if disagreed else 1.0

    a, b = both + only_first, both + only_second
    low_a, high_a = accuracy_interval(a, n)
    low_b, high_b = accuracy_interval(b, n)
    spread = np.sqrt(float(a) * (n - a) * b * (n - b))
    together = float(both * neither - only_first * only_second)
    if together > 0:
        together = max(0.0, together - n / 2)  # Newcombe's continuity correction
    correlation = together / spread if spread else 0.0
    pa, pb = a / n, b / n

    def reach(da: float, db: float) -> float:
        return float(np.sqrt(max(0.0, da * da - 2 * correlation * da * db + db * db)))

    difference = pa - pb
    low = difference - reach(pa - low_a, high_b - pb)
    high = difference + reach(high_a - pa, pb - low_b)
    return Paired(difference, low, high, p)


def _same(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> int:
    if first.shape != second.shape or not len(first):
        raise ValueError(f"{first.shape} and {second.shape} are not the same sentences")
    return len(first)


def bootstrap(
    first: NDArray[np.bool_], second: NDArray[np.bool_], *, resamples: int = 100_000, seed: int = 0
) -> Interval:
    """Return the paired bootstrap's 95 % percentile interval of the difference in accuracy.

    Sentences are drawn with replacement, each with both answers (Efron and Tibshirani 1993,
    *An Introduction to the Bootstrap*, chapter 13). What counts of a resample is how many of its n
    sentences only one got right, so those numbers are drawn: a multinomial, the same distribution
    and some hundred times faster than `scipy.stats.bootstrap`.

    Raises
    ------
    ValueError
        If the two are not of the same length, or empty.
    """
    n = _same(first, second)
    shares = np.array([np.mean(first & ~second), np.mean(~first & second)])
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n, [*shares, max(0.0, 1 - shares.sum())], size=resamples)
    low, high = np.quantile((drawn[:, 0] - drawn[:, 1]) / n, [0.025, 0.975])
    return Interval(float(low), float(high))


class Spread(NamedTuple):
    """Mean and sample standard deviation of `n` values; of one there is no deviation."""

    mean: float
    deviation: float | None
    n: int


def spread(values: Sequence[float]) -> Spread:
    """Return mean and standard deviation (n - 1 in the denominator) of one or more values."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(float(np.mean(values)), deviation, len(values))


def holm(p: list[float]) -> list[float]:
    """Adjust p-values for the number of tests (Holm 1979)."""
    order = np.argsort(p)
    steps = np.array(p, float)[order] * (len(p) - np.arange(len(p)))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(steps))
    return [float(value) for value in adjusted]
