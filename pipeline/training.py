"""From a trainer and an encoded text to `WordVectors`, with a progress bar between."""

from __future__ import annotations

import logging
from dataclasses import asdict
from enum import Enum

import numpy as np

from pipeline.progress import bar
from pipeline.vocab import Vocabulary
from pipeline.word2vec import Combine, Progress, Word2Vec
from pipeline.wordvectors import WordVectors

log = logging.getLogger(__name__)


def train(vocabulary: Vocabulary, trainer: Word2Vec) -> WordVectors:
    """Train, and combine input and output vectors as the trainer says."""
    name = type(trainer).__name__
    if trainer.threads > 1:
        log.info(
            "%d threads write to the same vectors: not reproducible bit by bit", trainer.threads
        )
    with bar("vectors", "words", len(vocabulary.tokens) * trainer.epochs) as shown:

        def show(now: Progress) -> None:
            state = f"loss {now.loss:.3f}, rate {now.learning_rate:.4f}"
            shown.set_postfix_str(state, refresh=False)
            shown.update(now.words_seen - shown.n)

        trained = trainer.train(vocabulary, show)
    if trainer.combine is Combine.concat:
        matrix = np.hstack([trained.input, trained.output])
    elif trainer.combine is Combine.sum:
        matrix = trained.input + trained.output
    else:
        matrix = trained.input
    settings = {k: v.value if isinstance(v, Enum) else v for k, v in asdict(trainer).items()}
    provenance = {
        "source": "trained",
        "trainer": name,
        "settings": settings,
        "words_in_text": len(vocabulary.tokens),
        "text": vocabulary.digest,
        "reproducible": trainer.threads == 1,
    }
    return WordVectors(vocabulary.words, matrix, provenance, np.array(trained.curve, np.float64))
