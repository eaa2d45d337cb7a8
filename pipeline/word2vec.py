"""Train word vectors with word2vec: skip-gram and CBOW (Mikolov et al. 2013).

A trainer is a dataclass whose fields are its hyper-parameters::

    trained = SkipGram(dim=100, epochs=5).train(vocabulary)
    trained.input, trained.output  # two vectors for every word, float32
    trained.curve  # words seen, and the mean loss of a pair since the last point

The inner loops are in `kernels`; here is what happens around them. The text is trained in chunks
of a fixed number of words. Each chunk draws from a random stream of its own, named by the seed and
the chunk's number. So with one thread the vectors are the same to the last bit for a seed, whoever
watches, and all there is to know of a half-done training is two matrices and a number.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError

CHUNK = 50_000  # words: some 30 ms of one thread, between which all is at rest
SOFTMAX_CHUNK = 2_000  # words, each some hundred times as dear
SENTENCE = 10_000  # words: longer sentences are cut, or a book on one line would be one chunk
POINTS = 200  # in the loss curve, at most about
LINE = 16  # floats in a cache line, the unit rows are padded to

Floats = NDArray[np.float32]


class Loss(Enum):
    """What is minimised for a predicted vector: two classes a sample, or all words at once."""

    negative = "negative"
    softmax = "softmax"


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


class Point(NamedTuple):
    """The mean loss of a pair since the previous point."""

    words_seen: int
    loss: float


@dataclass
class Trained:
    """The two vectors of every word, in the vocabulary's order, and how the loss fell."""

    input: Floats
    output: Floats
    curve: list[Point]


class Chunk(NamedTuple):
    """Whole sentences to be trained in one call."""

    number: int
    sentences: slice
    before: int  # words seen when it begins, all epochs together
    words: int


