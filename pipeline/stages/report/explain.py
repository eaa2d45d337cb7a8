"""Why a sentence got its class: each class's score as a sum over the sentence's words.

A sentence is a (weighted) mean of its words' vectors. A linear classifier's score of class c is
then a sum over words,

    s_c = b_c + w_c . (1/N) sum_t a_t v_t = b_c + sum_t a_t (w_c . v_t) / N,

with N the number of known words (``features.unknown=skip``) or of all words (``zero``), and a_t the
weight of word t. Principal components are linear too, so they are folded into w_c and b_c. With
``features.bag`` a word also adds its share of the weights that its own n-grams have.

The two-layer network is not linear. Its words get integrated gradients (Sundararajan, Taly and Yan
2017, *Axiomatic Attribution for Deep Networks*) on the straight line from a sentence without words,
the zero vector. With one hidden layer of sigmoids the integral has a closed form, so the sum is
exact here too; but what a word adds then depends on the words around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.features.averaging import Fitted, Matrix, Mean, Unknown
from pipeline.stages.vectors.word_vectors import WordVectors

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Linear:
    """Scores ``W x + b``: W (C, K), b (C,).

    ``exact``: a word adds the same next to any other words. ``odds``: the difference of two scores
    is the log of the ratio of the probabilities.
    """

    W: Floats
    b: Floats
    odds: bool = True
    exact = True

    def __call__(self, x: Matrix) -> Floats:
        """Return the (n, C) scores of the classes for the features `x`, (n, K)."""
        scores: Floats = x @ self.W.T + self.b
        return scores

    def slopes(self, x: Floats) -> Floats:  # noqa: ARG002 - they are the same everywhere
        """Return G (C, K) with ``self(x) == self(0) + G @ x`` for one sentence's `x` (K,)."""
        return self.W

    def before(self, fitted: Fitted) -> Linear:
        """Return the same scores as a function of the features before principal components."""
        W, b = _before(self.W, self.b, fitted)
        return replace(self, W=W, b=b)


@dataclass(frozen=True, eq=False)
class Sigmoids:
    """Scores of a network with one hidden layer: W1 (D, H), b1 (H,), W2 (H, C), b2 (C,)."""

    W1: Floats
    b1: Floats
    W2: Floats
    b2: Floats
    exact = False
    odds = True

    def __call__(self, x: Matrix) -> Floats:
        """Return the scores, (n, C)."""
        from scipy.special import expit

        scores: Floats = expit(x @ self.W1 + self.b1) @ self.W2 + self.b2
        return scores

    def slopes(self, x: Floats) -> Floats:
        """Return the gradient averaged on the line from 0 to `x`.

        A hidden unit's mean slope is (sigma(b + u) - sigma(b)) / u, with u what `x` adds to its
        input.
        """
        from scipy.special import expit

        u = x @ self.W1
        # For small u the quotient would be rounding noise; the midpoint is off by u^2 at most.
        small = np.abs(u) < 1e-5
        middle = expit(self.b1 + u / 2)
        quotient = (expit(self.b1 + u) - expit(self.b1)) / np.where(small, 1, u)
        slope = np.where(small, middle * (1 - middle), quotient)
        mean: Floats = (self.W1 * slope @ self.W2).T
        return mean

    def before(self, fitted: Fitted) -> Sigmoids:
        """Return the same scores as a function of the features before principal components."""
        W1, b1 = _before(self.W1.T, self.b1, fitted)
        return replace(self, W1=W1.T, b1=b1)


def _before(W: Floats, b: Floats, fitted: Fitted) -> tuple[Floats, Floats]:
    """Fold the components C and the mean m of ``W C (x - m) + b`` into W and b."""
    if fitted.components is None or fitted.center is None:
        return W, b
    averages, own = np.split(W, [len(fitted.components)], axis=1)
    folded = averages @ fitted.components
    return np.hstack([folded, own]), b - folded @ fitted.center


Scores: TypeAlias = Linear | Sigmoids
"""Scores that are a sum over features: dimensions of averages, and n-grams."""


