from __future__ import annotations

import doctest
from functools import partial

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from pipeline.formulas.gradcheck import LIMIT, gradient_errors
from pipeline.stages.sweep import two_layer
from pipeline.stages.sweep.two_layer import TwoLayerClassifier, penalised


@pytest.fixture
def ring():
    """Three classes by distance from the origin: no straight line tells them apart."""
    X = np.random.default_rng(0).normal(size=(150, 2))
    return X, np.array(["near", "middle", "far"])[np.digitize(np.hypot(*X.T), [0.8, 1.5])]


def weights_of(model):
    return np.concatenate([array.ravel() for array in model.coefs_ + model.intercepts_])


@pytest.mark.filterwarnings("ignore:No minimum:sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([TwoLayerClassifier(hidden=4)])
def test_is_a_scikit_learn_classifier(estimator, check):
    check(estimator)


def test_the_examples_in_the_documentation_are_true():
    assert doctest.testmod(two_layer).failed == 0


class TestPenalised:
    @pytest.mark.parametrize("seed", range(5))
    def test_has_the_right_gradients(self, seed):
        rng = np.random.default_rng(seed)
        n, dx, h, dy = rng.integers(2, 6, size=4)
        at = {"W1": (dx, h), "b1": h, "W2": (h, dy), "b2": dy}
        y = np.eye(dy)[rng.integers(dy, size=n)]
        formula = partial(penalised, rng.normal(size=(n, dx)), y, strength=0.7)
        errors = gradient_errors(formula, **{name: rng.normal(size=at[name]) for name in at})
        assert max(errors.values()) < LIMIT

    def test_leaves_the_biases_free(self):
        x, y = np.zeros((1, 2)), np.eye(3)[[0]]
        weights = {"W1": np.zeros((2, 4)), "W2": np.zeros((4, 3))}
        biases = {"b1": np.full(4, 5.0), "b2": np.full(3, 5.0)}
        weak = penalised(x, y, **weights, **biases, strength=0.0)
        strong = penalised(x, y, **weights, **biases, strength=100.0)
        assert strong.loss == weak.loss


class TestFit:
    def test_learns_what_no_linear_classifier_can(self, ring):
        model = TwoLayerClassifier(hidden=8, strength=0.01, max_iter=1000)
        assert model.fit(*ring).score(*ring) > 0.97

    def test_minimises_the_summed_cross_entropy_plus_half_the_strength_times_the_squares(
        self, ring
    ):
        X, y = ring
        model = TwoLayerClassifier(hidden=4, strength=3.0).fit(X, y)
        true = np.searchsorted(model.classes_, y)
        cross_entropy = -np.log(model.predict_proba(X)[np.arange(len(X)), true]).sum()
        penalty = 1.5 * sum(np.sum(W**2) for W in model.coefs_)
        assert model.loss_ == pytest.approx(cross_entropy + penalty)

    def test_ends_where_the_gradient_is_below_the_tolerance(self, ring):
        X, y = ring
        model = TwoLayerClassifier(hidden=4, tol=1e-5, max_iter=1000).fit(X, y)
        one_hot = (y[:, None] == model.classes_).astype(float)
        (W1, W2), (b1, b2) = model.coefs_, model.intercepts_
        end = penalised(X, one_hot, W1=W1, b1=b1, W2=W2, b2=b2, strength=1.0)
        for name in ("W1", "b1", "W2", "b2"):
            assert np.abs(getattr(end, name)).max() <= 1e-5 * len(X)

    def test_gives_the_same_weights_for_the_same_random_state(self, ring):
        model = TwoLayerClassifier(hidden=4, random_state=7)
        first, second = clone(model).fit(*ring), clone(model).fit(*ring)
        np.testing.assert_array_equal(weights_of(first), weights_of(second))

    @pytest.mark.filterwarnings("ignore:No minimum:sklearn.exceptions.ConvergenceWarning")
    def test_gives_the_same_weights_whatever_the_number_of_blas_threads(self):
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(3000, 50)), rng.integers(5, size=3000)
        fits = []
        for threads in (1, 2):
            with threadpool_limits(threads, user_api="blas"):
                fits.append(weights_of(TwoLayerClassifier(max_iter=5).fit(X, y)))
        np.testing.assert_array_equal(*fits)

    def test_gives_other_weights_for_another_random_state(self, ring):
        first = TwoLayerClassifier(hidden=4, random_state=0).fit(*ring)
        second = TwoLayerClassifier(hidden=4, random_state=1).fit(*ring)
        assert not np.allclose(weights_of(first), weights_of(second))

    def test_gives_smaller_weights_the_greater_the_strength(self, ring):
        sizes = [
            sum(np.sum(W**2) for W in TwoLayerClassifier(hidden=4, strength=s).fit(*ring).coefs_)
            for s in (0.1, 1.0, 10.0)
        ]
        assert sizes == sorted(sizes, reverse=True)

    def test_with_an_enormous_strength_knows_only_how_frequent_the_classes_are(self, ring):
        X, y = ring
        model = TwoLayerClassifier(hidden=4, strength=1e6, tol=1e-6).fit(X, y)
        shares = [np.mean(y == label) for label in model.classes_]
        np.testing.assert_allclose(model.predict_proba(X), np.tile(shares, (len(X), 1)), atol=1e-3)

    def test_that_runs_out_of_iterations_says_so(self, ring):
        with pytest.warns(ConvergenceWarning, match="raise max_iter=2"):
            model = TwoLayerClassifier(max_iter=2).fit(*ring)
        assert model.n_iter_ == 2

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [({"hidden": 0}, "hidden must be 1 or more"), ({"strength": -1.0}, "got -1.0")],
    )
    def test_refuses_hyper_parameters_that_make_no_sense(self, ring, wrong, message):
        with pytest.raises(ValueError, match=message):
            TwoLayerClassifier(**wrong).fit(*ring)

    def test_refuses_labels_that_are_all_the_same(self):
        with pytest.raises(ValueError, match="2 or more classes"):
            TwoLayerClassifier().fit(np.eye(2), ["a", "a"])


