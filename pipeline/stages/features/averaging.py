"""The average of word vectors: its settings, and the arithmetic that every user of it shares.

With c_w the count of word w in a sentence, v_w its vector and a_w its weight, the sentence is

    x = (1/N) sum_w c_w a_w v_w,    and with principal components    x' = C (x - m).

With ``features.bag``, sparse columns of n-grams stand beside the averages. All of it is linear in
the words, so a linear classifier's score is a sum over words.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import require
from pipeline.core.files import read_array, write_array
from pipeline.core.notebook import displayed
from pipeline.core.settings import Settings, bounded, old_name_of
from pipeline.stages.features.bag import Bag, BagValues, NGrams
from pipeline.stages.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from scipy import sparse

Floats = NDArray[np.float64]
Matrix: TypeAlias = "NDArray[np.float64] | sparse.csr_array"
"""Features: dense, or sparse where a bag of n-grams stands beside the averages."""


class Unknown(StrEnum):
    """How words without a vector count: not at all, or as zero vectors."""

    skip = "skip"
    zero = "zero"


class Weighting(StrEnum):
    """What each word's vector is multiplied by before averaging."""

    none = "none"
    idf = "idf"
    sif = "sif"


@displayed
@dataclass
class Mean(Settings):
    """How to turn a sentence's word vectors into its features.

    Parameters
    ----------
    unknown
        ``skip``: the mean of the known words. ``zero``: divide by the number of all words, so that
        unknown ones pull towards zero.
    normalize
        Scale each word's vector to length one first.
    weighting
        ``none``, or a weight that is larger for words that are rare in train: ``idf``, inverse
        document frequency, log((1 + n) / (1 + df)) + 1; ``sif``, smooth inverse frequency,
        a / (a + p) (Arora, Liang and Ma 2017, equation 3; without removing their common component,
        which a linear classifier can do itself).
    sif_a
        The a of ``sif``.
    components
        Keep this many principal components of the averages, fitted on train: so that vectors of
        different dimensions are compared with the same number of features. Unset: the averages.
    vocabulary
        Use only words that all of these vector files have: so that different vectors are compared
        on the same words. ``vocab`` stands for the words of stage `vocab`. Empty: all words.
    bag
        Columns beside the averages, the same for all vectors: one for each word of train
        (``words``), or for each word and pair of neighbouring words (``bigrams``), so that the
        classifier learns a weight of its own for each. ``none``: averages alone.
    bag_min_df
        How many training sentences must contain a word or pair for it to get a column.
    bag_values
        What the column holds: ``presence``, 1 or 0; ``counts``, how often it occurs there;
        ``log_ratio``, presence times how strongly it speaks for a class in train (Wang and Manning
        2012).
    bag_scale
        What the columns are multiplied by. There is one penalty for all features: the larger the
        scale, the more weight the words' own columns get beside the averages.
    unit
        Old name of `normalize`.
    """

    unknown: Unknown = Unknown.skip
    normalize: bool = False
    weighting: Weighting = Weighting.none
    sif_a: float = bounded(1e-3, above=0)
    components: int | None = bounded(None, least=1)
    vocabulary: list[str] = field(default_factory=list)
    bag: Bag = Bag.none
    bag_min_df: int = bounded(2, least=1)
    bag_values: BagValues = BagValues.presence
    bag_scale: float = bounded(0.3, above=0)
    unit: bool | None = old_name_of("normalize")


