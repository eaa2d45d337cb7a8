"""Train word vectors with word2vec: skip-gram and CBOW (Mikolov et al. 2013).

A trainer is a dataclass whose fields are its hyper-parameters::

    trained = SkipGram(dim=100, epochs=5).train(vocabulary)
    trained.input, trained.output  # two vectors for every word, float32
    trained.curve  # words seen, and the mean loss of a pair since the last point

The inner loops are in `kernels`, the loop over chunks of text is `loop.TrainingLoop`. Each chunk
draws from its own random stream, seeded by the seed and the chunk's number. So its result does not
depend on what the process did before, and a stopped training continues to the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.core.notebook import displayed
from pipeline.core.renamed import accept_old_names, old_name_of
from pipeline.stages.vectors.checkpoint import Checkpoint
from pipeline.stages.vectors.init import Known, check_init, read_known
from pipeline.stages.vectors.kernels import CACHE_LINE
from pipeline.stages.vectors.loop import (
    POINTS,
    Chunk,
    Combine,
    EncodedText,
    Progress,
    Trained,
    TrainingLoop,
    aligned,
    at_least,
    check_text,
)
from pipeline.stages.vectors.subword import check_subword

CHUNK = 50_000  # words: some 30 ms of one thread
SOFTMAX_CHUNK = 2_000  # words, each about a hundred times as expensive
FROZEN_CHUNK = 1_000  # words; known vectors move within a chunk
SENTENCE = 10_000  # words; longer sentences are cut, or a book on one line would be one chunk

Floats = NDArray[np.float32]


class Loss(Enum):
    """The loss of a prediction: a few drawn negatives, or all words of the vocabulary."""

    negative = "negative"
    softmax = "softmax"


@dataclass
class Word2Vec:
    """The hyper-parameters that skip-gram and CBOW share.

    Parameters
    ----------
    dim
        Length of the vectors.
    window
        Words on either side that can be context. The number used is drawn for each center,
        uniformly from 1 to this, so near words count more.
    negative
        Negatives drawn for each center and shared by the words of its context.
    loss
        Negative sampling or the full softmax.
    power
        Negatives are drawn in proportion to count ** power.
    subsample
        Words more frequent than this share of the text are dropped at random; 0 keeps all.
    learning_rate, min_learning_rate
        The learning rate falls linearly from the first to the second.
    epochs
        Passes over the text.
    threads
        More than one write to the same vectors without locks (Hogwild): faster, but no longer
        reproducible bit by bit.
    combine
        How input and output vectors become one: ``input``, ``sum`` or ``concat``.
    subword
        How many occurrences of a word its character n-grams are worth: the vectors of rare words
        move towards what their n-grams predict; 0 turns this off. See `subword.smooth`.
    seed
        With one thread, the same seed gives the same vectors.
    init
        A file of pretrained vectors with ``dim`` dimensions, from which the input vectors of the
        words it has start; all others start at random.
    freeze
        Keep those vectors as they are, and train only the others. They are put back after every
        `FROZEN_CHUNK` words. Needs ``combine=input``.
    spelling
        Old name of ``subword``.
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
    subword: float = 0
    seed: int = 1
    init: str | None = None
    freeze: bool = False
    spelling: float | None = old_name_of("subword")

    averages: ClassVar[bool]  # whether the context's vectors are averaged before they predict

    def __post_init__(self) -> None:
        """Check values."""
        accept_old_names(self, "vectors")
        for name in ("dim", "window", "negative", "epochs", "threads"):
            at_least(1, name, getattr(self, name))
        for name in ("power", "subsample", "min_learning_rate", "seed"):
            at_least(0, name, getattr(self, name))
        check_subword(self.subword)
        check_init(self.init, self.freeze, self.combine, Combine.input)
        if not (0 < self.learning_rate < math.inf):
            raise UserError(f"vectors.learning_rate must be above 0, not {self.learning_rate}")
        if self.min_learning_rate > self.learning_rate:
            raise UserError(
                f"vectors.min_learning_rate must be at most vectors.learning_rate"
                f" ({self.learning_rate}), not {self.min_learning_rate}"
            )

    def train(
        self,
        vocabulary: EncodedText,
        progress: Callable[[Progress], object] | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Trained:
        """Train as `Trainer.train` says; the loss is per pair."""
        pieces = cut(vocabulary)
        total = int(pieces[-1]) * self.epochs
        inputs, outputs = self.start(len(vocabulary.words))
        work = self.worker(vocabulary, pieces, inputs, outputs)
        size = SOFTMAX_CHUNK if self.loss is Loss.softmax else CHUNK
        if self.init is not None:
            known = read_known(self.init, vocabulary, self.dim)
            inputs[known.ids, : self.dim] = known.vectors
            if self.freeze:
                work = self.frozen(work, known, vocabulary, pieces, inputs)
                size = FROZEN_CHUNK
        full = self.loss is Loss.softmax  # its threads work on one chunk together
        loop = TrainingLoop(
            arrays={"input": inputs, "output": outputs},
            chunks=chunks(pieces, self.epochs, size),
            work=work,
            words=total,
            interval=max(CHUNK, total // POINTS),
            rate=self.rate,
            threads=1 if full else self.threads,
        )
        curve = loop.run(progress, checkpoint)
        if self.freeze:
            inputs[known.ids, : self.dim] = known.vectors  # with threads, one may have been late
        return Trained(unpadded(inputs, self.dim), unpadded(outputs, self.dim), curve)

    def rate(self, done: float) -> float:
        """Return the learning rate when this share of the training is done."""
        return self.learning_rate + (self.min_learning_rate - self.learning_rate) * done

    def start(self, words: int) -> tuple[Floats, Floats]:
        """Return random input vectors, uniform within +-1 / dim, and output vectors of zero.

        The range is gensim's. With half of it, as in word2vec.c, CBOW learns a short text more
        slowly: after 3 M words it solves 1.3 % of the analogies instead of 1.6 % (gensim: 1.7 %).
        """
        random = np.random.default_rng([self.seed, 0])
        inputs, outputs = padded(words, self.dim), padded(words, self.dim)
        inputs[:, : self.dim] = (2 * random.random((words, self.dim), np.float32) - 1) / self.dim
        return inputs, outputs

    def frozen(
        self,
        work: Callable[[Chunk], tuple[float, int]],
        known: Known,
        vocabulary: EncodedText,
        pieces: NDArray[np.int64],
        inputs: Floats,
    ) -> Callable[[Chunk], tuple[float, int]]:
        """Return a worker that puts the known vectors of a chunk's words back after it."""
        row = np.full(len(vocabulary.words), -1, np.int64)
        row[known.ids] = np.arange(len(known.ids))

        def work_and_restore(chunk: Chunk) -> tuple[float, int]:
            done = work(chunk)
            edges = pieces[chunk.part]
            words = np.unique(vocabulary.tokens[edges[0] : edges[-1]])
            words = words[row[words] >= 0]
            inputs[words, : self.dim] = known.vectors[row[words]]
            return done

        return work_and_restore

    def worker(
        self, vocabulary: EncodedText, pieces: NDArray[np.int64], inputs: Floats, outputs: Floats
    ) -> Callable[[Chunk], tuple[float, int]]:
        """Return the function that trains one chunk."""
        from threadpoolctl import threadpool_limits

        from pipeline.stages.vectors.kernels import word2vec as kernels

        tokens = np.asarray(vocabulary.tokens, np.int32)
        keep = keep_thresholds(vocabulary.counts, self.subsample)
        aliases = kernels.alias_table(np.asarray(vocabulary.counts, np.float64) ** self.power)
        total = int(pieces[-1]) * self.epochs

        def work(chunk: Chunk) -> tuple[float, int]:
            text = tokens, pieces[chunk.part], inputs, outputs, keep
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


@displayed
@dataclass
class SkipGram(Word2Vec):
    """Skip-gram: a word and each word of its context, pair by pair, predict one another.

    With the softmax the center predicts its context. With negative sampling the context words
    predict the center, which over a text are the same pairs; all of them share the center's
    negatives, see `kernels`.

    The defaults suit averages over sentences and little text: a window as wide as most sentences,
    and the sum of both vectors. In five-fold cross-validation on the labelled sentences of the
    Stanford Sentiment Treebank, with held-out sentences hidden from the vectors too, windows of 5,
    10, 15 gave an accuracy of 37.6, 39.2, 39.1 % with 50 dimensions and 39.1, 39.7, 40.8 % with
    300; the last of each with the sum of both vectors, the others with input vectors.
    """

    window: int = 15
    learning_rate: float = 0.05
    combine: Combine = Combine.sum
    averages: ClassVar[bool] = False


@displayed
@dataclass
class CBOW(Word2Vec):
    """Continuous bag of words: the mean of the context's vectors predicts the center.

    As in word2vec.c, each context word moves by the whole gradient of the mean, not by its share.
    This amounts to a learning rate for input vectors that is multiplied by the number of context
    words.
    """

    learning_rate: float = 0.05
    averages: ClassVar[bool] = True


def cut(vocabulary: EncodedText) -> NDArray[np.int64]:
    """Return the sentences' offsets, with long sentences cut at `SENTENCE` words."""
    check_text(vocabulary)
    offsets = np.asarray(vocabulary.offsets, np.int64)
    long = np.flatnonzero(np.diff(offsets) > SENTENCE)
    extra = [np.arange(offsets[s], offsets[s + 1], SENTENCE) for s in long]
    return np.unique(np.concatenate([offsets, *extra]))


def chunks(pieces: NDArray[np.int64], epochs: int, size: int = CHUNK) -> Iterator[Chunk]:
    """Yield the text ``epochs`` times, in chunks of whole sentences with about ``size`` words."""
    words = int(pieces[-1])
    edges = np.searchsorted(pieces, np.arange(0, words, size))
    edges = np.unique(np.append(edges, len(pieces) - 1))
    number = 0
    for epoch in range(epochs):
        for first, last in pairwise(edges):
            before, after = int(pieces[first]), int(pieces[last])
            yield Chunk(number, slice(first, last + 1), epoch * words + before, after - before)
            number += 1


def padded(rows: int, dim: int) -> Floats:
    """Return zeros of shape (rows, dim rounded up to whole cache lines), on a cache line."""
    return aligned(rows, -(-dim // CACHE_LINE) * CACHE_LINE)


def unpadded(matrix: Floats, dim: int) -> Floats:
    """Return the matrix without its padding."""
    return np.ascontiguousarray(matrix[:, :dim])


def keep_thresholds(counts: NDArray[np.int64], subsample: float) -> NDArray[np.uint32]:
    """Return, for every word, the largest random 32-bit number at which it is kept.

    The probability is word2vec.c's: (sqrt(f/t) + 1) t/f for a word that is a share f of the text.
    """
    probability = np.ones(len(counts))
    if subsample > 0:
        ratio = subsample * counts.sum() / np.maximum(counts, 1)
        probability = np.minimum(1.0, np.sqrt(ratio) + ratio)
    return np.round(probability * 0xFFFFFFFF).astype(np.uint32)
