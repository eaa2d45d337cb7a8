"""Stage `features`: every sentence becomes the average of its words' vectors.

A sparse bag of n-grams can stand beside the average; see `pipeline.stages.features.bag`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import expect
from pipeline.core.metrics import Metric
from pipeline.core.notebook import displayed
from pipeline.core.progress import working
from pipeline.stages.corpus import Corpus
from pipeline.stages.features.averaging import (
    Fitted,
    Matrix,
    Mean,
    Unknown,
    Weighting,
    average,
    principal_components,
    word_counts,
    word_weights,
)
from pipeline.stages.features.bag import Bag, BagValues, NGrams
from pipeline.stages.vectors.in_common import in_common
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocabulary

__all__ = ["PHRASES", "Bag", "BagValues", "Features", "Mean", "Unknown", "Weighting", "featurize"]

PHRASES = "phrases"  # beside the splits


@displayed
@dataclass(frozen=True, eq=False)
class Features:
    """Sentences as rows of numbers.

    Parameters
    ----------
    X
        (n, K) float64 for each split, and for ``phrases`` where the classifier learns from them;
        sparse where n-grams have columns beside the averages.
    y
        (n,) int64 class indices, for the same.
    coverage
        The share of running words that have a vector, for each split.
    classes
        Class names in order.
    ordinal
        Whether the classes are ordered.
    fitted
        What averaging learned from train.
    without_words
        How many sentences of each split have no known word: their averages are all the same.
    sentences
        The tokens of each sentence of each split, where they are known.
    """

    X: dict[str, Matrix]
    y: dict[str, NDArray[np.int64]]
    coverage: dict[str, float]
    classes: tuple[str, ...]
    ordinal: bool = False
    fitted: Fitted = field(default_factory=Fitted)
    without_words: dict[str, int] = field(default_factory=dict)
    sentences: dict[str, list[list[str]]] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """Return what a notebook shows."""
        shapes = {name: X.shape for name, X in self.X.items()}
        return {**shapes, "coverage": round(self.coverage.get("test", 0), 4)}

    @property
    def number(self) -> int:
        """The number of features K."""
        return int(self.X["train"].shape[1])

    @property
    def weights(self) -> NDArray[np.float64] | None:
        """(V,) what each word's vector was multiplied by; None: nothing."""
        return self.fitted.weights

    def describe(self) -> str:
        """Return one line for the terminal."""
        said = f"{self.coverage['test']:.1%} of the running words of test have a vector"
        if empty := self.without_words.get("test"):
            said += f"; {empty:,} test sentence(s) have no known word"
        if (ngrams := self.fitted.ngrams) is not None:
            what = "words" if ngrams.longest == 1 else "words and pairs"
            said += f"; {len(ngrams):,} {what} beside the averages"
        return said

    def metrics(self) -> Iterator[Metric]:
        """Yield the coverage of each split; test's is the headline."""
        yield Metric("vectors/coverage", self.coverage["test"])
        for name, share in self.coverage.items():
            yield Metric(f"{name}/coverage", share)

    @property
    def training_data(
        self,
    ) -> tuple[Matrix, NDArray[np.int64], NDArray[np.float64] | None]:
        """What the classifier learns from: features (n, K), labels (n,), weights (n,) or None.

        Together the phrases of a class weigh as much as its sentences: there are far more phrases,
        and most of them are neutral, unlike sentences.
        """
        X, y = self.X["train"], self.y["train"]
        if PHRASES not in self.X:
            return X, y, None
        phrases = self.y[PHRASES]
        each = np.bincount(y) / np.maximum(1, np.bincount(phrases, minlength=int(y.max()) + 1))
        weights = np.concatenate([np.ones(len(y)), each[phrases]])
        both: list[Any] = [X, self.X[PHRASES]]
        if isinstance(X, np.ndarray):
            stacked: Matrix = np.concatenate(both)
        else:
            from scipy import sparse

            stacked = sparse.vstack(both, format="csr")
        return stacked, np.concatenate([y, phrases]), weights

    def learned_from(self, part: NDArray[np.int64]) -> Features:
        """Return the features as they are if only these rows of train have labels."""
        ngrams, sentences = self.fitted.ngrams, self.sentences
        if ngrams is None or ngrams.values is not BagValues.log_ratio:
            return self
        labelled = [sentences["train"][row] for row in part.tolist()]
        fitted = replace(self.fitted, ngrams=ngrams.learned(labelled, self.y["train"][part]))
        matrices: dict[str, Any] = self.X
        averages = {name: matrices[name][:, : -len(ngrams)].toarray() for name in sentences}
        X = {name: fitted.beside(means, sentences[name]) for name, means in averages.items()}
        return replace(self, X=X, fitted=fitted)

    @cached_property
    def digest(self) -> dict[str, str]:
        """The sha256 of X and y, for each split and for phrases."""
        return {
            name: hashlib.sha256(
                f"{X.shape}".encode()
                + _digest(X)
                + np.ascontiguousarray(self.y[name], "<i8").tobytes()
            ).hexdigest()
            for name, X in self.X.items()
        }


@working("averaging the sentences")
def featurize(
    corpus: Corpus,
    vectors: WordVectors,
    config: Mean | None = None,
    vocabulary: Vocabulary | None = None,
) -> Features:
    """Average the word vectors of every sentence of every split, and of phrases.

    Parameters
    ----------
    corpus, vectors
        The sentences and their words' vectors.
    config
        How to average.
    vocabulary
        The words that ``vocab`` in ``config.vocabulary`` stands for.

    Raises
    ------
    UserError
        If a file of ``config.vocabulary`` cannot be read, or train has fewer principal components
        than asked for.
    """
    expect(corpus=(corpus, Corpus), vectors=(vectors, WordVectors), config=(config, Mean | None))
    config = config or Mean()
    known = in_common(vectors, config.vocabulary, "features.vocabulary", vocabulary)
    index = Fitted(known).index(vectors)
    parts = dict(corpus.splits)
    if corpus.phrases is not None:
        parts[PHRASES] = corpus.phrases
    counted = {
        name: word_counts(split.sentences, index, len(vectors)) for name, split in parts.items()
    }
    weights = word_weights(*counted["train"], config)
    X = {name: average(*both, vectors, config, weights) for name, both in counted.items()}
    fitted = Fitted(known, weights)
    if config.components is not None:
        fitted = Fitted(known, weights, *principal_components(X["train"], config.components))
    if config.bag is not Bag.none:
        ngrams = NGrams.fit(
            *(parts["train"].sentences, parts["train"].labels, config.bag),
            *(config.bag_min_df, config.bag_values, config.bag_scale),
        )
        fitted = replace(fitted, ngrams=ngrams)
    return Features(
        X={
            name: fitted.beside(fitted.project(means), parts[name].sentences)
            for name, means in X.items()
        },
        y={name: split.labels for name, split in parts.items()},
        coverage={
            name: float(counted[name][0].sum() / max(1, counted[name][1].sum()))
            for name in corpus.splits
        },
        classes=corpus.classes,
        ordinal=corpus.ordinal,
        fitted=fitted,
        without_words={
            name: int((counted[name][0].sum(axis=1) == 0).sum()) for name in corpus.splits
        },
        sentences={name: split.sentences for name, split in corpus.splits.items()},
    )


def _digest(X: Any) -> bytes:
    """Return the sha256 of the numbers of a matrix."""
    if isinstance(X, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(X, "<f8").data).digest()
    found = hashlib.sha256(np.ascontiguousarray(X.data, "<f8").data)
    for places in (X.indices, X.indptr):
        found.update(np.ascontiguousarray(places, "<i8").data)
    return found.digest()
