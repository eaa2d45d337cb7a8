"""Stage `sweep`: fit the classifier at every regularisation strength."""

from __future__ import annotations

import copy
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from pipeline.core.errors import require
from pipeline.core.files import write_json
from pipeline.core.metrics import Metric
from pipeline.core.progress import progress
from pipeline.stages.features.features import Features
from pipeline.stages.sweep.persistence import Classifier, Saved, check_loadable, save_classifier

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)


class Sweepable(Protocol):
    """A classifier with a strength to sweep; one's own joins by having these two."""

    strengths: list[float]

    def classifier(self, strength: float, previous: Classifier | None) -> Classifier:
        """Return an unfitted classifier, or `previous` (the last one fitted) to go on from."""
        ...


def default_strengths() -> list[float]:
    """Return ten strengths, evenly spaced by logarithm from 1e-4 to 1e2."""
    strengths: list[float] = np.logspace(-4, 2, 10).tolist()
    return strengths


def check_strengths(strengths: list[float]) -> None:
    """Raise `UserError` unless there are strengths, none negative, none twice."""
    require(strengths, "sweep.strengths is empty; give at least one, e.g. [0.1,1,10].")
    negative = [s for s in strengths if not 0 <= s < np.inf]
    require(not negative, f"sweep.strengths must be finite and not negative, not {negative}.")
    require(len(set(strengths)) == len(strengths), "sweep.strengths names a strength twice.")


def inverse(strength: float) -> float:
    """Return scikit-learn's C; the small number keeps strength 0 finite."""
    return 1 / (strength + 1e-12)


def fit(
    classifier: Classifier,
    X: NDArray[np.float64],
    y: NDArray[np.int64],
    weights: NDArray[np.float64] | None = None,
) -> Classifier:
    """Fit a classifier to features (n, D), each with its weight, if any; return it.

    Means of word vectors lie far from the origin, all on one side, which makes L-BFGS slow. Where
    the intercept is not penalised, centred features have the same solution, moved by the intercept:
    2.3 times as fast on 100 dimensions.
    """
    from sklearn.linear_model import LogisticRegression

    model: Any = classifier
    weighted = {} if weights is None else {"sample_weight": weights}
    if type(model) is not LogisticRegression or model.solver != "lbfgs":
        fitted: Classifier = model.fit(X, y, **weighted)
        return fitted
    center = X.mean(axis=0)
    if hasattr(model, "coef_"):  # to begin at
        model.intercept_ = model.intercept_ + model.coef_ @ center
    model.fit(X - center, y, **weighted)
    model.intercept_ -= model.coef_ @ center
    return classifier


def check_takes_weights(config: Sweepable) -> None:
    """Raise `UserError` where phrases could not be learnt from: before anything is trained."""
    from sklearn.utils.validation import has_fit_parameter

    classifier = config.classifier(config.strengths[0], None)
    require(
        has_fit_parameter(classifier, "sample_weight"),
        f"corpus.phrases: {type(classifier).__name__} cannot weigh what it learns from; leave the "
        "phrases out, or take sweep=logistic.",
    )


@dataclass
class Logistic:
    """Multinomial logistic regression with an L2 penalty, by L-BFGS, each fit begun at the last.

    Parameters
    ----------
    strengths
        Of the penalty; scikit-learn's C is 1 / (strength + 1e-12).
    max_iter, tol
        When to stop each fit.
    """

    strengths: list[float] = field(default_factory=default_strengths)
    max_iter: int = 10_000
    tol: float = 1e-6  # looser, and a fit begun at the last one stops before it has moved

    def __post_init__(self) -> None:
        """Check values."""
        check_strengths(self.strengths)
        require(self.max_iter >= 1, f"sweep.max_iter must be at least 1, not {self.max_iter}.")
        require(self.tol > 0, f"sweep.tol must be above 0, not {self.tol}.")

    def classifier(self, strength: float, previous: Classifier | None) -> Classifier:
        """Return the classifier for one strength."""
        from sklearn.linear_model import LogisticRegression

        if previous is None:
            previous = LogisticRegression(max_iter=self.max_iter, tol=self.tol, warm_start=True)
        model = copy.deepcopy(previous)
        model.set_params(C=inverse(strength))
        return model


