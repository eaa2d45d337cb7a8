"""Vectors that are not trained here: read from a file, or random as the floor."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock

from pipeline.core.download import Archive, download
from pipeline.core.errors import UserError, require
from pipeline.core.files import file_digest
from pipeline.stages.corpus import Corpus, Pretraining
from pipeline.stages.vectors.formats import files_of, read_vectors, write_text
from pipeline.stages.vectors.train import train
from pipeline.stages.vectors.word2vec import SkipGram
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocab, Vocabulary, build

log = logging.getLogger(__name__)

ARCHIVE = Archive(
    url="https://nlp.stanford.edu/data/glove.6B.zip",
    sha256="617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb",
    size=862_182_613,
)
DIMS = (50, 100, 200, 300)
CACHE = Path("outputs") / "cache" / "pretrained"


@dataclass
class Glove:
    """Pretrained vectors from a file of any format, read for the words needed.

    Parameters
    ----------
    path
        The file: GloVe or word2vec text, word2vec binary, .npz, or a folder or .tsv file of the
        TensorBoard projector's. Unset: the corpus's own pretrained vectors where it has some (the
        sample); otherwise GloVe 6B (Pennington et al. 2014) is downloaded, 862 MB.
    dim
        Dimensions; a file named by `path` must have them. Unset: those of the file, and 50 where
        there is a choice. GloVe 6B comes in 50, 100, 200 and 300.
    url
        A mirror of the official archive to download from.
    """

    path: str | None = None
    dim: int | None = None
    url: str | None = None

    def __post_init__(self) -> None:
        """Check values."""
        if self.dim is not None:
            require(self.dim >= 1, f"vectors.dim must be at least 1, not {self.dim}.")

    def make(self, corpus: Corpus, vocabulary: Vocabulary) -> WordVectors:
        """Read the vectors of the words of vocabulary and corpus."""
        path = self._file(corpus)
        # A dictionary, not a set: its order does not depend on Python's hash seed.
        needed = dict.fromkeys([*vocabulary.words, *corpus.words(), *corpus.also])
        vectors = read_vectors(path, needed)
        digests = [file_digest(file) for file in files_of(path)]
        digest = (
            digests[0] if len(digests) == 1 else hashlib.sha256(str(digests).encode()).hexdigest()
        )
        require(
            self.dim in {None, vectors.dim},
            f"{path} has {vectors.dim} dimensions, not vectors.dim={self.dim}; leave vectors.dim "
            "out, or name another file.",
        )
        provenance = {"source": "file", "file": path.name, "digest": digest}
        if self.path is None and corpus.pretraining is not None:
            provenance["note"] = corpus.pretraining.note
        return WordVectors(vectors.words, vectors.matrix, provenance)

    def _file(self, corpus: Corpus) -> Path:
        if self.path is not None:
            return Path(self.path).expanduser()
        if corpus.pretraining is not None:
            return pretrain(corpus.pretraining, self.dim or 50)
        return self.downloaded()

    def downloaded(self) -> Path:
        """Return the file of GloVe 6B, which is downloaded first if it is not there."""
        dim = self.dim or 50
        require(dim in DIMS, f"vectors.dim: GloVe 6B comes in {DIMS}, not {dim}.")
        name = f"glove.6B.{dim}d.txt"
        archive = Archive(self.url or ARCHIVE.url, ARCHIVE.sha256, ARCHIVE.size)
        try:
            return download(archive, [name], Path("data") / "glove") / name
        except UserError as error:
            raise UserError(f"{error} (vectors.path=FILE names one you have.)") from error


def pretrain(text: Pretraining, dim: int = 50, folder: Path = CACHE) -> Path:
    """Train skip-gram vectors on a corpus's own larger text, once; return the GloVe file."""
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
    """A random vector for every word of the vocabulary: the floor every other must beat.

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
