"""What all trainers of word vectors share: their interface, and the loop over chunks of text.

A trainer is a dataclass whose fields are its hyper-parameters, with a method ``train``. It trains
chunk by chunk. What a chunk does depends only on its number and the vectors, so with one thread the
same seed gives the same bits. It also means that the vectors, the number of finished chunks and the
loss so far are the whole state of a training: that is what a `Checkpoint` saves.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pipeline.core.arrays import read_array, write_array
from pipeline.core.errors import UserError, require
from pipeline.core.files import write_json
from pipeline.stages.vectors.checkpoint import Checkpoint
from pipeline.stages.vectors.kernels import CACHE_LINE

log = logging.getLogger(__name__)

POINTS = 200  # in the loss curve, roughly at most

Floats = NDArray[np.float32]


class Combine(Enum):
    """How a word's input and output vectors become its vector."""

    input = "input"
    sum = "sum"
    concat = "concat"


class EncodedText(Protocol):
    """What a trainer needs of a vocabulary."""

    @property
    def words(self) -> list[str]:
        """The words, by id."""

    @property
    def counts(self) -> NDArray[np.int64]:
        """How often each word occurs."""

    @property
    def tokens(self) -> NDArray[np.int32]:
        """The running text as word ids, rare words dropped."""

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Where each sentence begins in ``tokens``, and at the end where the text ends."""


class Progress(NamedTuple):
    """The state of a training, for a progress bar."""

    words_seen: int
    words_total: int
    loss: float
    learning_rate: float
    seconds: float
    words_before: int = 0  # seen by an earlier run that was stopped


class LossPoint(NamedTuple):
    """Mean loss of a pair since the previous point."""

    words_seen: int
    loss: float


@dataclass
class Trained:
    """The input and output vectors of every word, in the vocabulary's order, and the loss curve."""

    input: Floats
    output: Floats
    curve: list[LossPoint]

    def matrix(self, combine: Combine) -> Floats:
        """Return one vector per word: (V, dim), or (V, 2 dim) if they are concatenated."""
        match combine:
            case Combine.input:
                return self.input
            case Combine.sum:
                return self.input + self.output
            case Combine.concat:
                return np.hstack([self.input, self.output])

    def save(self, folder: Path) -> None:
        """Write ``input.npy``, ``output.npy`` and ``curve.json``."""
        write_array(folder / "input.npy", self.input)
        write_array(folder / "output.npy", self.output)
        write_json(folder / "curve.json", self.curve)

    @classmethod
    def load(cls, folder: Path) -> Trained:
        """Read what `save` wrote; the vectors are memory-mapped."""
        points = json.loads((folder / "curve.json").read_text("utf-8"))
        return cls(
            input=read_array(folder / "input.npy"),
            output=read_array(folder / "output.npy"),
            curve=[LossPoint(*point) for point in points],
        )


