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
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.features.averaging import Fitted, Matrix, Mean, Unknown
from pipeline.stages.vectors.word_vectors import WordVectors

Floats = NDArray[np.float64]


class Scores(Protocol):
    """A classifier whose scores are a sum over features: dimensions of averages, and n-grams."""

    @property
    def exact(self) -> bool:
        """Whether a word adds the same next to any other words."""
        ...

    @property
    def odds(self) -> bool:
        """Whether the difference of two scores is the log of the ratio of the probabilities."""
        ...

    def __call__(self, x: Matrix) -> Floats:
        """Return the (n, C) scores of the classes for the features `x`, (n, K)."""
        ...

    def slopes(self, x: Floats) -> Floats:
        """Return G (C, K) with ``self(x) == self(0) + G @ x`` for one sentence's `x` (K,)."""
        ...

    def before(self, fitted: Fitted) -> Scores:
        """Return the same scores as a function of the features before principal components."""
        ...


@dataclass(frozen=True, eq=False)
class Linear:
    """Scores ``W x + b``: W (C, K), b (C,)."""

    W: Floats
    b: Floats
    odds: bool = True
    exact = True

    def __call__(self, x: Matrix) -> Floats:
        """Return the scores, (n, C)."""
        scores: Floats = x @ self.W.T + self.b
        return scores

    def slopes(self, x: Floats) -> Floats:  # noqa: ARG002 - they are the same everywhere
        """Return W."""
        return self.W

    def before(self, fitted: Fitted) -> Linear:
        """Fold the principal components in: W C (x - m) + b."""
        if fitted.components is None or fitted.center is None:
            return self
        averages, own = np.split(self.W, [len(fitted.components)], axis=1)
        W = averages @ fitted.components
        return replace(self, W=np.hstack([W, own]), b=self.b - W @ fitted.center)


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
        """Fold the principal components in, as in `Linear`."""
        if fitted.components is None or fitted.center is None:
            return self
        W1 = fitted.components.T @ self.W1
        return replace(self, W1=W1, b1=self.b1 - fitted.center @ W1)


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

    def between(self, first: int, second: int) -> tuple[Floats, float]:
        """Return what each word, (n,), and the base add to class `first` against `second`."""
        words: Floats = self.added[:, first] - self.added[:, second]
        return words, float(self.base[first] - self.base[second])

    def gloss(self, first: int, second: int) -> dict[str, Any]:
        """Return what speaks for class `first` against `second`, as plain values for a page.

        ``words`` has for each word its ``text``, whether it is ``known``, what it ``adds``, the
        same rounded as ``shown``, and its ``strength`` of colour, which `shade` sets; where n-grams
        have weights of their own, also ``own``, the part that comes from them. The ``sum`` of the
        words, the ``base`` and the ``total`` are rounded so that the shown numbers add up.
        """
        adds, base = self.between(first, second)
        total = float(adds.sum()) + base
        shown, shown_total = rounded(np.append(adds, base), total)
        words = [
            {
                "text": text,
                "known": bool(known),
                "adds": float(value),
                "shown": near,
                "strength": 0.0,
            }
            for text, known, value, near in zip(
                self.tokens, self.known, adds, shown[:-1], strict=True
            )
        ]
        if self.own is not None:
            for word, value in zip(words, self.own[:, first] - self.own[:, second], strict=True):
                word["own"] = round(float(value), 2)
        gloss = {
            "words": words,
            "sum": round(sum(shown[:-1]), 2),
            "base": shown[-1],
            "total": shown_total,
        }
        shade([gloss])
        return gloss


def shade(glosses: Iterable[dict[str, Any]]) -> float:
    """Set the ``strength`` of every word, 0 to 1, on one scale for all `glosses`.

    Returns
    -------
    full
        What full strength stands for: 19 of 20 words add no more, so that one extreme word does not
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
    if fitted.ngrams is None:
        slopes = scores.slopes(shares.sum(axis=0))
        base = scores(np.zeros((1, vectors.dim)))[0]
        return Explanation(tokens, has_vector, shares @ slopes.T, base)
    own = fitted.ngrams.shares(tokens)
    slopes = scores.slopes(np.concatenate([shares.sum(axis=0), own.sum(axis=0)]))
    base = scores(np.zeros((1, slopes.shape[1])))[0]
    averages, weights = np.split(slopes, [vectors.dim], axis=1)
    from_own = own @ weights.T
    known = has_vector | (np.diff(own.indptr) > 0)
    return Explanation(tokens, known, shares @ averages.T + from_own, base, from_own)


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
