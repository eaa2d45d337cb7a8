"""Stage `vectors`: train word vectors, or load pretrained ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from pipeline.stages.corpus import Corpus
from pipeline.stages.vectors.checkpoint import CACHE, MINUTES
from pipeline.stages.vectors.glove import GloveTrain
from pipeline.stages.vectors.loop import Trainer
from pipeline.stages.vectors.pretrained import Glove, Pretrained, Random
from pipeline.stages.vectors.train import train
from pipeline.stages.vectors.word2vec import CBOW, SkipGram
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocabulary

__all__ = [
    "CBOW",
    "Glove",
    "GloveTrain",
    "Pretrained",
    "Random",
    "SkipGram",
    "Source",
    "WordVectors",
    "train_vectors",
]


class Maker(Protocol):
    """Whatever makes word vectors; one's own joins by having this method."""

    def make(self, corpus: Corpus, vocabulary: Vocabulary) -> WordVectors:
        """Train or load vectors for the words of `vocabulary` and `corpus`."""
        ...


Source = Trainer | Maker


def train_vectors(
    corpus: Corpus,
    vocabulary: Vocabulary,
    source: Source | None = None,
    also: Iterable[str] = (),
    checkpoint_minutes: float = MINUTES,
    checkpoints: Path = CACHE,
) -> WordVectors:
    """Train vectors on the encoded text, or load them: whatever `source` does.

    Parameters
    ----------
    corpus, vocabulary
        Text, and its words.
    source
        Trains or loads; unset: skip-gram with its defaults.
    also
        Words of no sentence that should have a vector where the source knows them.
    checkpoint_minutes, checkpoints
        How often a training saves its state, and in which folder; see `train`.

    Raises
    ------
    UserError
        If the source cannot make them; see each source.
    """
    source = source or SkipGram()
    if isinstance(source, Trainer):
        return train(vocabulary, source, checkpoint_minutes, checkpoints)
    return source.make(replace(corpus, also=tuple(also)), vocabulary)