@dataclass
class OneVsRest(Logistic):
    """One binary logistic regression a class, by liblinear, with the parameters of `Logistic`."""

    tol: float = 1e-4

    def classifier(self, strength: float, previous: Classifier | None) -> Classifier:  # noqa: ARG002
        """Return the classifier for one strength."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.multiclass import OneVsRestClassifier

        binary = LogisticRegression(
            C=inverse(strength),
            solver="liblinear",
            max_iter=self.max_iter,
            tol=self.tol,
            random_state=0,
        )
        model: Classifier = OneVsRestClassifier(binary)
        return model


@dataclass
class TwoLayer(Logistic):
    """A network with one hidden layer of sigmoid units, with the parameters of `Logistic`.

    Parameters
    ----------
    hidden
        Units of the hidden layer.
    seed
        Of the weights it begins with. Each strength begins anew: the weights of a stronger one may
        have shrunk to nothing, where no gradient leads away.
    """

    max_iter: int = 1000
    tol: float = 1e-4
    hidden: int = 32
    seed: int = 1

    def __post_init__(self) -> None:
        """Check values."""
        super().__post_init__()
        require(self.hidden >= 1, f"sweep.hidden must be at least 1, not {self.hidden}.")

    def classifier(self, strength: float, previous: Classifier | None) -> Classifier:  # noqa: ARG002
        """Return the classifier for one strength."""
        from pipeline.stages.sweep.two_layer import TwoLayerClassifier

        model: Classifier = TwoLayerClassifier(
            self.hidden,
            strength=strength,
            max_iter=self.max_iter,
            tol=self.tol,
            random_state=self.seed,
        )
        return model


@dataclass(frozen=True, eq=False)
class Sweep:
    """What every strength gave.

    Parameters
    ----------
    rows
        A dictionary a strength, rising: ``strength``, ``train_accuracy``, ``dev_accuracy``,
        ``converged``.
    classifiers
        The fitted classifier of each row.
    """

    rows: list[dict[str, Any]]
    classifiers: Sequence[Classifier]

    @cached_property
    def results(self) -> pd.DataFrame:
        """The rows as a table."""
        import pandas as pd

        return pd.DataFrame(self.rows)

    def describe(self) -> str:
        """Return one line for the person at the terminal."""
        strengths = [row["strength"] for row in self.rows]
        return f"{len(strengths)} strengths from {min(strengths):.3g} to {max(strengths):.3g}"

    def metrics(self) -> Iterator[Metric]:
        """Yield a step a strength, so that the curve can be drawn."""
        for step, row in enumerate(self.rows):
            for name in ("strength", "train_accuracy", "dev_accuracy"):
                yield Metric(f"sweep/{name}", row[name], step)

    def save(self, folder: Path) -> None:
        """Write ``rows.json``, and the classifier of each row as ``ROW.skops``.

        Raises
        ------
        UserError
            If skops cannot hold, or would not load, a classifier of one's own.
        """
        write_json(folder / "rows.json", self.rows)
        for row, classifier in enumerate(self.classifiers):
            path = folder / f"{row}.skops"
            save_classifier(path, classifier)
            check_loadable(path)

    @classmethod
    def load(cls, folder: Path) -> Sweep:
        """Read what `save` wrote; a classifier is read when it is asked for."""
        rows = json.loads((folder / "rows.json").read_text("utf-8"))
        return cls(rows, Saved([folder / f"{row}.skops" for row in range(len(rows))]))


def sweep_strengths(features: Features, config: Sweepable | None = None) -> Sweep:
    """Fit at every strength, from the strongest down; the test split is not touched."""
    from sklearn.exceptions import ConvergenceWarning

    config = config or Logistic()
    training_data = features.training_data
    if training_data[-1] is not None:
        check_takes_weights(config)
    rows = []
    previous = None
    # Two BLAS threads are slower than one on matrices this narrow, far slower on a busy machine.
    with threadpool_limits(1):
        falling = sorted(config.strengths, reverse=True)
        for strength in progress(falling, "sweep", "strengths", len(falling)):
            classifier = config.classifier(strength, previous)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", ConvergenceWarning)
                previous = fit(classifier, *training_data)
            accuracy = {
                f"{split}_accuracy": float(
                    np.mean(previous.predict(features.X[split]) == features.y[split])
                )
                for split in ("train", "dev")
            }
            converged = not any(issubclass(w.category, ConvergenceWarning) for w in caught)
            for other in (w for w in caught if not issubclass(w.category, ConvergenceWarning)):
                warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
            rows.append(({"strength": strength, **accuracy, "converged": converged}, previous))
    rows.reverse()
    unfinished = [row["strength"] for row, _ in rows if not row["converged"]]
    if unfinished:
        listed = ", ".join(f"{strength:.3g}" for strength in unfinished)
        log.warning("the fit did not converge at strength %s: raise sweep.max_iter.", listed)
    return Sweep([row for row, _ in rows], [classifier for _, classifier in rows])
