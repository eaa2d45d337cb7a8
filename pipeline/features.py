"""Stage `features`: a sentence is the mean of its words' vectors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import read_array, write_array
from pipeline.corpus import Corpus
from pipeline.errors import choose
from pipeline.files import write_json
from pipeline.journal import Metric
from pipeline.wordvectors import WordVectors

if TYPE_CHECKING:
    from scipy import sparse


class Unknown(StrEnum):
    """What becomes of words without a vector: left out of the mean, or zero vectors in it."""

    skip = "skip"
    zero = "zero"


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
    """

    unknown: Unknown = Unknown.skip
    unit: bool = False

    def __post_init__(self) -> None:
        """Check values."""
        self.unknown = choose(Unknown, self.unknown, "features.unknown")


@dataclass(frozen=True, eq=False)
class Features:
    """Sentences as vectors.

    Parameters
    ----------
    X
        (n, D) float64 a split.
    y
        (n,) int64 class indices a split.
    coverage
        Share of running words that have a vector, a split.
    classes
        Class names in order.
    ordinal
        Whether that order has a meaning.
    """

    X: dict[str, NDArray[np.float64]]
    y: dict[str, NDArray[np.int64]]
    coverage: dict[str, float]
    classes: tuple[str, ...]
    ordinal: bool = False

    def describe(self) -> str:
        """Return one line for the person at the terminal."""
        return f"{self.coverage['test']:.1%} of the running words of test have a vector"

    def metrics(self) -> Iterator[Metric]:
        """Yield the coverage of each split; test's is the headline."""
        yield Metric("vectors/coverage", self.coverage["test"])
        for name, share in self.coverage.items():
            yield Metric(f"{name}/coverage", share)

    @cached_property
    def digest(self) -> dict[str, str]:
        """The sha256 of X and y of each split."""
        return {
            name: hashlib.sha256(
                f"{X.shape}".encode()
                + hashlib.sha256(np.ascontiguousarray(X, "<f8").data).digest()
                + np.ascontiguousarray(self.y[name], "<i8").tobytes()
            ).hexdigest()
            for name, X in self.X.items()
        }

    def save(self, folder: Path) -> None:
        """Write ``SPLIT.X.npy`` and ``SPLIT.y.npy`` of every split, and ``features.json``."""
        for split in self.X:
            write_array(folder / f"{split}.X.npy", self.X[split])
            write_array(folder / f"{split}.y.npy", self.y[split])
        facts = {"coverage": self.coverage, "classes": self.classes, "ordinal": self.ordinal}
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
        )


def featurize(corpus: Corpus, vectors: WordVectors, config: Mean | None = None) -> Features:
    """Average the word vectors of every sentence of every split."""
    config = config or Mean()
    X, coverage = {}, {}
    for name, split in corpus.splits.items():
        counts, lengths = word_counts(split.sentences, vectors)
        X[name] = average(counts, lengths, vectors, config)
        coverage[name] = float(counts.sum() / max(1, lengths.sum()))
    y = {name: split.labels for name, split in corpus.splits.items()}
    return Features(X, y, coverage, corpus.classes, corpus.ordinal)


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


def average(
    counts: sparse.csr_array,
    lengths: NDArray[np.int64],
    vectors: WordVectors,
    config: Mean,
) -> NDArray[np.float64]:
    """Return the (n, D) means; a sentence without any known word is the zero vector."""
    matrix = (vectors.unit if config.unit else vectors.matrix).astype(np.float64)
    divisor = counts.sum(axis=1) if config.unknown is Unknown.skip else lengths
    means: NDArray[np.float64] = (counts @ matrix) / np.maximum(divisor, 1)[:, None]
    return means
