"""Every metric equals scikit-learn's, and a batch of matrices gives what each gives alone."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from pipeline.core import scores
from pipeline.core.scores import METRICS, confusion_matrix, metric_names, score
from pipeline.core.statistics import accuracy_interval

CLASSES = 5
labels = st.lists(
    st.tuples(st.integers(0, CLASSES - 1), st.integers(0, CLASSES - 1)), min_size=1, max_size=40
).map(lambda pairs: np.array(pairs, np.int64).T)


@given(labels)
def test_every_metric_is_scikit_learns_also_where_a_class_is_missing(pairs):
    true, predicted = pairs
    found = score(true, predicted, CLASSES, ordinal=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of classes that are not in `true`
        balanced = metrics.balanced_accuracy_score(true, predicted)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(true, predicted))
    assert found["macro_f1"] == pytest.approx(
        metrics.f1_score(true, predicted, average="macro", zero_division=0.0)
    )
    assert found["balanced_accuracy"] == pytest.approx(balanced)
    assert found["mean_absolute_error"] == pytest.approx(
        metrics.mean_absolute_error(true, predicted)
    )


@given(labels)
def test_the_confusion_matrix_is_scikit_learns(pairs):
    np.testing.assert_array_equal(
        confusion_matrix(*pairs, CLASSES),
        metrics.confusion_matrix(*pairs, labels=range(CLASSES)),
    )


@pytest.mark.parametrize("name", METRICS)
def test_a_batch_gives_what_each_matrix_gives_alone(name):
    counts = np.random.default_rng(0).integers(0, 3, (2, 7, CLASSES, CLASSES))
    counts[0, 0] = 0
    each = [[METRICS[name](counts[i, j]) for j in range(7)] for i in range(2)]
    np.testing.assert_array_equal(METRICS[name](counts), each)


def test_a_class_never_predicted_has_f1_zero():
    assert score(np.array([0, 0, 1]), np.zeros(3, int), 2)["macro_f1"] == pytest.approx(0.4)


def test_always_the_majority_class_gives_one_over_the_number_of_classes():
    true = np.array([0] * 95 + [1] * 5)
    found = score(true, np.zeros(100, int), 2)
    assert (found["accuracy"], found["balanced_accuracy"]) == (0.95, 0.5)


def test_the_interval_is_wilsons():
    found = score(np.array([0, 1, 2, 2]), np.array([0, 1, 2, 0]), 3)
    assert (found["accuracy_low"], found["accuracy_high"]) == accuracy_interval(3, 4)


def test_the_distance_of_a_mistake_is_scored_only_where_classes_are_ordered():
    assert "mean_absolute_error" not in score(np.array([0, 1]), np.array([0, 1]), 2)
    assert metric_names(ordinal=False) == ["accuracy", "macro_f1", "balanced_accuracy"]
    assert metric_names(ordinal=True) == list(METRICS)
    assert set(METRICS) >= scores.LOWER_IS_BETTER
