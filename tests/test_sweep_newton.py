from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import check_grad
from sklearn.linear_model import LogisticRegression

from pipeline.stages.sweep.classifiers import Logistic, fit
from pipeline.stages.sweep.newton import Objective, solve

quick = settings(max_examples=25, deadline=None)
cases = st.tuples(st.integers(0, 99), st.integers(2, 4), st.integers(0, 5), st.integers(0, 12))


def drawn(seed, classes, dense, thin):
    """Return features with dense columns far from zero beside sparse ones, labels and weights."""
    rng = np.random.default_rng(seed)
    n = 60
    S = (rng.random((n, thin)) < 0.2) * rng.uniform(0.1, 1, thin)
    X = np.hstack([rng.normal(size=(n, dense)) + 3, S, np.ones((n, 1))])
    return sparse.csr_array(X), np.arange(n) % classes, rng.uniform(0.2, 2, n)


@quick
@given(cases, st.floats(0.01, 30))
def test_the_solution_is_scikit_learns(case, strength):
    X, y, weights = drawn(*case)
    expected = LogisticRegression(C=1 / strength, solver="newton-cg", tol=1e-9)
    expected.fit(X, y, sample_weight=weights)
    W, b = solve(X, y, weights, strength, None, 1e-9)
    np.testing.assert_allclose(W, expected.coef_, atol=1e-5)
    scores, others = X @ W.T + b, X @ expected.coef_.T + expected.intercept_
    if len(b) > 1:  # only their differences matter
        scores, others = (each - each.mean(axis=1, keepdims=True) for each in (scores, others))
    np.testing.assert_allclose(scores, others, atol=1e-4)


@quick
@given(cases, st.floats(0.01, 30))
def test_another_start_leads_to_the_same_solution(case, strength):
    X, y, weights = drawn(*case)
    W, _ = solve(X, y, weights, strength, None, 1e-9)
    again = solve(X, y, weights, strength, solve(X, y, weights, 5 * strength, None, 1e-3), 1e-9)
    np.testing.assert_allclose(again[0], W, atol=1e-6)
    np.testing.assert_allclose(X @ again[0].T, X @ W.T, atol=1e-5)


@quick
@given(cases)
def test_the_gradient_and_the_hessian_are_those_of_the_value(case):
    X, y, weights = drawn(*case)
    objective = Objective(X, y, weights, 0.7)
    rng = np.random.default_rng(0)
    at, direction = rng.normal(size=(2, (X.shape[1] + 1) * objective.classes))
    assert check_grad(lambda x: objective(x)[0], lambda x: objective(x)[1], at) < 1e-5
    step = 1e-6 * direction
    expected = (objective(at + step)[1] - objective(at - step)[1]) / 2e-6
    np.testing.assert_allclose(objective.hessian(at, direction), expected, atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_scikit_learn_has_nothing_left_to_do(classes):
    X, y, weights = drawn(1, classes, 4, 8)
    config, model = Logistic([0.1, 1, 10]), None
    for strength in (10, 1, 0.1):
        model = fit(config.classifier(strength, model), X, y, weights)
        assert model.n_iter_.max() == 0
