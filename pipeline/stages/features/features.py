"""Stage `features`: a sentence is the mean of its words' vectors, weighted or not."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.core.arrays import read_array, write_array
from pipeline.core.errors import choose, require
from pipeline.core.files import write_json
from pipeline.core.journal import Metric
from pipeline.stages.corpus import Corpus
from pipeline.stages.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    from scipy import sparse


PHRASES = "phrases"  # beside the splits


class Unknown(StrEnum):
    """What becomes of words without a vector: left out of the mean, or zero vectors in it."""

    skip = "skip"
    zero = "zero"


class Weighting(StrEnum):
    """What a word's vector is multiplied by before averaging; rare words weigh most."""

    none = "none"
    idf = "idf"
    sif = "sif"


@dataclass
class Mean:
    """How to average.

    Parameters
    ----------
    unknown
        ``skip``: the mean of the known words. ``zero``: divide by all words, so that unknown ones
        pull towards zero.
    unit
        Scale each word's vector to length one first.
    weighting
        ``none``, or by how common the word is in the sentences of train: ``idf``, inverse document
        frequency, log((1 + n) / (1 + df)) + 1; ``sif``, smooth inverse frequency, a / (a + p)
        (Arora, Liang and Ma 2017, equation 3; their common component is left in, for a linear
        classifier can leave it out).
    sif_a
        The a of ``sif``.
    """

    unknown: Unknown = Unknown.skip
    unit: bool = False
    weighting: Weighting = Weighting.none
    sif_a: float = 1e-3

    def __post_init__(self) -> None:
        """Check values."""
        self.unknown = choose(Unknown, self.unknown, "features.unknown")
        self.weighting = choose(Weighting, self.weighting, "features.weighting")
        require(
            0 < self.sif_a < math.inf,
            f"features.sif_a must be above 0 and finite, not {self.sif_a}.",
        )


@dataclass(frozen=True, eq=False)
class Features:
    """Sentences as vectors.

    Parameters
    ----------
    X
        (n, D) float64 a split, and ``phrases`` where the classifier learns from these too.
    y
        (n,) int64 class indices, of the same.
    coverage
        Share of running words that have a vector, a split.
    classes
        Class names in order.
    ordinal
        Whether that order has a meaning.
    weights
        (V,) what each word's vector was multiplied by; None: nothing.
    """

    X: dict[str, NDArray[np.float64]]
    y: dict[str, NDArray[np.int64]]
    coverage: dict[str, float]
    classes: tuple[str, ...]
    ordinal: bool = False
    weights: NDArray[np.float64] | None = None

    def describe(self) -> str:
        """Return one line for the person at the terminal."""
        return f"{self.coverage['test']:.1%} of the running words of test have a vector"

    def metrics(self) -> Iterator[Metric]:
        """Yield the coverage of each split; test's is the headline."""
        yield Metric("vectors/coverage", self.coverage["test"])
        for name, share in self.coverage.items():
            yield Metric(f"{name}/coverage", share)

    @property
    def training_data(
        self,
    ) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64] | None]:
        """What the classifier learns from: features (n, D), labels (n,), weights (n,); None: all 1.

        All phrases of a class weigh as much as all its sentences: there are far more of them, and
        most are neutral, unlike sentences.
        """
        X, y = self.X["train"], self.y["train"]
        if PHRASES not in self.X:
            return X, y, None
        phrases = self.y[PHRASES]
        each = np.bincount(y) / np.maximum(1, np.bincount(phrases, minlength=int(y.max()) + 1))
        weights = np.concatenate([np.ones(len(y)), each[phrases]])
        return np.concatenate([X, self.X[PHRASES]]), np.concatenate([y, phrases]), weights

    @cached_property
    def digest(self) -> dict[str, str]:
        """The sha256 of X and y of each split, and of phrases."""
        return {
            name: hashlib.sha256(
                f"{X.shape}".encode()
                + hashlib.sha256(np.ascontiguousarray(X, "<f8").data).digest()
                + np.ascontiguousarray(self.y[name], "<i8").tobytes()
            ).hexdigest()
            for name, X in self.X.items()
        }

    def save(self, folder: Path) -> None:
        """Write ``SPLIT.X.npy``, ``SPLIT.y.npy``, ``features.json``, and ``weights.npy`` if any."""
        for split in self.X:
            write_array(folder / f"{split}.X.npy", self.X[split])
            write_array(folder / f"{split}.y.npy", self.y[split])
        if self.weights is not None:
            write_array(folder / "weights.npy", self.weights)
        facts = {"coverage": self.coverage, "classes": self.classes, "ordinal": self.ordinal}
        facts["weighted"] = self.weights is not None
        write_json(folder / "features.json", {"splits": list(self.X), **facts})

    @classmethod
    def load(cls, folder: Path) -> Features:
        """Read what `save` wrote; the arrays are memory-mapped."""
        facts = json.loads((folder / "features.json").read_text("utf-8"))
        splits = facts["splits"]
        return cls(
            X={split: read_array(folder / f"{split}.X.npy") for split in splits},
            y={split: read_array(folder / f"{split}.y.npy") for split in splits},
            coverage=facts["coverage"],
            classes=tuple(facts["classes"]),
            ordinal=facts["ordinal"],
            weights=read_array(folder / "weights.npy") if facts["weighted"] else None,
        )