@dataclass
class Word2Vec:
    """The hyper-parameters that skip-gram and CBOW share.

    Parameters
    ----------
    dim
        Length of the vectors.
    window
        Words on either side that can be context; the number used is drawn anew for every center,
        uniformly from 1 to this, so that near words count more.
    negative
        Negatives drawn for every center, and shared by the words of its context.
    loss
        Negative sampling or the full softmax.
    power
        Negatives are drawn by count to this power.
    subsample
        Words more frequent than this share of the text are dropped at random; 0 keeps all.
    learning_rate, min_learning_rate
        The step size falls linearly from the one to the other.
    epochs
        Passes over the text.
    threads
        With more than one, all write to the same vectors without locks (Hogwild): faster, and no
        longer the same to the bit in every run.
    combine
        Which of the two vectors of a word to use.
    seed
        With one thread, the same seed gives the same vectors.
    """

    dim: int = 50
    window: int = 5
    negative: int = 5
    loss: Loss = Loss.negative
    power: float = 0.75
    subsample: float = 1e-3
    learning_rate: float = 0.05
    min_learning_rate: float = 1e-4
    epochs: int = 20
    threads: int = 1
    combine: Combine = Combine.input
    seed: int = 1

    averages: ClassVar[bool]  # whether the context's vectors are averaged before they predict

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with."""
        for name in ("dim", "window", "negative", "epochs", "threads"):
            at_least(1, name, getattr(self, name))
        for name in ("power", "subsample", "min_learning_rate", "seed"):
            at_least(0, name, getattr(self, name))
        if not (0 < self.learning_rate < math.inf):
            raise UserError(f"vectors.learning_rate must be above 0, not {self.learning_rate}")
        if self.min_learning_rate > self.learning_rate:
            raise UserError(
                f"vectors.min_learning_rate must be at most vectors.learning_rate"
                f" ({self.learning_rate}), not {self.min_learning_rate}"
            )

    def train(
        self, vocabulary: Vocabulary, progress: Callable[[Progress], object] | None = None
    ) -> Trained:
        """Train vectors for all words of the vocabulary on its text.

        Parameters
        ----------
        vocabulary
            Words, counts and encoded text.
        progress
            Called between chunks, some ten times a second. What it raises stops the training.

        Returns
        -------
        Trained
            Input and output vectors and the loss curve.
        """
        pieces = cut(vocabulary)
        words = int(pieces[-1])
        total = words * self.epochs
        inputs, outputs = self.start(len(vocabulary.words))
        work = self.worker(vocabulary, pieces, inputs, outputs)
        meter = Meter(total, max(CHUNK, total // POINTS))
        began = time.perf_counter()
        full = self.loss is Loss.softmax  # its threads work on one chunk together
        parts = chunks(pieces, self.epochs, SOFTMAX_CHUNK if full else CHUNK)
        for chunk, (loss, pairs) in ordered(work, parts, 1 if full else self.threads):
            rate = self.rate((chunk.before + chunk.words) / total)
            if not math.isfinite(loss):
                raise UserError(
                    f"training diverged after {chunk.before:,} words: the loss is no longer a"
                    f" number; lower vectors.learning_rate, now {self.learning_rate}"
                )
            mean = meter.add(chunk.words, loss, pairs)
            if progress is not None:
                seconds = time.perf_counter() - began
                progress(Progress(meter.words, total, mean, rate, seconds))
        return Trained(whole(inputs, self.dim), whole(outputs, self.dim), meter.points)

    def rate(self, done: float) -> float:
        """Learning rate when this share of the training is done."""
        return self.learning_rate + (self.min_learning_rate - self.learning_rate) * done

    def start(self, words: int) -> tuple[Floats, Floats]:
        """Input vectors at random within half a unit, output vectors zero, as word2vec does."""
        random = np.random.default_rng([self.seed, 0])
        inputs, outputs = padded(words, self.dim), padded(words, self.dim)
        inputs[:, : self.dim] = (random.random((words, self.dim), np.float32) - 0.5) / self.dim
        return inputs, outputs

    def worker(
        self, vocabulary: Vocabulary, pieces: NDArray[np.int64], inputs: Floats, outputs: Floats
    ) -> Callable[[Chunk], tuple[float, int]]:
        """Return the function that trains one chunk."""
        from threadpoolctl import threadpool_limits

        from pipeline import kernels

        tokens = np.asarray(vocabulary.tokens, np.int32)
        keep = keep_thresholds(vocabulary.counts, self.subsample)
        aliases = kernels.alias_table(np.asarray(vocabulary.counts, np.float64) ** self.power)
        total = int(pieces[-1]) * self.epochs

        def work(chunk: Chunk) -> tuple[float, int]:
            text = tokens, pieces[chunk.sentences], inputs, outputs, keep
            model = self.window, self.averages
            rates = self.rate(chunk.before / total), self.rate((chunk.before + chunk.words) / total)
            stream = np.random.SeedSequence([self.seed, 1 + chunk.number])
            seed = stream.generate_state(1, np.uint64)[0]
            if self.loss is Loss.softmax:
                with threadpool_limits(self.threads):
                    return kernels.train_softmax(*text, *model, rates, seed)
            loss, pairs = kernels.train(
                *text, aliases, self.dim, self.negative, *model, *rates, seed
            )
            return float(loss), int(pairs)

        return work


@dataclass
class SkipGram(Word2Vec):
    """Skip-gram: a word and each word of its context, pair by pair, predict one another.

    With the softmax the center predicts its context. With negative sampling it is the context words
    that predict the center, which over a text are the same pairs, and all of them share the
    center's negatives: see `kernels`.
    """

    learning_rate: float = 0.05
    averages: ClassVar[bool] = False


@dataclass
class CBOW(Word2Vec):
    """Continuous bag of words: the mean of the context's vectors predicts the center.

    As in word2vec.c each context word moves by the whole gradient of the mean, not by its share: to
    the formula it is as if the learning rate of input vectors were as many times larger as there
    are context words.
    """

    learning_rate: float = 0.05
    averages: ClassVar[bool] = True


@dataclass
class Meter:
    """Adds up the loss, in float64, and notes a point of the curve every so many words."""

    total: int
    interval: int

    def __post_init__(self) -> None:
        self.points: list[Point] = []
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
            self.points.append(Point(self.words, mean))
            self.loss, self.pairs = 0.0, 0
            self.next = self.words + self.interval
        return mean


def at_least(least: int, name: str, value: float) -> None:
    """Refuse a hyper-parameter below its least value, or one that is no finite number."""
    if not (least <= value < math.inf):
        raise UserError(f"vectors.{name} must be at least {least}, not {value}")


def cut(vocabulary: Vocabulary) -> NDArray[np.int64]:
    """Return the sentences' offsets, with long sentences cut at `SENTENCE` words."""
    offsets = np.asarray(vocabulary.offsets, np.int64)
    if not len(vocabulary.words):
        raise UserError("no word left to train on: lower vocab.min_count or give more text")
    if np.diff(offsets).max(initial=0) < 2:
        raise UserError(
            "no sentence with two known words, so no word has a context: lower vocab.min_count"
            " or give more text"
        )
    long = np.flatnonzero(np.diff(offsets) > SENTENCE)
    extra = [np.arange(offsets[s], offsets[s + 1], SENTENCE) for s in long]
    return np.unique(np.concatenate([offsets, *extra]))


