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


def family(
    rng: np.random.Generator, sentences: int, seeds: int, noise: float, points: list[float]
) -> list[float]:
    """Draw a family; return Holm's p of each arm, which is `points` better than the reference."""
    difficulty = rng.normal(logit(0.4), 1.6, sentences)
    # What a point is worth on the scale of the logit, averaged over the sentences.
    slope = np.mean(expit(difficulty) * (1 - expit(difficulty))) * 0.85
    drawn = [answers(rng, difficulty, 0.0, 1, 0.0)]  # the reference is pretrained: it has no seed
    drawn += [answers(rng, difficulty, p / 100 / slope, seeds, noise / 100 / slope) for p in points]
    true = np.ones(sentences, np.int64)
    reference, *arms = [measure(ACCURACY, true, right.astype(np.int64), 2) for right in drawn]
    p = [paired_test(arm, reference).p for arm in arms]
    return [min(1.0, a * b) for a, b in zip(p, holm_factors(p), strict=True)]


def main() -> None:
    """Simulate, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--sentences", type=int, default=2210)
    parser.add_argument("--noise", type=float, default=0.6, help="of a seed, in points of accuracy")
    args = parser.parse_args()
    print(
        "| arms | seeds | any claim where all are equal | found: 2 points | 3 points | 5 points |"
    )
    print("|---|---|---|---|---|---|")
    for arms in (1, 3, 6):
        for seeds in (1, 3, 5):
            rng = np.random.default_rng([arms, seeds])
            setting = args.sentences, seeds, args.noise
            draws = progress(range(args.draws), f"{arms} arms, {seeds} seeds", "draws", args.draws)
            wrong = sum(min(family(rng, *setting, [0.0] * arms)) < ALPHA for _ in draws)
            power = []
            for points in (2.0, 3.0, 5.0):
                true = [points] + [0.0] * (arms - 1)
                found = (family(rng, *setting, true)[0] < ALPHA for _ in range(args.draws // 4))
                power.append(sum(found) / (args.draws // 4))
            cells = [
                str(arms),
                str(seeds),
                f"{wrong / args.draws:.1%}",
                *(f"{x:.0%}" for x in power),
            ]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
