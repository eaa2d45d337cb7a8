"""The two-layer sigmoid network as a scikit-learn classifier.

The formulas are those of `formulas.objectives`. This module makes an estimator of them: it adds the
penalty, the initial weights and the optimiser.
"""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from pipeline.formulas.objectives import Floats, TwoLayer, softmax, two_layer, two_layer_forward

Shapes: TypeAlias = dict[str, tuple[int, ...]]
FTOL = 64.0 * float(np.finfo(np.float64).eps)
"""L-BFGS stops where a step changes the loss by no more than the loss's own rounding error."""


def penalised(
    x: Floats, y: Floats, *, W1: Floats, b1: Floats, W2: Floats, b2: Floats, strength: float
) -> TwoLayer:
    """Add an L2 penalty on the weights, though not the biases, to the loss of the network.

    ``loss + strength / 2 (||W1||^2 + ||W2||^2)``, as `LogisticRegression` does with its
    ``C = 1 / strength``. Arguments and gradients are those of `objectives.two_layer`.
    """
    plain = two_layer(x, y, W1=W1, b1=b1, W2=W2, b2=b2)
    return plain._replace(
        loss=plain.loss + 0.5 * strength * float(np.sum(W1**2) + np.sum(W2**2)),
        W1=plain.W1 + strength * W1,
        W2=plain.W2 + strength * W2,
    )


def _flatten(arrays: dict[str, Floats]) -> Floats:
    return np.concatenate([array.ravel() for array in arrays.values()])


def _unflatten(flat: Floats, shapes: Shapes) -> dict[str, Floats]:
    ends = np.cumsum([0, *(np.prod(shape, dtype=int) for shape in shapes.values())])
    parts = (flat[start:end] for start, end in pairwise(ends))
    return {name: part.reshape(shapes[name]) for name, part in zip(shapes, parts, strict=True)}


class TwoLayerClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # sklearn is untyped
    """Softmax classifier with one hidden layer of sigmoids, fitted by L-BFGS.

    Minimises the summed cross-entropy plus ``strength / 2`` times the squared weights, so that a
    strength means the same here as ``C = 1 / strength`` does to `LogisticRegression`.

    Parameters
    ----------
    hidden : int, default=32
        Number of hidden units.
    strength : float, default=1.0
        Strength of the L2 penalty on the weights; the biases are free.
    max_iter : int, default=200
        Iterations after which L-BFGS gives up, with a `ConvergenceWarning`.
    tol : float, default=1e-4
        The fit has converged when no entry of the gradient of the objective, divided by the number
        of rows, is larger.
    warm_start : bool, default=False
        Start from the last fit's weights, if their shapes and the classes are still the same. The
        objective has many local minima: the answer then depends on the earlier fits.
    random_state : int, RandomState instance or None, default=0
        Draws the first weights. The default gives the same model every time; None does not.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    coefs_ : list of ndarray
        The weights W1 (n_features, hidden) and W2 (hidden, n_classes).
    intercepts_ : list of ndarray
        The biases b1 (hidden,) and b2 (n_classes,).
    loss_ : float
        The objective, penalty included, at the weights found.
    n_iter_ : int
        Iterations L-BFGS took.
    n_features_in_ : int
        Number of features seen in `fit`.

    References
    ----------
    Rumelhart, Hinton and Williams, 1986, "Learning representations by back-propagating errors".
    Glorot and Bengio, 2010, "Understanding the difficulty of training deep feedforward neural
    networks": the size of the first weights.

    Examples
    --------
    Exclusive or, which no linear classifier can learn:

    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["no", "yes", "yes", "no"]
    >>> TwoLayerClassifier(hidden=8, strength=0.001).fit(X, y).predict([[1, 0], [1, 1]])
    array(['yes', 'no'], dtype='<U3')
    """

    def __init__(
        self,
        hidden: int = 32,
        *,
        strength: float = 1.0,
        max_iter: int = 200,
        tol: float = 1e-4,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.hidden = hidden
        self.strength = strength
        self.max_iter = max_iter
        self.tol = tol
        self.warm_start = warm_start
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Find weights for features X (n_samples, n_features) and labels y (n_samples,)."""
        if self.hidden < 1:
            raise ValueError(f"hidden must be 1 or more units, got {self.hidden}.")
        if self.strength < 0:
            raise ValueError(f"strength must be 0 or more, got {self.strength}.")
        x, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        classes, codes = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise ValueError("y must hold 2 or more classes, got 1 class: add rows of another.")

        start = self._start(x.shape[1], classes)
        shapes = {name: array.shape for name, array in start.items()}
        one_hot = np.eye(len(classes))[codes]

        def objective(flat: Floats) -> tuple[float, Floats]:
            # A mean rather than a sum, so that tol asks as much of few rows as of many.
            result = penalised(x, one_hot, **_unflatten(flat, shapes), strength=self.strength)
            gradient = _flatten({name: getattr(result, name) for name in shapes})
            return result.loss / len(x), gradient / len(x)

        # More BLAS threads are slower on matrices this narrow, and add up in another order.
        with threadpool_limits(1, user_api="blas"):
            found = minimize(
                objective,
                _flatten(start),
                jac=True,
                method="L-BFGS-B",
                options={"maxiter": self.max_iter, "gtol": self.tol, "ftol": FTOL, "maxls": 50},
            )
        if not found.success:
            warnings.warn(
                f"No minimum within {found.nit} iterations ({found.message}): raise "
                f"max_iter={self.max_iter} or tol={self.tol}, or scale the features.",
                ConvergenceWarning,
                stacklevel=2,
            )
        weights = _unflatten(found.x, shapes)
        self.classes_ = classes
        self.coefs_ = [weights["W1"], weights["W2"]]
        self.intercepts_ = [weights["b1"], weights["b2"]]
        self.loss_ = float(found.fun) * len(x)
        self.n_iter_ = int(found.nit)
        return self

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return the probability of each of ``classes_``: (n_samples, n_classes)."""
        check_is_fitted(self)
        x = validate_data(self, X, dtype=np.float64, reset=False)
        _, logits = two_layer_forward(x, **self._weights())
        return softmax(logits)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each row of X, the first of those that tie."""
        probabilities = self.predict_proba(X)
        labels: NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return labels

    def _weights(self) -> dict[str, Floats]:
        (W1, W2), (b1, b2) = self.coefs_, self.intercepts_
        return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}

    def _start(self, features: int, classes: NDArray[Any]) -> dict[str, Floats]:
        """Return where the fit starts: the last weights, on a warm start, or small random ones."""
        if self.warm_start and np.array_equal(getattr(self, "classes_", ()), classes):
            weights = self._weights()
            if weights["W1"].shape == (features, self.hidden):
                return weights
        rng = check_random_state(self.random_state)

        def uniform(fan_in: int, fan_out: int) -> Floats:
            limit = np.sqrt(6.0 / (fan_in + fan_out))
            drawn: Floats = rng.uniform(-limit, limit, size=(fan_in, fan_out))
            return drawn

        return {
            "W1": uniform(features, self.hidden),
            "b1": np.zeros(self.hidden),
            "W2": uniform(self.hidden, len(classes)),
            "b2": np.zeros(len(classes)),
        }
