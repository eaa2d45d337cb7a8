from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from pipeline.core.statistics import accuracy_interval, spread

quick = settings(max_examples=100, deadline=None)


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
