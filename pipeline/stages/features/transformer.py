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
from pipeline.stages.features.averaging import (
    Mean,
    Unknown,
    Weighting,
    average,
    word_counts,
    word_weights,
)
from pipeline.stages.vectors.word_vectors import WordVectors


class MeanVectors(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn texts into the averages of their words' vectors.

    Parameters
    ----------
    vectors : WordVectors
        The vectors.
    unknown : {"skip", "zero"}
        Leave words without a vector out of the mean, or count them as zero vectors.
    normalize : bool
        Scale each word's vector to length one first.
    lower : bool
        Lower-case every token.
    weighting : {"none", "idf", "sif"}
        Weigh words by how rare they are in the texts that `fit` sees; see `Mean`.
    sif_a : float
        The a of ``sif``.
    unit : bool or None
        Old name of `normalize`.

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
        normalize: bool = False,
        lower: bool = True,
        weighting: str = "none",
        sif_a: float = 1e-3,
        unit: bool | None = None,
    ) -> None:
        self.vectors = vectors
        self.unknown = unknown
        self.normalize = normalize
        self.lower = lower
        self.weighting = weighting
        self.sif_a = sif_a
        self.unit = unit

    def fit(self, X: Any, y: Any = None) -> MeanVectors:  # noqa: ARG002
        """Learn the weights of words, if there are any to learn; return self.

        Parameters
        ----------
        X
            n texts, or n lists of tokens: a list, an array, a column of a data frame, or a data
            frame with one column.
        y
            Ignored.

        Raises
        ------
        ValueError, TypeError
            If there are no vectors, or `weighting` is unknown; if `X` is a single text, has several
            columns, or a text in it is missing.
        """
        self.n_features_out_ = self._vectors().dim
        _one_column(X)
        weighted = self.weighting != "none"
        self.weights_ = word_weights(*self._counts(X), self._config()) if weighted else None
        return self

    def fit_transform(self, X: Any, y: Any = None) -> NDArray[np.float64]:
        """Call `fit`, then `transform`; `X` is read once, so it may be an iterator."""
        texts = list(_texts(X))
        return self.fit(texts, y).transform(texts)

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the (n, D) averages of n texts, or of n lists of tokens.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If words are weighted and `fit` was not called.
        ValueError, TypeError
            As `fit` does.
        """
        vectors = self._vectors()
        check_is_fitted(self)
        weights = None if self.weighting == "none" else self.weights_
        return average(*self._counts(X), vectors, self._config(), weights)

    def _config(self) -> Mean:
        unknown, weighting = Unknown(self.unknown), Weighting(self.weighting)
        return Mean(unknown, self.normalize, weighting, self.sif_a, unit=self.unit)

    def _counts(self, X: Any) -> tuple[sparse.csr_array, NDArray[np.int64]]:
        vectors = self._vectors()
        sentences = [tokenize(text) if isinstance(text, str) else text for text in _texts(X)]
        tokens = lowered(sentences) if self.lower else sentences
        return word_counts(tokens, vectors.index, len(vectors))

    def _vectors(self) -> WordVectors:
        if self.vectors is None:
            raise ValueError("MeanVectors needs vectors: MeanVectors(vectors).")
        return self.vectors

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return the names of the features: ``meanvectors0`` and so on."""
        names = [f"meanvectors{i}" for i in range(self.n_features_out_)]
        return np.array(names, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether `transform` may be called: without weights there is nothing to fit."""
        return self.weighting == "none" or getattr(self, "weights_", None) is not None

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that the input is text."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = self.weighting != "none"
        return tags


def _texts(X: Any) -> Iterable[str | list[str]]:
    """Yield each text as it is, each list of tokens as a list; refuse everything else."""
    for i, text in enumerate(_one_column(X)):
        if isinstance(text, str):
            yield text
        else:
            tokens = list(text) if isinstance(text, list | tuple | np.ndarray) else None
            if tokens is None or not all(isinstance(token, str) for token in tokens):
                raise TypeError(
                    f"X[{i}] is {str(text)[:50]!r}, neither a text nor a list of tokens. Fill or "
                    "drop missing texts first."
                )
            yield tokens


def _one_column(X: Any) -> Iterable[Any]:
    """Return the items of `X`; of a table with one column, those of the column."""
    if isinstance(X, str):
        raise TypeError("X is a single text; give a list of texts.")
    if sparse.issparse(X):
        raise TypeError("X is a sparse matrix of numbers; give texts.")
    items: Iterable[Any] = X
    number = 1
    if hasattr(X, "columns"):  # a data frame of any library
        number = len(X.columns)
        items = X[X.columns[0]] if number else X
    elif isinstance(X, np.ndarray) and X.ndim == 2:
        number = X.shape[1]
        items = X[:, 0] if number else X
    if number != 1:
        raise ValueError(f"X has {number} columns; choose the one with the texts, e.g. X['text'].")
    return items
