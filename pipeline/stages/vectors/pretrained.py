"""Vectors that are not trained here: read from a file, or random as the floor."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.core.errors import SettingError, UserError, require
from pipeline.core.files import file_digest
from pipeline.core.notebook import displayed
from pipeline.core.settings import Settings, bounded
from pipeline.stages.corpus import Corpus, Pretraining
from pipeline.stages.vectors import catalog, keys
from pipeline.stages.vectors.checkpoint import Checkpoint
from pipeline.stages.vectors.formats import files_of
from pipeline.stages.vectors.train import finish, train
from pipeline.stages.vectors.word2vec import SkipGram
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocab, Vocabulary, build

log = logging.getLogger(__name__)

DIMS = (50, 100, 200, 300)
PRETRAINED_VOCAB = Vocab(min_count=5)


@displayed
@dataclass
class Pretrained(Settings):
    """Pretrained vectors, by file or by name, read for the words needed.

    Parameters
    ----------
    path
        A file or folder of any format that `formats` lists. Unset, and no `name`: the corpus's own
        pretrained vectors where it has some (the sample), otherwise GloVe 6B.
    name
        Published vectors, such as ``6B.100d`` (GloVe) or ``fasttext.crawl``; ``catalog.toml`` lists
        them. They are downloaded once.
    dim
        Dimensions; a file named by `path` must have them. Unset: those of the file, and 50 where
        there is a choice. GloVe 6B comes in 50, 100, 200 and 300.
    url
        A mirror to download from.
    keys
        How the file writes the words of the corpus: ``auto``, ``as_is``, ``lower``, ``conceptnet``,
        ``pos`` or a pattern such as ``en:{}``; see `keys`.
    unpickle
        Open gensim's own files (``.kv``, ``.model``), which can run any code.
    """

    path: str | None = None
    name: str | None = None
    dim: int | None = bounded(None, least=1)
    url: str | None = None
    keys: str = keys.AUTO
    unpickle: bool = False

    def __post_init__(self) -> None:
        """Check values."""
        super().__post_init__()
        if self.path is not None and self.name is not None:
            raise SettingError("path and name: give one of them.")
        if self.name is not None:
            catalog.find(self.name)
        keys.check(self.keys)

    def make(self, corpus: Corpus, vocabulary: Vocabulary) -> WordVectors:
        """Read the vectors of the words of vocabulary and corpus."""
        if self.is_of_corpus(corpus.pretraining is not None):
            assert corpus.pretraining is not None
            whole = pretrain(corpus.pretraining, pretraining_trainer(self.dim))
            return self.select(whole, corpus, vocabulary)
        path = self._path()
        needed = _needed(corpus, vocabulary)
        found = keys.find(path, needed, self.keys, unpickle=self.unpickle)
        vectors = found.vectors
        require(
            self.dim in {None, vectors.dim},
            f"{path} has {vectors.dim} dimensions, not vectors.dim={self.dim}; leave vectors.dim "
            "out, or name another file.",
        )
        provenance = {"source": "file", "file": path.name, "digest": digest_of(path)}
        if self.name is not None:
            named = catalog.find(self.name)
            provenance |= {"name": named.name, "licence": named.licence, "citation": named.citation}
        if found.keys != keys.AS_IS:
            provenance |= {"keys": found.keys}
        return WordVectors(vectors.words, vectors.matrix, provenance)

    def select(self, whole: WordVectors, corpus: Corpus, vocabulary: Vocabulary) -> WordVectors:
        """Return those of the corpus's own pretrained vectors whose words are needed."""
        assert corpus.pretraining is not None
        needed = _needed(corpus, vocabulary)
        rows = [row for row, word in enumerate(whole.words) if word in needed]
        provenance = {
            "source": "pretrained",
            "text": corpus.pretraining.key,
            "digest": whole.digest,
            "note": corpus.pretraining.note,
        }
        return WordVectors([whole.words[row] for row in rows], whole.matrix[rows], provenance)

    def is_of_corpus(self, has_pretraining: bool) -> bool:
        """Return whether the vectors are the corpus's own, if it has some, and not of a file."""
        return has_pretraining and self.path is None and self.name is None

    def files(self) -> list[Path]:
        """Return the files that are read, downloaded first if they are not there."""
        return files_of(self._path())

    def _path(self) -> Path:
        return Path(self.path).expanduser() if self.path is not None else self.downloaded()

    def _named(self) -> catalog.Named:
        dim = self.dim or 50
        require(
            self.name is not None or dim in DIMS,
            f"vectors.dim: GloVe 6B comes in {DIMS}, not {dim}.",
        )
        return catalog.find(self.name or f"6B.{dim}d")

    def downloaded(self) -> Path:
        """Return the file of published vectors, which is downloaded first if it is not there."""
        try:
            return self._named().file(self.url)
        except UserError as error:
            raise UserError(f"{error} (vectors.path=FILE names one you have.)") from error


Glove = Pretrained  # the name of former versions


def digest_of(path: Path) -> str:
    """Return the sha256 of a vectors file, or of the digests of several files that belong to it."""
    digests = [file_digest(file) for file in files_of(path)]
    return digests[0] if len(digests) == 1 else hashlib.sha256(str(digests).encode()).hexdigest()


def _needed(corpus: Corpus, vocabulary: Vocabulary) -> dict[str, int]:
    """Return the words to look for, with their counts in the text."""
    found = dict(zip(vocabulary.words, vocabulary.counts.tolist(), strict=True))
    others = dict.fromkeys([*corpus.words(), *corpus.also], 0)
    return found | {word: 0 for word in others if word not in found}


def pretraining_trainer(dim: int | None) -> SkipGram:
    """Return the trainer of a corpus's own pretrained vectors, by default 50-dimensional."""
    return SkipGram(dim=dim or 50, epochs=5)


def pretrain(
    text: Pretraining, trainer: SkipGram, checkpoint: Checkpoint | None = None
) -> WordVectors:
    """Train vectors on a corpus's own larger text."""
    log.info("training pretrained vectors on the corpus's own larger text")
    vocabulary = build(text.sentences(), PRETRAINED_VOCAB)
    return finish(vocabulary, trainer, train(vocabulary, trainer, checkpoint))


@displayed
@dataclass
class Random(Settings):
    """A random vector for every word of the vocabulary: the floor that all others must beat.

    Parameters
    ----------
    dim
        Dimensions.
    seed
        Of the random numbers.
    """

    dim: int = bounded(50, least=1)
    seed: int = bounded(1, least=0)

    def make(self, corpus: Corpus, vocabulary: Vocabulary) -> WordVectors:  # noqa: ARG002
        """Draw (V, dim) normal numbers of variance 1 / dim."""
        rng = np.random.default_rng(self.seed)
        matrix = rng.standard_normal((len(vocabulary), self.dim), np.float32)
        matrix /= np.float32(np.sqrt(self.dim))
        return WordVectors(vocabulary.words, matrix, {"source": "random"})
