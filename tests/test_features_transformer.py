from __future__ import annotations

import doctest

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

from pipeline.stages.corpus import Corpus, Split
from pipeline.stages.features import transformer as mean_vectors
from pipeline.stages.features.features import Mean, Unknown, Weighting, featurize
from pipeline.stages.features.transformer import MeanVectors
from pipeline.stages.vectors.word_vectors import WordVectors

VECTORS = WordVectors(
    ["good", "bad", "film", ","], np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
)
TOKENS = [["good", "film"], ["bad", ",", "bad", "film"], ["unheard"], []]
TEXTS = ["Good film", "bad, BAD film", "unheard", ""]

# scikit-learn's checks that hand over no matrix of numbers, which MeanVectors does not take.
CHECKS = [
    estimator_checks.check_estimator_cloneable,
    estimator_checks.check_estimator_repr,
    estimator_checks.check_no_attributes_set_in_init,
    estimator_checks.check_parameters_default_constructible,
    estimator_checks.check_get_params_invariance,
    estimator_checks.check_set_params,
    estimator_checks.check_estimator_tags_renamed,
    estimator_checks.check_valid_tag_types,
    estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_is_a_scikit_learn_estimator(check):
    check("MeanVectors", MeanVectors())


def test_the_examples_in_the_documentation_are_true():
    assert doctest.testmod(mean_vectors).failed == 0


class TestTransform:
    @pytest.mark.parametrize("unknown", Unknown)
    @pytest.mark.parametrize("unit", [True, False])
    @pytest.mark.parametrize("weighting", Weighting)
    def test_gives_what_the_features_stage_gives(self, unknown, unit, weighting):
        split = Split(TOKENS, np.arange(4) % 2)
        corpus = Corpus("films", ("no", "yes"), dict.fromkeys(("train", "dev", "test"), split))
        features = featurize(corpus, VECTORS, Mean(unknown, unit, weighting, 0.1))
        own = {"unknown": unknown.value, "weighting": weighting.value, "sif_a": 0.1}
        made = MeanVectors(VECTORS, unit=unit, **own).fit_transform(TOKENS)
        np.testing.assert_array_equal(made, features.X["test"])

    def test_takes_texts_or_their_tokens(self):
        model = MeanVectors(VECTORS).fit(TEXTS)
        np.testing.assert_array_equal(model.transform(TEXTS), model.transform(TOKENS))

    def test_lower_cases_tokens_unless_told_not_to(self):
        assert MeanVectors(VECTORS).fit_transform([["GOOD"]]).any()
        assert not MeanVectors(VECTORS, lower=False).fit_transform([["GOOD"]]).any()

    def test_texts_without_a_known_word_are_zero(self):
        np.testing.assert_array_equal(MeanVectors(VECTORS).transform(TEXTS)[2:], np.zeros((2, 3)))

    def test_of_no_texts_is_an_empty_matrix(self):
        assert MeanVectors(VECTORS).fit_transform([]).shape == (0, 3)

    @pytest.mark.parametrize("weighting", Weighting)
    def test_reads_an_iterator_once(self, weighting):
        model = MeanVectors(VECTORS, weighting=weighting.value)
        made = model.fit_transform(text for text in TEXTS)
        np.testing.assert_array_equal(made, model.fit_transform(TEXTS))

    def test_follows_its_weighting_when_that_is_set_anew(self):
        model = MeanVectors(VECTORS, weighting="idf").fit(TEXTS)
        plain = MeanVectors(VECTORS).transform(TEXTS)
        np.testing.assert_array_equal(model.set_params(weighting="none").transform(TEXTS), plain)
        with pytest.raises(NotFittedError):
            MeanVectors(VECTORS).fit(TEXTS).set_params(weighting="sif").transform(TEXTS)

    def test_needs_no_fit(self):
        np.testing.assert_array_equal(
            MeanVectors(VECTORS).transform(TEXTS), MeanVectors(VECTORS).fit_transform(TEXTS)
        )

    def test_with_weights_needs_a_fit_and_keeps_what_it_learnt(self):
        model = MeanVectors(VECTORS, weighting="idf")
        with pytest.raises(NotFittedError):
            model.transform(TEXTS)
        alone = model.fit(TEXTS).transform(TEXTS[:1])
        np.testing.assert_array_equal(alone, model.transform(TEXTS)[:1])

    def test_takes_texts_of_any_sequence_and_leaves_tokens_as_they_were(self):
        tokens = [["GOOD", "film"]]
        model = MeanVectors(VECTORS)
        np.testing.assert_array_equal(
            model.transform(np.array(TEXTS, dtype=object)), model.transform(tuple(TEXTS))
        )
        model.transform(tokens)
        assert tokens == [["GOOD", "film"]]


class TestPipeline:
    def test_works_before_a_classifier(self):
        texts, labels = ["good good", "good film", "bad bad", "bad film"] * 5, [1, 1, 0, 0] * 5
        model = make_pipeline(MeanVectors(VECTORS), LogisticRegression(C=100))
        assert model.fit(texts, labels).score(texts, labels) == 1
        assert model.predict(["good"]).tolist() == [1]

    def test_its_parameters_can_be_searched(self):
        texts, labels = ["good good", "good film", "bad bad", "bad film"] * 5, [1, 1, 0, 0] * 5
        model = make_pipeline(MeanVectors(VECTORS), LogisticRegression())
        search = GridSearchCV(model, {"meanvectors__unit": [False, True]}, cv=2)
        assert search.fit(texts, labels).best_score_ > 0.5

    def test_names_its_features(self):
        model = MeanVectors(VECTORS).fit(TEXTS)
        assert model.n_features_out_ == 3
        names = ["meanvectors0", "meanvectors1", "meanvectors2"]
        assert model.get_feature_names_out().tolist() == names

    def test_set_output_makes_a_table_of_it(self):
        table = MeanVectors(VECTORS).set_output(transform="pandas").fit_transform(TEXTS)
        assert table.columns.tolist() == ["meanvectors0", "meanvectors1", "meanvectors2"]


class TestParameters:
    def test_are_kept_as_they_are_given(self):
        model = MeanVectors(VECTORS, unknown="zero", unit=True, lower=False)
        assert model.get_params() == {
            "vectors": VECTORS,
            "unknown": "zero",
            "unit": True,
            "lower": False,
            "weighting": "none",
            "sif_a": 1e-3,
        }

    def test_are_those_of_a_clone(self):
        model = clone(MeanVectors(VECTORS, unknown="zero"))
        assert model.unknown == "zero"
        np.testing.assert_array_equal(model.vectors.matrix, VECTORS.matrix)
        assert not hasattr(model, "n_features_out_")

    def test_without_vectors_it_says_what_to_give(self):
        with pytest.raises(ValueError, match=r"needs vectors: MeanVectors\(vectors\)"):
            MeanVectors().fit(TEXTS)

    def test_a_single_text_is_refused(self):
        with pytest.raises(TypeError, match="give a list of texts"):
            MeanVectors(VECTORS).fit("a single text")
        with pytest.raises(TypeError, match="give a list of texts"):
            MeanVectors(VECTORS).transform("a single text")
