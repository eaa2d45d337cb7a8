"""In a notebook, results are compared by name: a table with a verdict for each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import pipeline as yv
from pipeline.core.statistics import accuracy_interval


@pytest.fixture(scope="module")
def features():
    corpus = yv.Sample(train=200, dev=60, test=60).load()
    vectors = yv.train_vectors(corpus, yv.build_vocab(corpus), yv.Random(dim=5))
    return yv.featurize(corpus, vectors)


@pytest.fixture(scope="module")
def weak(features):
    return yv.pick_best(yv.sweep_strengths(features, yv.Logistic([1.0, 10.0])), features)


@pytest.fixture(scope="module")
def right(weak, features):
    """One that is always right."""
    return replace(weak, predicted=features.y)


def test_each_has_its_accuracy_and_a_verdict_against_glove(weak, right):
    table = yv.compare({"own": right, "glove": weak})
    assert table.index.tolist() == ["own", "glove"]
    assert table.index.name == "against glove"
    assert table["verdict"].tolist() == ["better", "reference"]
    accuracy = weak.scores["test"]["accuracy"]
    assert table["accuracy"].tolist() == [1.0, pytest.approx(accuracy)]
    assert table.loc["own", "difference"] == pytest.approx(1 - accuracy)
    interval = accuracy_interval(round(60 * accuracy), 60)
    assert table.loc["glove", ["low", "high"]].tolist() == pytest.approx(list(interval))
    assert table.loc["glove", "macro_f1"] == pytest.approx(weak.scores["test"]["macro_f1"])


def test_any_name_can_be_the_reference(weak, right):
    table = yv.compare({"own": right, "glove": weak}, reference="own")
    assert table["verdict"].tolist() == ["reference", "worse"]
    assert table.loc["glove", "difference"] < 0


def test_equal_results_cannot_be_told_apart(weak):
    table = yv.compare({"first": weak, "second": weak})
    assert table["verdict"].tolist() == ["reference", "cannot tell"]
    assert table.loc["second", "difference"] == 0


def test_a_list_holds_several_seeds(weak, right):
    table = yv.compare({"own": [weak, right], "glove": weak})
    accuracy = weak.scores["test"]["accuracy"]
    assert table.loc["own", "accuracy"] == pytest.approx((1 + accuracy) / 2)
    assert table.loc["own", "verdict"] == "cannot tell"  # two seeds that are so far apart


def test_p_is_adjusted_for_the_number_of_results(weak, right):
    alone = yv.compare({"glove": weak, "own": right})
    several = yv.compare({"glove": weak, "own": right, "other": right})
    assert several.loc["own", "p"] == pytest.approx(2 * alone.loc["own", "p"])


def test_what_cannot_be_compared_is_named(weak, features):
    other = replace(features, y={**features.y, "test": np.roll(features.y["test"], 1)})
    elsewhere = replace(weak, features=other)
    for results, reference, said in (
        ({"own": weak}, None, "at least two"),
        ({"own": weak, "glove": 3}, None, "results\\['glove'\\]"),
        ({"own": weak, "glove": []}, None, "results\\['glove'\\]"),
        ({"own": weak, "glove": elsewhere}, None, "other test sentences"),
        ({"own": weak, "glove": weak}, "fasttext", "reference 'fasttext'"),
    ):
        with pytest.raises(yv.UserError, match=said):
            yv.compare(results, reference=reference)