def chunks(pieces: NDArray[np.int64], epochs: int, size: int = CHUNK) -> Iterator[Chunk]:
    """Go through the text ``epochs`` times, in chunks of whole sentences with ``size`` words."""
    words = int(pieces[-1])
    edges = np.searchsorted(pieces, np.arange(0, words, size))
    edges = np.unique(np.append(edges, len(pieces) - 1))
    number = 0
    for epoch in range(epochs):
        for first, last in pairwise(edges):
            before, after = int(pieces[first]), int(pieces[last])
            yield Chunk(number, slice(first, last + 1), epoch * words + before, after - before)
            number += 1


def ordered(
    work: Callable[[Chunk], Any], tasks: Iterator[Chunk], threads: int
) -> Iterator[tuple[Chunk, Any]]:
    """Work on the chunks, ``threads`` at a time; give each with its result, in order."""
    if threads == 1:
        for chunk in tasks:
            yield chunk, work(chunk)
        return
    pool = ThreadPoolExecutor(threads)
    waiting: deque[tuple[Chunk, Future[Any]]] = deque()
    try:
        for chunk in tasks:
            waiting.append((chunk, pool.submit(work, chunk)))
            if len(waiting) > 2 * threads:
                done, future = waiting.popleft()
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def padded(rows: int, dim: int) -> Floats:
    """Zeros of shape (rows, dim rounded up to whole cache lines), beginning on a cache line."""
    width = -(-dim // LINE) * LINE
    flat = np.zeros(rows * width + LINE, np.float32)
    first = -flat.ctypes.data // flat.itemsize % LINE
    return flat[first : first + rows * width].reshape(rows, width)


def whole(matrix: Floats, dim: int) -> Floats:
    """Return the matrix without its padding."""
    return np.ascontiguousarray(matrix[:, :dim])


def keep_thresholds(counts: NDArray[np.int64], subsample: float) -> NDArray[np.uint32]:
    """Return for every word the largest random 32-bit number at which it is kept.

    The probability is word2vec.c's, (sqrt(f/t) + 1) t/f for a word that is a share f of the text.
    """
    probability = np.ones(len(counts))
    if subsample > 0:
        ratio = subsample * counts.sum() / np.maximum(counts, 1)
        probability = np.minimum(1.0, np.sqrt(ratio) + ratio)
    return np.round(probability * 0xFFFFFFFF).astype(np.uint32)
