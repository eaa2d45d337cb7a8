"""The compiled inner loops of GloVe: counting co-occurrences, and fitting vectors to them.

X is symmetric, so a pair of words is counted, kept and shuffled once, and learnt in both directions
in one go: four rows meet that no other pair needs just then. All that is known of a word stands
together in memory, as four rows::

    [v, b, 1]   input vector, its bias, and a one
    [u, 1, c]   output vector, a one, and its bias
    the sums of the squared steps of each number in these two rows

so that the product of an input and an output row is v . u + b + c, and biases need no code.

Gains noted beside the tricks are of 50 dimensions and 16,000 words on a Zen 3 server.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.vectors.kernels.simd import (
    LANES,
    Floats,
    compiled,
    inverse_root,
    load,
    multiply_add,
    splat,
    store,
    times,
    total,
    zeros,
)
from pipeline.stages.vectors.kernels.word2vec import STEP, fetch, scramble

Places: TypeAlias = NDArray[np.int64]
Tokens: TypeAlias = NDArray[np.int32]
Doubles: TypeAlias = NDArray[np.float64]

AHEAD = 4  # pairs; to ask for rows so much before they are needed gains 50 %
STAYS = 1e30  # a sum of squares so large that the number beside it never moves


@compiled
def separated(tokens: Tokens, offsets: Places) -> Tokens:
    """Return the text with -1 before, between and after its sentences."""
    text = np.full(len(tokens) + len(offsets), -1, np.int32)
    for sentence in range(len(offsets) - 1):
        for place in range(offsets[sentence], offsets[sentence + 1]):
            text[place + sentence + 1] = tokens[place]
    return text


@compiled
def occurrences(text: Tokens, words: int) -> tuple[Places, Places]:
    """Return where each word stands: at ``places[starts[word] : starts[word + 1]]``."""
    starts = np.zeros(words + 1, np.int64)
    for word in text:
        if word >= 0:
            starts[word + 1] += 1
    for word in range(words):
        starts[word + 1] += starts[word]
    following = starts.copy()
    places = np.empty(starts[words], np.int64)
    for place in range(len(text)):
        word = text[place]
        if word >= 0:
            places[following[word]] = place
            following[word] += 1
    return places, starts


@compiled
def gather(
    word: int, text: Tokens, places: Places, window: int, sums: Doubles, found: Tokens
) -> int:
    """Add up 1 / distance for each word that stands near ``word``, of those up to itself.

    All sums are zero before. Returns how many words were found: a row of X, up to its diagonal.
    One row at a time needs no more memory than the result, and the sums stay in the cache.
    """
    count = 0
    for place in places:
        for side in (-1, 1):
            for distance in range(1, window + 1):
                other = text[place + side * distance]
                if other < 0:
                    break
                if other <= word:
                    if sums[other] == 0:
                        found[count] = other
                        count += 1
                    sums[other] += 1 / distance
    return count


@compiled
def row_sizes(
    first: int, last: int, text: Tokens, places: Places, starts: Places, window: int, sizes: Places
) -> None:
    """Note for each of these words how long its row is."""
    sums, found = np.zeros(last), np.empty(last, np.int32)
    for word in range(first, last):
        where = places[starts[word] : starts[word + 1]]
        sizes[word] = gather(word, text, where, window, sums, found)
        for i in range(sizes[word]):
            sums[found[i]] = 0


@compiled
def fill_rows(
    first: int,
    last: int,
    text: Tokens,
    places: Places,
    starts: Places,
    window: int,
    begins: Places,
    pairs: Tokens,
    values: Floats,
    x_max: float,
    alpha: float,
) -> None:
    """Write the rows of these words: pairs, and for each log X and f(X) = min(1, (X/x_max)^alpha).

    In float64 until here. Kept instead of X, they spare the fitting two calls a pair and epoch.
    """
    sums, found = np.zeros(last), np.empty(last, np.int32)
    for word in range(first, last):
        where = places[starts[word] : starts[word + 1]]
        for i in range(gather(word, text, where, window, sums, found)):
            at, x = begins[word] + i, sums[found[i]]
            pairs[at, 0], pairs[at, 1] = word, found[i]
            values[at, 0], values[at, 1] = np.log(x), min(1.0, (x / x_max) ** alpha)
            sums[found[i]] = 0


@compiled
def shuffle(pairs: Tokens, values: Floats, seed: np.uint64) -> None:
    """Bring the pairs into random order, in place (Fisher and Yates 1938, Durstenfeld 1964)."""
    state = seed
    for i in range(len(pairs) - 1, 0, -1):
        state += STEP
        j = np.int64(scramble(state) % np.uint64(i + 1))
        for column in range(2):
            pairs[i, column], pairs[j, column] = pairs[j, column], pairs[i, column]
            values[i, column], values[j, column] = values[j, column], values[i, column]


@compiled
def fit(
    pairs: Tokens, values: Floats, table: Floats, dim: int, rate: np.float32
) -> tuple[float, int]:
    """Make a step of AdaGrad for each pair, in both directions.

    Parameters
    ----------
    pairs, values
        Words (n, 2), and the logarithm and weight of their count (n, 2).
    table
        (V, 4, width), as above; changed in place.
    dim, rate
        Length of the vectors, and learning rate.

    Returns
    -------
    tuple[float, int]
        The summed loss f(X) error^2, and of how many co-occurrences.
    """
    flat, width = table.reshape(-1), table.shape[2]
    size, used = 4 * width, dim + 2
    loss, terms, ahead = 0.0, 0, len(pairs) - AHEAD
    for k in range(len(pairs)):
        if k < ahead:
            fetch(flat, pairs[k + AHEAD, 0] * size, size)
            fetch(flat, pairs[k + AHEAD, 1] * size, size)
        i, j = pairs[k, 0] * size, pairs[k, 1] * size
        there = back = zeros()
        for d in range(0, used, LANES):
            there = multiply_add(load(flat, i + d), load(flat, j + width + d), there)
            back = multiply_add(load(flat, j + d), load(flat, i + width + d), back)
        goal, weight = values[k]
        error, error_back = total(there) - goal, total(back) - goal
        if i == j:  # a word with itself: there and back is the same
            error_back = np.float32(0)
        loss += weight * (error * error + error_back * error_back)
        terms += 2 - int(i == j)
        scale = -rate * weight
        move(flat, i, j + width, 2 * width, used, scale * error)
        move(flat, j, i + width, 2 * width, used, scale * error_back)
    return loss, terms


@compiled
def move(flat: Floats, v: int, u: int, squares: int, used: int, step: np.float32) -> None:
    """Move an input and an output row by each other's numbers, times the step, as AdaGrad does."""
    g = splat(step)
    for d in range(0, used, LANES):
        a, b = load(flat, v + d), load(flat, u + d)
        a_squares, b_squares = load(flat, v + squares + d), load(flat, u + squares + d)
        a_step, b_step = times(g, b), times(g, a)
        store(flat, v + d, multiply_add(a_step, inverse_root(a_squares), a))
        store(flat, u + d, multiply_add(b_step, inverse_root(b_squares), b))
        store(flat, v + squares + d, multiply_add(a_step, a_step, a_squares))
        store(flat, u + squares + d, multiply_add(b_step, b_step, b_squares))
