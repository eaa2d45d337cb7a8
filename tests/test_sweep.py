from __future__ import annotations

import logging
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_info

from pipeline.core.errors import UserError
from pipeline.core.metrics import Metric
from pipeline.core.scores import score
from pipeline.stages.best.best import OnDev, Ties, pick_best
from pipeline.stages.corpus import Sst
from pipeline.stages.features.features import Features, Mean, Unknown, featurize
from pipeline.stages.sweep.sweep import (
    Logistic,
    OneVsRest,
    Sweep,
    TwoLayer,
    default_strengths,
    fit,
    inverse,
    sweep_strengths,
)
from pipeline.stages.vectors.pretrained import Glove
from pipeline.stages.vocab import build_vocab


@pytest.fixture(scope="module")
def features():
    """Three clouds that overlap, so that the strength matters."""
    rng = np.random.default_rng(0)
    X, y = {}, {}
    for name, n in (("train", 300), ("dev", 150), ("test", 150)):
        y[name] = rng.permutation(np.arange(n) % 3)
        X[name] = rng.normal(size=(n, 5)) + np.eye(3, 5)[y[name]]
    return Features(X, y, dict.fromkeys(X, 1.0), ("a", "b", "c"))


class Constant:
    """A classifier that always says the same, and notes what it is asked."""

    def __init__(self, answer=0):
        self.answer = answer
        self.seen = []

    def fit(self, X, y):
        self.seen.append(("fit", X, y))
        return self

    def predict(self, X):
        self.seen.append(("predict", X))
        return np.full(len(X), self.answer)


class Own:
    """A sweepable of one's own."""

    def __init__(self, strengths, make=lambda strength, previous: Constant()):  # noqa: ARG005
        self.strengths = strengths
        self.make = make
        self.calls = []

    def classifier(self, strength, previous):
        self.calls.append((strength, previous))
        return self.make(strength, previous)


class TestStrengths:
    def test_are_ten_from_1e_minus_4_to_1e2_by_default(self):
        np.testing.assert_array_equal(default_strengths(), np.logspace(-4, 2, 10))
        assert Logistic().strengths == OneVsRest().strengths == default_strengths()

    @pytest.mark.parametrize("strength", [0.0, 1e-4, 4.6416, 100.0])
    def test_are_turned_to_c_as_the_exercise_does(self, strength):
        assert inverse(strength) == 1 / (strength + 1e-12)

    @pytest.mark.parametrize("config", [Logistic, OneVsRest])
    def test_reach_the_classifier(self, config):
        model = config().classifier(2.0, None)
        assert (getattr(model, "estimator", model)).C == 1 / (2 + 1e-12)

    @pytest.mark.parametrize("config", [Logistic, OneVsRest])
    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"strengths": []}, r"strengths is empty; give at least one, e.g. \[0.1,1,10\]"),
            ({"strengths": [1, -2]}, r"strengths must be at least 0, not -2"),
            ({"strengths": [float("nan")]}, r"must be finite and at least 0, not nan"),
            ({"strengths": [float("inf")]}, r"must be finite and at least 0, not inf"),
            ({"strengths": [1, 2, 1]}, "strengths has a strength twice"),
            ({"max_iter": 0}, "max_iter must be at least 1, not 0"),
            ({"tol": 0}, "tol must be above 0, not 0"),
        ],
    )
    def test_out_of_range_are_refused(self, config, settings, message):
        with pytest.raises(UserError, match=message):
            config(**settings)


