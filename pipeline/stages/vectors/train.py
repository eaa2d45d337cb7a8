"""From an encoded text to `WordVectors`: train, then combine and smooth what was learnt.

`train` is what takes long. `finish` is quick and changes nothing that was learnt, so another way to
combine or to smooth needs no other training.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from pipeline.core.engine import Engine
from pipeline.core.plain import plain_or_digest
from pipeline.core.progress import bar, report_compilation
from pipeline.core.settings import old_names
from pipeline.stages.vectors.checkpoint import Checkpoint
from pipeline.stages.vectors.loop import Progress, Trained, Trainer
from pipeline.stages.vectors.rounds import train_in_rounds
from pipeline.stages.vectors.subword import smooth
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocabulary

log = logging.getLogger(__name__)

POSTPROCESSING = ("combine", "subword")
"""The settings of a trainer that `finish` follows, and `train` does not."""

THREADS = ("threads", "parallel")
"""The settings of a trainer that change nothing but its speed, if it is `reproducible`."""

NAMES = {"SkipGram": "skip-gram"}
"""Trainers whose usual name is not that of their class."""


def train(
    vocabulary: Vocabulary,
    trainer: Trainer,
    checkpoint: Checkpoint | None = None,
    engine: Engine | None = None,
) -> Trained:
    """Train input and output vectors, with a progress bar.

    Parameters
    ----------
    vocabulary
        Words and encoded text.
    trainer
        The algorithm and its settings.
    checkpoint
        Where to save the state meanwhile, and where to continue from. Unset: nothing is saved.
    engine
        Where to train, with the same result; see `train_in_rounds`. Unset: in this process.

    Raises
    ------
    UserError
        If there is nothing to learn from, or the training diverges.
    """
    if not reproducible(trainer):
        log.info(
            "%d threads write to the same vectors: not reproducible bit by bit", trainer.threads
        )
    total = len(vocabulary.tokens) * trainer.epochs
    kind = type(trainer).__name__
    with bar(f"training {NAMES.get(kind, kind)}", "words", total) as shown, report_compilation():

        def show(now: Progress) -> None:
            shown.set_postfix_str(f"loss {now.loss:.3f}", refresh=False)
            shown.initial = now.words_before  # so that the speed shown is that of this run
            shown.update(now.words_seen - shown.n)

        if engine is not None and engine.elsewhere:
            return train_in_rounds(vocabulary, trainer, engine, show, checkpoint)
        return trainer.train(vocabulary, show, checkpoint)


def finish(vocabulary: Vocabulary, trainer: Trainer, trained: Trained) -> WordVectors:
    """Combine input and output vectors, and smooth those of rare words, as the trainer says."""
    settings = trainer_settings(trainer)
    provenance = {
        "source": "trained",
        "trainer": type(trainer).__name__,
        "settings": settings,
        "words_in_text": len(vocabulary.tokens),
        "text": vocabulary.digest,
        "reproducible": reproducible(trainer),
    }
    matrix = trained.matrix(trainer.combine)
    weight = getattr(trainer, "subword", 0.0)  # a user's own trainer need not have it
    matrix = smooth(vocabulary.words, vocabulary.counts, matrix, weight)
    return WordVectors(vocabulary.words, matrix, provenance, np.array(trained.curve, np.float64))


def reproducible(trainer: Trainer) -> bool:
    """Return whether a trainer gives the same bits again; your own says so by an attribute."""
    return bool(getattr(trainer, "reproducible", trainer.threads == 1))


def trainer_settings(trainer: Trainer) -> dict[str, Any]:
    """Return the settings of a trainer as plain JSON values."""
    old = old_names(trainer)
    return {name: plain_or_digest(v) for name, v in vars(trainer).items() if name not in old}
