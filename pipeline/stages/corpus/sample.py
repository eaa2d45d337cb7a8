"""The embedded sample: film reviews in miniature, made by a grammar, nothing to download."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.core.files import file_digest
from pipeline.core.notebook import displayed
from pipeline.core.settings import bounded
from pipeline.stages.corpus import grammar
from pipeline.stages.corpus.config import CorpusConfig
from pipeline.stages.corpus.corpus import FIVE_CLASSES, Corpus, Pretraining, Split


@displayed
@dataclass
class Sample(CorpusConfig):
    """Sentences drawn from `grammar`, and a larger text for pretrained vectors.

    The grammar writes lower case, so `lower` only concerns your own unlabelled text.

    Parameters
    ----------
    train, dev, test
        Labelled sentences a split.
    pretraining
        Sentences of the larger text, which vectors called pretrained are trained on.
    seed
        Of the sentences. It does not follow the run's seed, so that all runs share one sample.
    """

    train: int = bounded(3000, least=50)
    dev: int = bounded(500, least=50)
    test: int = bounded(1000, least=50)
    pretraining: int = bounded(100_000, least=50)
    seed: int = bounded(1, least=0)

    @property
    def task(self) -> str:
        """What is to be solved."""
        return "sample-5"

    def load(self) -> Corpus:
        """Draw the three splits."""
        sizes = {"train": self.train, "dev": self.dev, "test": self.test}
        splits = {}
        for stream, (name, size) in enumerate(sizes.items()):
            sentences, labels = grammar.labelled(size, np.random.default_rng([self.seed, stream]))
            splits[name] = Split(sentences, labels)
        return Corpus(
            task=self.task,
            classes=FIVE_CLASSES,
            splits=splits,
            text_splits=tuple(self.text_splits),
            unlabelled=self.extra_text(),
            pretraining=Pretraining(
                self._key(),
                self._larger_text,
                note="glove stands for pretrained vectors here: this project's own skip-gram, "
                f"trained on {self.pretraining:,} unlabelled sentences of the sample.",
            ),
            ordinal=True,
        )

    def _key(self) -> str:
        """Name the larger text by all that makes it, the grammar's own files included."""
        folder = Path(grammar.__file__).parent
        names = ("grammar.py", "grammar.txt", "lexicon.py", "lexicon.txt")
        made_by = "".join(file_digest(folder / name) for name in names)
        digest = hashlib.sha256(made_by.encode()).hexdigest()[:8]
        return f"sample-{self.pretraining}-{self.seed}-{digest}"

    def _larger_text(self) -> Iterator[list[str]]:
        return grammar.unlabelled(self.pretraining, np.random.default_rng([self.seed, 3]))
