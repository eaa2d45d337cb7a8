"""Train word vectors with GloVe (Pennington et al. 2014) on the co-occurrences of your own text.

``vectors=glove_train``, or in Python::

    trained = GloVe(dim=100).train(vocabulary)

The co-occurrence counts X are taken once; then vectors are fitted to log X by weighted least
squares, pair by pair. The inner loops are in `kernels.glove`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.core.notebook import displayed
from pipeline.core.settings import Settings, bounded, old_name_of
from pipeline.stages.vectors.blocks import ROUNDS, group
from pipeline.stages.vectors.checkpoint import Checkpoint
from pipeline.stages.vectors.init import check_init, read_known
from pipeline.stages.vectors.loop import (
    Chunk,
    Combine,
    EncodedText,
    Floats,
    Progress,
    Trained,
    TrainingLoop,
    aligned,
    check_text,
)
from pipeline.stages.vectors.loss_curve import POINTS
from pipeline.stages.vectors.subword import MOST

CHUNK = 200_000  # pairs: some 30 ms of one thread
COUNTED = 1_000_000  # occurrences whose rows of X are counted in one call


class Cooccurrences(NamedTuple):
    """Pairs of words that occur near one another, each once, the rarer word first."""

    pairs: NDArray[np.int32]  # (M, 2) word ids
    values: Floats  # (M, 2) log X and the weight f(X)


@displayed
@dataclass
class GloVe(Settings):
    """GloVe: dot products of vectors are fitted to the logarithms of co-occurrence counts.

    A word j that is d words away from a word i of the same sentence, d at most ``window``, adds 1/d
    to X_ij. With input vectors v, output vectors u and their biases b and c, all (i, j) with
    X_ij > 0 are fitted by minimizing::

        J = sum f(X_ij) (v_i . u_j + b_i + c_j - log X_ij)^2      f(X) = min(1, (X / x_max)^alpha)

    (`objectives.glove`), one pair after the other, in random chunks. The optimizer is AdaGrad
    (Duchi et al. 2011), as in the authors' program: with g half the gradient of a pair and r the
    learning rate, a number moves by ``r g / sqrt(1 + sum (r g)^2)``, summed over its earlier steps.

    Pennington et al., 2014, "GloVe: global vectors for word representation", eq. 8 and 9.

    Parameters
    ----------
    dim
        Length of the vectors.
    window
        Words on either side that are context.
    x_max
        Count from which a pair has full weight. The paper's 100 is for billions of words; on the
        164,000 of the Stanford Sentiment Treebank 10 is best on dev (50 dimensions, mean of three
        seeds: 34.2 % with 1, 35.0 with 3, 35.1 with 10, 34.1 with 30, 33.0 with 100).
    alpha
        How fast the weight falls below ``x_max``.
    learning_rate
        Learning rate of the first steps.
    epochs
        Passes over the pairs.
    threads
        How many work at a time; the vectors are the same bits with any number. A chunk's pairs are
        fitted block by block, and blocks that have no word in common at the same time (Gemulla et
        al. 2011, "Large-Scale Matrix Factorization with Distributed Stochastic Gradient Descent").
    combine
        How input and output vectors become one: ``input``, ``sum`` (as in the paper) or ``concat``.
    subword
        How many occurrences of a word its character n-grams are worth: the vectors of rare words
        move towards what their n-grams predict; 0 turns this off. See `subword.smooth`.
    seed
        The same seed gives the same vectors.
    init
        A file of pretrained vectors with ``dim`` dimensions. Input and output vectors of the words
        it has start from half of it each, all others at random.
    freeze
        Keep those vectors as they are, and train only the others and all biases. Needs
        ``combine=sum``.
    spelling
        Old name of ``subword``.
    """

    dim: int = bounded(50, least=1)
    window: int = bounded(10, least=1)
    x_max: float = bounded(10.0, above=0)
    alpha: float = bounded(0.75, least=0)
    learning_rate: float = bounded(0.05, above=0)
    epochs: int = bounded(25, least=1)
    threads: int = bounded(1, least=1)
    combine: Combine = Combine.sum
    subword: float = bounded(0, least=0, most=MOST)
    seed: int = bounded(1, least=0)
    init: str | None = None
    freeze: bool = False
    spelling: float | None = old_name_of("subword")

    reproducible: ClassVar[bool] = True  # with any number of threads
    choice: ClassVar[str] = "glove_train"  # its name in configurations: `glove` loads a file

    def __post_init__(self) -> None:
        """Check values."""
        super().__post_init__()
        check_init(self.init, self.freeze, self.combine, Combine.sum)

    def train(
        self,
        vocabulary: EncodedText,
        progress: Callable[[Progress], object] | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Trained:
        """Train as `Trainer.train` says; the loss is f(X) error^2 per co-occurrence.

        A checkpoint does not contain X: counting it again is faster than reading it.
        """
        from pipeline.stages.vectors.kernels import glove as kernels

        pairs, values = self.count(vocabulary)
        seed = np.random.SeedSequence([self.seed, 1]).generate_state(1, np.uint64)[0]
        kernels.shuffle(pairs, values, seed)
        edges = group(pairs, values, CHUNK)
        table = self.start(len(vocabulary.words))
        if self.init is not None:
            known = read_known(self.init, vocabulary, self.dim)
            table[known.ids, :2, : self.dim] = known.vectors[:, None] / 2
            if self.freeze:  # AdaGrad makes no step where the sum of squares is that large
                table[known.ids, 2:, : self.dim] = kernels.FROZEN
        step = np.float32(self.learning_rate)

        def fit(begin: int, end: int) -> tuple[float, int]:
            loss, terms = kernels.fit(pairs[begin:end], values[begin:end], table, self.dim, step)
            return float(loss), int(terms)

        def work(chunk: Chunk, _: None) -> tuple[float, int]:
            found: list[tuple[float, int]] = []
            borders = edges[chunk.part.start // CHUNK]
            for blocks in ROUNDS:
                ends = borders[blocks.start : blocks.stop + 1].tolist()
                found += run(fit, ends[:-1], ends[1:])
            return sum(loss for loss, _ in found), sum(terms for _, terms in found)

        words = len(vocabulary.tokens)
        loop = TrainingLoop(
            arrays={"table": table},
            chunks=chunks(len(pairs), words, self.epochs),
            work=work,
            words=words * self.epochs,
            interval=max(1, words * self.epochs // POINTS),
            rate=lambda _: self.learning_rate,
        )
        with ThreadPoolExecutor(self.threads) as pool:
            run = map if self.threads == 1 else pool.map
            curve = loop.run(progress, checkpoint)
        if self.freeze:  # and not the tiny one that a zero would show
            table[known.ids, :2, : self.dim] = known.vectors[:, None] / 2
        inputs, outputs = (np.ascontiguousarray(table[:, row, : self.dim]) for row in (0, 1))
        return Trained(inputs, outputs, curve)

    def count(self, vocabulary: EncodedText) -> Cooccurrences:
        """Count X, in the order of the words.

        Besides the result, 16 bytes per pair, this takes about 12 bytes per word of the text.
        """
        from pipeline.stages.vectors.kernels import glove as kernels

        check_text(vocabulary)
        words = len(vocabulary.words)
        tokens = np.ascontiguousarray(vocabulary.tokens, np.int32)
        text = kernels.separated(tokens, np.ascontiguousarray(vocabulary.offsets, np.int64))
        places, starts = kernels.occurrences(text, words)
        edges = np.searchsorted(starts, np.arange(0, starts[-1], COUNTED))
        edges = np.unique([0, *edges, words]).tolist()
        blocks = edges[:-1], edges[1:]
        begins = np.zeros(words + 1, np.int64)
        around = text, places, starts, self.window
        weights = float(self.x_max), float(self.alpha)

        def measure(first: int, last: int) -> None:
            kernels.row_sizes(first, last, *around, begins[1:])

        def fill(first: int, last: int) -> None:
            kernels.fill_rows(first, last, *around, begins, pairs, values, *weights)

        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(measure, *blocks))
            np.cumsum(begins, out=begins)
            pairs = np.empty((begins[-1], 2), np.int32)
            values = np.empty((begins[-1], 2), np.float32)
            list(pool.map(fill, *blocks))
        return Cooccurrences(pairs, values)

    def start(self, words: int) -> Floats:
        """Return vectors and biases, uniform within +-0.5 / dim, and sums of squares of 1."""
        from pipeline.stages.vectors.kernels.glove import FROZEN
        from pipeline.stages.vectors.kernels.simd import LANES

        dim = self.dim
        random = np.random.default_rng([self.seed, 0])
        drawn = (random.random((words, 2, dim + 1), np.float32) - 0.5) / dim
        table = aligned(words, 4, -(-(dim + 2) // LANES) * LANES)
        table[:, :2, :dim] = drawn[:, :, :dim]
        table[:, 0, dim], table[:, 1, dim + 1] = drawn[:, 0, dim], drawn[:, 1, dim]
        table[:, 0, dim + 1] = table[:, 1, dim] = 1
        table[:, 2:] = 1
        table[:, 2, dim + 1] = table[:, 3, dim] = FROZEN
        return table


def chunks(pairs: int, words: int, epochs: int) -> Iterator[Chunk]:
    """Yield the pairs ``epochs`` times in chunks; an epoch counts as ``words`` words."""
    edges = [*range(0, pairs, CHUNK), pairs]
    number = 0
    for epoch in range(epochs):
        for first, last in pairwise(edges):
            before, after = (words * edge // pairs for edge in (first, last))
            yield Chunk(number, slice(first, last), epoch * words + before, after - before)
            number += 1


GloveTrain = GloVe  # its name in version 0.1.0
