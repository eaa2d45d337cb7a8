"""What all trainers of word vectors share: their interface, and the loop over chunks of text.

A trainer is a dataclass whose fields are its hyper-parameters, with a method ``train``. It trains
chunk by chunk, in order. What a chunk does depends only on its number and the vectors, so the same
seed gives the same bits with any number of threads. It also means that the vectors, the number of
finished chunks and the loss so far are the whole state of a training: that is what a `Checkpoint`
saves.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.files import read_array, write_array, write_json
from pipeline.stages.vectors.checkpoint import Checkpoint, Unsaved
from pipeline.stages.vectors.kernels import CACHE_LINE
from pipeline.stages.vectors.loss_curve import LossMeter, LossPoint

log = logging.getLogger(__name__)

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


def nothing(_: Chunk) -> None:
    """Prepare nothing."""


@dataclass
class TrainingLoop:
    """Trains chunk by chunk, measures the loss and saves checkpoints."""

    arrays: Mapping[str, Floats]  # what is learnt, by name; changed in place
    chunks: Iterator[Chunk]  # the parts of the text, in order
    work: Callable[[Chunk, Any], tuple[float, int]]  # trains; returns the summed loss and its terms
    words: int  # in all chunks together
    interval: int  # least number of words between two points of the loss curve
    rate: Callable[[float], float]  # the learning rate when this share of the training is done
    prepare: Callable[[Chunk], Any] = nothing  # does what does not depend on the vectors
    threads: int = 1  # all but one prepare the chunks that follow

    def run(
        self, progress: Callable[[Progress], object] | None, checkpoint: Checkpoint | None
    ) -> list[LossPoint]:
        """Train on all chunks, or on those a checkpoint leaves; return the loss curve."""
        meter, done = LossMeter(self.words, self.interval), 0
        checkpoint = checkpoint or Unsaved()
        if (saved := checkpoint.load(self.arrays)) is not None:
            meter, done = LossMeter.restored(saved["meter"]), saved["chunks"]
            checkpoint.say_continuing(meter.words / self.words)
        began, before = time.perf_counter(), meter.words
        todo = islice(self.chunks, done, None)
        with checkpoint:
            for chunk, prepared in ahead(self.prepare, todo, self.threads):
                loss, terms = self.work(chunk, prepared)
                if not math.isfinite(loss):
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
                    checkpoint.save_and_say(*state)
                    raise
                checkpoint.after_step(*state)
        checkpoint.remove()
        return meter.points


def ahead(
    prepare: Callable[[Chunk], Any], chunks: Iterator[Chunk], threads: int
) -> Iterator[tuple[Chunk, Any]]:
    """Yield each chunk with what is prepared for it; all threads but one prepare the next ones."""
    if threads == 1:
        for chunk in chunks:
            yield chunk, prepare(chunk)
        return
    pool = ThreadPoolExecutor(threads - 1)
    waiting: deque[tuple[Chunk, Future[Any]]] = deque()
    try:
        for chunk in chunks:
            waiting.append((chunk, pool.submit(prepare, chunk)))
            if len(waiting) > threads:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


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


def padded(rows: int, dim: int) -> Floats:
    """Return zeros of shape (rows, dim rounded up to whole cache lines), on a cache line."""
    return aligned(rows, -(-dim // CACHE_LINE) * CACHE_LINE)


def unpadded(matrix: Floats, dim: int) -> Floats:
    """Return the matrix without its padding."""
    return np.ascontiguousarray(matrix[:, :dim])
