"""Stage `vectors`: train word vectors, or load pretrained ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from pipeline.core.errors import expect
from pipeline.stages.corpus import Corpus
from pipeline.stages.vectors.both import Both, join
from pipeline.stages.vectors.checkpoint import Checkpoint
from pipeline.stages.vectors.formats import files_of
from pipeline.stages.vectors.glove import GloVe, GloveTrain
from pipeline.stages.vectors.loop import Trainer
from pipeline.stages.vectors.pretrained import Glove, Pretrained, Random
from pipeline.stages.vectors.train import finish, train
from pipeline.stages.vectors.word2vec import CBOW, SkipGram, Word2Vec
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocabulary

__all__ = [
    "CBOW",
    "Both",
    "GloVe",
    "Glove",
    "GloveTrain",
    "Pretrained",
    "Random",
    "SkipGram",
    "Source",
    "WordVectors",
    "files_read",
    "train_vectors",
]


class Maker(Protocol):
    """Makes or loads word vectors; your own class needs this method."""

    def make(self, corpus: Corpus, vocabulary: Vocabulary) -> WordVectors:
        """Return vectors for the words of `vocabulary` and `corpus`."""
        ...


Source = Trainer | Maker | Both


def files_read(source: Source, *, has_pretraining: bool = False) -> list[Path]:
    """Return the files that a source of ours reads, downloaded first if they are not there.

    `has_pretraining` says whether the corpus has pretrained vectors of its own.
    """
    if isinstance(source, Both):
        parts = (source.own, source.pretrained)
        return [
            file for part in parts for file in files_read(part, has_pretraining=has_pretraining)
        ]
    if isinstance(source, Pretrained):
        return [] if source.is_of_corpus(has_pretraining) else source.files()
    if isinstance(source, Word2Vec | GloVe) and source.init is not None:
        return files_of(Path(source.init).expanduser())
    return []


def train_vectors(
    corpus: Corpus,
    vocabulary: Vocabulary,
    source: Source | None = None,
    also: Iterable[str] = (),
    checkpoint: Checkpoint | None = None,
) -> WordVectors:
    """Train word vectors on the encoded text, or load them.

    Parameters
    ----------
    corpus, vocabulary
        The text and its words.
    source
        How to get the vectors; unset: skip-gram with its defaults.
    also
        Words outside the corpus to include where the source has them.
    checkpoint
        Where a training saves its state and continues from; see `train`.

    Raises
    ------
    UserError
        If the source cannot make them; see each source.
    """
    expect(corpus=(corpus, Corpus | None), vocabulary=(vocabulary, Vocabulary | None))
    expect(source=(source, object))
    source = source or SkipGram()
    if isinstance(source, Both):
        own = train_vectors(corpus, vocabulary, source.own, also, checkpoint)
        return join(own, train_vectors(corpus, vocabulary, source.pretrained, also), vocabulary)
    if isinstance(source, Trainer):
        return finish(vocabulary, source, train(vocabulary, source, checkpoint))
    return source.make(replace(corpus, also=tuple(also)), vocabulary)
