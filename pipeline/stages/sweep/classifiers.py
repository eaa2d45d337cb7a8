"""The classifiers to sweep: each makes a classifier for a strength, and `fit` fits it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SettingError, require
from pipeline.core.notebook import displayed
from pipeline.core.settings import Settings, bounded
from pipeline.stages.features.averaging import Matrix
from pipeline.stages.sweep.newton import solve
from pipeline.stages.sweep.persistence import Classifier

if TYPE_CHECKING:
    from scipy import sparse


class Sweepable(Protocol):
    """A kind of classifier with a strength to sweep; a user's own class needs just these two."""

    strengths: list[float]

    def classifier(self, strength: float, previous: Classifier | None) -> Classifier:
        """Return a classifier to fit, or `previous`, the last one fitted, to continue from."""
        ...


def default_strengths() -> list[float]:
    """Return ten strengths from 1e-4 to 1e2, evenly spaced on a logarithmic scale."""
    strengths: list[float] = np.logspace(-4, 2, 10).tolist()
    return strengths


def inverse(strength: float) -> float:
    """Return scikit-learn's C for a strength; the small number keeps it finite at strength 0."""
    return 1 / (strength + 1e-12)


def fit(
    classifier: Classifier,
    X: Matrix,
    y: NDArray[np.int64],
    weights: NDArray[np.float64] | None = None,
) -> Classifier:
    """Fit a classifier to features X (n, D) and labels y (n,), with weights (n,) if any; return it.

    Averages of word vectors lie far from the origin, all on one side, which makes L-BFGS slow. With
    an intercept that is not penalised, centred features have the same solution, up to a shift of
    the intercept: 2.3 times as fast on 100 dimensions. Sparse features would not stay sparse; there
    Newton's method, which has the same solution, is faster.
    """
    from sklearn.linear_model import LogisticRegression

    model: Any = classifier
    weighted = {} if weights is None else {"sample_weight": weights}
    logistic = type(model) is LogisticRegression
    if logistic and model.solver in {"lbfgs", "newton-cg"} and not isinstance(X, np.ndarray):
        model.set_params(solver="newton-cg")
        if model.warm_start and model.fit_intercept:
            _start_at_solution(model, X, y, weights)
    elif logistic and model.solver == "lbfgs" and model.fit_intercept:
        center = X.mean(axis=0)
        if hasattr(model, "coef_"):  # where a warm start begins
            model.intercept_ = model.intercept_ + model.coef_ @ center
        model.fit(X - center, y, **weighted)
        model.intercept_ -= model.coef_ @ center
        return classifier
    fitted: Classifier = model.fit(X, y, **weighted)
    return fitted


def _start_at_solution(
    model: Any, X: sparse.csr_array, y: NDArray[np.int64], weights: NDArray[np.float64] | None
) -> None:
    """Set where scikit-learn's logistic regression starts to fit: where it will end."""
    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) > 1:
        start = (model.coef_, model.intercept_) if hasattr(model, "coef_") else None
        rows = np.ones(len(y)) if weights is None else weights
        model.coef_, model.intercept_ = solve(X, codes, rows, 1 / model.C, start, model.tol / 2)


def check_takes(config: Sweepable, *, phrases: bool, bag: bool) -> None:
    """Raise `UserError`, before anything is trained, if the classifier cannot use these."""
    from sklearn.utils import get_tags
    from sklearn.utils.validation import has_fit_parameter

    if not (phrases or bag):
        return
    classifier = config.classifier(config.strengths[0], None)
    name = type(classifier).__name__
    require(
        not phrases or has_fit_parameter(classifier, "sample_weight"),
        f"corpus.phrases: {name} takes no sample weights; leave the phrases out, or take "
        "sweep=logistic.",
    )
    require(
        not bag or get_tags(classifier).input_tags.sparse,
        f"features.bag: {name} takes no sparse features; set features.bag=none, or take "
        "sweep=logistic.",
    )


@displayed
@dataclass
class Logistic(Settings):
    """Multinomial logistic regression with an L2 penalty.

    It is fitted by L-BFGS, or with ``features.bag`` by Newton's method with conjugate gradients.
    Each fit starts from the one before, at the next stronger strength.

    Parameters
    ----------
    strengths
        Strengths of the penalty; scikit-learn's C is 1 / (strength + 1e-12).
    max_iter
        Iterations after which a fit stops, with a warning.
    tol
        Tolerance at which a fit has converged.
    """

    strengths: list[float] = field(
        default_factory=default_strengths, metadata={"bounds": {"least": 0}}
    )
    max_iter: int = bounded(10_000, least=1)
    tol: float = bounded(1e-6, above=0)  # looser, and a fit stops where the one before ended

    def __post_init__(self) -> None:
        """Check values."""
        super().__post_init__()
        if not self.strengths:
            raise SettingError("strengths is empty; give at least one, e.g. [0.1,1,10].")
        if len(set(self.strengths)) != len(self.strengths):
            raise SettingError("strengths has a strength twice.")

    def classifier(self, strength: float, previous: Classifier | None) -> Classifier:
        """Return the classifier for one strength."""
        from sklearn.linear_model import LogisticRegression

        if previous is None:
            previous = LogisticRegression(max_iter=self.max_iter, tol=self.tol, warm_start=True)
        model = copy.deepcopy(previous)
        model.set_params(C=inverse(strength))
        return model


@displayed
@dataclass
class OneVsRest(Logistic):
    """A binary logistic regression for each class, by liblinear; parameters as in `Logistic`."""

    tol: float = bounded(1e-4, above=0)

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


@displayed
@dataclass
class TwoLayer(Logistic):
    """A network with one hidden layer of sigmoid units; other parameters as in `Logistic`.

    Parameters
    ----------
    hidden
        Number of hidden units.
    seed
        Seed of the initial weights. Every strength starts from them, not from the fit before: at a
        stronger penalty the weights may have shrunk to zero, where the gradient vanishes.
    """

    max_iter: int = bounded(1000, least=1)
    tol: float = bounded(1e-4, above=0)
    hidden: int = bounded(32, least=1)
    seed: int = 1

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