@dataclass(frozen=True, eq=False)
class Fitted:
    """What averaging learned from the training sentences; None where it learned nothing.

    Parameters
    ----------
    known
        (V,) whether a word of the vectors may be used.
    weights
        (V,) what each word's vector is multiplied by.
    center, components
        (D,) the mean of train, and (K, D) the principal components.
    ngrams
        Those that have a column beside the averages.
    """

    known: NDArray[np.bool_] | None = None
    weights: Floats | None = None
    center: Floats | None = None
    components: Floats | None = None
    ngrams: NGrams | None = None

    def index(self, vectors: WordVectors) -> Mapping[str, int]:
        """Return the rows of the words that may be used."""
        if self.known is None:
            return vectors.index
        return {vectors.words[i]: i for i in np.flatnonzero(self.known).tolist()}

    def project(self, X: Floats) -> Floats:
        """Turn averages (n, D) into features (n, K); without components they are the same."""
        if self.components is None or self.center is None:
            return X
        projected: Floats = (X - self.center) @ self.components.T
        return projected

    def beside(self, X: Floats, sentences: Sequence[Sequence[str]]) -> Matrix:
        """Put the columns of n-grams, if there are any, beside the features (n, K)."""
        if self.ngrams is None:
            return X
        from scipy import sparse

        parts = [sparse.csr_array(X), self.ngrams.transform(sentences)]
        both: sparse.csr_array = sparse.hstack(parts, format="csr")
        return both

    def save(self, folder: Path) -> list[str]:
        """Write each part there is as a file, remove the others; return the parts' names."""
        parts = {part.name: getattr(self, part.name) for part in fields(self)}
        for name, value in parts.items():
            path = self._path(folder, name)
            if value is None:
                path.unlink(missing_ok=True)
            elif isinstance(value, NGrams):
                value.save(path)
            else:
                write_array(path, value)
        return [name for name, value in parts.items() if value is not None]

    @classmethod
    def load(cls, folder: Path, names: Collection[str]) -> Fitted:
        """Read the parts that `save` wrote."""
        parts: dict[str, Any] = {}
        for name in names:
            read = NGrams.load if name == "ngrams" else read_array
            parts[name] = read(cls._path(folder, name))
        return cls(**parts)

    @staticmethod
    def _path(folder: Path, name: str) -> Path:
        return folder / (f"{name}.json" if name == "ngrams" else f"{name}.npy")


def word_counts(
    sentences: Sequence[Sequence[str]], index: Mapping[str, int], size: int
) -> tuple[sparse.csr_array, NDArray[np.int64]]:
    """Count the words of n sentences, each a list of tokens.

    Return how often each word of `index` occurs in each sentence, sparse (n, V) with V the `size`
    of the vocabulary, and the number of all words, (n,).
    """
    from scipy import sparse

    known = [[index[word] for word in sentence if word in index] for sentence in sentences]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in known])])
    indices = np.array([i for row in known for i in row], np.int64)
    counts = sparse.csr_array(
        (np.ones(len(indices)), indices, offsets), shape=(len(sentences), size)
    )
    counts.sum_duplicates()
    return counts, np.array([len(sentence) for sentence in sentences], np.int64)


def word_weights(
    counts: sparse.csr_array, lengths: NDArray[np.int64], config: Mean
) -> Floats | None:
    """Return the (V,) weights of words, from `word_counts` of train; None: all weigh 1."""
    match config.weighting:
        case Weighting.none:
            return None
        case Weighting.idf:
            df = np.bincount(counts.indices, minlength=counts.shape[1])
            idf: Floats = np.log((1 + counts.shape[0]) / (1 + df)) + 1
            return idf
        case Weighting.sif:
            p = counts.sum(axis=0) / max(1, lengths.sum())
            sif: Floats = config.sif_a / (config.sif_a + p)
            return sif


def average(
    counts: sparse.csr_array,
    lengths: NDArray[np.int64],
    vectors: WordVectors,
    config: Mean,
    weights: Floats | None = None,
) -> Floats:
    """Return the (n, D) averages; a sentence without any known word is the zero vector.

    The sum is divided by the number of words, not by the sum of their weights, as Arora et al. do.
    """
    rows = (vectors.unit if config.normalize else vectors.matrix).astype(np.float64)
    if weights is not None:
        rows *= weights[:, None]
    divisor = counts.sum(axis=1) if config.unknown is Unknown.skip else lengths
    means: Floats = (counts @ rows) / np.maximum(divisor, 1)[:, None]
    return means


def principal_components(X: Floats, number: int) -> tuple[Floats, Floats]:
    """Return the mean (D,) of X (n, D), and its first principal components (number, D).

    The sign of each is fixed: its largest coefficient is positive.

    Raises
    ------
    UserError
        If there are fewer than `number`.
    """
    from sklearn.decomposition import PCA
    from threadpoolctl import threadpool_limits

    most = min(X.shape)
    require(
        number <= most,
        f"features.components={number}: {X.shape[0]:,} training sentences of {X.shape[1]} "
        f"dimensions have at most {most}.",
    )
    with threadpool_limits(1):  # more threads add up in another order
        fitted = PCA(number, svd_solver="full").fit(X)
    return fitted.mean_, fitted.components_


def features_of(
    sentences: Sequence[Sequence[str]], vectors: WordVectors, config: Mean, fitted: Fitted
) -> Matrix:
    """Return the (n, K) features of tokenized sentences."""
    counted = word_counts(sentences, fitted.index(vectors), len(vectors))
    averages = average(*counted, vectors, config, fitted.weights)
    return fitted.beside(fitted.project(averages), sentences)
