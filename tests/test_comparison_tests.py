"""The paired tests of a comparison, and the influence of each sentence on each metric."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as exact_mcnemar
from statsmodels.stats.multitest import multipletests

from pipeline.comparison.metrics import measure, metrics_of
from pipeline.comparison.tests import (
    ALPHA,
    bootstrap,
    holm_factors,
    mcnemar,
    mean_interval,
    paired_test,
)
from pipeline.comparison.verdicts import MetricTest
from pipeline.core import scores

METRICS = metrics_of(ordinal=True)


def draw(rng, sentences, runs, classes=3):
    true = rng.integers(classes, size=sentences)
    predicted = rng.integers(classes, size=(runs, sentences))
    return true, np.where(rng.random((runs, sentences)) < 0.4, true, predicted)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
class TestMetric:
    def test_is_that_of_the_scores_of_a_run(self, metric):
        true, predicted = draw(np.random.default_rng(1), 60, 4)
        for run in predicted:
            counts = scores.confusion_matrix(true, run, 3)
            expected = scores.METRICS[metric.name](counts)
            found = measure(metric, true, run[None], 3).mean
            assert found == pytest.approx(float(expected))

    def test_influence_is_the_change_when_a_sentence_counts_more(self, metric):
        true, predicted = draw(np.random.default_rng(2), 80, 1)
        measured = measure(metric, true, predicted, 3)
        assert measured.influence.mean() == pytest.approx(0, abs=1e-12)
        copies = 200  # so that one more copy is a small change
        for i in (0, 7, 33):
            many = np.concatenate([np.repeat(true, copies), true[[i]]])
            said = np.concatenate([np.repeat(predicted, copies, axis=1), predicted[:, [i]]], axis=1)
            change = measure(metric, many, said, 3).mean - measured.mean
            assert change * len(many) == pytest.approx(measured.influence[i], abs=0.02)

    def test_error_agrees_with_the_bootstrap_over_sentences(self, metric):
        rng = np.random.default_rng(3)
        true, predicted = draw(rng, 300, 1)
        rows = rng.integers(300, size=(2000, 300))
        drawn = [measure(metric, true[r], predicted[:, r], 3).mean for r in rows]
        low, high = mean_interval(measure(metric, true, predicted, 3))
        assert (high - low) / (2 * 1.96) == pytest.approx(np.std(drawn), rel=0.08)


def test_p_and_interval_never_contradict_each_other_over_thousands_of_tables():
    rng = np.random.default_rng(4)
    for table in range(4_000):
        n, arms = int(rng.integers(2, 60)), int(rng.integers(1, 5))
        runs = [int(k) for k in rng.integers(1, 4, size=arms + 1)]
        true = rng.integers(3, size=n)
        skill = rng.random(arms + 1)
        answers = [
            np.where(rng.random((k, n)) < s, true, rng.integers(3, size=(k, n)))
            for k, s in zip(runs, skill, strict=True)
        ]
        metric = METRICS[table % len(METRICS)]
        first, *others = [measure(metric, true, answer, 3) for answer in answers]
        tests = [MetricTest(metric, paired_test(other, first)) for other in others]
        factors = holm_factors([test.test.p for test in tests])
        for test, factor in zip(tests, factors, strict=True):
            test.factor = factor
            low, high = test.interval
            assert low <= high
            assert (test.p < ALPHA) == (not low <= 0 <= high)
            assert (test.kind == "open") == (test.p >= ALPHA)
            if test.kind != "open":
                assert (test.kind == "better") == (test.gain > 0)
            assert 0 <= test.test.p <= test.p <= 1


@given(st.lists(st.floats(1e-12, 1), min_size=1, max_size=8))
def test_holm_s_factors_give_holm_s_p_values(p):
    adjusted = multipletests(p, method="holm")[1]
    factors = holm_factors(p)
    assert [min(1, a * f) for a, f in zip(p, factors, strict=True)] == pytest.approx(adjusted)


@given(st.tuples(*[st.integers(0, 300)] * 2).filter(any))
def test_mcnemar_s_test_is_the_exact_one(counts):
    expected = exact_mcnemar([[0, counts[0]], [counts[1], 0]], exact=True).pvalue
    assert mcnemar(*counts) == pytest.approx(expected)


class TestSeeds:
    def test_more_seeds_of_the_same_answers_change_nothing(self):
        true, predicted = draw(np.random.default_rng(5), 50, 2)
        one = [measure(METRICS[0], true, p[None], 3) for p in predicted]
        three = [measure(METRICS[0], true, np.repeat(p[None], 3, axis=0), 3) for p in predicted]
        assert paired_test(*three).p == pytest.approx(paired_test(*one).p, rel=0.05)

    def test_seeds_that_differ_widen_the_interval(self):
        rng = np.random.default_rng(6)
        true = rng.integers(2, size=400)
        good = np.where(rng.random((3, 400)) < np.array([[0.5], [0.7], [0.9]]), true, 1 - true)
        steady = np.where(rng.random((3, 400)) < 0.7, true, 1 - true)
        other = measure(METRICS[0], true, (1 - true)[None], 2)
        wide, narrow = (
            paired_test(measure(METRICS[0], true, arm, 2), other).interval()
            for arm in (good, steady)
        )
        assert wide.high - wide.low > 2 * (narrow.high - narrow.low)

    def test_the_interval_is_near_the_bootstrap_s_where_seeds_are_alike(self):
        rng = np.random.default_rng(7)
        right = [rng.random((5, 2000)) < share for share in (0.45, 0.4)]
        measured = [
            measure(METRICS[0], np.ones(2000, np.int64), answers.astype(np.int64), 2)
            for answers in right
        ]
        low, high = paired_test(*measured).interval()
        assert (low, high) == pytest.approx(tuple(bootstrap(*right)), abs=0.012)

    def test_other_sentences_are_refused(self):
        true, predicted = draw(np.random.default_rng(8), 20, 1)
        whole = measure(METRICS[0], true, predicted, 3)
        cut = measure(METRICS[0], true[:9], predicted[:, :9], 3)
        with pytest.raises(ValueError, match="20 and 9 are not the same sentences"):
            paired_test(whole, cut)
