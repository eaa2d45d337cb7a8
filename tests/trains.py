"""A training that can be stopped, or kills itself after so many chunks."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

import numpy as np

from pipeline.stages.vectors.checkpoint import Checkpoint
from pipeline.stages.vectors.glove import GloVe
from pipeline.stages.vectors.train import finish, train
from pipeline.stages.vectors.word2vec import SkipGram
from pipeline.stages.vocab import Vocab, build


def stopped(kind, number, chunks):
    """Return a trainer that gets a signal after so many chunks; without a number it does not."""

    class Stopped(kind):
        def train(self, vocabulary, progress, checkpoint):
            left = chunks

            def tell(now):
                nonlocal left
                left -= 1
                if left == 0 and number:
                    os.kill(os.getpid(), number)
                progress(now)

            return super().train(vocabulary, tell, checkpoint)

    return Stopped


def main(trainer, minutes, number=None, chunks=0):
    """Train, and leave vectors and loss curve in ``result``."""
    logging.basicConfig(level="INFO")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tokens = np.random.default_rng(0).zipf(1.5, (8_000, 12)) % 200
    vocabulary = build(([str(word) for word in row] for row in tokens.tolist()), Vocab())
    trainers = {
        "SkipGram": stopped(SkipGram, number, chunks)(dim=10, epochs=6),
        "GloVe": stopped(GloVe, number, chunks)(dim=10, epochs=12),
    }
    state = Path("outputs") / "cache" / "training" / trainer
    trained = train(vocabulary, trainers[trainer], Checkpoint(state, {"trainer": trainer}, minutes))
    finish(vocabulary, trainers[trainer], trained).save(Path("result"))
