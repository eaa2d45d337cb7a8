from __future__ import annotations

import doctest
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
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
    @pytest.mark.parametrize("normalize", [True, False])
    @pytest.mark.parametrize("weighting", Weighting)
    def test_gives_what_the_features_stage_gives(self, unknown, normalize, weighting):
        split = Split(TOKENS, np.arange(4) % 2)
        corpus = Corpus("films", ("no", "yes"), dict.fromkeys(("train", "dev", "test"), split))
        features = featurize(corpus, VECTORS, Mean(unknown, normalize, weighting, 0.1))
        own = {"unknown": unknown.value, "weighting": weighting.value, "sif_a": 0.1}
        made = MeanVectors(VECTORS, normalize=normalize, **own).fit_transform(TOKENS)
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


TABLE = pd.DataFrame({"text": TEXTS, "stars": [1, 2, 3, 4]}, index=[7, 5, 3, 1])


class TestTables:
    """Texts in data frames and arrays, as people have them."""

    @pytest.mark.parametrize(
        "X",
        [
            TABLE["text"],
            TABLE[["text"]],
            TABLE[["text"]].astype("string"),
            TABLE[["text"]].to_numpy(),
            np.array(TEXTS),
            pd.Series(TEXTS, dtype="category"),
        ],
    )
    def test_a_column_is_its_texts(self, X):
        expected = MeanVectors(VECTORS).transform(TEXTS)
        np.testing.assert_array_equal(MeanVectors(VECTORS).fit_transform(X), expected)
        np.testing.assert_array_equal(MeanVectors(VECTORS).fit(X).transform(X), expected)

    @pytest.mark.parametrize("X", [TABLE, TABLE.to_numpy(), TABLE[[]]])
    def test_of_several_columns_one_is_to_be_chosen(self, X):
        with pytest.raises(ValueError, match=r"X has [02] columns; choose the one with the texts"):
            MeanVectors(VECTORS).fit_transform(X)

    @pytest.mark.parametrize("missing", [None, np.nan, pd.NA, 3, ["good", None], b"good", {}])
    def test_what_is_no_text_is_refused_in_a_line(self, missing):
        with pytest.raises(TypeError, match=r"^X\[1\] is .* neither a text nor a list.*\.$"):
            MeanVectors(VECTORS).fit_transform(["good", missing])

    def test_a_matrix_of_numbers_is_refused(self):
        with pytest.raises(TypeError, match="sparse matrix"):
            MeanVectors(VECTORS).fit(sparse.eye_array(3))
        with pytest.raises(TypeError, match=r"X\[0\] is '1.0'"):
            MeanVectors(VECTORS).fit_transform(np.ones((2, 1)))

    @pytest.mark.parametrize("column", ["text", ["text"]])
    def test_works_in_a_column_transformer(self, column):
        both = ColumnTransformer(
            [("words", MeanVectors(VECTORS), column), ("stars", "passthrough", ["stars"])]
        )
        made = both.fit_transform(TABLE)
        np.testing.assert_array_equal(made[:, :3], MeanVectors(VECTORS).transform(TEXTS))
        assert both.get_feature_names_out()[[0, 3]].tolist() == [
            "words__meanvectors0",
            "stars__stars",
        ]

    def test_survives_pickle(self):
        model = MeanVectors(VECTORS, weighting="idf").fit(TEXTS)
        again = pickle.loads(pickle.dumps(model))  # noqa: S301 - our own
        np.testing.assert_array_equal(again.transform(TEXTS), model.transform(TEXTS))

    def test_a_clone_shares_the_vectors(self):
        assert clone(MeanVectors(VECTORS)).vectors is VECTORS

    def test_the_old_name_of_normalize_still_works(self):
        np.testing.assert_array_equal(
            MeanVectors(VECTORS, unit=True).transform(TEXTS),
            MeanVectors(VECTORS, normalize=True).transform(TEXTS),
        )


class TestPipeline:
    def test_works_before_a_classifier(self):
        texts, labels = ["good good", "good film", "bad bad", "bad film"] * 5, [1, 1, 0, 0] * 5
        model = make_pipeline(MeanVectors(VECTORS), LogisticRegression(C=100))
        assert model.fit(texts, labels).score(texts, labels) == 1
        assert model.predict(["good"]).tolist() == [1]

    def test_its_parameters_can_be_searched(self):
        texts, labels = ["good good", "good film", "bad bad", "bad film"] * 5, [1, 1, 0, 0] * 5
        model = make_pipeline(MeanVectors(VECTORS), LogisticRegression())
        search = GridSearchCV(model, {"meanvectors__normalize": [False, True]}, cv=2)
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
        model = MeanVectors(VECTORS, unknown="zero", normalize=True, lower=False)
        assert model.get_params() == {
            "vectors": VECTORS,
            "unknown": "zero",
            "normalize": True,
            "lower": False,
            "weighting": "none",
            "sif_a": 1e-3,
            "unit": None,
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