class TestFit:
    @pytest.mark.parametrize("n_classes", [2, 3])
    @pytest.mark.parametrize("begun", [False, True])
    def test_far_from_the_origin_finds_the_same_classifier(self, n_classes, begun, features):
        X, y = features.X["train"], features.y["train"] % n_classes
        there = LogisticRegression(C=0.5, tol=1e-9, max_iter=10_000).fit(X, y)
        model = LogisticRegression(C=0.1, tol=1e-9, max_iter=10_000, warm_start=True)
        for strength in [0.1, 0.5] if begun else [0.5]:
            model = fit(model.set_params(C=strength), X + 30, y)
        np.testing.assert_allclose(model.coef_, there.coef_, atol=1e-5)
        np.testing.assert_allclose(model.predict_proba(X + 30), there.predict_proba(X), atol=1e-5)

    @settings(max_examples=60, deadline=None)
    @given(
        st.fixed_dictionaries(
            {
                "C": st.floats(1e-3, 1e3),
                "fit_intercept": st.booleans(),
                "class_weight": st.sampled_from([None, "balanced", {0: 2.0}]),
                "warm_start": st.booleans(),
                "intercept_scaling": st.sampled_from([1.0, 3.0]),
            }
        ),
        st.sampled_from(["lbfgs", "newton-cg", "newton-cholesky", "liblinear", "sag", "saga"]),
        st.sampled_from([2, 3]),
        st.booleans(),
    )
    def test_of_a_users_logistic_regression_is_scikit_learns(
        self, features, params, solver, n_classes, weighted
    ):
        n_classes = 2 if solver == "liblinear" else n_classes
        X, y = features.X["train"] + 3, features.y["train"] % n_classes
        weights = np.linspace(0.5, 2, len(y)) if weighted else None
        tol = 1e-3 if solver in {"sag", "saga"} else 1e-8  # these two are slow, and called as is
        ours, theirs = (
            LogisticRegression(**params, solver=solver, tol=tol, max_iter=10_000, random_state=0)
            for _ in range(2)
        )
        fit(ours, X, y, weights)
        theirs.fit(X, y, sample_weight=weights)
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=2e-3)

    def test_goes_on_from_the_last_one(self, features):
        X, y = features.X["train"] + 30, features.y["train"]
        model = LogisticRegression(tol=1e-6, max_iter=10_000, warm_start=True)
        first = fit(model, X, y).n_iter_[0]
        assert fit(model, X, y).n_iter_[0] < first / 3

    def test_of_another_classifier_is_its_own(self, features):
        X, y = features.X["train"], features.y["train"]
        model = fit(Constant(), X, y)
        ((_, given, _),) = model.seen
        assert given is X


class TestWeights:
    """What is learnt from besides train's sentences has weights."""

    @pytest.fixture
    def phrased(self, features):
        rng = np.random.default_rng(1)
        X = features.X | {"phrases": rng.normal(size=(100, 5)) + 30}
        y = features.y | {"phrases": rng.permutation(np.arange(100) % 3)}
        X = X | {"train": X["train"] + 30}
        return Features(X, y, features.coverage, features.classes)

    def test_are_those_of_scikit_learn(self, phrased):
        X, y, weights = phrased.training_data
        ours = fit(LogisticRegression(tol=1e-8, max_iter=10_000), X, y, weights)
        there = LogisticRegression(tol=1e-8, max_iter=10_000)
        there.fit(X - 30, y, sample_weight=weights)
        np.testing.assert_allclose(ours.coef_, there.coef_, atol=1e-5)

    def test_scores_are_those_of_sentences_alone(self, phrased):
        swept = sweep_strengths(phrased, Logistic([1.0]))
        said = swept.classifiers[0].predict(phrased.X["train"])
        assert swept.rows[0]["train_accuracy"] == np.mean(said == phrased.y["train"])
        best = pick_best(swept, phrased)
        assert set(best.scores) == set(best.predicted) == {"train", "dev", "test"}

    def test_a_classifier_that_takes_none_is_refused(self, phrased):
        message = (
            r"corpus\.phrases: OneVsRestClassifier takes no sample weights; .* sweep=logistic\."
        )
        with pytest.raises(UserError, match=message):
            sweep_strengths(phrased, OneVsRest([1.0]))


