"""The metrics of a comparison, and how much each test sentence contributes to them.

A metric of n test sentences changes by about ``influence[i] / n`` if sentence i counts once more.
The variance of the influence values over n is the metric's sampling variance to first order, which
is what the bootstrap over sentences estimates too (Efron 1982, *The Jackknife, the Bootstrap and
Other Resampling Plans*, chapter 6: the infinitesimal jackknife). It takes one pass over the
sentences and no random numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.core.scores import LOWER_IS_BETTER, metric_names
from pipeline.render.html import signed

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Metric(NamedTuple):
    """How to show a metric.

    Parameters
    ----------
    name
        Its key in ``result.json``.
    label
        Its name for a reader.
    unit
        Of a difference: "points" for what is shown in percent, or empty.
    """

    name: str
    label: str
    unit: str = ""

    @property
    def sign(self) -> int:
        """1 if more is better, -1 for an error."""
        return -1 if self.name in LOWER_IS_BETTER else 1

    @property
    def scale(self) -> int:
        """100 for a metric that is shown in percent, else 1."""
        return 100 if self.unit else 1

    def show(self, difference: float) -> str:
        """Return a difference as text, with its sign."""
        return signed(self.scale * difference, 1 if self.unit else 3)

    def show_size(self, difference: float) -> str:
        """Return the size of a difference as text, with its unit."""
        decimals = 1 if self.unit else 3
        return f"{abs(self.scale * difference):.{decimals}f} {self.unit or self.label}"


LABELS = {
    "accuracy": Metric("accuracy", "accuracy", "points"),
    "macro_f1": Metric("macro_f1", "macro-F1"),
    "balanced_accuracy": Metric("balanced_accuracy", "balanced accuracy", "points"),
    "mean_absolute_error": Metric("mean_absolute_error", "mean error in classes"),
}


def metrics_of(*, ordinal: bool) -> list[Metric]:
    """Return the metrics of a comparison; the mean error only where classes are ordered."""
    return [LABELS[name] for name in metric_names(ordinal=ordinal)]


class Measured(NamedTuple):
    """A metric of k runs of one arm on the same n sentences.

    Parameters
    ----------
    values
        (k,) the metric of each run.
    influence
        (n,) influence of each sentence on the mean of `values`; its mean is 0.
    """

    values: Floats
    influence: Floats

    @property
    def mean(self) -> float:
        """The metric averaged over the runs."""
        return float(self.values.mean())


def measure(metric: Metric, true: Ints, predicted: Ints, classes: int) -> Measured:
    """Compute a metric of k runs, and the influence of each sentence on their mean.

    Parameters
    ----------
    metric
        One of `metrics_of`.
    true
        (n,) class indices.
    predicted
        (k, n) class indices, a row a run.
    classes
        How many classes there are.
    """
    both = [_FUNCTIONS[metric.name](true, row, classes) for row in predicted]
    values = np.array([value for value, _ in both])
    return Measured(values, np.mean([influence for _, influence in both], axis=0))


def _accuracy(true: Ints, predicted: Ints, _: int) -> tuple[float, Floats]:
    right = (true == predicted).astype(np.float64)
    value = float(right.mean())
    return value, right - value


def _mean_absolute_error(true: Ints, predicted: Ints, _: int) -> tuple[float, Floats]:
    error = np.abs(true - predicted).astype(np.float64)
    value = float(error.mean())
    return value, error - value


def _balanced_accuracy(true: Ints, predicted: Ints, classes: int) -> tuple[float, Floats]:
    """Average recall over the classes that occur in `true`."""
    right = true == predicted
    size = np.bincount(true, minlength=classes)
    recall = np.bincount(true[right], minlength=classes) / np.maximum(1, size)
    weight = len(true) / (np.count_nonzero(size) * np.maximum(1, size))
    return float(recall[size > 0].mean()), (right - recall[true]) * weight[true]


def _macro_f1(true: Ints, predicted: Ints, classes: int) -> tuple[float, Floats]:
    """Average F1 = 2 tp / (true + predicted) over the classes that occur in either."""
    right = true == predicted
    size = np.bincount(true, minlength=classes) + np.bincount(predicted, minlength=classes)
    f1 = 2 * np.bincount(true[right], minlength=classes) / np.maximum(1, size)
    weight = len(true) / (np.count_nonzero(size) * np.maximum(1, size))
    lost = f1 * weight
    influence = 2 * right * weight[true] - lost[true] - lost[predicted]
    return float(f1[size > 0].mean()), influence


_FUNCTIONS: dict[str, Callable[[Ints, Ints, int], tuple[float, Floats]]] = {
    "accuracy": _accuracy,
    "macro_f1": _macro_f1,
    "balanced_accuracy": _balanced_accuracy,
    "mean_absolute_error": _mean_absolute_error,
}
