"""Vectors that are not trained here: read from a file, or random as the floor."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from pipeline.core.errors import UserError, require
from pipeline.core.files import file_digest
from pipeline.stages.corpus import Corpus, Pretraining
from pipeline.stages.vectors import catalog, keys
from pipeline.stages.vectors.formats import files_of, read_vectors, write_text
from pipeline.stages.vectors.train import train
from pipeline.stages.vectors.word2vec import SkipGram
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocab, Vocabulary, build

log = logging.getLogger(__name__)

DIMS = (50, 100, 200, 300)
CACHE = Path("outputs") / "cache" / "pretrained"


@dataclass
class Pretrained:
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
    dim: int | None = None
    url: str | None = None
    keys: str = keys.AUTO
    unpickle: bool = False

    def __post_init__(self) -> None:
        """Check values."""
        if self.dim is not None:
            require(self.dim >= 1, f"vectors.dim must be at least 1, not {self.dim}.")
        require(
            self.path is None or self.name is None,
            "vectors.path and vectors.name: give one of them (vectors.path=null).",
        )
        if self.name is not None:
            catalog.find(self.name)
        keys.check(self.keys)

    def make(self, corpus: Corpus, vocabulary: Vocabulary) -> WordVectors:
        """Read the vectors of the words of vocabulary and corpus."""
        path = self.file(corpus)
        counts = dict.fromkeys([*corpus.words(), *corpus.also], 0)
        counts = dict(zip(vocabulary.words, vocabulary.counts.tolist(), strict=True)) | {
            word: 0 for word in counts if word not in vocabulary.index
        }

        def read(words: Iterable[str]) -> WordVectors:
            return read_vectors(path, list(words), unpickle=self.unpickle)

        found = keys.find(path, read, counts, self.keys)
        vectors = found.vectors
        require(
            self.dim in {None, vectors.dim},
            f"{path} has {vectors.dim} dimensions, not vectors.dim={self.dim}; leave vectors.dim "
            "out, or name another file.",
        )
        provenance = {"source": "file", "file": path.name, "digest": digest_of(path)}
        provenance |= self._origin(corpus)
        if found.keys != keys.AS_IS:
            provenance |= {"keys": found.keys}
        return WordVectors(vectors.words, vectors.matrix, provenance)

    def _origin(self, corpus: Corpus) -> dict[str, Any]:
        if self.path is None and self.name is None and corpus.pretraining is not None:
            return {"note": corpus.pretraining.note}
        if self.name is None:
            return {}
        named = catalog.find(self.name)
        return {"name": named.name, "licence": named.licence, "citation": named.citation}

    def file(self, corpus: Corpus) -> Path:
        """Return the file to read, which is downloaded or trained first if it is not there."""
        if self.path is not None:
            return Path(self.path).expanduser()
        if self.name is None and corpus.pretraining is not None:
            return pretrain(corpus.pretraining, self.dim or 50)
        return self.downloaded()

    def file_key(self, corpus: Corpus) -> list[str]:
        """Return what identifies the content of the file, which need not be downloaded yet."""
        if self.path is not None:
            path = self.file(corpus)
            return [path.name, digest_of(path)]
        if self.name is None and corpus.pretraining is not None:
            return [corpus.pretraining.key]
        named = self._named()
        there, published = named.local(), named.archive.sha256
        if there is None and published is not None:
            return [named.name, published]
        return [named.name, digest_of(there or self.downloaded())]

    def is_downloaded(self, pretraining: bool) -> bool:
        """Tell whether the file is a published one; the corpus may have its own `pretraining`."""
        return self.path is None and (self.name is not None or not pretraining)

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


def pretrain(text: Pretraining, dim: int = 50, folder: Path = CACHE) -> Path:
    """Train skip-gram vectors on a corpus's own larger text, once; return the file."""
    trainer = SkipGram(dim=dim, epochs=5)
    key = hashlib.sha256(f"{text.key} {trainer}".encode()).hexdigest()[:8]
    path = folder / f"{text.key}.{key}.{dim}d.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):  # of many jobs that need it, one trains
        if not path.is_file():
            log.info("pretraining vectors on the corpus's own larger text, this once (%s)", path)
            vocabulary = build(text.sentences(), Vocab(min_count=5))
            write_text(train(vocabulary, trainer), path)
    return path


@dataclass
class Random:
    """A random vector for every word of the vocabulary: the floor that all others must beat.

    Parameters
    ----------
    dim
        Dimensions.
    seed
        Of the random numbers.
    """

    dim: int = 50
    seed: int = 1

    def __post_init__(self) -> None:
        """Check values."""
        require(self.dim >= 1, f"vectors.dim must be at least 1, not {self.dim}.")
        require(self.seed >= 0, f"vectors.seed must be at least 0, not {self.seed}.")

    def make(self, corpus: Corpus, vocabulary: Vocabulary) -> WordVectors:  # noqa: ARG002
        """Draw (V, dim) normal numbers of variance 1 / dim."""
        rng = np.random.default_rng(self.seed)
        matrix = rng.standard_normal((len(vocabulary), self.dim), np.float32)
        matrix /= np.float32(np.sqrt(self.dim))
        return WordVectors(vocabulary.words, matrix, {"source": "random"})
