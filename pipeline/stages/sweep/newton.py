"""Multinomial logistic regression on dense columns beside sparse ones, by Newton's method.

Averages are dense, a bag of n-grams is sparse. scikit-learn takes one matrix; as a sparse one, its
dense columns cost several times as much. Here each kind is multiplied in its own way. The solution
is the same, and scikit-learn is given it as the place to start from, so that it checks it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy import sparse

Floats = NDArray[np.float64]

ROWS = 512  # multiplied at a time: so few stay in the CPU's cache for the second product


class Objective:
    """The mean cross-entropy and its L2 penalty, as functions of weights W (K + 1, C), flat.

    ``(sum_i w_i (log sum_c exp z_ic - z_iy) + strength / 2 ||W||^2) / sum_i w_i`` with
    ``z = X W + b``; the last row of W is b, which has no penalty.

    Parameters
    ----------
    X
        Sparse (n, K). A column that is not zero in more than half of the rows counts as dense.
    y
        (n,) class indices, 0 to C - 1.
    weights
        (n,) of the rows.
    strength
        Of the penalty.
    """

    def __init__(
        self, X: sparse.csr_array, y: NDArray[np.int64], weights: Floats, strength: float
    ) -> None:
        dense = np.bincount(X.indices, minlength=X.shape[1]) > X.shape[0] / 2
        self.order = np.concatenate([np.flatnonzero(dense), np.flatnonzero(~dense)])
        self.D: Floats = np.ascontiguousarray(X[:, dense].toarray())
        self.center = weights @ self.D / weights.sum()
        self.D -= self.center  # fewer steps; it only moves the intercept
        self.S: Any = X[:, ~dense].tocsr()
        self.S_transposed: Any = self.S.T.tocsr()
        self.y, self.weights, self.strength = y, weights, strength
        self.classes = int(y.max()) + 1
        self._at: Floats | None = None

    def _scores(self, W: Floats) -> Floats:
        split = self.D.shape[1]
        scores: Floats = self.D @ W[:split] + self.S @ W[split:-1] + W[-1]
        return scores

    def _back(self, residuals: Floats, dense: Floats, W: Floats) -> Floats:
        """Return the flat gradient for residuals (n, C), with their product with D given."""
        sums = [dense, self.S_transposed @ residuals, residuals.sum(axis=0, keepdims=True)]
        gradient = np.concatenate(sums)
        gradient[:-1] += self.strength * W[:-1]
        flat: Floats = (gradient / self.weights.sum()).ravel()
        return flat

    def __call__(self, flat: Floats) -> tuple[float, Floats]:
        """Return the value and the gradient."""
        from scipy.special import logsumexp

        W = flat.reshape(-1, self.classes)
        scores = self._scores(W)
        rows = np.arange(len(scores))
        log_sum = logsumexp(scores, axis=1, keepdims=True)
        losses = log_sum[:, 0] - scores[rows, self.y]
        self._p = np.exp(scores - log_sum)
        self._at = flat.copy()
        residuals = self._p.copy()
        residuals[rows, self.y] -= 1
        residuals *= self.weights[:, None]
        penalty = 0.5 * self.strength * float((W[:-1] ** 2).sum())
        value = (float(self.weights @ losses) + penalty) / self.weights.sum()
        return value, self._back(residuals, self.D.T @ residuals, W)

    def hessian(self, flat: Floats, direction: Floats) -> Floats:
        """Return the product of the Hessian with a direction."""
        if self._at is None or not np.array_equal(self._at, flat):
            self(flat)
        V, split = direction.reshape(-1, self.classes), self.D.shape[1]
        scores = self.S @ V[split:-1] + V[-1]
        dense = np.zeros((split, self.classes))
        for begin in range(0, len(scores), ROWS):
            rows = slice(begin, begin + ROWS)
            p = self._p[rows]
            z = self.D[rows] @ V[:split] + scores[rows]
            z = p * (z - (p * z).sum(axis=1, keepdims=True)) * self.weights[rows, None]
            dense += self.D[rows].T @ z
            scores[rows] = z
        return self._back(scores, dense, V)


def solve(
    X: sparse.csr_array,
    y: NDArray[np.int64],
    weights: Floats,
    strength: float,
    start: tuple[Floats, Floats] | None,
    tol: float,
) -> tuple[Floats, Floats]:
    """Return coefficients (C, K) and intercepts (C,); of two classes those of the second, (1, K).

    Parameters
    ----------
    X, y, weights, strength
        As for `Objective`.
    start
        Coefficients and intercepts to start from; None: zeros.
    tol
        No entry of the gradient is larger.
    """
    from scipy.optimize import minimize

    binary = int(y.max()) == 1
    # One score with the penalty of its weights is two opposite ones with half of each.
    objective = Objective(X, y, weights, 2 * strength if binary else strength)
    first = np.zeros((X.shape[1] + 1, objective.classes))
    split = len(objective.center)
    if start is not None:
        W = np.column_stack(start).T
        first[:] = np.column_stack([-W / 2, W / 2]) if binary else W
        first[:-1] = first[:-1][objective.order]
        first[-1] += objective.center @ first[:split]
    found = minimize(
        objective,
        first.ravel(),
        jac=True,
        hessp=objective.hessian,
        method="trust-ncg",
        # The gradient's length is at least its largest entry.
        options={"gtol": tol, "initial_trust_radius": 100.0, "max_trust_radius": 1e6},
    )
    W = found.x.reshape(first.shape)
    W[-1] -= objective.center @ W[:split]
    ordered = np.empty_like(W)
    ordered[objective.order], ordered[-1] = W[:-1], W[-1]
    if binary:
        ordered = ordered[:, 1:] - ordered[:, :1]
    return ordered[:-1].T.copy(), ordered[-1].copy()