def scores_of(classifier: Any, x: Matrix) -> Scores | None:
    """Return the scores of a fitted classifier; None where they are not a sum over features.

    A classifier of two classes may have one score only: it is the second class's, and the first
    one's is 0.

    Parameters
    ----------
    classifier
        One of scikit-learn's linear classifiers, one-vs-rest of them, or the two-layer network.
    x
        (n, K) features to check the sum on: a user's own classifier may do more.
    """
    if hasattr(classifier, "coefs_") and hasattr(classifier, "hidden"):
        (W1, W2), (b1, b2) = classifier.coefs_, classifier.intercepts_
        network = Sigmoids(W1, b1, W2, b2)
        return network if _are_log_odds(network(x), classifier, x) else None
    parts: list[Any] = getattr(classifier, "estimators_", [classifier])
    wanted = ("coef_", "intercept_", "decision_function")
    if not all(hasattr(part, name) for part in parts for name in wanted):
        return None
    W = np.vstack([np.atleast_2d(part.coef_) for part in parts]).astype(np.float64)
    b = np.concatenate([np.ravel(part.intercept_) for part in parts]).astype(np.float64)
    b = np.broadcast_to(b, len(W)) if len(b) == 1 else b  # without an intercept it is one 0
    if W.shape[1:] != x.shape[1:] or len(b) != len(W):
        return None
    if len(W) == 1:
        W, b = np.vstack([np.zeros_like(W), W]), np.concatenate([[0.0], b])
    linear = Linear(W, b)
    scores = linear(x)
    if not _are_decided_by(scores, classifier, x):
        return None
    return replace(linear, odds=_are_log_odds(scores, classifier, x))


def _are_decided_by(scores: Floats, classifier: Any, x: Matrix) -> bool:
    """Tell whether these are the scores that the classifier decides by."""
    decided = np.asarray(classifier.decision_function(x))
    own = scores[:, 1] - scores[:, 0] if decided.ndim == 1 else scores
    return own.shape == decided.shape and bool(np.allclose(own, decided, rtol=1e-6, atol=1e-9))


def _are_log_odds(scores: Floats, classifier: Any, x: Matrix) -> bool:
    """Tell whether the probabilities are the softmax of these scores."""
    from scipy.special import softmax

    if not hasattr(classifier, "predict_proba"):
        return False
    own, other = softmax(scores, axis=1), np.asarray(classifier.predict_proba(x))
    return own.shape == other.shape and bool(np.allclose(own, other, atol=1e-9))


@dataclass(frozen=True, eq=False)
class Explanation:
    """What each word of a sentence adds to each class's score.

    Parameters
    ----------
    tokens
        The n words.
    known
        (n,) whether each has a vector, or a weight of its own.
    added
        (n, C) what each adds; words that are not known add 0.
    base
        (C,) the scores of a sentence without words.
    own
        (n, C) how much of `added` comes from the weights of the words' own n-grams.
    """

    tokens: list[str]
    known: NDArray[np.bool_]
    added: Floats
    base: Floats
    own: Floats | None = None

    @property
    def scores(self) -> Floats:
        """The (C,) scores: base and words together."""
        total: Floats = self.base + self.added.sum(axis=0)
        return total

    def gloss(self, first: int, second: int) -> dict[str, Any]:
        """Return what speaks for class `first` against `second`, as plain values for a page.

        ``words`` has for each word its ``text``, whether it is ``known``, what it ``adds``, the
        same rounded as ``shown``, and its ``strength`` of colour, which `shade` sets; where n-grams
        have weights of their own, also ``own``, the part that comes from them. The ``sum`` of the
        words, the ``base`` and the ``total`` are rounded so that the shown numbers add up.
        """
        adds = self.added[:, first] - self.added[:, second]
        base = float(self.base[first] - self.base[second])
        (*shown, shown_base), total = rounded(np.append(adds, base), float(adds.sum()) + base)
        rows = zip(self.tokens, self.known.tolist(), adds.tolist(), shown, strict=True)
        words: list[dict[str, Any]] = [
            {"text": text, "known": known, "adds": value, "shown": near, "strength": 0.0}
            for text, known, value, near in rows
        ]
        if self.own is not None:
            for word, value in zip(words, self.own[:, first] - self.own[:, second], strict=True):
                word["own"] = round(float(value), 2)
        gloss = {"words": words, "sum": round(sum(shown), 2), "base": shown_base, "total": total}
        shade([gloss])
        return gloss