class TestWarmStart:
    def test_goes_on_from_the_last_fit(self, ring):
        model = TwoLayerClassifier(hidden=4, warm_start=True)
        cold = model.fit(*ring).n_iter_
        assert model.fit(*ring).n_iter_ < cold / 4

    def test_follows_a_change_of_strength_in_fewer_iterations(self, ring):
        warm = TwoLayerClassifier(hidden=4, warm_start=True, strength=1.0).fit(*ring)
        cold = TwoLayerClassifier(hidden=4, strength=1.1).fit(*ring)
        assert warm.set_params(strength=1.1).fit(*ring).n_iter_ < cold.n_iter_

    def test_is_off_unless_asked_for(self, ring):
        model = TwoLayerClassifier(hidden=4)
        assert model.fit(*ring).n_iter_ == model.fit(*ring).n_iter_

    @pytest.mark.parametrize("change", ["hidden", "features", "classes"])
    def test_starts_afresh_where_the_old_weights_do_not_fit(self, ring, change):
        X, y = ring
        model = TwoLayerClassifier(hidden=4, warm_start=True).fit(X, y)
        if change == "hidden":
            model.set_params(hidden=5)
        elif change == "features":
            X = np.hstack([X, X])
        else:
            y = np.char.upper(y)
        afresh = clone(model).fit(X, y)
        np.testing.assert_array_equal(weights_of(model.fit(X, y)), weights_of(afresh))


class TestPredict:
    def test_gives_the_labels_it_was_taught_and_their_probabilities(self, ring):
        X, y = ring
        model = TwoLayerClassifier(hidden=4).fit(X, y)
        probabilities = model.predict_proba(X)
        assert model.classes_.tolist() == ["far", "middle", "near"]
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
        np.testing.assert_array_equal(
            model.predict(X), model.classes_[probabilities.argmax(axis=1)]
        )
