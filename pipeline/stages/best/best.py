"""Stage `best`: pick the strength that does best on dev, and score test once."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from pipeline.core.arrays import read_array, write_array
from pipeline.core.errors import choose
from pipeline.core.files import write, write_json
from pipeline.core.metrics import Metric
from pipeline.core.scores import Scores, score
from pipeline.stages.corpus import SPLITS
from pipeline.stages.features.features import Features
from pipeline.stages.sweep.persistence import Classifier
from pipeline.stages.sweep.sweep import Sweep

log = logging.getLogger(__name__)


class Ties(StrEnum):
    """Which of several strengths that are equally good on dev: the strongest, or the first."""

    strongest = "strongest"
    first = "first"


@dataclass
class OnDev:
    """How to pick.

    Parameters
    ----------
    ties
        Which of several strengths with the same dev accuracy: the strongest regularisation
        (simplest classifier), or the first in rising order.
    """

    ties: Ties = Ties.strongest

    def __post_init__(self) -> None:
        """Check values."""
        self.ties = choose(Ties, self.ties, "best.ties")


@dataclass(frozen=True, eq=False)
class Best:
    """The chosen classifier and how it does.

    Parameters
    ----------
    row
        Its index in the sweep's results.
    strength
        Its regularisation strength.
    classifiers
        Those of the sweep; ``classifiers[row]`` is the one.
    scores
        A dictionary of metrics a split, all as fractions of 1 but the error in classes.
    predicted
        (n,) class indices a split.
    probabilities
        (n, C) a split.
    """

    row: int
    strength: float
    classifiers: Sequence[Classifier]
    scores: dict[str, Scores]
    predicted: dict[str, NDArray[np.int64]]
    probabilities: dict[str, NDArray[np.float64]]

    @property
    def classifier(self) -> Classifier:
        """The fitted classifier."""
        return self.classifiers[self.row]

    def describe(self) -> str:
        """Return one line for the person at the terminal."""
        accuracy = ", ".join(f"{name} {s['accuracy']:.1%}" for name, s in self.scores.items())
        return f"strength {self.strength:.4g}: {accuracy}"

    def metrics(self) -> Iterator[Metric]:
        """Yield the scores, and the headline again as ``best/...``."""
        for split, scores in self.scores.items():
            for name, value in cast("dict[str, float]", scores).items():
                yield Metric(f"{split}/{name}", value)
        yield Metric("best/strength", self.strength)
        for split in ("dev", "test"):
            yield Metric(f"best/{split}_accuracy", self.scores[split]["accuracy"])

    def save(self, folder: Path) -> None:
        """Write ``best.json``, and predictions and probabilities of every split as ``.npy``."""
        for split, predicted in self.predicted.items():
            write_array(folder / f"{split}.predicted.npy", predicted)
            write_array(folder / f"{split}.probabilities.npy", self.probabilities[split])
        facts = {"row": self.row, "strength": self.strength, "scores": self.scores}
        write_json(folder / "best.json", facts)

    @classmethod
    def load(cls, folder: Path, swept: Sweep) -> Best:
        """Read what `save` wrote; the classifier is that of the sweep."""
        facts = json.loads((folder / "best.json").read_text("utf-8"))
        splits = facts["scores"]
        return cls(
            **facts,
            classifiers=swept.classifiers,
            predicted={name: read_array(folder / f"{name}.predicted.npy") for name in splits},
            probabilities={
                name: read_array(folder / f"{name}.probabilities.npy") for name in splits
            },
        )

    def write_predictions(
        self, folder: Path, features: Features, sentences: dict[str, list[list[str]]]
    ) -> None:
        """Write ``predictions.csv``: dev and test sentences, their labels and predictions."""
        import pandas as pd

        tables = []
        for split in ("dev", "test"):
            names = np.array(features.classes)
            table = pd.DataFrame(
                {
                    "split": split,
                    "sentence": [" ".join(tokens) for tokens in sentences[split]],
                    "label": names[features.y[split]],
                    "predicted": names[self.predicted[split]],
                    "correct": features.y[split] == self.predicted[split],
                }
            )
            for i, name in enumerate(features.classes):
                table[f"p({name})"] = self.probabilities[split][:, i]
            tables.append(table)
        write(folder / "predictions.csv", lambda file: pd.concat(tables).to_csv(file, index=False))


def pick_best(swept: Sweep, features: Features, config: OnDev | None = None) -> Best:
    """Pick the strength with the highest dev accuracy; only its classifier meets test."""
    config = config or OnDev()
    dev = np.array([tried["dev_accuracy"] for tried in swept.rows])
    winners = np.flatnonzero(dev == dev.max())
    row = int(winners[-1] if config.ties is Ties.strongest else winners[0])
    if len(dev) > 1 and row in {0, len(dev) - 1}:
        end = "weakest" if row == 0 else "strongest"
        log.warning("  the best strength is the %s tried: widen sweep.strengths to be sure", end)
    classifier = swept.classifiers[row]
    splits = {split: features.X[split] for split in SPLITS}
    predicted = {split: np.asarray(classifier.predict(X)) for split, X in splits.items()}
    probabilities = {split: classifier.predict_proba(X) for split, X in splits.items()}
    return Best(
        row=row,
        strength=float(swept.rows[row]["strength"]),
        classifiers=swept.classifiers,
        scores={
            split: score(
                features.y[split],
                predicted[split],
                len(features.classes),
                ordinal=features.ordinal,
            )
            for split in SPLITS
        },
        predicted=predicted,
        probabilities=probabilities,
    )
