"""Why a sentence got its class: each class's score as a sum over the sentence's words.

A sentence is the mean of its words' vectors. A linear classifier's score of class c is then a sum,

    s_c = b_c + w_c . (1/N) sum_t v_t = b_c + sum_t (w_c . v_t) / N,

with N the number of known words (``features.unknown=skip``) or of all words (``zero``).

The two-layer network is not linear. Its words get their integrated gradients (Sundararajan, Taly
and Yan 2017, *Axiomatic Attribution for Deep Networks*) on the straight line from a sentence
without words, the zero vector. For one hidden layer of sigmoids the integral has a closed form, so
that here too the sum is exact; but what a word adds then depends on the words around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.features.features import Mean, Unknown
from pipeline.stages.vectors.word_vectors import WordVectors

Floats = NDArray[np.float64]


class Scores(Protocol):
    """A classifier whose scores are a sum over its features, exactly."""

    exact: bool  # whether what a word adds is the same whatever the words around it

    def __call__(self, x: Floats) -> Floats:
        """Return the scores of the C classes for features `x` (n, D), as (n, C)."""
        ...

    def slopes(self, x: Floats) -> Floats:
        """Return G (C, D) with ``self(x) == self(0) + G @ x`` for one sentence's `x` (D,)."""
        ...


@dataclass(frozen=True, eq=False)
class Linear:
    """Scores ``W x + b``: W (C, D), b (C,)."""

    W: Floats
    b: Floats
    exact = True

    def __call__(self, x: Floats) -> Floats:
        """Return the scores, (n, C)."""
        scores: Floats = x @ self.W.T + self.b
        return scores

    def slopes(self, x: Floats) -> Floats:  # noqa: ARG002 - they are the same everywhere
        """Return W."""
        return self.W


@dataclass(frozen=True, eq=False)
class Sigmoids:
    """Scores of a network with one hidden layer: W1 (D, H), b1 (H,), W2 (H, C), b2 (C,)."""

    W1: Floats
    b1: Floats
    W2: Floats
    b2: Floats
    exact = False

    def __call__(self, x: Floats) -> Floats:
        """Return the scores, (n, C)."""
        from scipy.special import expit

        scores: Floats = expit(x @ self.W1 + self.b1) @ self.W2 + self.b2
        return scores

    def slopes(self, x: Floats) -> Floats:
        """Return the gradient averaged on the line from 0 to `x`.

        A unit's mean slope is (sigma(b + u) - sigma(b)) / u, with u what `x` adds to its input.
        """
        from scipy.special import expit

        u = x @ self.W1
        small = np.abs(u) < 1e-5  # the quotient would be rounding noise; the midpoint is off by u^2
        middle = expit(self.b1 + u / 2)
        quotient = (expit(self.b1 + u) - expit(self.b1)) / np.where(small, 1, u)
        slope = np.where(small, middle * (1 - middle), quotient)
        mean: Floats = (self.W1 * slope @ self.W2).T
        return mean


def scores_of(classifier: Any, x: Floats) -> Scores | None:
    """Return the scores of a fitted classifier; None where they are no sum over features.

    Of two classes, the first one's score is 0 where the classifier has only one.

    Parameters
    ----------
    classifier
        scikit-learn's linear classifiers, one-vs-rest of them, or the two-layer network.
    x
        (n, D) features to check the sum on, for a classifier of one's own may do more.
    """
    if hasattr(classifier, "coefs_") and hasattr(classifier, "hidden"):
        (W1, W2), (b1, b2) = classifier.coefs_, classifier.intercepts_
        network = Sigmoids(W1, b1, W2, b2)
        return network if _agrees(network(x), classifier, x) else None
    parts: list[Any] = getattr(classifier, "estimators_", [classifier])
    wanted = ("coef_", "intercept_", "decision_function")
    if not all(hasattr(part, name) for part in parts for name in wanted):
        return None
    W = np.vstack([np.atleast_2d(part.coef_) for part in parts]).astype(np.float64)
    b = np.concatenate([np.ravel(part.intercept_) for part in parts]).astype(np.float64)
    if W.shape[1:] != x.shape[1:] or len(b) != len(W):
        return None
    if len(W) == 1:
        W, b = np.vstack([np.zeros_like(W), W]), np.concatenate([[0.0], b])
    linear = Linear(W, b)
    return linear if _agrees(linear(x), classifier, x) else None


