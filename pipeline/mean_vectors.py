"""`MeanVectors`: the features stage as a scikit-learn transformer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

from pipeline.corpus import tokenize
from pipeline.corpus.tokens import lowered
from pipeline.features import Mean, Unknown, average, word_counts
from pipeline.wordvectors import WordVectors


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

    Attributes
    ----------
    n_features_out_ : int
        Dimensions of the vectors.

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
    ) -> None:
        self.vectors = vectors
        self.unknown = unknown
        self.unit = unit
        self.lower = lower

    def fit(self, X: Iterable[str | list[str]], y: Any = None) -> MeanVectors:  # noqa: ARG002
        """Learn nothing but the number of dimensions; return self.

        Raises
        ------
        ValueError, TypeError
            If there are no vectors; if `X` is a single text.
        """
        self.n_features_out_ = self._vectors(X).dim
        return self

    def transform(self, X: Iterable[str | list[str]]) -> NDArray[np.float64]:
        """Return the (n, D) means; `X` holds texts, or lists of tokens."""
        vectors = self._vectors(X)
        sentences = [tokenize(text) if isinstance(text, str) else list(text) for text in X]
        if self.lower:
            sentences = lowered(sentences)
        counts, lengths = word_counts(sentences, vectors)
        return average(counts, lengths, vectors, Mean(Unknown(self.unknown), self.unit))

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
        """Say whether `transform` may be called: nothing need be learnt."""
        return True

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that texts go in."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = False
        return tags
