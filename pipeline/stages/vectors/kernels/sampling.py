"""Compiled random draws of word2vec: what is subsampled, how far windows reach, which negatives.

They do not depend on the vectors. So they are drawn for a whole chunk of text before it is learnt,
from the chunk's own random stream, and other threads can draw for the chunks that follow.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.vectors.kernels.simd import compiled

Offsets: TypeAlias = NDArray[np.int64]
Tokens: TypeAlias = NDArray[np.int32]
Table: TypeAlias = NDArray[np.uint32]
Sampled: TypeAlias = tuple[Tokens, Offsets, Tokens, Tokens]

INCREMENT = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
LOW_32 = np.uint64(0xFFFFFFFF)
SHIFT_27, SHIFT_30, SHIFT_31, SHIFT_32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)


@compiled
def splitmix64(state: np.uint64) -> np.uint64:
    """Hash a counter to 64 random bits (Steele et al. 2014)."""
    bits = (state ^ (state >> SHIFT_30)) * MIX_1
    bits = (bits ^ (bits >> SHIFT_27)) * MIX_2
    return bits ^ (bits >> SHIFT_31)


@compiled
def random_below(bits: np.uint64, limit: int) -> int:
    """Map the upper half of 64 random bits to an integer in ``range(limit)``."""
    return int(np.int64(((bits >> SHIFT_32) * np.uint64(limit)) >> SHIFT_32))


@compiled
def alias_table(weights: NDArray[np.float64]) -> Table:
    """Return an alias table, to draw words by weight in constant time (Walker 1977; Vose 1991).

    Draw a word uniformly and a 32-bit number. Keep the word if the number is at most the first
    column of its row; otherwise take the word in the second column, its alias.
    """
    size = len(weights)
    scaled = weights * (size / weights.sum())
    table = np.empty((size, 2), np.uint32)
    # Words of below-average weight from the left, the others from the right.
    waiting = np.empty(size, np.int64)
    small, large = 0, size
    for word in range(size):
        table[word, 0], table[word, 1] = LOW_32, word
        if scaled[word] < 1:
            waiting[small] = word
            small += 1
        else:
            large -= 1
            waiting[large] = word
    while small > 0 and large < size:
        small -= 1
        low, high = waiting[small], waiting[large]
        table[low, 0], table[low, 1] = np.uint32(scaled[low] * LOW_32), high
        scaled[high] -= 1 - scaled[low]
        if scaled[high] < 1:
            large += 1
            waiting[small] = high
            small += 1
    return table


@compiled
def draw_negatives(aliases: Table, negatives: Tokens, state: np.uint64) -> np.uint64:
    """Draw the negatives of one center, (K,); return the state of the random stream."""
    for k in range(len(negatives)):
        state += INCREMENT
        bits = splitmix64(state)
        word = random_below(bits, len(aliases))
        accept, alias = aliases[word]
        if (bits & LOW_32) > np.uint64(accept):
            word = int(np.int64(alias))
        negatives[k] = word
    return state


@compiled
def sample(
    tokens: Tokens,
    offsets: Offsets,
    keep: Table,
    aliases: Table,
    negative: int,
    window: int,
    seed: np.uint64,
) -> Sampled:
    """Draw all that is random about the sentences between ``offsets``.

    Parameters
    ----------
    tokens
        The text, as word ids.
    offsets
        Where its sentences begin, and where the last one ends.
    keep
        For every word, the largest 32-bit random number at which subsampling keeps it.
    aliases
        The alias table that negatives are drawn from.
    negative, window
        Negatives per center, and the widest window.
    seed
        Seed of the random stream.

    Returns
    -------
    tuple[Tokens, Offsets, Tokens, Tokens]
        The words that are left, (n,), of sentences with two or more; where each sentence ends among
        them; and for each word as a center, how far its window reaches, (n,), and its negatives,
        (n, K).
    """
    most = offsets[-1] - offsets[0]
    words, reach = np.empty(most, np.int32), np.empty(most, np.int32)
    negatives = np.empty((most, negative), np.int32)
    ends = np.empty(len(offsets) - 1, np.int64)
    count, state = 0, seed
    for sentence in range(len(offsets) - 1):
        begin = count
        for word in tokens[offsets[sentence] : offsets[sentence + 1]]:
            state += INCREMENT
            words[count] = word
            count += int((splitmix64(state) & LOW_32) <= np.uint64(keep[word]))
        if count - begin < 2:
            count = begin
        else:
            state = draw_negatives(aliases, negatives[begin], state)
        for place in range(begin, count):
            if place + 1 < count:
                state = draw_negatives(aliases, negatives[place + 1], state)
            state += INCREMENT
            reach[place] = 1 + random_below(splitmix64(state), window)
        ends[sentence] = count
    return words[:count], ends, reach[:count], negatives[:count]


@compiled
def windows(words: Tokens, ends: Offsets, reach: Tokens) -> tuple[Offsets, Offsets]:
    """Return the context words of all centers, and where each center's context begins and ends."""
    begins = np.zeros(len(words) + 1, np.int64)
    context = np.empty(2 * reach.sum(), np.int64)
    first = count = 0
    for end in ends:
        for place in range(first, end):
            for i in range(max(first, place - reach[place]), min(end, place + reach[place] + 1)):
                context[count] = words[i]
                count += int(i != place)
            begins[place + 1] = count
        first = end
    return context[:count], begins
