"""Compiled inner loops of word2vec: skip-gram and CBOW with negative sampling.

Both models predict one center word among K negatives, from one or several *predicted* vectors:

- skip-gram uses the input vector of each context word by itself, as word2vec.c does; over a text
  these are the same pairs as when every center predicts its context;
- CBOW uses the mean of these vectors.

All predicted vectors of a center share its negatives (Ji et al. 2016, "Parallelizing Word2Vec in
Shared and Distributed Memory"). So each center is one small block, predicted vectors x (1 + K)
output vectors, which stays in the L1 cache: `scores` computes the dot products,
`loss_and_gradients` the gradients with respect to them, and `apply` updates all vectors at once,
with gradients taken before any of them changed. Every pair still has K negatives, and all count in
its loss.

Matrices are flat here, and a word is named by the offset of its vector. Speed-ups noted in comments
were measured for skip-gram with 100 dimensions and 5 negatives on a Zen 3 server.
"""

from __future__ import annotations

import numpy as np

from pipeline.stages.vectors.kernels.sampling import Offsets, Tokens
from pipeline.stages.vectors.kernels.simd import (
    LANES,
    Floats,
    compiled,
    load,
    multiply_add,
    plus,
    prefetch_row,
    splat,
    store,
    sums,
    zeros,
)

# Output vectors processed together. In `apply`, 6 of them, 6 sums and 3 more values fill the 16
# registers of AVX2. Together with the tricks further down: three times as fast as plain loops.
TILE = 6


@compiled
def set_targets(
    center: int, negatives: Tokens, outputs: Floats, width: int, targets: Offsets
) -> int:
    """Set ``targets`` to the center, its negatives, and the center again to fill the last tile.

    As in word2vec.c, a negative that is the center itself is dropped, not drawn again. Returns the
    number of targets without the filling. Doing this one center ahead, so that vectors can be
    prefetched, gains 18 %.
    """
    targets[0] = center
    prefetch_row(outputs, center, width)
    count = 1
    for negative in negatives:
        target = int(np.int64(negative)) * width
        prefetch_row(outputs, target, width)
        targets[count] = target
        count += int(target != center)
    targets[count:] = center
    return count


@compiled
def set_context(words: Tokens, place: int, reach: int, width: int, rows: Offsets) -> int:
    """Set ``rows`` to the words within ``reach`` of a place in a sentence; return their number."""
    count = 0
    for i in range(max(0, place - reach), min(len(words), place + reach + 1)):
        rows[count] = np.int64(words[i]) * width
        count += int(i != place)
    return count


@compiled
def set_signs(signs: Floats, tiles: int, count: int) -> None:
    """Mark which scores should rise (-1), which should fall (+1) and which are filling (0)."""
    for j in range(len(signs)):
        tile, lane = j // LANES % tiles, j % LANES
        target = tile * TILE + lane
        live = lane < TILE and target < count
        signs[j] = 0 if not live else -1 if target == 0 else 1


