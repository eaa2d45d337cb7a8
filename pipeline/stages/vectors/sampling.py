"""The text as word2vec learns it: cut into chunks, subsampled, with windows and negatives drawn.

Each chunk draws from its own random stream, seeded by the seed and the chunk's number. So what is
drawn does not depend on what the process did before, and can be drawn ahead by other threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.vectors.loop import Chunk, EncodedText, check_text

SENTENCE = 10_000  # words; longer sentences are cut, or a book on one line would be one chunk


class Sampled(NamedTuple):
    """A chunk as it is learnt."""

    words: NDArray[np.int32]  # (n,) those that subsampling left
    ends: NDArray[np.int64]  # where each sentence ends among them
    reach: NDArray[np.int32]  # (n,) how far the window of each word reaches
    negatives: NDArray[np.int32]  # (n, K) those of each word as a center
    offsets: NDArray[np.int64]  # where sentences begin in the whole text, and the last one ends
    rates: tuple[float, float]  # learning rate at the beginning and at the end


@dataclass
class Sampler:
    """Draws all that is random about a chunk."""

    vocabulary: EncodedText
    window: int  # the widest
    negative: int  # negatives per center
    power: float  # negatives are drawn in proportion to count ** power
    subsample: float  # the share of the text above which a word is frequent
    epochs: int  # passes over the text
    rate: Callable[[float], float]  # the learning rate when a share of the training is done
    seed: int  # of all random streams

    def __post_init__(self) -> None:
        """Prepare the text and the tables to draw from."""
        from pipeline.stages.vectors.kernels.sampling import alias_table

        counts = self.vocabulary.counts
        self.pieces = cut(self.vocabulary)
        self.tokens = np.asarray(self.vocabulary.tokens, np.int32)
        self.keep = keep_thresholds(counts, self.subsample)
        self.aliases = alias_table(np.asarray(counts, np.float64) ** self.power)

    @property
    def words(self) -> int:
        """The number of words of one epoch."""
        return int(self.pieces[-1])

    def draw(self, chunk: Chunk) -> Sampled:
        """Draw what is random about a chunk."""
        from pipeline.stages.vectors.kernels.sampling import sample

        offsets, total = self.pieces[chunk.part], self.words * self.epochs
        stream = np.random.SeedSequence([self.seed, 1 + chunk.number])
        seed = stream.generate_state(1, np.uint64)[0]
        tables = self.keep, self.aliases
        drawn = sample(self.tokens, offsets, *tables, self.negative, self.window, seed)
        rates = self.rate(chunk.before / total), self.rate((chunk.before + chunk.words) / total)
        return Sampled(*drawn, offsets, rates)


def cut(vocabulary: EncodedText) -> NDArray[np.int64]:
    """Return the sentences' offsets, with long sentences cut at `SENTENCE` words."""
    check_text(vocabulary)
    offsets = np.asarray(vocabulary.offsets, np.int64)
    long = np.flatnonzero(np.diff(offsets) > SENTENCE)
    if len(long):
        extra = [np.arange(offsets[s], offsets[s + 1], SENTENCE) for s in long]
        return np.unique(np.concatenate([offsets, *extra]))
    begins = np.ones(len(offsets), bool)
    np.greater(offsets[1:], offsets[:-1], out=begins[1:])
    return offsets[begins]  # those of empty sentences left out, without sorting


def chunks(pieces: NDArray[np.int64], epochs: int, size: int) -> Iterator[Chunk]:
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


def split(chunk: Chunk, pieces: NDArray[np.int64], parts: int) -> Iterator[Chunk]:
    """Yield about equal parts of a chunk, of whole sentences."""
    offsets = pieces[chunk.part]
    goals = offsets[0] + chunk.words * np.arange(1, parts) // parts
    edges = np.unique([0, *np.searchsorted(offsets, goals), len(offsets) - 1])
    for part, (first, last) in enumerate(pairwise(edges.tolist())):
        begin, end = int(offsets[first]), int(offsets[last])
        place = slice(chunk.part.start + first, chunk.part.start + last + 1)
        number, before = chunk.number * parts + part, chunk.before + begin - int(offsets[0])
        yield Chunk(number, place, before, end - begin)


def keep_thresholds(counts: NDArray[np.int64], subsample: float) -> NDArray[np.uint32]:
    """Return, for every word, the largest random 32-bit number at which it is kept.

    The probability is word2vec.c's: (sqrt(f/t) + 1) t/f for a word that is a share f of the text.
    """
    probability = np.ones(len(counts))
    if subsample > 0:
        ratio = subsample * counts.sum() / np.maximum(counts, 1)
        probability = np.minimum(1.0, np.sqrt(ratio) + ratio)
    return np.round(probability * 0xFFFFFFFF).astype(np.uint32)
