"""Stage `best`: choose the strength that does best on dev, and score test once."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import expect, require
from pipeline.core.files import write_table
from pipeline.core.metrics import Metric
from pipeline.core.notebook import displayed
from pipeline.core.scores import (
    LOWER_IS_BETTER,
    Majority,
    Scores,
    class_scores,
    confusion_matrix,
    score,
)
from pipeline.core.settings import Settings
from pipeline.stages.corpus import SPLITS
from pipeline.stages.features.features import Features
from pipeline.stages.sweep.persistence import Classifier
from pipeline.stages.sweep.sweep import StrengthRow, Sweep

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

ALL_PROBABILITIES = 100
"""With more classes, ``predictions.csv`` has only the label's and the prediction's probability."""


class Criterion(StrEnum):
    """The metric on dev by which the strength is chosen."""

    accuracy = "accuracy"
    macro_f1 = "macro_f1"
    balanced_accuracy = "balanced_accuracy"
    mae = "mae"

    @property
    def key(self) -> str:
        """The name of the metric in results."""
        return "mean_absolute_error" if self is Criterion.mae else self.value


class Ties(StrEnum):
    """Which of several strengths that are equally good on dev: the strongest, or the first."""

    strongest = "strongest"
    first = "first"


@displayed
@dataclass
class OnDev(Settings):
    """How to choose the strength on dev.

    Parameters
    ----------
    ties
        Which of several strengths that are equally good on dev: the strongest regularisation
        (simplest classifier), or the first in rising order.
    metric
        ``accuracy``, ``macro_f1``, ``balanced_accuracy``, or, where classes are ordered, ``mae``:
        the lowest mean absolute error.
    """

    ties: Ties = Ties.strongest
    metric: Criterion = Criterion.accuracy

    def check(self, *, ordinal: bool) -> None:
        """Raise `UserError` if the metric needs ordered classes and they are not."""
        require(
            ordinal or self.metric is not Criterion.mae,
            "best.metric=mae measures how many classes a prediction is off, but the classes of "
            "this corpus are not ordered; corpus.ordinal=true says that they are.",
        )


@displayed
@dataclass(frozen=True, eq=False)
class Best:
    """The chosen classifier and its scores.

    Parameters
    ----------
    row
        Its index in the sweep's results.
    strength
        Its regularisation strength.
    classifiers
        All of the sweep; ``classifiers[row]`` is the chosen one.
    scores
        The scores on each split.
    majority
        The scores of the baseline that ignores the text.
    predicted
        For each split the (n,) predicted class indices.
    probabilities
        For each split the (n, C) probabilities.
    config
        How it was chosen.
    features
        What it was chosen on, with the true classes and, where known, the sentences.
    """

    row: int
    strength: float
    classifiers: Sequence[Classifier]
    scores: dict[str, Scores]
    majority: Majority
    predicted: dict[str, NDArray[np.int64]]
    probabilities: dict[str, NDArray[np.float64]]
    config: OnDev
    features: Features

    def facts(self) -> dict[str, Any]:
        """Return what a notebook shows."""
        accuracies = {split: round(scores["accuracy"], 4) for split, scores in self.scores.items()}
        return {"strength": self.strength, **accuracies}

    def _repr_html_(self) -> str:
        """Show the scores of each split, and those of the majority class, as a table."""
        import pandas as pd

        rows = {**self.scores, f"test, always {self.majority['label']}": self.majority["test"]}
        html: str = pd.DataFrame(rows).T.to_html(float_format="{:.4f}".format)
        return html

    def confusion(self, split: str = "test") -> pd.DataFrame:
        """Count the sentences of a split by true class, a row each, and predicted class."""
        import pandas as pd

        names = list(self.features.classes)
        counts = confusion_matrix(self.features.y[split], self.predicted[split], len(names))
        return pd.DataFrame(counts, pd.Index(names, name="true"), pd.Index(names, name="predicted"))

    def report(self, split: str = "test") -> pd.DataFrame:
        """Return precision, recall, F1 and the number of sentences of each class of a split."""
        import pandas as pd

        names = pd.Index(self.features.classes, name="class")
        return pd.DataFrame(class_scores(self.confusion(split).to_numpy()), names)

    def mistakes(self, split: str = "test", n: int | None = None) -> pd.DataFrame:
        """Return the `n` most confident mistakes of a split, by default all.

        Columns: the ``sentence`` where it is known, ``true`` and ``predicted`` class, and the
        probabilities of both, ``p_true`` and ``p_predicted``.
        """
        import pandas as pd

        names = np.array(self.features.classes, dtype=object)
        y, predicted, p = self.features.y[split], self.predicted[split], self.probabilities[split]
        rows = np.arange(len(y))
        table = pd.DataFrame(
            {
                "true": names[y],
                "predicted": names[predicted],
                "p_true": p[rows, y],
                "p_predicted": p[rows, predicted],
            }
        )
        if split in self.features.sentences:
            texts = [" ".join(tokens) for tokens in self.features.sentences[split]]
            table.insert(0, "sentence", texts)
        wrong: pd.DataFrame = table[y != predicted]
        surest = wrong.sort_values("p_predicted", ascending=False, kind="stable")
        return surest if n is None else surest.head(n)

    @property
    def classifier(self) -> Classifier:
        """The fitted classifier."""
        return self.classifiers[self.row]

    def describe(self) -> str:
        """Return one line for the terminal."""
        accuracy = ", ".join(f"{name} {s['accuracy']:.1%}" for name, s in self.scores.items())
        baseline = f"always '{self.majority['label']}' {self.majority['test']['accuracy']:.1%}"
        macro_f1 = f"macro-F1 {self.scores['test']['macro_f1']:.3f}"
        return f"strength {self.strength:.4g}: {accuracy} ({macro_f1}; {baseline})"

    def metrics(self) -> Iterator[Metric]:
        """Yield the scores, and the headline again as ``best/...``."""
        for split, scores in self.scores.items():
            for name, value in cast("dict[str, float]", scores).items():
                yield Metric(f"{split}/{name}", value)
        yield Metric("test/majority_accuracy", self.majority["test"]["accuracy"])
        yield Metric("best/strength", self.strength)
        for split in ("dev", "test"):
            yield Metric(f"best/{split}_accuracy", self.scores[split]["accuracy"])

    def write_predictions(self, folder: Path, sentences: dict[str, list[list[str]]]) -> None:
        """Write ``predictions.csv``: dev and test sentences, their labels and predictions."""
        import pandas as pd

        names = np.array(self.features.classes)
        tables = []
        for split in ("dev", "test"):
            y, predicted, p = (
                self.features.y[split],
                self.predicted[split],
                self.probabilities[split],
            )
            columns: dict[str, Any] = {
                "split": split,
                "sentence": [" ".join(tokens) for tokens in sentences[split]],
                "label": names[y],
                "predicted": names[predicted],
                "correct": y == predicted,
            }
            if len(names) <= ALL_PROBABILITIES:
                columns |= {f"p({name})": p[:, i] for i, name in enumerate(names)}
            else:
                rows = np.arange(len(y))
                columns |= {"p_label": p[rows, y], "p_predicted": p[rows, predicted]}
            tables.append(pd.DataFrame(columns))
        write_table(folder / "predictions.csv", pd.concat(tables))


def choose_row(rows: Sequence[StrengthRow], config: OnDev) -> int:
    """Return the index of the row that is best on dev; rows are weakest first."""
    key = f"dev_{config.metric.key}"
    dev = np.array([cast("dict[str, float]", row)[key] for row in rows])
    best = dev.min() if config.metric.key in LOWER_IS_BETTER else dev.max()
    winners = np.flatnonzero(dev == best)
    return int(winners[-1] if config.ties is Ties.strongest else winners[0])


def pick_best(swept: Sweep, features: Features, config: OnDev | None = None) -> Best:
    """Choose the strength that does best on dev; only its classifier sees test.

    Raises
    ------
    UserError
        If the metric needs ordered classes and these are not.
    """
    expect(swept=(swept, Sweep), features=(features, Features), config=(config, OnDev | None))
    config = config or OnDev()
    config.check(ordinal=features.ordinal)
    row = choose_row(swept.rows, config)
    if len(swept.rows) > 1 and row in {0, len(swept.rows) - 1}:
        end = "weakest" if row == 0 else "strongest"
        log.warning("  the best strength is the %s tried: widen sweep.strengths to be sure", end)
    classifier = swept.classifiers[row]
    splits = {split: features.X[split] for split in SPLITS}
    predicted = {split: np.asarray(classifier.predict(X)) for split, X in splits.items()}
    if len(np.unique(predicted["test"])) == 1:
        name = features.classes[int(predicted["test"][0])]
        log.warning("  every test sentence is predicted to be '%s'", name)
    return Best(
        row=row,
        strength=float(swept.rows[row]["strength"]),
        classifiers=swept.classifiers,
        scores={split: _score(features, split, predicted[split]) for split in SPLITS},
        majority=majority(features),
        predicted=predicted,
        probabilities={split: classifier.predict_proba(X) for split, X in splits.items()},
        config=config,
        features=features,
    )


def majority(features: Features) -> Majority:
    """Score the baseline that always predicts the most frequent class of train, the first of ties.

    Any classifier that learns something from the text does better.
    """
    label = int(np.bincount(features.y["train"]).argmax())
    constant = {split: np.full_like(features.y[split], label) for split in SPLITS}
    return {
        "label": features.classes[label],
        "train": _score(features, "train", constant["train"]),
        "dev": _score(features, "dev", constant["dev"]),
        "test": _score(features, "test", constant["test"]),
    }


def _score(features: Features, split: str, predicted: NDArray[np.int64]) -> Scores:
    return score(features.y[split], predicted, len(features.classes), ordinal=features.ordinal)
