"""Stage `sweep`: fit the classifier at every regularisation strength."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pipeline.core.errors import expect
from pipeline.core.files import read_array, write_array, write_json
from pipeline.core.metrics import Metric
from pipeline.core.notebook import displayed
from pipeline.core.progress import progress
from pipeline.core.scores import score
from pipeline.stages.features.features import Features
from pipeline.stages.sweep.classifiers import (
    Logistic,
    OneVsRest,
    Sweepable,
    TwoLayer,
    check_takes,
    default_strengths,
    fit,
    inverse,
)
from pipeline.stages.sweep.persistence import Classifier, SavedClassifiers, save_classifier

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.render.plots import Axes

__all__ = [
    "Logistic",
    "OneVsRest",
    "StrengthRow",
    "Sweep",
    "Sweepable",
    "TwoLayer",
    "check_takes",
    "default_strengths",
    "evaluated",
    "fit",
    "inverse",
    "sweep_strengths",
]

log = logging.getLogger(__name__)


class StrengthRow(TypedDict):
    """The results at one strength; the mean absolute error has a meaning if classes are ordered."""

    strength: float
    train_accuracy: float
    dev_accuracy: float
    dev_macro_f1: float
    dev_balanced_accuracy: float
    dev_mean_absolute_error: float
    converged: bool


@displayed
@dataclass(frozen=True, eq=False)
class Sweep:
    """The results at every strength.

    Parameters
    ----------
    rows
        A `StrengthRow` for each strength, weakest first.
    classifiers
        The fitted classifier of each row.
    dev_predicted
        (rows, n) the class index that each predicts for the n dev sentences.
    """

    rows: list[StrengthRow]
    classifiers: Sequence[Classifier]
    dev_predicted: NDArray[np.int64] | None = None

    @cached_property
    def results(self) -> pd.DataFrame:
        """The rows as a table."""
        import pandas as pd

        return pd.DataFrame(self.rows)

    def facts(self) -> dict[str, Any]:
        """Return what a notebook shows."""
        best = max(self.rows, key=lambda row: row["dev_accuracy"])
        tried = f"{len(self.rows)} from {self.rows[0]['strength']:.3g}"
        accuracy = f"{best['dev_accuracy']:.4f} at {best['strength']:.4g}"
        return {"strengths": tried, "best_dev_accuracy": accuracy}

    def _repr_html_(self) -> str:
        """Show the results as a table."""
        html: str = self.results.to_html(index=False)
        return html

    def plot(self) -> Axes:
        """Draw accuracy on train and dev against the strength."""
        from pipeline.render import plots

        return plots.in_notebook(plots.sweep_curve(self.results))

    def describe(self) -> str:
        """Return one line for the terminal."""
        strengths = [row["strength"] for row in self.rows]
        if len(strengths) == 1:
            return f"strength {strengths[0]:.3g}"
        return f"{len(strengths)} strengths from {min(strengths):.3g} to {max(strengths):.3g}"

    def metrics(self) -> Iterator[Metric]:
        """Yield accuracy against strength as a curve: a step for each strength."""
        for step, row in enumerate(self.rows):
            yield Metric("sweep/strength", row["strength"], step)
            yield Metric("sweep/train_accuracy", row["train_accuracy"], step)
            yield Metric("sweep/dev_accuracy", row["dev_accuracy"], step)

    def save(self, folder: Path) -> None:
        """Write ``rows.json``, ``dev_predicted.npy``, and each classifier as ``ROW.skops``.

        Raises
        ------
        UserError
            If skops cannot store a user's own classifier, or would not load it.
        """
        write_json(folder / "rows.json", self.rows)
        if self.dev_predicted is not None:
            write_array(folder / "dev_predicted.npy", self.dev_predicted)
        for row, classifier in enumerate(self.classifiers):
            save_classifier(folder / f"{row}.skops", classifier)

    @classmethod
    def load(cls, folder: Path) -> Sweep:
        """Read what `save` wrote; each classifier is read when it is first used."""
        rows = json.loads((folder / "rows.json").read_text("utf-8"))
        path = folder / "dev_predicted.npy"
        return cls(
            rows,
            SavedClassifiers([folder / f"{row}.skops" for row in range(len(rows))]),
            read_array(path) if path.exists() else None,
        )


def sweep_strengths(features: Features, config: Sweepable | None = None) -> Sweep:
    """Fit at every strength, the strongest first; the test split is not used."""
    from sklearn.exceptions import ConvergenceWarning

    expect(features=(features, Features), config=(config, object))
    config = config or Logistic()
    X, y, weights = features.training_data
    check_takes(config, phrases=weights is not None, bag=not isinstance(X, np.ndarray))
    rows: list[StrengthRow] = []
    classifiers: list[Classifier] = []
    dev_predicted = []
    # Two BLAS threads are slower than one on matrices this narrow, far slower on a busy machine.
    with threadpool_limits(1):
        falling = sorted(config.strengths, reverse=True)
        for strength in progress(falling, "fitting the classifier", "strengths", len(falling)):
            classifier = config.classifier(strength, classifiers[-1] if classifiers else None)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", ConvergenceWarning)
                fitted = fit(classifier, X, y, weights)
            converged = True
            for w in caught:
                if issubclass(w.category, ConvergenceWarning):
                    converged = False
                else:
                    warnings.warn_explicit(w.message, w.category, w.filename, w.lineno)
            row, on_dev = evaluated(fitted, features, strength, converged=converged)
            rows.append(row)
            dev_predicted.append(on_dev)
            classifiers.append(fitted)
    rows.reverse()
    unfinished = ", ".join(f"{row['strength']:.3g}" for row in rows if not row["converged"])
    if unfinished:
        log.warning("the fit did not converge at strength %s: raise sweep.max_iter.", unfinished)
    return Sweep(rows, classifiers[::-1], np.array(dev_predicted[::-1]))


def evaluated(
    fitted: Classifier,
    features: Features,
    strength: float,
    *,
    part: NDArray[np.int64] | slice = slice(None),
    converged: bool = True,
) -> tuple[StrengthRow, NDArray[np.int64]]:
    """Score a fitted classifier on dev and on the `part` of train that it was fitted to.

    Return the scores, and the class index that it predicts for each dev sentence, (n,).
    """
    on_train = np.asarray(fitted.predict(features.X["train"][part]))
    on_dev = np.asarray(fitted.predict(features.X["dev"]), np.int64)
    dev = score(features.y["dev"], on_dev, len(features.classes), ordinal=True)
    row: StrengthRow = {
        "strength": strength,
        "train_accuracy": float(np.mean(on_train == features.y["train"][part])),
        "dev_accuracy": dev["accuracy"],
        "dev_macro_f1": dev["macro_f1"],
        "dev_balanced_accuracy": dev["balanced_accuracy"],
        "dev_mean_absolute_error": dev["mean_absolute_error"],
        "converged": converged,
    }
    return row, on_dev
