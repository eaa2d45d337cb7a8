"""Training elsewhere, in rounds: each is a task of an engine, and one that is lost is run again.

A round begins with a state of the training, its arrays and the number of chunks that are done, and
returns a later one. What a chunk does depends only on its number and on the arrays, so the vectors
are the same bits in however many rounds, and wherever they run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pipeline.core.engine import Engine, LostError
from pipeline.stages.vectors.checkpoint import Arrays, Checkpoint, State, Unsaved
from pipeline.stages.vectors.loop import EncodedText, Progress, Trained, Trainer
from pipeline.stages.vectors.loss_curve import LossMeter

SECONDS = 20.0  # of a round: what is lost with a node; a state of 100 MB travels in less than one


class _EndOfRound(Exception):  # noqa: N818 - not an error
    def __init__(self, state: State) -> None:
        self.state = state


class _Round(Unsaved):
    """A checkpoint in memory that ends the training after some seconds."""

    def __init__(self, state: State | None, seconds: float) -> None:
        self.state, self.ends = state, time.monotonic() + seconds

    def read(self) -> State | None:
        return self.state

    def after_step(self, arrays: Arrays, values: dict[str, Any]) -> None:
        if time.monotonic() >= self.ends:
            raise _EndOfRound(State({name: one.copy() for name, one in arrays.items()}, values))


def train_round(
    trainer: Trainer, text: EncodedText, state: State | None, seconds: float
) -> State | Trained:
    """Train from a state, or from the beginning; return a later state, or all that was learnt."""
    try:
        return trainer.train(text, None, _Round(state, seconds))
    except _EndOfRound as end:
        return end.state


def train_in_rounds(
    text: EncodedText,
    trainer: Trainer,
    engine: Engine,
    progress: Callable[[Progress], object],
    checkpoint: Checkpoint | None = None,
    seconds: float = SECONDS,
) -> Trained:
    """Train as `Trainer.train` does, in tasks of the engine; `progress` is called every round."""
    checkpoint = checkpoint or Unsaved()
    shared = engine.share(text)
    state, before = checkpoint.read(), 0
    if state is not None:
        before, total = (state.values["meter"][name] for name in ("words", "total"))
        checkpoint.say_continuing(before / total)
    began = time.monotonic()
    while True:
        wait = engine.submit(train_round, trainer, shared, state, seconds, cores=trainer.threads)
        try:
            result = wait()
        except (KeyboardInterrupt, SystemExit, LostError):
            if state is not None:
                checkpoint.save_and_say(*state)
            raise
        if isinstance(result, Trained):
            checkpoint.remove()
            return result
        state = result
        meter = LossMeter.restored(state.values["meter"])
        loss = meter.points[-1].loss if meter.points else float("nan")
        progress(Progress(meter.words, meter.total, loss, 0.0, time.monotonic() - began, before))
        if checkpoint.is_due():
            checkpoint.save(*state)
