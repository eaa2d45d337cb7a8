from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.core.errors import UserError
from pipeline.core.scores import score
from pipeline.stages.best.best import OnDev, Ties, pick_best
from pipeline.stages.features.features import Features
from pipeline.stages.sweep.sweep import Sweep

SIZES = {"train": 12, "dev": 9, "test": 10}
LABELS = {name: np.arange(size) % 3 for name, size in SIZES.items()}
CLASSES = ("-", "neut", "+")


class Spy:
    """A classifier that errs on every fourth sentence, and notes what it is shown."""

    def __init__(self):
        self.shown = []

    def _guess(self, X):
        rows = X[:, 0].astype(int)
        return np.where(rows % 4 == 0, (rows + 1) % 3, rows % 3)

    def predict(self, X):
        self.shown.append(X)
        return self._guess(X)

    def predict_proba(self, X):
        return 0.7 * np.eye(3)[self._guess(X)] + 0.1


@pytest.fixture
def features():
    X = {name: np.arange(size)[:, None] / 1.0 for name, size in SIZES.items()}
    return Features(X, LABELS, dict.fromkeys(SIZES, 1.0), CLASSES, ordinal=True)


def swept(*dev_accuracy, **others):
    strengths = [10.0**i for i in range(len(dev_accuracy))]
    results = pd.DataFrame(
        {
            "strength": strengths,
            "train_accuracy": np.linspace(0.9, 0.5, len(dev_accuracy)),
            "dev_accuracy": dev_accuracy,
            **{f"dev_{name}": values for name, values in others.items()},
            "converged": True,
        }
    )
    return Sweep(results.to_dict("records"), [Spy() for _ in strengths])


class TestPickBest:
    def test_takes_the_strength_that_does_best_on_dev(self, features):
        given = swept(0.3, 0.5, 0.4)
        best = pick_best(given, features)
        assert (best.row, best.strength) == (1, 10.0)
        assert best.classifier is given.classifiers[1]

    @pytest.mark.parametrize(
        ("ties", "row"), [(Ties.strongest, 3), (Ties.first, 1), ("strongest", 3), ("first", 1)]
    )
    def test_of_equals_takes_the_strongest_or_the_first(self, ties, row, features):
        given = swept(0.3, 0.5, 0.4, 0.5, 0.1)
        assert pick_best(given, features, OnDev(ties=ties)).row == row

    def test_of_equals_takes_the_strongest_unless_told_otherwise(self, features):
        assert pick_best(swept(0.5, 0.5), features).row == 1

    @pytest.mark.parametrize(
        ("metric", "row"), [("accuracy", 0), ("macro_f1", 1), ("balanced_accuracy", 2), ("mae", 2)]
    )
    def test_takes_the_strength_that_is_best_by_the_metric_of_choice(self, metric, row, features):
        given = swept(
            *(0.5, 0.4, 0.3),
            macro_f1=(0.2, 0.4, 0.3),
            balanced_accuracy=(0.1, 0.2, 0.3),
            mean_absolute_error=(1.2, 1.1, 0.9),
        )
        assert pick_best(given, features, OnDev(metric=metric)).row == row

    def test_the_mean_error_needs_classes_in_order(self, features):
        unordered = replace(features, ordinal=False)
        with pytest.raises(
            UserError, match=r"best\.metric=mae .* are not ordered; corpus\.ordinal"
        ):
            pick_best(swept(0.5), unordered, OnDev(metric="mae"))

    def test_a_metric_of_another_name_is_refused(self):
        with pytest.raises(UserError, match=r"metric: no choice 'f1'.*accuracy, macro_f1"):
            OnDev(metric="f1")

    def test_scores_the_majority_class_too(self, features):
        y = {**LABELS, "train": np.array([2] * 6 + [0, 1] * 3)}
        best = pick_best(swept(0.5), replace(features, y=y))
        assert best.majority["label"] == "+"
        assert best.majority["test"] == score(LABELS["test"], np.full(10, 2), 3, ordinal=True)

    def test_says_so_where_every_prediction_is_the_same_class(self, features, caplog):
        class Constant(Spy):
            def _guess(self, X):
                return np.zeros(len(X), int)

        given = Sweep(swept(0.5).rows, [Constant()])
        pick_best(given, features)
        assert "every test sentence is predicted to be '-'" in caplog.text

    def test_a_class_without_test_sentences_is_left_out_of_balanced_accuracy(self, features):
        y = {**LABELS, "test": LABELS["test"] % 2}
        best = pick_best(swept(0.5), replace(features, y=y))
        counts = np.array([y["test"], best.predicted["test"]])
        recalls = [np.mean(counts[1][counts[0] == label] == label) for label in (0, 1)]
        assert best.scores["test"]["balanced_accuracy"] == pytest.approx(np.mean(recalls))

    def test_shows_test_to_the_winner_alone_and_once(self, features):
        given = swept(0.3, 0.5, 0.4)
        pick_best(given, features)
        test = features.X["test"]
        assert [sum(X is test for X in spy.shown) for spy in given.classifiers] == [0, 1, 0]

    def test_leaves_the_others_alone(self, features):
        given = swept(0.3, 0.5, 0.4)
        pick_best(given, features)
        assert given.classifiers[0].shown == given.classifiers[2].shown == []

    def test_keeps_what_was_predicted_of_every_split(self, features):
        best = pick_best(swept(0.5), features)
        for name, X in features.X.items():
            np.testing.assert_array_equal(best.predicted[name], Spy().predict(X))
            np.testing.assert_allclose(best.probabilities[name], Spy().predict_proba(X))

    def test_scores_every_split(self, features):
        best = pick_best(swept(0.5), features)
        for name, y in LABELS.items():
            assert best.scores[name] == score(y, best.predicted[name], 3, ordinal=True)

    def test_ties_of_another_name_are_refused(self):
        with pytest.raises(UserError, match=r"ties: no choice 'last'.*strongest, first"):
            OnDev(ties="last")


