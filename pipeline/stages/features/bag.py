"""A bag of n-grams beside the averages: each word, or pair of words, gets a weight of its own.

A word's vector is shared with words like it; a column of its own lets the classifier say what only
this word means (Wang and Manning 2012, *Baselines and Bigrams*). The matrix stays sparse.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.files import write_json

if TYPE_CHECKING:
    from scipy import sparse

Floats = NDArray[np.float64]
Sentences = Sequence[Sequence[str]]


class Bag(StrEnum):
    """Which n-grams stand beside the averages."""

    none = "none"
    words = "words"
    bigrams = "bigrams"

    @property
    def longest(self) -> int:
        """The number of words of the longest n-gram."""
        return list(Bag).index(self)


class BagValues(StrEnum):
    """What an n-gram's column holds."""

    presence = "presence"
    counts = "counts"
    log_ratio = "log_ratio"


@dataclass(frozen=True, eq=False)
class NGrams:
    """The n-grams of train, each a column.

    Parameters
    ----------
    names
        The B n-grams in order, words separated by a space.
    longest
        The number of words of the longest.
    values
        What a column holds.
    scale
        What all columns are multiplied by.
    ratios
        (B,) what each column is multiplied by, for ``log_ratio``.
    """

    names: Sequence[str]
    longest: int = 1
    values: BagValues = BagValues.presence
    scale: float = 1.0
    ratios: Floats | None = None

    @classmethod
    def fit(
        cls,
        sentences: Sentences,
        labels: NDArray[np.int64],
        bag: Bag,
        min_df: int = 1,
        values: BagValues = BagValues.presence,
        scale: float = 1.0,
    ) -> NGrams:
        """Take the n-grams that occur in at least `min_df` training sentences.

        Raises
        ------
        UserError
            If there are none.
        """
        counter = _vectorizer(bag.longest, min_df=min_df)
        try:
            counter.fit(sentences)
        except ValueError as error:  # from scikit-learn: nothing is left
            raise UserError(
                f"features.bag={bag}: no word occurs in features.bag_min_df={min_df} or more of "
                f"the {len(sentences):,} training sentences; lower it."
            ) from error
        names = counter.get_feature_names_out().tolist()
        return cls(names, bag.longest, values, scale).learned(sentences, labels)

    def learned(self, sentences: Sentences, labels: NDArray[np.int64]) -> NGrams:
        """Learn the log-count ratios from labelled sentences, where they are used."""
        if self.values is not BagValues.log_ratio:
            return self
        there = _vectorizer(self.longest, vocabulary=self.index, binary=True).transform(sentences)
        return replace(self, ratios=log_ratios(there, labels))

    def __len__(self) -> int:
        """Return the number of columns B."""
        return len(self.names)

    @cached_property
    def scales(self) -> Floats:
        """(B,) what each column is multiplied by."""
        scales: Floats = self.scale * (np.ones(len(self)) if self.ratios is None else self.ratios)
        return scales

    @cached_property
    def index(self) -> dict[str, int]:
        """The column of each n-gram."""
        return {name: column for column, name in enumerate(self.names)}

    def transform(self, sentences: Sentences) -> sparse.csr_array:
        """Return the sparse (n, B) columns of tokenized sentences."""
        from scipy import sparse

        binary = self.values is not BagValues.counts
        counter = _vectorizer(self.longest, vocabulary=self.index, binary=binary)
        counted = sparse.csr_array(counter.transform(sentences), dtype=np.float64)
        counted.data *= self.scales[counted.indices]
        return counted

    def shares(self, tokens: Sequence[str]) -> sparse.csr_array:
        """Divide a sentence's columns among its words, (n words, B): the rows add up to them.

        An n-gram is divided equally among its occurrences, where only its presence counts, and each
        occurrence equally among its words.
        """
        from scipy import sparse

        found: dict[int, list[range]] = defaultdict(list)
        for size in range(1, self.longest + 1):
            for start in range(len(tokens) - size + 1):
                column = self.index.get(" ".join(tokens[start : start + size]))
                if column is not None:
                    found[column].append(range(start, start + size))
        rows: list[int] = []
        columns: list[int] = []
        data: list[float] = []
        for column, places in found.items():
            times = 1 if self.values is BagValues.counts else len(places)
            for place in places:
                rows += place
                columns += [column] * len(place)
                data += [self.scales[column] / times / len(place)] * len(place)
        shape = len(tokens), len(self)
        places_of = np.array(rows, np.int32), np.array(columns, np.int32)
        return sparse.coo_array((np.array(data, np.float64), places_of), shape).tocsr()

    def save(self, path: Path) -> None:
        """Write a JSON file."""
        ratios = None if self.ratios is None else self.ratios.tolist()
        write_json(path, {**asdict(self), "names": list(self.names), "ratios": ratios})

    @classmethod
    def load(cls, path: Path) -> NGrams:
        """Read what `save` wrote."""
        content = json.loads(path.read_text("utf-8"))
        ratios = content["ratios"] and np.array(content["ratios"], np.float64)
        values = BagValues(content["values"])
        return cls(**{**content, "values": values, "ratios": ratios})


def log_ratios(there: Any, labels: NDArray[np.int64]) -> Floats:
    """Return how strongly each n-gram speaks for some class, (B,): its log-count ratio, no sign.

    With p the number of sentences of a class that contain the n-gram, plus one, and q the same for
    all other classes, r = log((p / |p|) / (q / |q|)); Wang and Manning 2012, section 2. For more
    than two classes it is the root mean square over classes; for two classes that is |r|.

    Parameters
    ----------
    there
        Sparse (n, B): 1 where the sentence contains the n-gram.
    labels
        (n,) class indices.
    """
    classes = np.unique(labels)
    every = there.sum(axis=0)
    total = np.zeros(there.shape[1])
    for one in classes:
        inside = np.ravel(there[labels == one].sum(axis=0))
        p, q = 1.0 + inside, 1.0 + np.ravel(every) - inside
        total += (np.log(p / p.sum()) - np.log(q / q.sum())) ** 2
    ratios: Floats = np.sqrt(total / len(classes))
    return ratios


def _vectorizer(longest: int, **settings: Any) -> Any:
    """Return scikit-learn's counter of n-grams, for tokenized sentences."""
    from sklearn.feature_extraction.text import CountVectorizer

    return CountVectorizer(
        ngram_range=(1, longest),
        tokenizer=_itself,
        preprocessor=_itself,
        token_pattern=None,
        lowercase=False,
        **settings,
    )


def _itself(tokens: Any) -> Any:
    return tokens
