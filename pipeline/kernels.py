"""Compiled inner loops of word2vec: skip-gram and CBOW with negative sampling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

P = ParamSpec("P")
R = TypeVar("R")
Floats = NDArray[np.float32]
Tokens = NDArray[np.int32]
Offsets = NDArray[np.int64]
Thresholds = NDArray[np.uint32]

STEP = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
LOW = np.uint64(0xFFFFFFFF)
S27, S30, S31, S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile, keep the machine code on disk, and let other threads run meanwhile."""
    flags: Any = {"contract", "reassoc", "nsz", "arcp"}  # all but "there are no NaNs"
    kernel: Callable[P, R] = njit(cache=True, nogil=True, fastmath=flags)(function)
    return kernel


@compiled
def scramble(state: np.uint64) -> np.uint64:
    """Turn a counter into 64 random bits (splitmix64; Steele et al. 2014)."""
    bits = (state ^ (state >> S30)) * MIX_1
    bits = (bits ^ (bits >> S27)) * MIX_2
    return bits ^ (bits >> S31)


@compiled
def below(bits: np.uint64, limit: int) -> int:
    """Turn the upper half of 64 random bits into an integer in ``range(limit)``."""
    return np.int64(((bits >> S32) * np.uint64(limit)) >> S32)


@compiled
def subsampled(
    tokens: Tokens, keep: Thresholds, kept: Tokens, state: np.uint64
) -> tuple[int, np.uint64]:
    """Copy to ``kept`` the words that survive subsampling; return how many."""
    count = 0
    for word in tokens:
        state += STEP
        if (scramble(state) & LOW) <= np.uint64(keep[word]):
            kept[count] = word
            count += 1
    return count, state


@compiled
def draw(
    targets: Tokens, accept: Thresholds, alias: Tokens, state: np.uint64
) -> tuple[int, np.uint64]:
    """Draw negatives into ``targets[1:]``, none equal to the center in ``targets[0]``."""
    count = 1
    for _ in range(1, len(targets)):
        state += STEP
        bits = scramble(state)
        word = below(bits, len(alias))
        if (bits & LOW) > np.uint64(accept[word]):
            word = alias[word]
        if word != targets[0]:
            targets[count] = word
            count += 1
    return count, state


@compiled
def skipgram(
    tokens: Tokens,
    offsets: Offsets,
    inputs: Floats,
    outputs: Floats,
    keep: Thresholds,
    accept: Thresholds,
    alias: Tokens,
    window: int,
    negative: int,
    first_rate: float,
    last_rate: float,
    seed: int,
) -> tuple[float, int]:
    """Train on the sentences between ``offsets``; return the summed loss and the pairs."""
    width = inputs.shape[1]
    kept = np.empty(np.max(np.diff(offsets)), np.int32)
    targets = np.empty(1 + negative, np.int32)
    scores = np.empty((2 * window, 1 + negative), np.float32)
    step = np.empty((1 + negative, width), np.float32)
    total = 0.0
    pairs = 0
    state = np.uint64(seed)
    start, words = offsets[0], offsets[-1] - offsets[0]
    for sentence in range(len(offsets) - 1):
        done = (offsets[sentence] - start) / words
        rate = np.float32(first_rate + (last_rate - first_rate) * done)
        text = tokens[offsets[sentence] : offsets[sentence + 1]]
        length, state = subsampled(text, keep, kept, state)
        for place in range(length):
            targets[0] = kept[place]
            state += STEP
            reach = 1 + below(scramble(state), window)
            count, state = draw(targets, accept, alias, state)
            lo, hi = max(0, place - reach), min(length, place + reach + 1)
            step[:count] = np.float32(0)
            for i in range(lo, hi):
                if i == place:
                    continue
                v = inputs[kept[i]]
                for j in range(count):
                    u = outputs[targets[j]]
                    x = np.float32(0)
                    for d in range(width):
                        x += v[d] * u[d]
                    x = -x if j == 0 else x
                    e = np.exp(-abs(x))
                    total += max(x, np.float32(0)) + np.log1p(e)
                    sigmoid = np.float32(1) / (np.float32(1) + e)
                    sigmoid = sigmoid if x >= 0 else np.float32(1) - sigmoid
                    scores[i - lo, j] = rate * sigmoid if j == 0 else -rate * sigmoid
                for j in range(count):
                    s = step[j]
                    g = scores[i - lo, j]
                    for d in range(width):
                        s[d] += g * v[d]
                for j in range(count):
                    u = outputs[targets[j]]
                    g = scores[i - lo, j]
                    for d in range(width):
                        v[d] += g * u[d]
                pairs += 1
            for j in range(count):
                u = outputs[targets[j]]
                s = step[j]
                for d in range(width):
                    u[d] += s[d]
    return total, pairs


@compiled
def cbow(
    tokens: Tokens,
    offsets: Offsets,
    inputs: Floats,
    outputs: Floats,
    keep: Thresholds,
    accept: Thresholds,
    alias: Tokens,
    window: int,
    negative: int,
    first_rate: float,
    last_rate: float,
    seed: int,
) -> tuple[float, int]:
    """Train on the sentences between ``offsets``; return the summed loss and the pairs."""
    width = inputs.shape[1]
    kept = np.empty(np.max(np.diff(offsets)), np.int32)
    targets = np.empty(1 + negative, np.int32)
    mean = np.empty(width, np.float32)
    step = np.empty(width, np.float32)
    total = 0.0
    pairs = 0
    state = np.uint64(seed)
    start, words = offsets[0], offsets[-1] - offsets[0]
    for sentence in range(len(offsets) - 1):
        done = (offsets[sentence] - start) / words
        rate = np.float32(first_rate + (last_rate - first_rate) * done)
        text = tokens[offsets[sentence] : offsets[sentence + 1]]
        length, state = subsampled(text, keep, kept, state)
        for place in range(length):
            targets[0] = kept[place]
            state += STEP
            reach = 1 + below(scramble(state), window)
            count, state = draw(targets, accept, alias, state)
            lo, hi = max(0, place - reach), min(length, place + reach + 1)
            if hi - lo == 1:
                continue
            mean[:] = np.float32(0)
            step[:] = np.float32(0)
            for i in range(lo, hi):
                if i != place:
                    v = inputs[kept[i]]
                    for d in range(width):
                        mean[d] += v[d]
            share = np.float32(1) / np.float32(hi - lo - 1)
            for d in range(width):
                mean[d] *= share
            for j in range(count):
                u = outputs[targets[j]]
                x = np.float32(0)
                for d in range(width):
                    x += mean[d] * u[d]
                x = -x if j == 0 else x
                e = np.exp(-abs(x))
                total += max(x, np.float32(0)) + np.log1p(e)
                sigmoid = np.float32(1) / (np.float32(1) + e)
                sigmoid = sigmoid if x >= 0 else np.float32(1) - sigmoid
                g = rate * sigmoid if j == 0 else -rate * sigmoid
                for d in range(width):
                    step[d] += g * u[d]
                for d in range(width):
                    u[d] += g * mean[d]
            for i in range(lo, hi):
                if i != place:
                    v = inputs[kept[i]]
                    for d in range(width):
                        v[d] += step[d]
            pairs += 1
    return total, pairs