class TestBest:
    def test_tells_every_score_and_the_headline_again(self, features):
        best = pick_best(swept(0.3, 0.5), features)
        metrics = {metric.name: metric.value for metric in best.metrics()}
        for split in SIZES:
            for name, value in best.scores[split].items():
                assert metrics[f"{split}/{name}"] == value
        assert metrics["best/strength"] == 10.0
        assert metrics["best/dev_accuracy"] == best.scores["dev"]["accuracy"]
        assert metrics["best/test_accuracy"] == best.scores["test"]["accuracy"]

    def test_says_strength_and_accuracies_in_a_line(self, features):
        described = pick_best(swept(0.3, 0.5), features).describe()
        scores = "train 75.0%, dev 66.7%, test 70.0% (macro-F1 0.694; always '-' 40.0%)"
        assert described == f"strength 10: {scores}"

    def test_writes_what_was_said_of_every_sentence_of_dev_and_test(self, features, tmp_path):
        best = pick_best(swept(0.5), features)
        sentences = {name: [["word", f"{i},"] for i in range(n)] for name, n in SIZES.items()}
        best.write_predictions(tmp_path, sentences)
        table = pd.read_csv(tmp_path / "predictions.csv", keep_default_na=False)
        assert table["split"].tolist() == ["dev"] * 9 + ["test"] * 10
        assert table["sentence"].tolist()[8:11] == ["word 8,", "word 0,", "word 1,"]
        named = np.array(CLASSES)
        both = ("dev", "test")
        assert table["label"].tolist() == [c for s in both for c in named[LABELS[s]]]
        assert table["predicted"].tolist() == [c for s in both for c in named[best.predicted[s]]]
        assert (table["correct"] == (table["label"] == table["predicted"])).all()
        np.testing.assert_allclose(
            table[["p(-)", "p(neut)", "p(+)"]], np.vstack([best.probabilities[s] for s in both])
        )

    @pytest.mark.parametrize(
        "text", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "\x1b[2Jx", '"a","b"']
    )
    def test_writes_every_text_unchanged(self, text, features, tmp_path):
        sentences = {name: [[text]] * n for name, n in SIZES.items()}
        pick_best(swept(0.5), features).write_predictions(tmp_path, sentences)
        with (tmp_path / "predictions.csv").open(newline="", encoding="utf-8") as file:
            assert {row["sentence"] for row in csv.DictReader(file)} == {text}

    def test_of_many_classes_writes_the_probabilities_of_two(self, tmp_path):
        n = 101
        y = {name: np.arange(size) for name, size in SIZES.items()}
        X = {name: np.zeros((size, 1)) for name, size in SIZES.items()}
        p = {name: np.random.default_rng(0).random((size, n)) for name, size in SIZES.items()}
        features = Features(X, y, {}, tuple(map(str, range(n))))
        given = pick_best(swept(0.5), replace(features, classes=CLASSES, y=LABELS, X=X))
        best = replace(
            given, predicted={s: y[s] + 1 for s in SIZES}, probabilities=p, features=features
        )
        best.write_predictions(tmp_path, {s: [["a"]] * k for s, k in SIZES.items()})
        table = pd.read_csv(tmp_path / "predictions.csv")
        assert list(table)[5:] == ["p_label", "p_predicted"]
        rows = np.arange(10)
        np.testing.assert_allclose(table["p_label"][9:], p["test"][rows, rows])
        np.testing.assert_allclose(table["p_predicted"][9:], p["test"][rows, rows + 1])
