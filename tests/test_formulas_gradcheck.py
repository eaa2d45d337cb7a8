from __future__ import annotations

import inspect
import typing
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.formulas import gradcheck, objectives
from pipeline.formulas.gradcheck import (
    CASES,
    LIMIT,
    gradient_errors,
    main,
    numerical_gradient,
    relative_error,
    worst_errors,
)
from pipeline.formulas.objectives import softmax_loss


@pytest.fixture
def point():
    rng = np.random.default_rng(0)
    return {"predicted": rng.normal(size=3), "output": rng.normal(size=(4, 3))}


class TestNumericalGradient:
    @given(st.lists(st.floats(-3, 3), min_size=1, max_size=4))
    def test_is_exact_but_for_rounding_on_a_polynomial_of_degree_four(self, numbers):
        x = np.array(numbers)
        gradient = numerical_gradient(lambda x: float(np.sum(x**4 - 2 * x**3 + x)), x)
        np.testing.assert_allclose(gradient, 4 * x**3 - 6 * x**2 + 1, atol=1e-9)

    def test_of_the_exponential_is_the_exponential(self):
        x = np.array([-1.0, 0.0, 2.0])
        gradient = numerical_gradient(lambda x: float(np.exp(x).sum()), x)
        np.testing.assert_allclose(gradient, np.exp(x), rtol=1e-11)

    def test_has_the_shape_of_the_point_and_leaves_it_unchanged(self):
        x = np.ones((2, 3))
        assert numerical_gradient(lambda x: float(x.sum()), x).shape == (2, 3)
        assert np.all(x == 1)


class TestRelativeError:
    def test_is_the_largest_over_all_entries(self):
        assert relative_error(np.array([1.0, 100.0]), np.array([1.0, 99.0])) == 0.01

    def test_is_relative_to_the_floor_where_both_gradients_are_tiny(self):
        error = relative_error(np.array([2e-9]), np.array([1e-9]))
        assert error == pytest.approx(1e-9 / gradcheck.FLOOR)

    def test_of_a_gradient_that_is_not_a_number_is_not_a_number(self):
        assert np.isnan(relative_error(np.array([1.0, np.nan]), np.ones(2)))

    def test_refuses_a_gradient_of_another_shape(self):
        with pytest.raises(ValueError, match=r"got \(3,\), expected \(2, 3\)"):
            relative_error(np.ones(3), np.ones((2, 3)))


class TestGradientErrors:
    def test_are_small_for_a_right_gradient(self, point):
        errors = gradient_errors(partial(softmax_loss, target=1), **point)
        assert set(errors) == {"predicted", "output"}
        assert max(errors.values()) < LIMIT

    @pytest.mark.parametrize(
        "spoil",
        [
            pytest.param(lambda g: -g, id="wrong sign"),
            pytest.param(lambda g: 2 * g, id="forgotten factor"),
            pytest.param(lambda g: g * (1 + 1e-5), id="wrong in the fifth digit"),
            pytest.param(np.zeros_like, id="forgotten"),
            pytest.param(lambda g: g[:, ::-1], id="columns swapped"),
            pytest.param(lambda g: np.where(g == g.max(), np.nan, g), id="not a number"),
        ],
    )
    def test_show_a_wrong_gradient_and_only_that(self, point, spoil):
        def wrong(predicted, output):
            right = softmax_loss(predicted, 1, output)
            return right._replace(output=spoil(right.output))

        errors = gradient_errors(wrong, **point)
        assert not errors["output"] < LIMIT
        assert errors["predicted"] < LIMIT


class TestMain:
    def test_prints_every_formula_and_succeeds(self, capsys):
        assert main(["--seeds", "2"]) == 0
        printed = capsys.readouterr().out
        assert all(formula in printed for formula in CASES)
        assert "WRONG" not in printed
        assert "Every gradient agrees" in printed

    @pytest.mark.parametrize("error", [1e-3, np.nan])
    def test_fails_if_one_gradient_is_wrong(self, capsys, monkeypatch, error):
        monkeypatch.setattr(gradcheck, "CASES", {"right": lambda _: {"x": 1e-9}})
        monkeypatch.setitem(gradcheck.CASES, "spoilt", lambda _: {"x": error})
        assert main([]) == 1
        printed = capsys.readouterr().out
        assert printed.count("WRONG") == 1
        assert "A gradient does NOT agree" in printed

    def test_refuses_to_check_nothing(self, capsys):
        with pytest.raises(SystemExit, match="2"):
            main(["--seeds", "0"])
        assert "--seeds must be 1 or more, got 0" in capsys.readouterr().err


class TestCases:
    def test_leave_out_no_formula_that_returns_gradients(self):
        checked = {name.split(",")[0] for name in CASES}
        for name, function in inspect.getmembers(objectives, inspect.isfunction):
            result = typing.get_type_hints(function).get("return")
            if function.__module__ == objectives.__name__ and hasattr(result, "_fields"):
                assert name in checked

    def test_report_the_worst_of_several_points(self):
        errors = {0: 1e-9, 1: 1e-3}
        seeds = iter(errors)
        assert worst_errors(lambda _: {"x": errors[next(seeds)]}, [0, 1]) == {"x": 1e-3}
