"""How often verdicts are wrong, and how often they find a difference: simulated comparisons.

    python benchmarks/verdicts.py

Every draw is a family: several arms and a reference on the same test sentences, each arm with
several seeds. A sentence has a difficulty of its own, an arm differs from another on some
sentences, and a seed adds chance of its own to the arm's skill and to every answer. So answers of
two arms are correlated as they are on the treebank, where two arms agree on three quarters of the
sentences. Where all arms are equally good, a family with any claim is an error; the aim is at most
5 %. Power is the share of arms that truly differ for which this is found.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from pipeline.comparison.metrics import LABELS, measure
from pipeline.comparison.tests import ALPHA, holm_factors, paired_test
from pipeline.core.progress import progress

ACCURACY = LABELS["accuracy"]
Floats = NDArray[np.float64]


def answers(
    rng: np.random.Generator, difficulty: Floats, shift: float, seeds: int, noise: float
) -> NDArray[np.bool_]:
    """Draw which of n sentences an arm gets right under each seed, (seeds, n)."""
    taste = rng.normal(0, 0.8, len(difficulty))  # what this arm finds easy, whatever the seed
    skill = shift + rng.normal(0, noise, (seeds, 1))
    right: NDArray[np.bool_] = rng.random((seeds, len(difficulty))) < expit(
        difficulty + taste + skill
    )
    return right


@dataclass(frozen=True)
class Setting:
    """What a row of the table simulates; `noise` of a seed is in points of accuracy."""

    arms: int
    seeds: int
    noise: float = 0.6
    reference_seeds: int = 1  # 1: it is pretrained and has no noise


def family(
    rng: np.random.Generator, sentences: int, setting: Setting, points: list[float]
) -> list[float]:
    """Draw a family; return Holm's p of each arm, which is `points` better than the reference."""
    difficulty = rng.normal(logit(0.4), 1.6, sentences)
    # What a point is worth on the scale of the logit, averaged over the sentences.
    slope = np.mean(expit(difficulty) * (1 - expit(difficulty))) * 0.85
    seeds, noise = setting.seeds, setting.noise / 100 / slope
    base = setting.reference_seeds
    drawn = [answers(rng, difficulty, 0.0, base, noise if base > 1 else 0.0)]
    drawn += [answers(rng, difficulty, p / 100 / slope, seeds, noise) for p in points]
    true = np.ones(sentences, np.int64)
    reference, *arms = [measure(ACCURACY, true, right.astype(np.int64), 2) for right in drawn]
    p = [paired_test(arm, reference).p for arm in arms]
    return [min(1.0, a * b) for a, b in zip(p, holm_factors(p), strict=True)]


def main() -> None:
    """Simulate, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--sentences", type=int, default=2210)
    args = parser.parse_args()
    rows = [Setting(arms, seeds) for arms in (1, 3, 6) for seeds in (1, 2, 3, 5)]
    rows += [Setting(3, seeds, noise=1.5) for seeds in (2, 3, 5)]
    rows += [Setting(3, seeds, reference_seeds=seeds) for seeds in (2, 3, 5)]
    print(
        "| arms | seeds | of the reference | a seed's noise | any claim where all are equal |",
        end="",
    )
    print(" found: 2 points | 3 points | 5 points |\n|---|---|---|---|---|---|---|---|")
    for row in rows:
        rng = np.random.default_rng([row.arms, row.seeds])
        name = f"{row.arms} arms, {row.seeds} seeds"
        draws = progress(range(args.draws), name, "draws", args.draws)
        equal = [0.0] * row.arms
        wrong = sum(min(family(rng, args.sentences, row, equal)) < ALPHA for _ in draws)
        power = []
        for points in (2.0, 3.0, 5.0):
            true = [points, *equal[1:]]
            found = (
                family(rng, args.sentences, row, true)[0] < ALPHA for _ in range(args.draws // 4)
            )
            power.append(sum(found) / (args.draws // 4))
        cells = [f"{row.arms}", f"{row.seeds}", f"{row.reference_seeds}", f"{row.noise}"]
        cells += [f"{wrong / args.draws:.1%}", *(f"{x:.0%}" for x in power)]
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