@runtime_checkable
class Trainer(Protocol):
    """Learns two vectors per word from the encoded text; your own class needs these members."""

    combine: Combine
    threads: int
    epochs: int

    def train(
        self,
        vocabulary: EncodedText,
        progress: Callable[[Progress], object] | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Trained:
        """Train vectors for all words of the vocabulary on its text.

        Parameters
        ----------
        vocabulary
            Words, counts and encoded text.
        progress
            Called between chunks, some ten times a second. What it raises stops the training.
        checkpoint
            Where to save the state, and where to continue from. Unset: nothing is saved.

        Returns
        -------
        Trained
            Input and output vectors, and the loss curve.
        """
        ...


class Chunk(NamedTuple):
    """What one call trains on: whole sentences, or co-occurrences."""

    number: int
    part: slice
    before: int  # words seen when it begins, over all epochs
    words: int


@dataclass
class TrainingLoop:
    """Trains chunk by chunk, measures the loss and saves checkpoints.

    Parameters
    ----------
    arrays
        The parameters that are learnt, by name; changed in place.
    chunks
        The parts of the text, in order.
    work
        Trains on a chunk; returns the summed loss and how many terms it is the sum of.
    words
        Words in all chunks together.
    interval
        Least number of words between two points of the loss curve.
    rate
        The learning rate when this share of the training is done.
    threads
        How many chunks are trained at a time.
    """

    arrays: Mapping[str, Floats]
    chunks: Iterator[Chunk]
    work: Callable[[Chunk], tuple[float, int]]
    words: int
    interval: int
    rate: Callable[[float], float]
    threads: int = 1

    def run(
        self, progress: Callable[[Progress], object] | None, checkpoint: Checkpoint | None
    ) -> list[LossPoint]:
        """Train on all chunks, or on those a checkpoint leaves; return the loss curve."""
        meter, done = LossMeter(self.words, self.interval), 0
        if checkpoint is not None and (saved := checkpoint.load(self.arrays)) is not None:
            meter, done = LossMeter.restored(saved["meter"]), saved["chunks"]
            share = f"{meter.words / self.words:.0%}"
            log.info("continuing where training stopped, at %s (%s)", share, checkpoint.folder)
        began, before = time.perf_counter(), meter.words
        todo = islice(self.chunks, done, None)
        pause = checkpoint.is_due if checkpoint is not None else never
        with checkpoint or nullcontext():
            for chunk, (loss, terms), idle in in_order(self.work, todo, self.threads, pause):
                if not math.isfinite(loss):
                    if checkpoint is not None:
                        checkpoint.remove()  # it would only diverge again
                    raise UserError(
                        f"training diverged after {chunk.before:,} words: the loss is no longer a"
                        f" number; lower vectors.learning_rate, now {self.rate(0)}"
                    )
                mean, done = meter.add(chunk.words, loss, terms), done + 1
                state = self.arrays, {"chunks": done, "meter": meter.state()}
                try:
                    if progress is not None:
                        seconds = time.perf_counter() - began
                        rate = self.rate(meter.words / self.words)
                        now = meter.words, self.words, mean, rate, seconds, before
                        progress(Progress(*now))
                except (KeyboardInterrupt, SystemExit):
                    if checkpoint is not None and idle:
                        checkpoint.save_and_say(*state)
                    raise
                if checkpoint is not None and idle:
                    checkpoint.after_step(*state)
        if checkpoint is not None:
            checkpoint.remove()
        return meter.points


@dataclass
class LossMeter:
    """Sums the loss in float64 and adds a point to the curve every ``interval`` words."""

    total: int
    interval: int

    def __post_init__(self) -> None:
        self.points: list[LossPoint] = []
        self.words = self.pairs = 0
        self.loss = 0.0
        self.next = self.interval

    def add(self, words: int, loss: float, pairs: int) -> float:
        """Add a chunk; return the mean loss of a pair since the last point."""
        self.words += words
        self.loss += loss
        self.pairs += pairs
        mean = self.loss / self.pairs if self.pairs else math.nan
        if self.pairs and (self.words >= self.next or self.words == self.total):
            self.points.append(LossPoint(self.words, mean))
            self.loss, self.pairs = 0.0, 0
            self.next = self.words + self.interval
        return mean

    def state(self) -> dict[str, Any]:
        """Return the meter's state as plain JSON values."""
        return dict(vars(self))

    @classmethod
    def restored(cls, state: dict[str, Any]) -> LossMeter:
        """Return a meter with this state."""
        meter = cls(state["total"], state["interval"])
        vars(meter).update(state, points=[LossPoint(*point) for point in state["points"]])
        return meter


def never() -> bool:
    """Return False."""
    return False


def in_order(
    work: Callable[[Chunk], Any],
    chunks: Iterator[Chunk],
    threads: int,
    pause: Callable[[], bool] = never,
) -> Iterator[tuple[Chunk, Any, bool]]:
    """Work on ``threads`` chunks at a time; yield each with its result, in order.

    The third value says whether no later chunk is in flight, so that the arrays hold the work of
    the chunks up to this one and nothing else. While `pause` returns True no chunk is started.
    """
    if threads == 1:
        for chunk in chunks:
            yield chunk, work(chunk), True
        return
    pool = ThreadPoolExecutor(threads)
    waiting: deque[tuple[Chunk, Future[Any]]] = deque()
    try:
        for chunk in chunks:
            waiting.append((chunk, pool.submit(work, chunk)))
            most = 0 if pause() else 2 * threads
            while len(waiting) > most:
                done, future = waiting.popleft()
                yield done, future.result(), not waiting
        for done, future in waiting:
            yield done, future.result(), False
    finally:
        pool.shutdown(cancel_futures=True)


def at_least(least: int, name: str, value: float) -> None:
    """Raise `UserError` for a setting that is below `least` or not finite."""
    require(least <= value < math.inf, f"vectors.{name} must be at least {least}, not {value}")


def check_text(text: EncodedText) -> None:
    """Raise `UserError` for a text in which no word has a context."""
    if not len(text.words):
        raise UserError("no word left to train on: lower vocab.min_count or give more text")
    if np.diff(text.offsets).max(initial=0) < 2:
        raise UserError(
            "no sentence with two known words, so no word has a context: lower vocab.min_count"
            " or give more text"
        )


def aligned(*shape: int) -> Floats:
    """Return an array of zeros that begins on a cache line."""
    size = math.prod(shape)
    flat = np.zeros(size + CACHE_LINE, np.float32)
    first = -flat.ctypes.data // flat.itemsize % CACHE_LINE
    return flat[first : first + size].reshape(shape)
