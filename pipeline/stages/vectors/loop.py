"""What all trainers of word vectors have in common: what they take, what they give, and the loop.

A trainer is a dataclass whose fields are its hyper-parameters, with a method ``train``. Training is
a sequence of chunks. What a chunk does depends on its number and on the vectors alone, so with one
thread the result is the same to the last bit for a seed, whoever watches, and all there is to know
of a half-done training is the vectors, the number of chunks done and the loss so far: which is what
a `Checkpoint` keeps.
"""

from __future__ import annotations

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
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.stages.vectors.checkpoint import Checkpoint

log = logging.getLogger(__name__)

POINTS = 200  # in the loss curve, at most about
MOST_SPELLING = 1_000_000  # occurrences: beyond, only spelling would count

Floats = NDArray[np.float32]


class Combine(Enum):
    """Which of the two vectors of a word is the word's vector."""

    input = "input"
    sum = "sum"
    concat = "concat"


class Vocabulary(Protocol):
    """What a trainer needs to know of the text."""

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
        """Where each sentence begins in ``tokens``, and last where the text ends."""


class Progress(NamedTuple):
    """How far the training is."""

    words_seen: int
    words_total: int
    loss: float
    learning_rate: float
    seconds: float
    words_before: int = 0  # seen before these seconds began, by a run that was stopped


class LossPoint(NamedTuple):
    """The mean loss of a pair since the previous point."""

    words_seen: int
    loss: float


@dataclass
class Trained:
    """The two vectors of every word, in the vocabulary's order, and how the loss fell."""

    input: Floats
    output: Floats
    curve: list[LossPoint]

    def matrix(self, combine: Combine) -> Floats:
        """Return a vector a word, (V, dim); (V, 2 dim) where both stand side by side."""
        match combine:
            case Combine.input:
                return self.input
            case Combine.sum:
                return self.input + self.output
            case Combine.concat:
                return np.hstack([self.input, self.output])


@runtime_checkable
class Trainer(Protocol):
    """Whatever learns two vectors a word from the encoded text; one's own joins by having these."""

    combine: Combine
    threads: int
    epochs: int

    def train(
        self,
        vocabulary: Vocabulary,
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
            Where to keep the state meanwhile, and to look for one to go on from. Unset: nothing is
            written.

        Returns
        -------
        Trained
            Input and output vectors, and how the loss fell.
        """
        ...


class Chunk(NamedTuple):
    """What is learnt in one call: whole sentences, or co-occurrences."""

    number: int
    part: slice
    before: int  # words seen when it begins, all epochs together
    words: int


@dataclass
class TrainingLoop:
    """All that is done in a training, chunk by chunk.

    Parameters
    ----------
    arrays
        What is learnt, by name; changed in place.
    chunks
        The parts of the text, in order.
    work
        Learns from a chunk; returns the summed loss and the number of terms it is the sum of.
    words
        Seen in all chunks together.
    interval
        Words between two points of the loss curve, at least.
    rate
        The learning rate when this share of the training is done.
    threads
        How many chunks are worked on at a time.
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
        """Do it all, or what is left of it; return the loss curve."""
        meter, done = LossMeter(self.words, self.interval), 0
        if checkpoint is not None and (kept := checkpoint.load(self.arrays)) is not None:
            meter, done = LossMeter.restored(kept["meter"]), kept["chunks"]
            share = f"{meter.words / self.words:.0%}"
            log.info("going on where training stopped, at %s (%s)", share, checkpoint.folder)
        began, before = time.perf_counter(), meter.words
        todo = islice(self.chunks, done, None)
        wanted = checkpoint.due if checkpoint is not None else never
        with checkpoint or nullcontext():
            for chunk, (loss, terms), still in ordered(self.work, todo, self.threads, wanted):
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
                    if checkpoint is not None and still:
                        checkpoint.stopped(*state)
                    raise
                if checkpoint is not None and still:
                    checkpoint.rest(*state)
        if checkpoint is not None:
            checkpoint.remove()
        return meter.points


@dataclass
class LossMeter:
    """Adds up the loss, in float64, and notes a point of the curve every so many words."""

    total: int
    interval: int

    def __post_init__(self) -> None:
        self.points: list[LossPoint] = []
        self.words = self.pairs = 0
        self.loss = 0.0
        self.next = self.interval

    def add(self, words: int, loss: float, pairs: int) -> float:
        """Count a chunk in; return the mean loss of a pair since the last point."""
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
        """Return all it holds, as plain JSON values."""
        return dict(vars(self))

    @classmethod
    def restored(cls, state: dict[str, Any]) -> LossMeter:
        """Return the meter that this is the state of."""
        meter = cls(state["total"], state["interval"])
        vars(meter).update(state, points=[LossPoint(*point) for point in state["points"]])
        return meter


def never() -> bool:
    """Return False."""
    return False


def ordered(
    work: Callable[[Chunk], Any],
    tasks: Iterator[Chunk],
    threads: int,
    pause: Callable[[], bool] = never,
) -> Iterator[tuple[Chunk, Any, bool]]:
    """Work on the chunks, ``threads`` at a time; give each with its result, in order.

    With it comes whether all is at rest: nothing after it has begun. When a pause is wanted, no
    chunk is begun before that was so.
    """
    if threads == 1:
        for chunk in tasks:
            yield chunk, work(chunk), True
        return
    pool = ThreadPoolExecutor(threads)
    waiting: deque[tuple[Chunk, Future[Any]]] = deque()
    try:
        for chunk in tasks:
            waiting.append((chunk, pool.submit(work, chunk)))
            most = 0 if pause() else 2 * threads
            while len(waiting) > most:
                done, future = waiting.popleft()
                yield done, future.result(), not waiting
        for done, future in waiting:
            yield done, future.result(), False
    finally:
        pool.shutdown(cancel_futures=True)


def check_spelling(prior: float) -> None:
    """Refuse what no word's spelling can be worth."""
    at_least(0, "spelling", prior)
    if prior > MOST_SPELLING:
        raise UserError(f"vectors.spelling must be at most {MOST_SPELLING:,}, not {prior}")


def at_least(least: int, name: str, value: float) -> None:
    """Refuse a hyper-parameter below its least value, or one that is no finite number."""
    if not (least <= value < math.inf):
        raise UserError(f"vectors.{name} must be at least {least}, not {value}")


def check_text(vocabulary: Vocabulary) -> None:
    """Refuse a text in which no word has a context."""
    if not len(vocabulary.words):
        raise UserError("no word left to train on: lower vocab.min_count or give more text")
    if np.diff(vocabulary.offsets).max(initial=0) < 2:
        raise UserError(
            "no sentence with two known words, so no word has a context: lower vocab.min_count"
            " or give more text"
        )


def aligned(*shape: int) -> Floats:
    """Zeros that begin on a cache line."""
    line = 16  # floats
    size = math.prod(shape)
    flat = np.zeros(size + line, np.float32)
    first = -flat.ctypes.data // flat.itemsize % line
    return flat[first : first + size].reshape(shape)
