"""Word2vec with the softmax over all words, in matrix products."""

from __future__ import annotations

import numpy as np

from pipeline.stages.vectors.kernels.sampling import Offsets, Tokens, windows
from pipeline.stages.vectors.kernels.simd import Floats

BATCH = 128  # most centers in one matrix product


def batch_size(words: int) -> int:
    """Return how many centers the softmax processes together for a vocabulary of this size."""
    return min(BATCH, 1 + words // 8)


def train(
    centers: Tokens,
    ends: Offsets,
    reach: Tokens,
    inputs: Floats,
    outputs: Floats,
    cbow: bool,
    rates: tuple[float, float],
) -> tuple[float, int]:
    """Train on sampled sentences with the softmax over all words.

    A batch of centers is one matrix product with all output vectors. Skip-gram predicts each
    context word from the center, so the same probabilities serve the whole context. CBOW predicts
    the center from the mean of its context. All gradients of a batch are taken before any vector
    changes, so a batch must not repeat the same words too often: a small vocabulary gets small
    batches. Returns the summed loss and the number of predictions.
    """
    context, begins = windows(centers, ends, reach)
    batch = batch_size(len(inputs))
    total, predictions = 0.0, 0
    for first in range(0, len(centers), batch):
        center = centers[first : first + batch]
        edges = begins[first : first + len(center) + 1]
        around, sizes = context[edges[0] : edges[-1]], np.diff(edges)
        member = np.repeat(np.arange(len(center)), sizes)
        rows, targets = (around, center) if cbow else (center, around)
        asked = np.arange(len(center)) if cbow else member
        predicted = inputs[rows]
        if cbow:
            share = (1 / sizes).astype(np.float32)[:, None]
            predicted = np.add.reduceat(predicted, edges[:-1] - edges[0]) * share
        x = predicted @ outputs.T
        x -= x.max(axis=1, keepdims=True)
        hit = x[asked, targets].astype(np.float64)
        np.exp(x, out=x)
        mass = x.sum(axis=1, dtype=np.float64)
        total += float(np.log(mass)[asked].sum() - hit.sum())
        predictions += len(targets)
        x *= ((1 if cbow else sizes) / mass)[:, None].astype(np.float32)
        np.subtract.at(x, (asked, targets), np.float32(1))
        rate = np.float32(rates[0] + (rates[1] - rates[0]) * first / len(centers))
        down = x @ outputs
        outputs -= rate * (x.T @ predicted)
        np.subtract.at(inputs, rows, rate * (down[member] if cbow else down))
    return total, predictions
