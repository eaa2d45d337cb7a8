from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from pipeline.core.statistics import Interval, accuracy_interval, independent, paired, spread

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


def test_the_interval_of_a_share_ends_at_0_and_1():
    assert Interval(-0.05, 1.37).of_share() == (0, 1)
    assert Interval(0.2, 0.4).of_share() == (0.2, 0.4)


class TestPaired:
    @quick
    @given(tables)
    def test_the_difference_is_that_of_the_accuracies(self, table):
        first, second = sentences(*table)
        assert paired(first, second).difference == pytest.approx(first.mean() - second.mean())

    @quick
    @given(tables)
    def test_the_interval_holds_the_difference_and_stays_within_minus_one_and_one(self, table):
        difference, low, high = paired(*sentences(*table))
        assert -1 - 1e-12 <= low <= difference <= high <= 1 + 1e-12

    @quick
    @given(tables)
    def test_turned_round_all_is_the_same_with_the_other_sign(self, table):
        first, second = sentences(*table)
        there, back = paired(first, second), paired(second, first)
        assert (there.difference, there.low, there.high) == pytest.approx(
            (-back.difference, -back.high, -back.low), abs=1e-12
        )

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
        assert paired(*sentences(*table)) == pytest.approx(expected, abs=5e-5)

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


class TestIndependent:
    @quick
    @given(st.integers(1, 300), st.integers(1, 300), st.data())
    def test_is_newcombes_interval_of_the_difference_of_two_shares(self, n, m, data):
        a, b = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
        found = independent(a, n, b, m)
        low, high = confint_proportions_2indep(a, n, b, m, method="newcomb", compare="diff")
        assert found == pytest.approx((a / n - b / m, low, high), abs=1e-9)
        assert found.low <= found.difference <= found.high

    def test_a_difference_is_claimed_where_the_interval_excludes_zero(self):
        assert independent(90, 100, 50, 100).is_claimed
        assert independent(50, 100, 90, 100).is_claimed
        assert not independent(50, 100, 55, 100).is_claimed


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
