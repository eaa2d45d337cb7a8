"""`MeanVectors`: the features stage as a scikit-learn transformer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from pipeline.stages.corpus import tokenize
from pipeline.stages.corpus.tokenizers import lowered
from pipeline.stages.features.features import (
    Mean,
    Unknown,
    Weighting,
    average,
    word_counts,
    word_weights,
)
from pipeline.stages.vectors.word_vectors import WordVectors


class MeanVectors(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn texts into the means of their words' vectors.

    Parameters
    ----------
    vectors : WordVectors
        The vectors.
    unknown : {"skip", "zero"}
        Leave words without a vector out of the mean, or count them as zero vectors.
    unit : bool
        Scale each word's vector to length one first.
    lower : bool
        Lower-case every token.
    weighting : {"none", "idf", "sif"}
        Weigh words by how rare they are in the texts that `fit` sees; see `Mean`.
    sif_a : float
        The a of ``sif``.

    Attributes
    ----------
    n_features_out_ : int
        Dimensions of the vectors.
    weights_ : ndarray of shape (V,) or None
        What each word's vector is multiplied by.

    Examples
    --------
    >>> import numpy as np
    >>> from pipeline import WordVectors
    >>> vectors = WordVectors(["good", "bad"], np.array([[1, 0], [0, 1]], np.float32))
    >>> MeanVectors(vectors).fit_transform(["Good, good, bad!"]).round(2).tolist()
    [[0.67, 0.33]]
    """

    def __init__(
        self,
        vectors: WordVectors | None = None,
        *,
        unknown: str = "skip",
        unit: bool = False,
        lower: bool = True,
        weighting: str = "none",
        sif_a: float = 1e-3,
    ) -> None:
        self.vectors = vectors
        self.unknown = unknown
        self.unit = unit
        self.lower = lower
        self.weighting = weighting
        self.sif_a = sif_a

    def fit(self, X: Iterable[str | list[str]], y: Any = None) -> MeanVectors:  # noqa: ARG002
        """Learn how common words are, where they are weighted by it; return self.

        Raises
        ------
        ValueError, TypeError
            If there are no vectors, or `weighting` is no choice; if `X` is a single text.
        """
        self.n_features_out_ = self._vectors(X).dim
        self.weights_ = (
            None if self.weighting == "none" else word_weights(*self._counts(X), self._mean())
        )
        return self

    def fit_transform(self, X: Iterable[str | list[str]], y: Any = None) -> NDArray[np.float64]:
        """Do both; `X` is read once, so it may be an iterator."""
        texts = X if isinstance(X, str) else list(X)
        return self.fit(texts, y).transform(texts)

    def transform(self, X: Iterable[str | list[str]]) -> NDArray[np.float64]:
        """Return the (n, D) means; `X` holds texts, or lists of tokens.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If words are weighted and `fit` has not seen how common they are.
        """
        vectors = self._vectors(X)
        check_is_fitted(self)
        weights = None if self.weighting == "none" else self.weights_
        return average(*self._counts(X), vectors, self._mean(), weights)

    def _mean(self) -> Mean:
        return Mean(Unknown(self.unknown), self.unit, Weighting(self.weighting), self.sif_a)

    def _counts(self, X: Iterable[str | list[str]]) -> tuple[sparse.csr_array, NDArray[np.int64]]:
        sentences = [tokenize(text) if isinstance(text, str) else list(text) for text in X]
        return word_counts(lowered(sentences) if self.lower else sentences, self._vectors(X))

    def _vectors(self, X: Iterable[Any]) -> WordVectors:
        if self.vectors is None:
            raise ValueError("MeanVectors needs vectors: MeanVectors(vectors).")
        if isinstance(X, str):
            raise TypeError("X is a single text; give a list of texts.")
        return self.vectors

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Name the dimensions ``meanvectors0`` and on."""
        names = [f"meanvectors{i}" for i in range(self.n_features_out_)]
        return np.array(names, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether `transform` may be called: without weights nothing need be learnt."""
        return self.weighting == "none" or getattr(self, "weights_", None) is not None

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that texts go in."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = self.weighting != "none"
        return tags
