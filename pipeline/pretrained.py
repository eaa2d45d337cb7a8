"""Vectors that are not trained here: read from a file, or random as the floor."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock

from pipeline.corpus import Corpus, Pretraining
from pipeline.download import Archive, download
from pipeline.errors import UserError, require
from pipeline.files import file_digest
from pipeline.formats import read_text, write_text
from pipeline.training import train
from pipeline.vocab import Vocab, Vocabulary, build
from pipeline.word2vec import SkipGram
from pipeline.wordvectors import WordVectors

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
    """Pretrained vectors from any GloVe or word2vec text file, read for the words needed.

    Parameters
    ----------
    path
        The file. Unset: the corpus's own pretrained vectors where it has some (the sample);
        otherwise GloVe 6B (Pennington et al. 2014) is downloaded, 862 MB.
    dim
        Which of the downloaded files: 50, 100, 200 or 300 dimensions. A file named by `path` has
        the dimensions it has.
    url
        Where to download from, for a mirror of the official archive.
    """

    path: str | None = None
    dim: int = 50
    url: str = ARCHIVE.url

    def __post_init__(self) -> None:
        """Check values."""
        require(self.dim in DIMS, f"vectors.dim: GloVe 6B comes in {DIMS}, not {self.dim}.")

    def make(self, corpus: Corpus, vocabulary: Vocabulary) -> WordVectors:
        """Read the vectors of the words of vocabulary and corpus."""
        path = self._file(corpus)
        # A dictionary, not a set: its order does not depend on Python's hash seed.
        needed = dict.fromkeys([*vocabulary.words, *corpus.words()])
        vectors = read_text(path, needed)
        provenance = {"source": "file", "file": path.name, "digest": file_digest(path)}
        return WordVectors(vectors.words, vectors.matrix, provenance)

    def _file(self, corpus: Corpus) -> Path:
        if self.path is not None:
            return Path(self.path).expanduser()
        if corpus.pretraining is not None:
            return pretrain(corpus.pretraining)
        name = f"glove.6B.{self.dim}d.txt"
        archive = Archive(self.url, ARCHIVE.sha256, ARCHIVE.size)
        try:
            return download(archive, [name], Path("data") / "glove") / name
        except UserError as error:
            raise UserError(f"{error} (vectors.path=FILE names one you have.)") from error


def pretrain(text: Pretraining, folder: Path = CACHE) -> Path:
    """Train 50-d skip-gram vectors on a corpus's own larger text, once; return the GloVe file."""
    trainer = SkipGram(dim=50, epochs=5)
    key = hashlib.sha256(f"{text.key} {trainer}".encode()).hexdigest()[:8]
    path = folder / f"{text.key}.{key}.50d.txt"
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