class TestSweep:
    def test_has_a_row_a_strength_rising_however_they_are_given(self, features):
        results = sweep_strengths(features, Logistic([1.0, 100.0, 0.01])).results
        assert results["strength"].tolist() == [0.01, 1.0, 100.0]

    @pytest.mark.parametrize("config", [Logistic(), OneVsRest()])
    def test_gives_the_classifier_of_every_row(self, config, features):
        swept = sweep_strengths(features, config)
        for row, model in zip(swept.results.itertuples(), swept.classifiers, strict=True):
            assert model.get_params().get("estimator__C", model.get_params().get("C")) == (
                1 / (row.strength + 1e-12)
            )
            for split in ("train", "dev"):
                accuracy = np.mean(model.predict(features.X[split]) == features.y[split])
                assert getattr(row, f"{split}_accuracy") == accuracy

    def test_of_strength_zero_is_a_fit_without_penalty(self, features):
        model = sweep_strengths(features, Logistic([0.0], tol=1e-8)).classifiers[0]
        free = LogisticRegression(C=np.inf, tol=1e-8, max_iter=5000)
        free.fit(features.X["train"], features.y["train"])
        np.testing.assert_allclose(
            model.predict_proba(features.X["dev"]), free.predict_proba(features.X["dev"]), atol=1e-4
        )

    def test_never_touches_test(self, features):
        X = {**features.X, "test": np.full_like(features.X["test"], np.nan)}
        y = {name: labels for name, labels in features.y.items() if name != "test"}
        blind = sweep_strengths(Features(X, y, {}, features.classes))
        assert blind.results.equals(sweep_strengths(features).results)

    def test_fits_to_train_alone_from_the_strongest_down(self, features):
        own = Own([1.0, 3.0, 2.0])
        swept = sweep_strengths(features, own)
        assert [strength for strength, _ in own.calls] == [3.0, 2.0, 1.0]
        for model in swept.classifiers:
            assert [name for name, *_ in model.seen] == ["fit", "predict", "predict"]
            _, X, y = model.seen[0]
            assert X is features.X["train"]
            assert y is features.y["train"]

    def test_hands_each_classifier_the_one_fitted_before(self, features):
        own = Own([1.0, 2.0, 3.0])
        weak, middle, strong = sweep_strengths(features, own).classifiers
        assert [previous for _, previous in own.calls] == [None, strong, middle]
        assert weak not in (middle, strong)

    def test_does_not_alter_a_classifier_by_fitting_the_next(self, features):
        strengths = [100.0, 1.0, 0.01]
        for model, strength in zip(
            sweep_strengths(features, Logistic(strengths)).classifiers,
            sorted(strengths),
            strict=True,
        ):
            alone = sweep_strengths(features, Logistic([strength])).classifiers[0]
            np.testing.assert_allclose(model.coef_, alone.coef_, atol=1e-3)

    def test_begun_at_the_last_fit_finds_what_a_fresh_fit_finds(self, features):
        for model in sweep_strengths(features).classifiers:
            fresh = LogisticRegression(C=model.C, tol=1e-8, max_iter=5000)
            fresh.fit(features.X["train"], features.y["train"])
            probabilities = fresh.predict_proba(features.X["train"])
            np.testing.assert_allclose(
                model.predict_proba(features.X["train"]), probabilities, atol=1e-3
            )

    def test_has_every_metric_of_dev_and_what_each_predicts(self, features):
        swept = sweep_strengths(features, Logistic([0.1, 10.0]))
        for row, model, predicted in zip(
            swept.rows, swept.classifiers, swept.dev_predicted, strict=True
        ):
            np.testing.assert_array_equal(predicted, model.predict(features.X["dev"]))
            scores = score(features.y["dev"], predicted, 3)
            for name in ("accuracy", "macro_f1", "balanced_accuracy"):
                assert row[f"dev_{name}"] == scores[name]

    def test_is_the_same_every_time(self, features):
        for config in (Logistic(), OneVsRest()):
            first, second = (sweep_strengths(features, config) for _ in range(2))
            assert first.results.equals(second.results)

    def test_fits_with_one_thread_and_gives_the_others_back(self, features):
        class Counting(Constant):
            def fit(self, X, y):
                threads.extend(pool["num_threads"] for pool in threadpool_info())
                return super().fit(X, y)

        threads = []
        before = threadpool_info()
        sweep_strengths(features, Own([1.0], lambda *_: Counting()))
        assert set(threads) == {1}
        assert threadpool_info() == before

    def test_says_where_a_fit_did_not_converge(self, features, caplog):
        with warnings.catch_warnings(action="error"):
            swept = sweep_strengths(features, Logistic([0.01, 1e6], max_iter=2, tol=1e-4))
        assert swept.results["converged"].tolist() == [False, True]
        assert caplog.messages == [
            "the fit did not converge at strength 0.01: raise sweep.max_iter."
        ]

    def test_that_converged_says_nothing(self, features, caplog):
        caplog.set_level(logging.WARNING)
        assert sweep_strengths(features).results["converged"].all()
        assert caplog.messages == []

    def test_tells_a_step_a_strength(self, features):
        swept = sweep_strengths(features, Own([2.0, 1.0]))
        assert swept.describe() == "2 strengths from 1 to 2"
        third = pytest.approx(1 / 3)
        assert list(swept.metrics()) == [
            Metric("sweep/strength", 1.0, 0),
            Metric("sweep/train_accuracy", third, 0),
            Metric("sweep/dev_accuracy", third, 0),
            Metric("sweep/strength", 2.0, 1),
            Metric("sweep/train_accuracy", third, 1),
            Metric("sweep/dev_accuracy", third, 1),
        ]


