"""How good predictions are: every metric once, computed from the confusion matrix.

All functions take counts of shape (..., C, C), true classes in rows and predicted ones in columns,
and return an array of shape (...): so a bootstrap can score thousands of resampled matrices at
once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NotRequired

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypedDict

from pipeline.core.statistics import accuracy_interval

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


class Scores(TypedDict):
    """The scores of one split, as in ``result.json``; shares are fractions of 1.

    ``accuracy_low`` and ``accuracy_high`` are Wilson's 95 % interval. ``mean_absolute_error``, in
    classes, is there where the classes are ordered. Version 0.1.0 had no ``balanced_accuracy``.
    """

    accuracy: float
    accuracy_low: float
    accuracy_high: float
    macro_f1: float
    balanced_accuracy: NotRequired[float]
    mean_absolute_error: NotRequired[float]


class Majority(TypedDict):
    """The scores of always predicting `label`, the most frequent class of train."""

    label: str
    train: Scores
    dev: Scores
    test: Scores


def confusion_matrix(true: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> Counts:
    """Count pairs of true and predicted class indices, (n,) each, as (C, C)."""
    cells = np.asarray(true, np.int64) * classes + np.asarray(predicted, np.int64)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def accuracy(counts: Counts) -> Floats:
    """Return the share of right predictions."""
    right = np.trace(counts, axis1=-2, axis2=-1)
    return _ratio(right, counts.sum(axis=(-2, -1)))


def macro_f1(counts: Counts) -> Floats:
    """Return the unweighted mean of the classes' F1 scores.

    As in scikit-learn, a class that is neither true nor predicted anywhere is left out, and one
    that is only predicted, or never predicted, has an F1 of 0.
    """
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    either = counts.sum(axis=-1) + counts.sum(axis=-2)
    return _mean(_ratio(2 * right, either), either > 0)


def balanced_accuracy(counts: Counts) -> Floats:
    """Return the unweighted mean of the classes' recalls; classes without sentences are left out.

    Always predicting one class gives 1 / C, however common that class is.
    """
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    true = counts.sum(axis=-1)
    return _mean(_ratio(right, true), true > 0)


def mean_absolute_error(counts: Counts) -> Floats:
    """Return how many classes a prediction is off on average; only for ordered classes."""
    index = np.arange(counts.shape[-1])
    off = np.abs(index[:, None] - index)
    return _ratio((counts * off).sum(axis=(-2, -1)), counts.sum(axis=(-2, -1)))


def class_scores(counts: Counts) -> dict[str, NDArray[Any]]:
    """Return ``precision``, ``recall``, ``f1``, (C,), and the ``sentences`` of each class.

    A precision is nan where nothing is predicted to be of the class, a recall where there is no
    sentence of it.
    """
    right, true, predicted = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    return {
        "precision": np.where(predicted > 0, right / np.maximum(predicted, 1), np.nan),
        "recall": np.where(true > 0, right / np.maximum(true, 1), np.nan),
        "f1": _ratio(2 * right, true + predicted),
        "sentences": true,
        "predicted": predicted,
    }


METRICS: Mapping[str, Callable[[Counts], Floats]] = MappingProxyType(
    {
        "accuracy": accuracy,
        "macro_f1": macro_f1,
        "balanced_accuracy": balanced_accuracy,
        "mean_absolute_error": mean_absolute_error,
    }
)
"""Every metric by its name in ``result.json``."""

LOWER_IS_BETTER = frozenset({"mean_absolute_error"})


def metric_names(*, ordinal: bool) -> list[str]:
    """Return the metrics that apply: the mean absolute error only where classes are ordered."""
    return [name for name in METRICS if ordinal or name != "mean_absolute_error"]


def score(
    true: NDArray[np.int64], predicted: NDArray[np.int64], classes: int, *, ordinal: bool = False
) -> Scores:
    """Score the predictions of one split.

    Parameters
    ----------
    true, predicted
        (n,) class indices.
    classes
        The number of classes C.
    ordinal
        Whether the classes are ordered.
    """
    counts = confusion_matrix(true, predicted, classes)
    low, high = accuracy_interval(int(np.trace(counts)), int(counts.sum()))
    scores: Scores = {
        "accuracy": float(accuracy(counts)),
        "accuracy_low": low,
        "accuracy_high": high,
        "macro_f1": float(macro_f1(counts)),
        "balanced_accuracy": float(balanced_accuracy(counts)),
    }
    if ordinal:
        scores["mean_absolute_error"] = float(mean_absolute_error(counts))
    return scores


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> Floats:
    """Divide; 0 where there is nothing to divide by."""
    ratio: Floats = np.where(whole > 0, part / np.maximum(whole, 1), 0.0)
    return ratio


def _mean(values: Floats, counted: NDArray[np.bool_]) -> Floats:
    """Return the mean over the last axis of the values that are counted."""
    mean: Floats = np.where(counted, values, 0.0).sum(axis=-1) / np.maximum(1, counted.sum(axis=-1))
    return mean