@compiled
def scores(
    inputs: Floats, rows: Offsets, outputs: Floats, targets: Offsets, dim: int, x: Floats
) -> None:
    """Compute the dot products of all rows with all targets: 8 per tile, the last 2 unused."""
    stride = len(targets) // TILE * LANES
    for tile in range(len(targets) // TILE):
        t0, t1, t2, t3, t4, t5 = tile_of(targets, tile)
        at = tile * LANES
        for i in range(len(rows)):
            v = rows[i]
            v0 = v1 = v2 = v3 = v4 = v5 = zeros()
            for d in range(0, dim, LANES):
                a = load(inputs, v + d)
                v0 = multiply_add(a, load(outputs, t0 + d), v0)
                v1 = multiply_add(a, load(outputs, t1 + d), v1)
                v2 = multiply_add(a, load(outputs, t2 + d), v2)
                v3 = multiply_add(a, load(outputs, t3 + d), v3)
                v4 = multiply_add(a, load(outputs, t4 + d), v4)
                v5 = multiply_add(a, load(outputs, t5 + d), v5)
            store(x, i * stride + at, sums(v0, v1, v2, v3, v4, v5))


@compiled
def tile_of(targets: Offsets, tile: int) -> tuple[int, int, int, int, int, int]:
    """Return the six targets of a tile."""
    t = targets[tile * TILE : tile * TILE + TILE]
    return t[0], t[1], t[2], t[3], t[4], t[5]


@compiled
def loss_and_gradients(x: Floats, signs: Floats, rate: np.float32) -> float:
    """Replace each score by minus the learning rate times its gradient; return the loss.

    With y the score of a negative, or minus that of the center, the loss is log(1 + exp(y)) and its
    derivative sigmoid(y). Both are computed from e = exp(-|y|), a polynomial of degree 5 times a
    power of two, and log(1 + e) / e, a polynomial of degree 7, with errors below 1e-6. LLVM
    vectorizes them; calling exp and log1p instead doubles the time of skip-gram and costs CBOW
    25 %.
    """
    one, zero = np.float32(1), np.float32(0)
    total = zero
    for j in range(len(x)):
        sign = signs[j]
        y = sign * x[j]
        t = np.float32(1.44269504) * abs(y)
        t = min(t, np.float32(126))
        whole = np.int32(t)
        f = t - np.float32(whole)
        e = np.float32(0.009188612) + f * np.float32(-0.00093878832)
        e = np.float32(0.24017219) + f * (np.float32(-0.055279723) + f * e)
        e = np.float32(0.99999993) + f * (np.float32(-0.69314225) + f * e)
        e *= np.int32((127 - whole) << 23).view(np.float32)  # 2^-whole, as its bits
        p = np.float32(0.044089616) + e * np.float32(-0.0085392041)
        p = np.float32(0.17745240) + e * (np.float32(-0.10768169) + e * p)
        p = np.float32(0.33275480) + e * (np.float32(-0.24495462) + e * p)
        p = np.float32(0.99999981) + e * (np.float32(-0.49997405) + e * p)
        total += sign * sign * (max(y, zero) + e * p)
        upper = one / (one + e)  # sigmoid(|y|)
        lower = e * upper
        x[j] = -sign * rate * (upper if y >= zero else lower)
    return float(total)


@compiled
def apply(
    inputs: Floats,
    rows: Offsets,
    outputs: Floats,
    targets: Offsets,
    dim: int,
    step: Floats,
    before: Floats,
) -> None:
    """Update each row by the steps times the targets, and each target by the steps times the rows.

    Eight dimensions at a time, with all sums in registers. A word that is twice among the rows or
    the targets is updated twice: vectors are read again just before they are written. (With more
    than one tile, later tiles see the update of a target they share with an earlier one.)
    """
    tiles = len(targets) // TILE
    for d in range(0, dim, LANES):
        for i in range(len(rows)):
            store(before, i * LANES, load(inputs, rows[i] + d))
        for tile in range(tiles):
            t0, t1, t2, t3, t4, t5 = tile_of(targets, tile)
            u0, u1, u2 = load(outputs, t0 + d), load(outputs, t1 + d), load(outputs, t2 + d)
            u3, u4, u5 = load(outputs, t3 + d), load(outputs, t4 + d), load(outputs, t5 + d)
            s0 = s1 = s2 = s3 = s4 = s5 = zeros()
            at = tile * LANES
            for i in range(len(rows)):
                v, s = load(before, i * LANES), load(inputs, rows[i] + d)
                g = splat(step[at])
                s, s0 = multiply_add(g, u0, s), multiply_add(g, v, s0)
                g = splat(step[at + 1])
                s, s1 = multiply_add(g, u1, s), multiply_add(g, v, s1)
                g = splat(step[at + 2])
                s, s2 = multiply_add(g, u2, s), multiply_add(g, v, s2)
                g = splat(step[at + 3])
                s, s3 = multiply_add(g, u3, s), multiply_add(g, v, s3)
                g = splat(step[at + 4])
                s, s4 = multiply_add(g, u4, s), multiply_add(g, v, s4)
                g = splat(step[at + 5])
                s, s5 = multiply_add(g, u5, s), multiply_add(g, v, s5)
                store(inputs, rows[i] + d, s)
                at += tiles * LANES
            store(outputs, t0 + d, plus(load(outputs, t0 + d), s0))
            store(outputs, t1 + d, plus(load(outputs, t1 + d), s1))
            store(outputs, t2 + d, plus(load(outputs, t2 + d), s2))
            store(outputs, t3 + d, plus(load(outputs, t3 + d), s3))
            store(outputs, t4 + d, plus(load(outputs, t4 + d), s4))
            store(outputs, t5 + d, plus(load(outputs, t5 + d), s5))


@compiled
def average(inputs: Floats, rows: Offsets, mean: Floats) -> None:
    """Set ``mean`` to the mean of the rows."""
    share = splat(np.float32(1 / len(rows)))
    for d in range(0, len(mean), 2 * LANES):
        v = w = zeros()
        for row in rows:
            v = multiply_add(share, load(inputs, row + d), v)
            w = multiply_add(share, load(inputs, row + d + LANES), w)
        store(mean, d, v)
        store(mean, d + LANES, w)


@compiled
def apply_to_mean(
    mean: Floats, outputs: Floats, targets: Offsets, dim: int, step: Floats, change: Floats
) -> None:
    """Do what `apply` does for a single row, but return its change instead of adding it.

    The steps stay in registers. With the two registers of `average` and `scatter_add`, CBOW gains
    28 %.
    """
    for tile in range(len(targets) // TILE):
        t0, t1, t2, t3, t4, t5 = tile_of(targets, tile)
        g = step[tile * LANES : tile * LANES + LANES]
        g0, g1, g2, g3, g4, g5 = (
            splat(g[0]),
            splat(g[1]),
            splat(g[2]),
            splat(g[3]),
            splat(g[4]),
            splat(g[5]),
        )
        for d in range(0, dim, LANES):
            v = load(mean, d)
            s = zeros() if tile == 0 else load(change, d)
            s = multiply_add(g0, load(outputs, t0 + d), s)
            r = multiply_add(g1, load(outputs, t1 + d), zeros())
            s = multiply_add(g2, load(outputs, t2 + d), s)
            r = multiply_add(g3, load(outputs, t3 + d), r)
            s = multiply_add(g4, load(outputs, t4 + d), s)
            r = multiply_add(g5, load(outputs, t5 + d), r)
            store(change, d, plus(s, r))
            store(outputs, t0 + d, multiply_add(g0, v, load(outputs, t0 + d)))
            store(outputs, t1 + d, multiply_add(g1, v, load(outputs, t1 + d)))
            store(outputs, t2 + d, multiply_add(g2, v, load(outputs, t2 + d)))
            store(outputs, t3 + d, multiply_add(g3, v, load(outputs, t3 + d)))
            store(outputs, t4 + d, multiply_add(g4, v, load(outputs, t4 + d)))
            store(outputs, t5 + d, multiply_add(g5, v, load(outputs, t5 + d)))


@compiled
def scatter_add(inputs: Floats, rows: Offsets, change: Floats) -> None:
    """Add the change to every row."""
    for d in range(0, len(change), 2 * LANES):
        v, w = load(change, d), load(change, d + LANES)
        for row in rows:
            store(inputs, row + d, plus(load(inputs, row + d), v))
            store(inputs, row + d + LANES, plus(load(inputs, row + d + LANES), w))


@compiled
def train(
    offsets: Offsets,
    words: Tokens,
    ends: Offsets,
    reach: Tokens,
    negatives: Tokens,
    input_vectors: Floats,
    output_vectors: Floats,
    dim: int,
    window: int,
    cbow: bool,
    first_rate: float,
    last_rate: float,
) -> tuple[float, int]:
    """Train on the sentences between ``offsets``, of which the four next arrays were sampled.

    Parameters
    ----------
    offsets
        Where the sentences begin in the text, and where the last one ends.
    words, ends, reach, negatives
        What `sampling.sample` drew for them.
    input_vectors, output_vectors
        Matrices with a row per word, padded with zeros to whole cache lines; changed in place.
    dim, window, cbow
        Length of the vectors, widest window, and which model.
    first_rate, last_rate
        Learning rate at the beginning and at the end of this text.

    Returns
    -------
    tuple[float, int]
        The summed loss and the number of predictions it is the sum of.
    """
    inputs, outputs = input_vectors.reshape(-1), output_vectors.reshape(-1)
    width = input_vectors.shape[1]
    tiles = (negatives.shape[1] + TILE) // TILE
    rows, predicted = np.empty(2 * window, np.int64), np.zeros(1, np.int64)
    targets, next_targets = np.empty(tiles * TILE, np.int64), np.empty(tiles * TILE, np.int64)
    x = np.zeros((1 if cbow else 2 * window) * tiles * LANES, np.float32)
    signs, before = np.zeros(len(x), np.float32), np.empty(2 * window * LANES, np.float32)
    mean, change = np.zeros(width, np.float32), np.zeros(width, np.float32)
    total, predictions, signed, end = 0.0, 0, 0, 0
    for sentence in range(len(ends)):
        begin, end = end, ends[sentence]
        if begin == end:
            continue
        done = (offsets[sentence] - offsets[0]) / (offsets[-1] - offsets[0])
        rate = np.float32(first_rate + (last_rate - first_rate) * done)
        text, drawn = words[begin:end], negatives[begin:end]
        center = np.int64(text[0]) * width
        next_count = set_targets(center, drawn[0], outputs, width, next_targets)
        for place in range(len(text)):
            targets, next_targets, count = next_targets, targets, next_count
            if place + 1 < len(text):
                center = np.int64(text[place + 1]) * width
                next_count = set_targets(center, drawn[place + 1], outputs, width, next_targets)
            if place + 1 + window < len(text):
                prefetch_row(inputs, np.int64(text[place + 1 + window]) * width, width)
            if signed != count:
                set_signs(signs, tiles, count)
                signed = count
            context = rows[: set_context(text, place, reach[begin + place], width, rows)]
            if cbow:
                average(inputs, context, mean)
                scores(mean, predicted, outputs, targets, dim, x)
                total += loss_and_gradients(x, signs, rate)
                apply_to_mean(mean, outputs, targets, dim, x, change)
                scatter_add(inputs, context, change)
                predictions += 1
            else:
                block = x[: len(context) * tiles * LANES]
                scores(inputs, context, outputs, targets, dim, block)
                total += loss_and_gradients(block, signs[: len(block)], rate)
                apply(inputs, context, outputs, targets, dim, block, before)
                predictions += len(context)
    return total, predictions
