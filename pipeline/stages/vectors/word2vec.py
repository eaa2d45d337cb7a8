"""Train word vectors with word2vec: skip-gram and CBOW (Mikolov et al. 2013).

A trainer is a dataclass whose fields are its hyper-parameters::

    trained = SkipGram(dim=100, epochs=5).train(vocabulary)
    trained.input, trained.output  # two vectors for every word, float32
    trained.curve  # words seen, and the mean loss of a pair since the last point

What is random about a chunk of text is drawn by `sampling`, the inner loops are in `kernels`, and
the loop over chunks is `loop.TrainingLoop`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SettingError
from pipeline.core.notebook import displayed
from pipeline.core.settings import Settings, bounded, old_name_of
from pipeline.stages.vectors.checkpoint import Checkpoint
from pipeline.stages.vectors.init import Known, check_init, read_known
from pipeline.stages.vectors.loop import (
    Chunk,
    Combine,
    EncodedText,
    Progress,
    Trained,
    TrainingLoop,
    nothing,
    padded,
    unpadded,
)
from pipeline.stages.vectors.loss_curve import POINTS
from pipeline.stages.vectors.sampling import Sampled, Sampler, chunks, split
from pipeline.stages.vectors.subword import MOST

CHUNK = 50_000  # words: some 30 ms of one thread
SOFTMAX_CHUNK = 2_000  # words, each about a hundred times as expensive
FROZEN_CHUNK = 1_000  # words; known vectors move within a chunk

Floats = NDArray[np.float32]
Work = Callable[[Chunk, Any], tuple[float, int]]


class Loss(Enum):
    """The loss of a prediction: a few drawn negatives, or all words of the vocabulary."""

    negative = "negative"
    softmax = "softmax"


class Parallel(Enum):
    """How several threads work: with the same result as one, or faster."""

    exact = "exact"
    hogwild = "hogwild"


@displayed
@dataclass
class Word2Vec(Settings):
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
        The learning rate falls linearly from `learning_rate` to `min_learning_rate`.
    epochs
        Passes over the text.
    threads
        How many work at a time. One learns, the others draw ahead.
    parallel
        ``exact``: the same bits with any number of threads. ``hogwild``: all threads learn at the
        same time and write to the same vectors without locks (Recht et al. 2011), faster on idle
        cores, but different each time; with the softmax, they share its matrix products.
    combine
        How input and output vectors become one: ``input``, ``sum`` or ``concat``.
    subword
        How many occurrences of a word its character n-grams are worth: the vectors of rare words
        move towards what their n-grams predict; 0 turns this off. See `subword.smooth`.
    seed
        The same seed gives the same vectors, except with ``hogwild`` and several threads.
    init
        A file of pretrained vectors with ``dim`` dimensions, from which the input vectors of the
        words it has start; all others start at random.
    freeze
        Keep those vectors as they are, and train only the others. They are put back after every
        `FROZEN_CHUNK` words. Needs ``combine=input``.
    spelling
        Old name of ``subword``.
    """

    dim: int = bounded(50, least=1)
    window: int = bounded(5, least=1)
    negative: int = bounded(5, least=1)
    loss: Loss = Loss.negative
    power: float = bounded(0.75, least=0)
    subsample: float = bounded(1e-3, least=0)
    learning_rate: float = bounded(0.05, above=0)
    min_learning_rate: float = bounded(1e-4, least=0)
    epochs: int = bounded(20, least=1)
    threads: int = bounded(1, least=1)
    parallel: Parallel = Parallel.exact
    combine: Combine = Combine.input
    subword: float = bounded(0, least=0, most=MOST)
    seed: int = bounded(1, least=0)
    init: str | None = None
    freeze: bool = False
    spelling: float | None = old_name_of("subword")

    averages: ClassVar[bool]  # whether the context's vectors are averaged before they predict

    def __post_init__(self) -> None:
        """Check values."""
        super().__post_init__()
        check_init(self.init, self.freeze, self.combine, Combine.input)
        if self.min_learning_rate > self.learning_rate:
            raise SettingError(
                f"min_learning_rate must be at most learning_rate ({self.learning_rate}), "
                f"not {self.min_learning_rate}."
            )

    def train(
        self,
        vocabulary: EncodedText,
        progress: Callable[[Progress], object] | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Trained:
        """Train as `Trainer.train` says; the loss is per pair."""
        full = self.loss is Loss.softmax
        sampler = self.sampler(vocabulary)
        inputs, outputs = self.start(len(vocabulary.words))
        size, known = SOFTMAX_CHUNK if full else CHUNK, None
        if self.init is not None:
            known = read_known(self.init, vocabulary, self.dim)
            inputs[known.ids, : self.dim] = known.vectors
            size = FROZEN_CHUNK if self.freeze else size
        parts = 1 if self.reproducible or full else self.threads
        with ThreadPoolExecutor(parts) as pool:
            prepare, work = self.worker(sampler, inputs, outputs, pool, parts)
            if known is not None and self.freeze:
                work = frozen(work, known, sampler, inputs[:, : self.dim])
            total = sampler.words * self.epochs
            loop = TrainingLoop(
                arrays={"input": inputs, "output": outputs},
                chunks=chunks(sampler.pieces, self.epochs, size * parts),
                prepare=prepare,
                work=work,
                words=total,
                interval=max(CHUNK, total // POINTS),
                rate=self.rate,
                threads=self.threads if parts == 1 else 1,
            )
            curve = loop.run(progress, checkpoint)
        return Trained(unpadded(inputs, self.dim), unpadded(outputs, self.dim), curve)

    @property
    def reproducible(self) -> bool:
        """Whether the same seed gives the same bits."""
        return self.threads == 1 or self.parallel is Parallel.exact

    def worker(
        self, sampler: Sampler, inputs: Floats, outputs: Floats, pool: Executor, parts: int
    ) -> tuple[Callable[[Chunk], Any], Work]:
        """Return what draws for a chunk, ahead, and what learns it, in so many parts at a time."""

        def learn(_: Chunk, drawn: Sampled) -> tuple[float, int]:
            return self.learn(drawn, inputs, outputs)

        def learn_part(part: Chunk) -> tuple[float, int]:
            return learn(part, sampler.draw(part))

        def learn_together(chunk: Chunk, _: None) -> tuple[float, int]:
            found = list(pool.map(learn_part, split(chunk, sampler.pieces, parts)))
            return sum(loss for loss, _ in found), sum(pairs for _, pairs in found)

        return (sampler.draw, learn) if parts == 1 else (nothing, learn_together)

    def rate(self, done: float) -> float:
        """Return the learning rate when this share of the training is done."""
        return self.learning_rate + (self.min_learning_rate - self.learning_rate) * done

    def sampler(self, vocabulary: EncodedText) -> Sampler:
        """Return what draws all that is random about the text."""
        return Sampler(
            vocabulary,
            window=self.window,
            negative=0 if self.loss is Loss.softmax else self.negative,
            power=self.power,
            subsample=self.subsample,
            epochs=self.epochs,
            rate=self.rate,
            seed=self.seed,
        )

    def start(self, words: int) -> tuple[Floats, Floats]:
        """Return random input vectors, uniform within +-1 / dim, and output vectors of zero.

        The range is gensim's. With half of it, as in word2vec.c, CBOW learns a short text more
        slowly: after 3 M words it solves 1.3 % of the analogies instead of 1.6 % (gensim: 1.7 %).
        """
        random = np.random.default_rng([self.seed, 0])
        inputs, outputs = padded(words, self.dim), padded(words, self.dim)
        inputs[:, : self.dim] = (2 * random.random((words, self.dim), np.float32) - 1) / self.dim
        return inputs, outputs

    def learn(self, drawn: Sampled, inputs: Floats, outputs: Floats) -> tuple[float, int]:
        """Learn what was drawn; return the summed loss and how many terms it is the sum of."""
        from threadpoolctl import threadpool_limits

        from pipeline.stages.vectors.kernels import softmax, word2vec

        text = drawn.words, drawn.ends, drawn.reach
        if self.loss is Loss.softmax:
            # More BLAS threads add up in another order.
            with threadpool_limits(1 if self.parallel is Parallel.exact else self.threads):
                return softmax.train(*text, inputs, outputs, self.averages, drawn.rates)
        model = self.dim, self.window, self.averages
        loss, pairs = word2vec.train(
            drawn.offsets, *text, drawn.negatives, inputs, outputs, *model, *drawn.rates
        )
        return float(loss), int(pairs)


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

    window: int = bounded(15, least=1)
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

    averages: ClassVar[bool] = True


def frozen(work: Work, known: Known, sampler: Sampler, inputs: Floats) -> Work:
    """Return a worker that puts the known vectors of a chunk's words back after it."""
    row = np.full(len(inputs), -1, np.int64)
    row[known.ids] = np.arange(len(known.ids))

    def work_and_restore(chunk: Chunk, drawn: Sampled | None) -> tuple[float, int]:
        done = work(chunk, drawn)
        edges = sampler.pieces[chunk.part]
        words = np.unique(sampler.tokens[edges[0] : edges[-1]])
        words = words[row[words] >= 0]
        inputs[words] = known.vectors[row[words]]
        return done

    return work_and_restore
