"""Measure which share of a core's peak arithmetic the skip-gram kernel reaches.

    python benchmarks/peak.py reviews.txt.gz

The peak is measured with twelve independent chains of multiply-adds on registers. For the kernel,
all multiply-adds that the formula needs are counted: three per dimension for each pair and each
negative sample, one for the score and one to update either vector. Both are timed alternately, in
CPU seconds.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from statistics import median

import numpy as np
from numba import njit
from texts import documents, take

from pipeline import SkipGram, Vocab
from pipeline.stages.vectors.kernels.simd import multiply_add, splat, total
from pipeline.stages.vectors.kernels.word2vec import LANES
from pipeline.stages.vectors.sampling import chunks
from pipeline.stages.vectors.word2vec import CHUNK
from pipeline.stages.vocab import build

CHAINS = 12


@njit
def burn(rounds: int, factor: np.float32) -> np.float32:
    """Do ``rounds * CHAINS * LANES`` multiply-adds."""
    f = splat(factor)
    a = b = c = d = e = g = h = i = j = k = l = m = f  # noqa: E741
    for _ in range(rounds):
        a, b, c = multiply_add(a, f, f), multiply_add(b, f, f), multiply_add(c, f, f)
        d, e, g = multiply_add(d, f, f), multiply_add(e, f, f), multiply_add(g, f, f)
        h, i, j = multiply_add(h, f, f), multiply_add(i, f, f), multiply_add(j, f, f)
        k, l, m = multiply_add(k, f, f), multiply_add(l, f, f), multiply_add(m, f, f)  # noqa: E741
    first = total(a) + total(b) + total(c) + total(d) + total(e) + total(g)
    return first + total(h) + total(i) + total(j) + total(k) + total(l) + total(m)


def peak(rounds: int = 20_000_000) -> float:
    """Return multiply-adds per second."""
    began = time.process_time()
    burn(rounds, np.float32(0.5))
    return rounds * CHAINS * LANES / (time.process_time() - began)


def main() -> None:
    """Measure both alternately; print a table."""
    data = Path(os.environ.get("YOURVECTORS_DATA", "data"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", nargs="?", type=Path, default=data / "corpora/imdb_unsup.txt.gz")
    parser.add_argument("--words", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    vocabulary = build(take(documents(args.text), args.words), Vocab(min_count=5))
    burn(1, np.float32(0.5))
    print("| dim | multiply-adds a second, kernel | peak | share |\n|---|---|---|---|")
    for dim in (100, 300):
        trainer = SkipGram(dim=dim, epochs=1)
        sampler, matrices = trainer.sampler(vocabulary), trainer.start(len(vocabulary))
        parts = list(chunks(sampler.pieces, 1, CHUNK))
        trainer.learn(sampler.draw(parts[0]), *matrices)
        shares, speeds, peaks = [], [], []
        for _ in range(args.rounds):
            began = time.process_time()
            pairs = sum(trainer.learn(sampler.draw(part), *matrices)[1] for part in parts)
            done = 3.0 * dim * pairs * (1 + trainer.negative)
            speeds.append(done / (time.process_time() - began))
            peaks.append(peak())
            shares.append(speeds[-1] / peaks[-1])
        rates = f"{median(speeds) / 1e9:.1f} G | {median(peaks) / 1e9:.1f} G"
        print(f"| {dim} | {rates} | {median(shares):.1%} |", flush=True)


if __name__ == "__main__":
    main()
