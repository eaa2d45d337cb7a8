"""Which words the report shows: on the map, and with their nearest neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.render.html import readable
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocabulary

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]

# English words whose neighbours are not informative.
FUNCTION_WORDS = frozenset(
    word
    for part in (
        "a an the and or but if of to in on at by for with from as is are was were be been it its",
        "this that these those he she they we you i his her their our your not no so than then",
        "there here what which who whom whose will would can could do does did has have had",
    )
    for word in part.split()
)
_SKIPPED = 50  # in any other language, the most frequent words are taken for function words
_ENOUGH = 5  # words of the list that have a vector


def is_content(word: str) -> bool:
    """Tell whether a word is not punctuation, a number or an English function word."""
    return any(c.isalpha() for c in readable(word)) and word.lower() not in FUNCTION_WORDS


def words_to_show(listed: list[str], vectors: WordVectors, vocabulary: Vocabulary) -> list[str]:
    """Return those of the listed words that have a vector.

    Where they are few, as in another language, frequent content words of the text are added.
    """
    known = [word for word in dict.fromkeys(listed) if word in vectors]
    if len(known) >= min(_ENOUGH, len(listed)):
        return known
    frequent = [
        word for word in vocabulary.words[_SKIPPED:] if word in vectors and is_content(word)
    ]
    return list(dict.fromkeys([*known, *frequent[:20]]))


def map_table(vectors: WordVectors, words: list[str]) -> pd.DataFrame:
    """Return the words with their places on the map: ``word``, ``x``, ``y``."""
    import pandas as pd

    known, points = vectors.project(words)
    return pd.DataFrame({"word": known, "x": points[:, 0], "y": points[:, 1]})


def variance_shares(vectors: WordVectors, table: pd.DataFrame) -> tuple[float, float]:
    """Return the share of the mapped words' variance along each axis of the map."""
    rows = np.array([vectors[word] for word in table["word"]], np.float64)
    total = float(((rows - rows.mean(axis=0)) ** 2).sum()) or 1.0
    x, y = (float((table[axis] ** 2).sum()) / total for axis in ("x", "y"))
    return x, y


def neighbour_table(
    vectors: WordVectors, vocabulary: Vocabulary, words: list[str], n: int, min_count: int
) -> pd.DataFrame:
    """Return the `n` nearest neighbours of each content word among `words`.

    Only words that occur at least `min_count` times in the training text are neighbours: the
    vectors of rarer ones are mostly noise. Columns: ``word``, ``rank`` from 1, ``neighbour``,
    ``cosine`` similarity, and the ``count`` of the neighbour.
    """
    import pandas as pd

    counted = dict(zip(vocabulary.words, vocabulary.counts, strict=True))
    counts = np.array([counted.get(word, 0) for word in vectors.words], np.int64)
    often = np.flatnonzero(counts >= min(min_count, int(counts.max(initial=0))))
    content = list(filter(is_content, words))
    places = np.array([vectors.index[word] for word in content], np.int64)
    rows = [
        (word, rank, vectors.words[i], cosine, int(counts[i]))
        for word, near in zip(content, nearest(vectors.unit, places, often, n), strict=True)
        for rank, (i, cosine) in enumerate(near, 1)
    ]
    return pd.DataFrame(rows, columns=["word", "rank", "neighbour", "cosine", "count"])


def nearest(
    unit: NDArray[np.float32], places: Ints, among: Ints, n: int
) -> Iterator[list[tuple[int, float]]]:
    """Yield for each word its `n` nearest neighbours: pairs of a row and the cosine similarity.

    Parameters
    ----------
    unit
        (V, D) the vectors of all words, scaled to length one.
    places
        The rows of the words.
    among
        The rows that may be neighbours; a word is not its own.
    """
    others = unit[among].T
    for begin in range(0, len(places), 500):  # so that the similarities fit in memory
        block = places[begin : begin + 500]
        cosine = unit[block] @ others
        cosine[block[:, None] == among] = -2  # not the word itself
        largest = np.argpartition(-cosine, min(n, len(among) - 1), axis=1)[:, :n]
        largest.sort(axis=1)  # so that ties are in the order of the words
        order = np.argsort(-np.take_along_axis(cosine, largest, 1), axis=1, kind="stable")
        for row, near in zip(cosine, np.take_along_axis(largest, order, 1).tolist(), strict=True):
            yield [(int(among[i]), float(row[i])) for i in near if row[i] > -2]