def _agrees(scores: Floats, classifier: Any, x: Floats) -> bool:
    """Tell whether these are the scores the classifier decides by."""
    if not hasattr(classifier, "decision_function"):
        from scipy.special import softmax

        own, other = softmax(scores, axis=1), np.asarray(classifier.predict_proba(x))
        return own.shape == other.shape and bool(np.allclose(own, other, atol=1e-9))
    decided = np.asarray(classifier.decision_function(x))
    own = scores[:, 1] - scores[:, 0] if decided.ndim == 1 else scores
    return own.shape == decided.shape and bool(np.allclose(own, decided, rtol=1e-6, atol=1e-9))


@dataclass(frozen=True, eq=False)
class Explanation:
    """What each word of a sentence adds to each class's score.

    Parameters
    ----------
    tokens
        The n words.
    known
        (n,) whether each has a vector.
    added
        (n, C) what each adds; words without a vector add 0.
    base
        (C,) the scores of a sentence without words.
    """

    tokens: list[str]
    known: NDArray[np.bool_]
    added: Floats
    base: Floats

    @property
    def scores(self) -> Floats:
        """The (C,) scores: base and words together."""
        total: Floats = self.base + self.added.sum(axis=0)
        return total

    def between(self, first: int, second: int) -> tuple[Floats, float]:
        """Return what each word, (n,), and the base add to class `first` against `second`."""
        words: Floats = self.added[:, first] - self.added[:, second]
        return words, float(self.base[first] - self.base[second])

    def gloss(self, first: int, second: int) -> dict[str, Any]:
        """Return what speaks for class `first` against `second`, as plain values for a page.

        ``words`` has for each its ``text``, whether it is ``known``, what it ``adds``, the same
        rounded for ``shown``, and its ``strength``, 0 to 1 by the largest of the sentence. The
        ``sum`` of the words, the ``base`` and the ``total`` are rounded with them, so that what is
        shown adds up.
        """
        adds, base = self.between(first, second)
        total = float(adds.sum()) + base
        shown, shown_total = rounded(np.append(adds, base), total)
        largest = float(np.abs(adds).max(initial=0)) or 1.0
        words = [
            {
                "text": text,
                "known": bool(known),
                "adds": float(value),
                "shown": near,
                "strength": round(abs(float(value)) / largest, 3),
            }
            for text, known, value, near in zip(
                self.tokens, self.known, adds, shown[:-1], strict=True
            )
        ]
        summed = round(sum(shown[:-1]), 2)
        return {"words": words, "sum": summed, "base": shown[-1], "total": shown_total}


def explain(
    tokens: Sequence[str],
    vectors: WordVectors,
    scores: Scores,
    mean: Mean | None = None,
    weights: Floats | None = None,
) -> Explanation:
    """Decompose the scores of one sentence."""
    mean = mean or Mean()
    tokens = list(tokens)
    known = np.array([token in vectors.index for token in tokens], bool)
    rows = [vectors.index[token] for token in tokens if token in vectors.index]
    matrix = vectors.unit if mean.unit else vectors.matrix
    n = len(rows) if mean.unknown is Unknown.skip else len(tokens)
    shares = np.zeros((len(tokens), vectors.dim))
    weight = 1 if weights is None else weights[rows, None]
    shares[known] = matrix[rows].astype(np.float64) * weight / max(1, n)
    slopes = scores.slopes(shares.sum(axis=0))
    base = scores(np.zeros((1, vectors.dim)))[0]
    return Explanation(tokens, known, shares @ slopes.T, base)


def rounded(values: Floats, total: float, decimals: int = 2) -> tuple[list[float], float]:
    """Round `values` (n,) and their sum `total` so that what is shown adds up exactly.

    The sum is rounded as ever; what is missing then goes, a unit of the last place each, to the
    values that rounding down cut most (the method of largest remainders). So each is less than
    one such unit from its own value.
    """
    scale = 10**decimals
    target = round(total * scale)
    units = np.floor(values * scale)
    order = np.argsort(-(values * scale - units), kind="stable")
    missing = int(target - units.sum())
    units[order[: max(0, missing)]] += 1
    return [float(unit) / scale for unit in units], target / scale
