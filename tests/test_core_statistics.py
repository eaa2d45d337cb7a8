from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from pipeline.core.statistics import accuracy_interval, bootstrap, holm, paired, spread

quick = settings(max_examples=100, deadline=None)

# How many sentences both got right, only the first, only the second, neither.
tables = st.tuples(*[st.integers(0, 200)] * 4).filter(any)


def sentences(both, only_first, only_second, neither):
    first = np.repeat([True, True, False, False], [both, only_first, only_second, neither])
    second = np.repeat([True, False, True, False], [both, only_first, only_second, neither])
    return first, second


class TestAccuracyInterval:
    @quick
    @given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
    def test_is_wilsons(self, counts):
        expected = proportion_confint(*counts, alpha=0.05, method="wilson")
        assert accuracy_interval(*counts) == pytest.approx(expected, abs=1e-9)

    def test_agrees_with_a_published_example(self):
        # 81 of 263: Newcombe 1998, Statistics in Medicine 17, 857-872, table I.
        assert accuracy_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)

    @pytest.mark.parametrize("correct", [0, 50])
    def test_stays_within_nothing_and_all(self, correct):
        low, high = accuracy_interval(correct, 50)
        assert 0 <= low < high <= 1


class TestPaired:
    @quick
    @given(tables)
    def test_p_is_the_exact_mcnemar_tests(self, table):
        both, only_first, only_second, neither = table
        p = paired(*sentences(*table)).p
        if only_first + only_second:
            square = [[both, only_first], [only_second, neither]]
            assert p == pytest.approx(mcnemar(square, exact=True).pvalue)
        else:
            assert p == 1

    @quick
    @given(tables)
    def test_the_difference_is_that_of_the_accuracies(self, table):
        first, second = sentences(*table)
        assert paired(first, second).difference == pytest.approx(first.mean() - second.mean())

    @quick
    @given(tables)
    def test_the_interval_holds_the_difference_and_stays_within_minus_one_and_one(self, table):
        difference, low, high, _ = paired(*sentences(*table))
        assert -1 - 1e-12 <= low <= difference <= high <= 1 + 1e-12

    @quick
    @given(tables)
    def test_turned_round_all_is_the_same_with_the_other_sign(self, table):
        first, second = sentences(*table)
        there, back = paired(first, second), paired(second, first)
        assert (there.difference, there.low, there.high) == pytest.approx(
            (-back.difference, -back.high, -back.low), abs=1e-12
        )
        assert there.p == back.p

    @quick
    @given(tables, st.randoms(use_true_random=False))
    def test_the_order_of_the_sentences_does_not_matter(self, table, random):
        first, second = sentences(*table)
        order = list(range(len(first)))
        random.shuffle(order)
        assert paired(first[order], second[order]) == paired(first, second)

    @pytest.mark.parametrize(
        ("table", "expected"),
        [
            ((1, 1, 7, 12), (-0.2857, -0.5069, -0.0256)),
            ((59, 6, 16, 80), (-0.0621, -0.1186, -0.0046)),
        ],
    )
    def test_the_interval_agrees_with_published_examples(self, table, expected):
        # Fagerland, Lydersen and Laake 2017, Statistical Analysis of Contingency Tables, chapter 8.
        assert paired(*sentences(*table))[:3] == pytest.approx(expected, abs=5e-5)

    @quick
    @given(tables)
    def test_more_sentences_of_the_same_kind_make_the_interval_narrower(self, table):
        once = paired(*sentences(*table))
        often = paired(*sentences(*(10 * n for n in table)))
        assert often.high - often.low < once.high - once.low

    @pytest.mark.parametrize(
        ("first", "second"), [([True], [True, False]), ([], []), ([[True]], [True])]
    )
    def test_other_sentences_cannot_be_compared(self, first, second):
        with pytest.raises(ValueError, match="not the same sentences"):
            paired(np.array(first, bool), np.array(second, bool))


class TestBootstrap:
    @pytest.mark.parametrize(
        "table", [(200, 60, 30, 110), (90, 5, 4, 1), (10, 30, 20, 40), (300, 20, 80, 100)]
    )
    def test_is_scipys_paired_percentile_bootstrap(self, table):
        first, second = sentences(*table)
        independent = stats.bootstrap(
            (first.astype(float) - second,),
            np.mean,
            n_resamples=20_000,
            method="percentile",
            rng=np.random.default_rng(1),
        ).confidence_interval
        # Both are drawn; a bound is a multiple of one sentence, and may fall on either side.
        assert bootstrap(first, second) == pytest.approx(tuple(independent), abs=1.01 / len(first))

    @quick
    @given(tables)
    def test_agrees_with_the_normal_approximation_where_that_is_good(self, table):
        first, second = sentences(*(20 * n for n in table))
        change = first.astype(float) - second
        reach = 1.96 * change.std() / np.sqrt(len(change))
        expected = (change.mean() - reach, change.mean() + reach)
        assert bootstrap(first, second) == pytest.approx(
            expected, abs=0.15 * reach + 1 / len(first)
        )

    def test_the_same_seed_gives_the_same_interval(self):
        answers = sentences(20, 10, 5, 15)
        assert bootstrap(*answers) == bootstrap(*answers)
        assert bootstrap(*answers, seed=1, resamples=50) != bootstrap(*answers, resamples=50)

    def test_of_two_that_always_agree_is_nothing(self):
        assert bootstrap(*sentences(20, 0, 0, 15)) == (0, 0)

    def test_other_sentences_cannot_be_compared(self):
        with pytest.raises(ValueError, match="not the same sentences"):
            bootstrap(np.array([True]), np.array([True, False]))


class TestSpread:
    @quick
    @given(st.lists(st.floats(0, 1), min_size=2, max_size=10))
    def test_is_mean_and_sample_standard_deviation(self, values):
        mean, deviation, n = spread(values)
        assert mean == pytest.approx(stats.tmean(values))
        assert deviation == pytest.approx(stats.tstd(values), abs=1e-12)
        assert n == len(values)

    def test_one_value_has_no_deviation(self):
        assert spread([0.4]) == (0.4, None, 1)


class TestHolm:
    @settings(quick, max_examples=20)
    @given(st.lists(st.floats(0, 1), min_size=1, max_size=7))
    def test_is_holms_adjustment(self, p):
        """By closed testing: the largest Bonferroni p of all families that a test belongs to."""
        families = [f for k in range(1, len(p) + 1) for f in combinations(range(len(p)), k)]
        bonferroni = {family: len(family) * min(p[i] for i in family) for family in families}
        closed = [max(bonferroni[f] for f in families if i in f) for i in range(len(p))]
        assert holm(p) == pytest.approx([min(1, value) for value in closed])

    def test_of_a_single_test_changes_nothing(self):
        assert holm([0.03]) == [0.03]

    def test_of_no_test_is_nothing(self):
        assert holm([]) == []
