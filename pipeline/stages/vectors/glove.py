"""Train word vectors with GloVe (Pennington et al. 2014), on the co-occurrences of one's own text.

``vectors=glove_train``, or in Python::

    trained = GloveTrain(dim=100).train(vocabulary)

How often words stand near one another, X, is counted once; then vectors are fitted to log X by
weighted least squares, pair by pair. The inner loops are in `glove_kernels`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import require
from pipeline.stages.vectors.checkpoint import Checkpoint
from pipeline.stages.vectors.loop import (
    POINTS,
    Chunk,
    Combine,
    Floats,
    Progress,
    Trained,
    TrainingLoop,
    Vocabulary,
    aligned,
    at_least,
    check_spelling,
    check_text,
)

CHUNK = 200_000  # pairs: some 30 ms of one thread, between which all is at rest
BLOCK = 1_000_000  # occurrences of words whose rows of X are counted in one call


class Cooccurrences(NamedTuple):
    """The pairs of words that stand near one another, each once, the rarer word first.

    Parameters
    ----------
    pairs
        (M, 2) int32, words.
    values
        (M, 2) float32, log X and the weight f(X).
    """

    pairs: NDArray[np.int32]
    values: Floats


@dataclass
class GloveTrain:
    """GloVe: dot products of vectors are fitted to the logarithms of co-occurrence counts.

    A word j that stands d words from a word i of the same sentence, d at most ``window``, adds 1/d
    to X_ij. With input vectors v, output vectors u and their biases b and c, all (i, j) with
    X_ij > 0 are fitted by::

        J = sum f(X_ij) (v_i . u_j + b_i + c_j - log X_ij)^2      f(X) = min(1, (X / x_max)^alpha)

    (`objectives.glove`), one pair after the other, in chunks drawn at random. As in the authors'
    own program the step is AdaGrad's (Duchi et al. 2011): with g half the gradient of a pair, a
    number moves by ``r g / sqrt(1 + sum (r g)^2)``, the sum over its steps before, r the learning
    rate.

    Pennington et al., 2014, "GloVe: global vectors for word representation", eq. 8 and 9.

    Parameters
    ----------
    dim
        Length of the vectors.
    window
        Words on either side that are context.
    x_max
        Pairs counted at least so often have the full weight. The paper's 100 is for billions of
        words; on the 164,000 of the Stanford Sentiment Treebank 10 is best on dev (50 dimensions,
        mean of three seeds: 34.2 % with 1, 35.0 with 3, 35.1 with 10, 34.1 with 30, 33.0 with 100).
    alpha
        How fast the weight falls below.
    learning_rate
        Of the first steps.
    epochs
        Passes over the pairs.
    threads
        With more than one, all write to the same vectors without locks (Hogwild): faster, and no
        longer the same to the bit in every run.
    combine
        Which of the two vectors of a word to use; the paper has their sum.
    spelling
        Occurrences of a word that its spelling is worth: rare words' vectors move towards what
        their character n-grams predict; 0: not at all. See `spelling.smoothed`.
    seed
        With one thread, the same seed gives the same vectors.
    """

    dim: int = 50
    window: int = 10
    x_max: float = 10.0
    alpha: float = 0.75
    learning_rate: float = 0.05
    epochs: int = 25
    threads: int = 1
    combine: Combine = Combine.sum
    spelling: float = 0
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with."""
        for name in ("dim", "window", "epochs", "threads"):
            at_least(1, name, getattr(self, name))
        for name in ("alpha", "seed"):
            at_least(0, name, getattr(self, name))
        check_spelling(self.spelling)
        for name in ("x_max", "learning_rate"):
            value = getattr(self, name)
            require(0 < value < math.inf, f"vectors.{name} must be above 0, not {value}")

    def train(
        self,
        vocabulary: Vocabulary,
        progress: Callable[[Progress], object] | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Trained:
        """Train as `Trainer.train` says; the loss is f(X) error^2, a co-occurrence.

        A checkpoint does not keep X: to count it again is faster than to read it.
        """
        from pipeline.stages.vectors.kernels import glove as glove_kernels

        pairs, values = self.count(vocabulary)
        seed = np.random.SeedSequence([self.seed, 1]).generate_state(1, np.uint64)[0]
        glove_kernels.shuffle(pairs, values, seed)
        group(pairs, values)
        table = self.start(len(vocabulary.words))
        step = np.float32(self.learning_rate)

        def work(chunk: Chunk) -> tuple[float, int]:
            part = pairs[chunk.part], values[chunk.part]
            loss, terms = glove_kernels.fit(*part, table, self.dim, step)
            return float(loss), int(terms)

        words = len(vocabulary.tokens)
        course = TrainingLoop(
            arrays={"table": table},
            chunks=chunks(len(pairs), words, self.epochs),
            work=work,
            words=words * self.epochs,
            interval=max(1, words * self.epochs // POINTS),
            rate=lambda _: self.learning_rate,
            threads=self.threads,
        )
        curve = course.run(progress, checkpoint)
        inputs, outputs = (np.ascontiguousarray(table[:, row, : self.dim]) for row in (0, 1))
        return Trained(inputs, outputs, curve)

    def count(self, vocabulary: Vocabulary) -> Cooccurrences:
        """Count X, in the order of the words.

        Beside the result, 16 bytes a pair, this takes some 12 bytes a word of the text.
        """
        from pipeline.stages.vectors.kernels import glove as glove_kernels

        check_text(vocabulary)
        words = len(vocabulary.words)
        tokens = np.ascontiguousarray(vocabulary.tokens, np.int32)
        text = glove_kernels.separated(tokens, np.ascontiguousarray(vocabulary.offsets, np.int64))
        places, starts = glove_kernels.occurrences(text, words)
        edges = np.searchsorted(starts, np.arange(0, starts[-1], BLOCK))
        blocks = list(pairwise(np.unique([0, *edges, words]).tolist()))
        begins = np.zeros(words + 1, np.int64)

        def measure(block: tuple[int, int]) -> None:
            glove_kernels.row_sizes(*block, text, places, starts, self.window, begins[1:])

        def fill(block: tuple[int, int]) -> None:
            glove_kernels.fill_rows(
                *block,
                text,
                places,
                starts,
                self.window,
                begins,
                pairs,
                values,
                float(self.x_max),
                float(self.alpha),
            )

        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(measure, blocks))
            np.cumsum(begins, out=begins)
            pairs = np.empty((begins[-1], 2), np.int32)
            values = np.empty((begins[-1], 2), np.float32)
            list(pool.map(fill, blocks))
        return Cooccurrences(pairs, values)

    def start(self, words: int) -> Floats:
        """Vectors and biases at random within half a unit over dim, and all sums of squares one."""
        from pipeline.stages.vectors.kernels.glove import STAYS
        from pipeline.stages.vectors.kernels.simd import LANES

        dim = self.dim
        random = np.random.default_rng([self.seed, 0])
        drawn = (random.random((words, 2, dim + 1), np.float32) - 0.5) / dim
        table = aligned(words, 4, -(-(dim + 2) // LANES) * LANES)
        table[:, :2, :dim] = drawn[:, :, :dim]
        table[:, 0, dim], table[:, 1, dim + 1] = drawn[:, 0, dim], drawn[:, 1, dim]
        table[:, 0, dim + 1] = table[:, 1, dim] = 1
        table[:, 2:] = 1
        table[:, 2, dim + 1] = table[:, 3, dim] = STAYS
        return table


def group(pairs: NDArray[np.int32], values: Floats) -> None:
    """Within each chunk, bring the pairs of a word together.

    Its rows are then fetched from memory once a chunk. That gains 50 % with 50 dimensions and 70 %
    with 100 (22,000 words); loss and scores on word similarity are those of the random order.
    """
    for first in range(0, len(pairs), CHUNK):
        part = slice(first, first + CHUNK)
        order = np.argsort(pairs[part, 0], kind="stable")
        pairs[part], values[part] = pairs[part][order], values[part][order]


def chunks(pairs: int, words: int, epochs: int) -> Iterator[Chunk]:
    """Go through the pairs ``epochs`` times; an epoch counts as so many words."""
    edges = [*range(0, pairs, CHUNK), pairs]
    number = 0
    for epoch in range(epochs):
        for first, last in pairwise(edges):
            before, after = (words * edge // pairs for edge in (first, last))
            yield Chunk(number, slice(first, last), epoch * words + before, after - before)
            number += 1