class TestOneVsRest:
    def test_says_the_class_whose_own_classifier_is_surest(self, features):
        model = sweep_strengths(features, OneVsRest([1.0])).classifiers[0]
        X, y = features.X["train"], features.y["train"]
        surety = [
            LogisticRegression(C=inverse(1.0), solver="liblinear", random_state=0)
            .fit(X, y == label)
            .decision_function(features.X["dev"])
            for label in range(3)
        ]
        np.testing.assert_array_equal(model.predict(features.X["dev"]), np.argmax(surety, axis=0))


def test_the_exercise_on_the_real_treebank_gives_the_reference_figures(data):
    """They were computed independently of this project, with scikit-learn, on the same files."""
    corpus = Sst(path=str(data / "sst")).load()
    glove = Glove(path=str(data / "glove" / "glove.6B.50d.sst.txt"))
    made = featurize(corpus, glove.make(corpus, build_vocab(corpus)), Mean(Unknown.zero))
    best = pick_best(sweep_strengths(made, OneVsRest()), made, OnDev(Ties.first))
    assert best.strength == pytest.approx(4.6416, abs=5e-5)
    accuracy = {name: scores["accuracy"] for name, scores in best.scores.items()}
    assert accuracy == pytest.approx({"train": 0.38448, "dev": 0.36149, "test": 0.37149}, abs=5e-6)


def assert_equal(ours, theirs):
    """Compare two classifiers, or whatever is in them, to the last bit."""
    assert type(ours) is type(theirs)
    if isinstance(theirs, list):
        for one, other in zip(ours, theirs, strict=True):
            assert_equal(one, other)
    elif hasattr(theirs, "__dict__"):
        assert vars(ours).keys() == vars(theirs).keys()
        for name, value in vars(theirs).items():
            assert_equal(vars(ours)[name], value)
    else:
        np.testing.assert_array_equal(ours, theirs)


class TestSaved:
    @pytest.mark.parametrize("kind", [Logistic, OneVsRest, TwoLayer])
    def test_is_loaded_back_equal_and_predicts_the_same_bits(self, kind, features, tmp_path):
        swept = sweep_strengths(features, kind([0.01, 1.0]))
        swept.save(tmp_path)
        loaded = Sweep.load(tmp_path)
        pd.testing.assert_frame_equal(loaded.results, swept.results, check_exact=True)
        np.testing.assert_array_equal(loaded.dev_predicted, swept.dev_predicted)
        assert len(loaded.classifiers) == 2
        for ours, theirs in zip(loaded.classifiers, swept.classifiers, strict=True):
            assert_equal(ours, theirs)
            X = features.X["test"]
            assert ours.predict_proba(X).tobytes() == theirs.predict_proba(X).tobytes()

    @settings(max_examples=30, deadline=None)
    @given(
        st.lists(
            st.tuples(st.floats(0, 1e9), st.floats(0, 1), st.floats(0, 1), st.booleans()),
            min_size=1,
        )
    )
    def test_results_are_loaded_back_to_the_last_bit(self, tmp_path_factory, rows):
        folder = tmp_path_factory.mktemp("sweep")
        columns = ["strength", "train_accuracy", "dev_accuracy", "converged"]
        results = pd.DataFrame(rows, columns=columns)
        Sweep([dict(zip(columns, row, strict=True)) for row in rows], []).save(folder)
        loaded = Sweep.load(folder).results
        pd.testing.assert_frame_equal(loaded, results, check_exact=True)

    def test_classifiers_are_read_when_they_are_asked_for_and_once(self, features, tmp_path):
        sweep_strengths(features, Logistic([0.01, 1.0])).save(tmp_path)
        loaded = Sweep.load(tmp_path)
        (tmp_path / "0.skops").unlink()
        assert loaded.classifiers[1] is loaded.classifiers[1]
        assert loaded.classifiers[-1].C == loaded.classifiers[1:][0].C == inverse(1.0)
        with pytest.raises(FileNotFoundError):
            loaded.classifiers[0]
        with pytest.raises(IndexError):
            loaded.classifiers[2]

    def test_one_that_is_damaged_is_named(self, features, tmp_path):
        sweep_strengths(features, Logistic([1.0])).save(tmp_path)
        path = tmp_path / "0.skops"
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(UserError, match=r"0\.skops is damaged"):
            Sweep.load(tmp_path).classifiers[0]

    def test_one_of_one_s_own_types_is_refused_for_it_would_not_be_loaded(self, tmp_path):
        with pytest.raises(UserError, match="Constant"):
            Sweep([{"strength": 1.0}], [Constant()]).save(tmp_path)