def shade(glosses: Iterable[dict[str, Any]]) -> float:
    """Set the ``strength`` of every word, 0 to 1, on one scale for all `glosses`.

    Returns
    -------
    full
        What a word of strength 1 adds. It is the 95 % quantile, so that one extreme word does not
        make all others pale.
    """
    words = [word for gloss in glosses for word in gloss["words"]]
    adds = np.abs([word["adds"] for word in words if word["known"]] or [0.0])
    full = float(np.quantile(adds, 0.95, method="higher")) or 1.0
    for word in words:
        word["strength"] = round(min(1.0, abs(word["adds"]) / full), 3)
    return full


def has_own_weights(glosses: Iterable[dict[str, Any]]) -> bool:
    """Tell whether a part of what words add comes from weights of their own."""
    return any("own" in word for gloss in glosses for word in gloss["words"])


def explain(
    tokens: Sequence[str],
    vectors: WordVectors,
    scores: Scores,
    mean: Mean | None = None,
    fitted: Fitted | None = None,
) -> Explanation:
    """Decompose the scores of one sentence."""
    mean, fitted = mean or Mean(), fitted or Fitted()
    scores = scores.before(fitted)
    tokens = list(tokens)
    has_vector, shares = _word_rows(tokens, vectors, mean, fitted)
    n = has_vector.sum() if mean.unknown is Unknown.skip else len(tokens)
    shares /= max(1, n)
    own = None if fitted.ngrams is None else fitted.ngrams.shares(tokens)
    x = shares.sum(axis=0) if own is None else np.append(shares.sum(axis=0), own.sum(axis=0))
    averages, weights = np.split(scores.slopes(x), [vectors.dim], axis=1)
    base = scores(np.zeros((1, len(x))))[0]
    added = shares @ averages.T
    if own is None:
        return Explanation(tokens, has_vector, added, base)
    from_own = own @ weights.T
    has_own = np.diff(own.indptr) > 0
    return Explanation(tokens, has_vector | has_own, added + from_own, base, from_own)


def word_scores(
    words: Sequence[str],
    vectors: WordVectors,
    scores: Scores,
    mean: Mean | None = None,
    fitted: Fitted | None = None,
) -> Floats:
    """Return what each word adds to each class in a sentence by itself, (n, C)."""
    mean, fitted = mean or Mean(), fitted or Fitted()
    scores = scores.before(fitted)
    _, rows = _word_rows(words, vectors, mean, fitted)
    features = fitted.beside(rows, [[word] for word in words])
    if scores.exact:
        added: Floats = features @ scores.slopes(np.zeros(features.shape[1])).T
        return added
    return np.array([scores.slopes(row) @ row for row in np.asarray(features)])


def _word_rows(
    words: Sequence[str], vectors: WordVectors, mean: Mean, fitted: Fitted
) -> tuple[NDArray[np.bool_], Floats]:
    """Return whether each word has a vector, (n,), and its weighted vector or zeros, (n, D)."""
    index = fitted.index(vectors)
    known = np.array([word in index for word in words], bool)
    rows = [index[word] for word in words if word in index]
    matrix = vectors.unit if mean.normalize else vectors.matrix
    weight = 1 if fitted.weights is None else fitted.weights[rows, None]
    found = np.zeros((len(known), vectors.dim))
    found[known] = matrix[rows].astype(np.float64) * weight
    return known, found


def rounded(values: Floats, total: float, decimals: int = 2) -> tuple[list[float], float]:
    """Round `values` (n,) and their sum `total` so that the rounded values add up exactly.

    The sum is rounded as usual; what is missing is given, one unit of the last place each, to the
    values that rounding down cut most (the method of largest remainders). So each value moves by
    less than one such unit.
    """
    scale = 10**decimals
    target = round(total * scale)
    units = np.floor(values * scale)
    order = np.argsort(-(values * scale - units), kind="stable")
    missing = int(target - units.sum())
    units[order[: max(0, missing)]] += 1
    return [float(unit) / scale for unit in units], target / scale
