"""From a trainer and an encoded text to `WordVectors`, with a progress bar between."""

from __future__ import annotations

import logging
from enum import Enum
from pathlib import Path

import numpy as np

from pipeline.core.progress import bar, saying_when_compiling
from pipeline.stages.vectors.checkpoint import CACHE, MINUTES, Checkpoint
from pipeline.stages.vectors.loop import Progress, Trainer
from pipeline.stages.vectors.subword import smoothed
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocabulary

log = logging.getLogger(__name__)


def train(
    vocabulary: Vocabulary,
    trainer: Trainer,
    checkpoint_minutes: float = MINUTES,
    checkpoints: Path = CACHE,
) -> WordVectors:
    """Train, combine input and output vectors, and smooth by spelling, as the trainer says.

    Training that was stopped, by Ctrl-C or worse, goes on where it was when the same is asked for
    again: same trainer and settings, same text, same version of this package.

    Parameters
    ----------
    vocabulary
        Words and encoded text.
    trainer
        What to learn from it, and how. All its fields are part of what the result is; hence how
        often the state is saved, which changes nothing in the result, is none of them.
    checkpoint_minutes
        Time between two checkpoints; 0: as often as possible; ``math.inf``: only when stopped.
    checkpoints
        The folder they are in.

    Raises
    ------
    UserError
        If there is nothing to learn from, or the training diverges.
    """
    kind = type(trainer)
    name = kind.__name__
    settings = {k: v.value if isinstance(v, Enum) else v for k, v in vars(trainer).items()}
    what = {
        "trainer": f"{kind.__module__}.{kind.__qualname__}",
        "settings": settings,
        "text": vocabulary.digest,
    }
    checkpoint = Checkpoint.of(what, checkpoints, checkpoint_minutes)
    if trainer.threads > 1:
        log.info(
            "%d threads write to the same vectors: not reproducible bit by bit", trainer.threads
        )
    with bar("vectors", "words", len(vocabulary.tokens) * trainer.epochs) as shown:

        def show(now: Progress) -> None:
            state = f"loss {now.loss:.3f}, rate {now.learning_rate:.4f}"
            shown.set_postfix_str(state, refresh=False)
            shown.initial = now.words_before  # so that the speed shown is that of this run
            shown.update(now.words_seen - shown.n)

        with saying_when_compiling():
            trained = trainer.train(vocabulary, show, checkpoint)
    provenance = {
        "source": "trained",
        "trainer": name,
        "settings": settings,
        "words_in_text": len(vocabulary.tokens),
        "text": vocabulary.digest,
        "reproducible": trainer.threads == 1,
    }
    matrix = trained.matrix(trainer.combine)
    prior = getattr(trainer, "spelling", 0.0)  # a trainer of one's own need not have it
    matrix = smoothed(vocabulary.words, vocabulary.counts, matrix, prior)
    return WordVectors(vocabulary.words, matrix, provenance, np.array(trained.curve, np.float64))