def featurize(corpus: Corpus, vectors: WordVectors, config: Mean | None = None) -> Features:
    """Average the word vectors of every sentence of every split, and of phrases."""
    config = config or Mean()
    parts = dict(corpus.splits)
    if corpus.phrases is not None:
        parts[PHRASES] = corpus.phrases
    counted = {name: word_counts(split.sentences, vectors) for name, split in parts.items()}
    weights = word_weights(*counted["train"], config)
    return Features(
        X={name: average(*both, vectors, config, weights) for name, both in counted.items()},
        y={name: split.labels for name, split in parts.items()},
        coverage={
            name: float(counts.sum() / max(1, lengths.sum()))
            for name, (counts, lengths) in counted.items()
            if name in corpus.splits
        },
        classes=corpus.classes,
        ordinal=corpus.ordinal,
        weights=weights,
    )


def word_counts(
    sentences: Sequence[Sequence[str]], vectors: WordVectors
) -> tuple[sparse.csr_array, NDArray[np.int64]]:
    """Count each sentence's known words: a sparse (n, V) matrix, and all words' number, (n,)."""
    from scipy import sparse

    known = [
        [vectors.index[word] for word in sentence if word in vectors.index]
        for sentence in sentences
    ]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in known])])
    indices = np.array([i for row in known for i in row], np.int64)
    shape = (len(known), len(vectors))
    counts = sparse.csr_array((np.ones(len(indices)), indices, offsets), shape=shape)
    counts.sum_duplicates()
    return counts, np.array([len(sentence) for sentence in sentences], np.int64)


def word_weights(
    counts: sparse.csr_array, lengths: NDArray[np.int64], config: Mean
) -> NDArray[np.float64] | None:
    """Return the (V,) weights by `word_counts` of sentences, (n, V) and (n,); None: all weigh 1."""
    match config.weighting:
        case Weighting.none:
            return None
        case Weighting.idf:
            df = np.bincount(counts.indices, minlength=counts.shape[1])
            idf: NDArray[np.float64] = np.log((1 + counts.shape[0]) / (1 + df)) + 1
            return idf
        case Weighting.sif:
            p = counts.sum(axis=0) / max(1, lengths.sum())
            sif: NDArray[np.float64] = config.sif_a / (config.sif_a + p)
            return sif


def average(
    counts: sparse.csr_array,
    lengths: NDArray[np.int64],
    vectors: WordVectors,
    config: Mean,
    weights: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return the (n, D) means; a sentence without any known word is the zero vector.

    The sum is divided by the number of words, weighted or not, as Arora et al. do.
    """
    rows = (vectors.unit if config.unit else vectors.matrix).astype(np.float64)
    if weights is not None:
        rows *= weights[:, None]
    divisor = counts.sum(axis=1) if config.unknown is Unknown.skip else lengths
    means: NDArray[np.float64] = (counts @ rows) / np.maximum(divisor, 1)[:, None]
    return means
