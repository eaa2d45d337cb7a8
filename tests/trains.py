"""A command that trains and can be stopped: ``python trains.py TRAINER CHECKPOINT_MINUTES``."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path

import numpy as np

from pipeline.stages.vectors.glove import GloveTrain
from pipeline.stages.vectors.train import train
from pipeline.stages.vectors.word2vec import SkipGram
from pipeline.stages.vocab import Vocab, build


def loud(kind):
    """Return a trainer that prints a line a chunk."""

    class Loud(kind):
        def train(self, vocabulary, progress, checkpoint):
            def tell(now):
                print("busy", flush=True)  # noqa: T201
                progress(now)

            return super().train(vocabulary, tell, checkpoint)

    return Loud


def main(trainer, minutes, folder=Path()):
    """Train, and leave vectors and loss curve in ``result``."""
    tokens = np.random.default_rng(0).zipf(1.5, (8_000, 12)) % 200
    vocabulary = build(([str(word) for word in row] for row in tokens.tolist()), Vocab())
    trainers = {
        "SkipGram": loud(SkipGram)(dim=10, epochs=60),
        "GloveTrain": loud(GloveTrain)(dim=10, epochs=400),
    }
    train(vocabulary, trainers[trainer], minutes).save(folder / "result")


if __name__ == "__main__":
    logging.basicConfig(level="INFO")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    main(sys.argv[1], float(sys.argv[2]))
