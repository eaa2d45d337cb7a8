"""Blocks of pairs of words that have no word in common, so that several can be fitted at a time.

The vocabulary is cut into parts, and a block has the pairs of one part with another (Gemulla et al.
2011, "Large-Scale Matrix Factorization with Distributed Stochastic Gradient Descent").
"""

from __future__ import annotations

from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.vectors.loop import Floats

PARTS = 8  # of the vocabulary; up to half as many blocks of pairs are fitted at a time


def tournament(parts: int) -> list[list[tuple[int, int]]]:
    """Return rounds of blocks: each pair of parts meets once, and no part is twice in a round.

    The circle method: the first part stays and the others move on. At the end each part meets
    itself.
    """
    circle, rounds = list(range(parts)), []
    for _ in range(parts - 1):
        rounds.append([(circle[i], circle[-1 - i]) for i in range(parts // 2)])
        circle[1:] = [circle[-1], *circle[1:-1]]
    return [*rounds, [(part, part) for part in range(parts)]]


BLOCKS = [block for blocks in tournament(PARTS) for block in blocks]
_ENDS = list(accumulate(len(blocks) for blocks in tournament(PARTS)))
ROUNDS = [slice(begin, end) for begin, end in pairwise([0, *_ENDS])]


def group(pairs: NDArray[np.int32], values: Floats, size: int) -> NDArray[np.int64]:
    """Sort each chunk of `size` pairs by block, and within a block by word.

    The rows of a word are then read from memory once per block. Returns where each block begins and
    ends, (chunks, blocks + 1).
    """
    order_of = np.zeros((PARTS, PARTS), np.int64)
    for order, (first, second) in enumerate(BLOCKS):
        order_of[first, second] = order_of[second, first] = order
    edges = []
    for first in range(0, len(pairs), size):
        part = slice(first, first + size)
        block = order_of[tuple(pairs[part].T % PARTS)]
        by_block = np.lexsort((pairs[part, 0], block))
        pairs[part], values[part] = pairs[part][by_block], values[part][by_block]
        edges.append(first + np.searchsorted(block[by_block], np.arange(len(BLOCKS) + 1)))
    return np.array(edges)
