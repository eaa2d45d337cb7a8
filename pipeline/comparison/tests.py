"""Paired tests of two arms on the same test sentences: crossed t, McNemar, Holm, bootstrap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.comparison.metrics import Floats, Measured
from pipeline.core.statistics import Interval

ALPHA = 0.05
POWER = 0.8


@dataclass(frozen=True)
class PairedTest:
    """A difference between two arms with its standard error.

    `p` and `interval` come from the same t statistic, so at every level the interval excludes 0
    exactly where p is below that level.

    Parameters
    ----------
    difference
        First minus second, each averaged over its seeds.
    centre
        The middle of the interval: `difference`, moved towards 0 by two sentences' worth.
    error
        The standard error of `centre`.
    df
        Its degrees of freedom.
    """

    difference: float
    centre: float
    error: float
    df: float

    @property
    def p(self) -> float:
        """The two-sided p-value of no difference."""
        from scipy.special import stdtr

        return float(2 * stdtr(self.df, -abs(self.centre) / self.error))

    def interval(self, alpha: float = ALPHA) -> Interval:
        """Return the interval that misses the true difference in a share `alpha` of all samples."""
        reach = self._quantile(1 - alpha / 2) * self.error
        return Interval(self.centre - reach, self.centre + reach)

    def detectable(self, alpha: float = ALPHA) -> float:
        """Return the smallest true difference that would be found in 80 % of all samples."""
        return (self._quantile(1 - alpha / 2) + self._quantile(POWER)) * self.error

    def _quantile(self, share: float) -> float:
        from scipy.special import stdtrit

        return float(stdtrit(self.df, share))


def paired_test(first: Measured, second: Measured, *, same_seeds: bool = False) -> PairedTest:
    """Test the difference of two arms, each averaged over its seeds.

    Sentences and seeds are crossed random effects: an arm's score varies with the sentences that
    happen to be in the test set, and with the seed. The variance is the sum of

    - that over sentences, of the seed-averaged difference: the variance of the influence values,
      with two made-up sentences added, one gained and one lost (Bonett and Price 2012, who
      recommend it for paired proportions; it keeps small test sets honest);
    - that over seeds: the sample variance of the runs' scores over their number less one.

    Chance that belongs to one sentence under one seed is in both, so the sum errs on the safe side,
    as Owen's pigeonhole bootstrap does (Owen 2007, *Annals of Applied Statistics* 1, 386-411). With
    few seeds the second part is uncertain itself; the degrees of freedom are Satterthwaite's of
    1946.

    Parameters
    ----------
    first, second
        The same metric of both arms, on the same sentences.
    same_seeds
        Whether run i of both arms has the same seed, so that the seeds are paired too.

    Raises
    ------
    ValueError
        If the two are not of the same number of sentences, or of none.
    """
    n = len(first.influence)
    if not n or len(second.influence) != n:
        raise ValueError(f"{n} and {len(second.influence)} are not the same sentences")
    difference = first.mean - second.mean
    centre = difference * n / (n + 2)
    changes = difference + first.influence - second.influence
    variance = (float(changes @ changes) + 2) / (n + 2) - centre**2
    parts = [(variance / (n + 2), n + 1)]
    if same_seeds:
        parts += _over_seeds(first.values - second.values)
    else:
        parts += [*_over_seeds(first.values), *_over_seeds(second.values)]
    return PairedTest(difference, centre, *_total(parts))


def mean_interval(measured: Measured) -> Interval:
    """Return the 95 % interval of a metric averaged over seeds, as in `paired_test`."""
    n = len(measured.influence)
    parts = [(float(measured.influence @ measured.influence) / n**2, n - 1 or 1)]
    parts += _over_seeds(measured.values)
    test = PairedTest(measured.mean, measured.mean, *_total(parts))
    return test.interval()


def _total(parts: list[tuple[float, int]]) -> tuple[float, float]:
    """Add variances; return the standard error and Satterthwaite's degrees of freedom."""
    total = sum(part for part, _ in parts)
    if not total:
        return 0.0, float(parts[0][1])
    return float(np.sqrt(total)), total**2 / sum(part**2 / df for part, df in parts)


def _over_seeds(values: Floats) -> list[tuple[float, int]]:
    """Return the variance of a mean over k seeds and its degrees of freedom; nothing for one seed.

    It is divided by k - 1, not k: with two or three seeds Satterthwaite's approximation alone
    claims too many differences.
    """
    freedom = len(values) - 1
    return [(float(values.var(ddof=1)) / freedom, freedom)] if freedom else []


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the p-value of the exact McNemar test (McNemar 1947).

    A sign test on the sentences that only one of two classifiers got right.
    """
    from scipy.special import bdtr

    fewer, disagreed = min(only_first, only_second), only_first + only_second
    return min(1.0, 2 * float(bdtr(fewer, disagreed, 0.5)))


def holm_factors(p: Sequence[float]) -> list[float]:
    """Return by what factor Holm's method multiplies each of several p-values (Holm 1979).

    The factor of the smallest is the number of tests, and none is below 1 or above that number.
    An interval at the level 0.05 over the factor excludes 0 exactly where the adjusted p is below
    0.05: the step-wise intervals of Serlin (1993) and Ludbrook (2000).
    """
    order = np.argsort(p, kind="stable")
    ordered = np.asarray(p, np.float64)[order]
    steps = len(p) - np.arange(len(p), dtype=np.float64)
    # A p of 0 is below every level, whatever the factor.
    raised = np.maximum.accumulate(ordered * steps)
    factors = np.divide(raised, ordered, out=steps, where=ordered > 0)
    found = np.empty(len(p))
    found[order] = factors
    return [float(value) for value in found]


def bootstrap(
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
    *,
    same_seeds: bool = False,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Return a bootstrap interval of the difference in accuracy, by resampling sentences and seeds.

    Sentences are drawn with replacement, each with the answers of both arms, and so are the seeds
    of each arm that has several (the pigeonhole bootstrap, Owen 2007). The interval is the 95 %
    percentile interval. With few seeds it is too narrow, which is why it decides nothing.

    Parameters
    ----------
    first, second
        (k, n) and (m, n): which of n sentences each run of an arm got right.
    same_seeds
        Whether run i of both arms has the same seed, so that both are drawn together.
    resamples, seed
        How many resamples, and the seed of the random numbers.
    """
    n = first.shape[1]
    rng = np.random.default_rng(seed)
    drawn_first = _seed_weights(rng, len(first), resamples)
    drawn_second = drawn_first if same_seeds else _seed_weights(rng, len(second), resamples)
    found = []
    for block in range(0, resamples, 200):  # so that the weights of the sentences fit in memory
        rows = slice(block, min(block + 200, resamples))
        weights = rng.multinomial(n, np.full(n, 1 / n), size=rows.stop - rows.start)
        ours = ((weights @ first.T.astype(np.float32)) * drawn_first[rows]).sum(axis=1)
        theirs = ((weights @ second.T.astype(np.float32)) * drawn_second[rows]).sum(axis=1)
        found.append((ours - theirs) / n)
    low, high = np.quantile(np.concatenate(found), [0.025, 0.975])
    return Interval(float(low), float(high))


def _seed_weights(rng: np.random.Generator, seeds: int, resamples: int) -> Floats:
    """Draw how often each seed counts in each resample, as shares of 1: (resamples, seeds)."""
    weights: Floats = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples) / seeds
    return weights
