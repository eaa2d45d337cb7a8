"""Vectors trained on the corpus's own text and pretrained ones, side by side.

Compared with the pretrained vectors alone it says whether the own text *adds* anything to them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.core.errors import UserError
from pipeline.core.notebook import displayed
from pipeline.core.settings import Settings
from pipeline.stages.vectors.pretrained import Pretrained
from pipeline.stages.vectors.word2vec import SkipGram
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocabulary


@displayed
@dataclass
class Both(Settings):
    """Own vectors beside pretrained ones: the numbers of a word are those of both.

    The own block is scaled so that its numbers deviate as much as those of the pretrained block, by
    the running words of the text; so a penalty on a classifier's weights treats both alike. A word
    that one of them lacks has zeros there.

    Parameters
    ----------
    own
        What trains on the text; unset: `SkipGram` with its defaults.
    pretrained
        The pretrained vectors; of these only the words needed are read.
    """

    own: Any = None  # a configuration may put any trainer here
    pretrained: Pretrained = field(default_factory=Pretrained)

    def __post_init__(self) -> None:
        """Fill in the default."""
        super().__post_init__()
        self.own = self.own or SkipGram()


def join(own: WordVectors, pretrained: WordVectors, vocabulary: Vocabulary) -> WordVectors:
    """Put two sets of vectors side by side, the first scaled to the deviation of the second.

    Returns
    -------
    WordVectors
        (V, D1 + D2): the words of `own`, then those only `pretrained` has.

    Raises
    ------
    UserError
        If the vectors of one are all alike, so that they have no deviation.
    """
    scale = deviation(pretrained, vocabulary) / deviation(own, vocabulary)
    words = list(dict.fromkeys([*own.words, *pretrained.words]))
    row = {word: i for i, word in enumerate(words)}
    matrix = np.zeros((len(words), own.dim + pretrained.dim), np.float32)
    matrix[: len(own), : own.dim] = own.matrix * np.float32(scale)
    matrix[[row[word] for word in pretrained.words], own.dim :] = pretrained.matrix
    provenance = {
        "source": "both",
        "file": pretrained.provenance.get("file"),
        "own": own.provenance,
        "pretrained": pretrained.provenance,
        "own_scaled_by": scale,
    }
    return WordVectors(words, matrix, provenance, own.curve)


def deviation(vectors: WordVectors, vocabulary: Vocabulary) -> float:
    """Return the standard deviation of a vector's numbers over the running words of a text.

    Raises
    ------
    UserError
        If it is zero.
    """
    known = [word for word in vocabulary.words if word in vectors.index]
    if known:
        rows = vectors.matrix[[vectors.index[word] for word in known]].astype(np.float64)
        counts = vocabulary.counts[[vocabulary.index[word] for word in known]]
        mean = np.average(rows, axis=0, weights=counts)
        variance = np.average((rows - mean) ** 2, axis=0, weights=counts).mean()
        if variance > 0:
            return float(np.sqrt(variance))
    source = vectors.provenance.get("file") or vectors.provenance.get("source", "one of the two")
    raise UserError(
        f"vectors=both: the vectors of {source} do not differ over the words of the text, so they "
        "cannot be scaled to the other's deviation. Name another file, or vocab.min_count=1."
    )
