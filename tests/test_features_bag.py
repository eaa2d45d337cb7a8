from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from pipeline import UserError
from pipeline.experiment import Experiment
from pipeline.stages.corpus.corpus import Corpus, Split
from pipeline.stages.features.averaging import Fitted, features_of
from pipeline.stages.features.bag import Bag, BagValues, NGrams, log_ratios
from pipeline.stages.features.features import Features, Mean, featurize
from pipeline.stages.sweep.sweep import (
    Logistic,
    OneVsRest,
    TwoLayer,
    check_takes,
    fit,
    sweep_strengths,
)
from pipeline.stages.vectors.word_vectors import WordVectors

quick = settings(max_examples=40, deadline=None)
WORDS = list("abcde")
VECTORS = WordVectors(WORDS, np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32))
sentences = st.lists(st.lists(st.sampled_from([*WORDS, "x", "y"]), max_size=8), min_size=1)
bags = st.sampled_from([Bag.words, Bag.bigrams])


def corpus(**texts):
    splits = {
        name: Split([text.split() for text in rows], np.arange(len(rows)) % 2)
        for name, rows in texts.items()
    }
    return Corpus("task", ("bad", "good"), splits)


SMALL = corpus(train=["a b c", "a b", "b a x", "c d"], dev=["a b", "b q"], test=["x c d", "q"])


def learned(bag=Bag.words, values=BagValues.presence, train=SMALL.splits["train"], **rest):
    return NGrams.fit(train.sentences, train.labels, bag, values=values, **rest)


class TestColumns:
    def test_each_word_of_train_has_one(self):
        assert learned().names == ["a", "b", "c", "d", "x"]

    def test_bigrams_are_words_and_pairs_of_neighbours(self):
        assert learned(Bag.bigrams, min_df=2).names == ["a", "a b", "b", "c"]

    def test_a_word_in_fewer_sentences_than_min_df_has_none(self):
        assert learned(min_df=3).names == ["a", "b"]

    def test_presence_is_one_however_often_the_word_stands_there(self):
        assert learned().transform([["a", "a", "c"]]).toarray().tolist() == [[1, 0, 1, 0, 0]]

    def test_counts_say_how_often(self):
        made = learned(values=BagValues.counts).transform([["a", "a", "c"]])
        assert made.toarray().tolist() == [[2, 0, 1, 0, 0]]

    def test_the_scale_multiplies_all(self):
        assert learned(scale=0.25).transform([["a"]]).sum() == 0.25

    def test_an_unseen_word_has_none(self):
        assert learned().transform([["q"], []]).nnz == 0

    def test_no_column_at_all_is_said(self):
        with pytest.raises(UserError, match=r"features.bag_min_df=9 or more of the 4 training"):
            learned(min_df=9)

    @quick
    @given(sentences, bags)
    def test_they_are_those_of_an_independent_count(self, rows, bag):
        grams = [
            [" ".join(row[i : i + n]) for n in range(1, bag.longest + 1)
             for i in range(len(row) - n + 1)]
            for row in rows
        ]  # fmt: skip
        names = sorted({gram for row in grams for gram in row})
        if not names:
            return
        made = NGrams.fit(rows, np.zeros(len(rows), int), bag, values=BagValues.counts)
        assert list(made.names) == names
        expected = [[row.count(name) for name in names] for row in grams]
        assert made.transform(rows).toarray().tolist() == expected


class TestLogRatios:
    def test_of_two_classes_is_the_size_of_wang_and_mannings_ratio(self):
        there = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 0]])
        p, q = np.array([3, 2, 2]), np.array([1, 2, 1])
        expected = np.abs(np.log(p / 7) - np.log(q / 4))
        made = log_ratios(sparse.csr_array(there), np.array([0, 0, 1]))
        np.testing.assert_allclose(made, expected)

    def test_of_more_classes_is_the_root_mean_square_over_them(self):
        there = np.array([[1, 0], [1, 1], [0, 1]])
        ones = []
        for label in range(3):
            p, q = 1 + there[label], 1 + np.delete(there, label, 0).sum(axis=0)
            ones.append(np.log(p / p.sum()) - np.log(q / q.sum()))
        made = log_ratios(sparse.csr_array(there), np.arange(3))
        np.testing.assert_allclose(made, np.sqrt(np.mean(np.square(ones), axis=0)))

    def test_columns_are_multiplied_by_them(self):
        made = learned(values=BagValues.log_ratio, scale=2.0)
        rows = SMALL.splits["train"]
        texts = [" ".join(tokens) for tokens in rows.sentences]
        there = CountVectorizer(analyzer=str.split, binary=True).fit_transform(texts)
        expected = there.toarray() * 2 * log_ratios(there, rows.labels)
        np.testing.assert_allclose(made.transform(rows.sentences).toarray(), expected)

    def test_a_learning_curve_sees_only_the_labels_of_its_part(self):
        mean = Mean(bag="words", bag_min_df=1, bag_values="log_ratio")
        features, part = featurize(SMALL, VECTORS, mean), np.array([0, 3])
        fewer = features.learned_from(part)
        train = SMALL.splits["train"]
        some = Split([train.sentences[i] for i in part], train.labels[part])
        expected = features.fitted.ngrams.learned(some.sentences, some.labels)
        dev = expected.transform(SMALL.splits["dev"].sentences).toarray()
        np.testing.assert_allclose(fewer.X["dev"].toarray()[:, 3:], dev)
        np.testing.assert_allclose(
            fewer.X["dev"].toarray()[:, :3], features.X["dev"].toarray()[:, :3]
        )

    def test_without_them_a_part_has_the_same_features(self):
        features = featurize(SMALL, VECTORS, Mean(bag="words"))
        assert features.learned_from(np.array([0, 3])) is features


class TestShares:
    @quick
    @given(sentences, bags, st.sampled_from(list(BagValues)))
    def test_of_the_words_add_up_to_the_columns(self, rows, bag, values):
        if not any(rows):
            return
        labels = np.arange(len(rows)) % 2
        ngrams = NGrams.fit(rows, labels, bag, values=values, scale=0.3)
        for row in rows:
            total = ngrams.shares(row).sum(axis=0)
            np.testing.assert_allclose(total, ngrams.transform([row]).toarray()[0], atol=1e-12)

    def test_a_pair_is_shared_by_its_two_words(self):
        ngrams = learned(Bag.bigrams)
        shares = ngrams.shares(["a", "b"]).toarray()[:, ngrams.index["a b"]]
        assert shares.tolist() == [0.5, 0.5]

    def test_a_repeated_word_s_presence_is_shared_by_its_occurrences(self):
        assert learned().shares(["a", "q", "a"]).toarray()[:, 0].tolist() == [0.5, 0, 0.5]


class TestBesideTheAverages:
    def test_averages_come_first_and_stay_as_they_are(self):
        plain, made = (featurize(SMALL, VECTORS, Mean(bag=bag)) for bag in ("none", "words"))
        for split in SMALL.splits:
            np.testing.assert_array_equal(made.X[split][:, :3].toarray(), plain.X[split])

    def test_principal_components_are_those_of_the_averages_alone(self):
        plain, made = (
            featurize(SMALL, VECTORS, Mean(bag=bag, components=2)) for bag in ("none", "words")
        )
        np.testing.assert_allclose(made.X["test"][:, :2].toarray(), plain.X["test"])

    def test_the_number_of_features_counts_both(self):
        assert featurize(SMALL, VECTORS, Mean(bag="words", bag_min_df=1)).number == 3 + 5

    def test_test_has_columns_for_the_words_of_train_alone(self):
        made = featurize(SMALL, VECTORS, Mean(bag="words", bag_min_df=1, bag_scale=1))
        assert made.X["test"][:, 3:].toarray().tolist() == [[0, 0, 1, 1, 1], [0, 0, 0, 0, 0]]

    def test_all_vectors_have_the_same_columns(self):
        other = WordVectors(["a"], np.ones((1, 2), np.float32))
        mean = Mean(bag="bigrams", bag_min_df=1)
        one, two = (featurize(SMALL, vectors, mean).X["test"] for vectors in (VECTORS, other))
        np.testing.assert_array_equal(one[:, 3:].toarray(), two[:, 2:].toarray())

    def test_new_sentences_get_the_same_features(self):
        mean = Mean(bag="bigrams", bag_min_df=1, components=2)
        made = featurize(SMALL, VECTORS, mean)
        again = features_of(SMALL.splits["test"].sentences, VECTORS, mean, made.fitted)
        np.testing.assert_array_equal(again.toarray(), made.X["test"].toarray())

    def test_phrases_get_the_columns_of_train(self):
        phrased = Corpus(
            "task", ("bad", "good"), SMALL.splits, phrases=Split([["a", "b"], ["q"]], np.arange(2))
        )
        X, y, weights = featurize(phrased, VECTORS, Mean(bag="bigrams")).training_data
        assert X.shape == (6, 3 + 4)
        assert (len(y), len(weights)) == (6, 6)

    def test_they_are_saved_with_the_model_and_read_again(self, tmp_path):
        given_ = Fitted(ngrams=learned(Bag.bigrams, BagValues.log_ratio, scale=0.5))
        assert given_.save(tmp_path) == ["ngrams"]
        read = Fitted.load(tmp_path, ["ngrams"])
        rows = [["a", "b", "c"], ["b", "a"]]
        again, before = (each.ngrams.transform(rows).toarray() for each in (read, given_))
        np.testing.assert_array_equal(again, before)

    def test_the_digest_tells_them_apart(self):
        made = [
            featurize(SMALL, VECTORS, Mean(bag=bag, bag_min_df=1, bag_scale=scale)).digest["dev"]
            for bag, scale in (("none", 1), ("words", 1), ("words", 0.5), ("bigrams", 1))
        ]
        assert len(set(made)) == 4

    def test_the_terminal_says_how_many(self):
        made = featurize(SMALL, VECTORS, Mean(bag="bigrams"))
        assert made.describe().endswith("4 words and pairs beside the averages")


def drawn(sparse_columns, seed=0):
    rng = np.random.default_rng(seed)
    sizes = {"train": 60, "dev": 30, "test": 30}
    X = {name: rng.normal(size=(n, 8)) * (rng.random((n, 8)) < 0.4) for name, n in sizes.items()}
    y = {name: np.arange(n) % 3 for name, n in sizes.items()}
    if sparse_columns:
        X = {name: sparse.csr_array(rows) for name, rows in X.items()}
    return Features(X, y, dict.fromkeys(sizes, 1.0), ("a", "b", "c"))


class TestClassifiers:
    @pytest.mark.parametrize("config", [Logistic([0.1, 10]), OneVsRest([0.1, 10], tol=1e-8)])
    def test_sparse_features_have_the_answers_of_the_same_dense_ones(self, config):
        dense, thin = (sweep_strengths(drawn(kind), config) for kind in (False, True))
        for one, two in zip(dense.classifiers, thin.classifiers, strict=True):
            X = drawn(sparse_columns=False).X["test"]
            np.testing.assert_allclose(one.predict_proba(X), two.predict_proba(X), atol=1e-4)

    def test_sparse_features_stay_sparse(self, monkeypatch):
        toarray = sparse.csr_array.toarray

        def refuse(matrix, *given):
            assert matrix.shape[1] < 8, "made dense"
            return toarray(matrix, *given)

        features = drawn(sparse_columns=True)
        monkeypatch.setattr(sparse.csr_array, "toarray", refuse)
        monkeypatch.setattr(sparse.csr_array, "todense", None)
        assert len(sweep_strengths(features, Logistic([1, 10])).rows) == 2

    def test_weights_count_the_same(self):
        weights = np.random.default_rng(1).random(60)
        dense, thin = (
            fit(LogisticRegression(tol=1e-8), each.X["train"], each.y["train"], weights)
            for each in (drawn(kind) for kind in (False, True))
        )
        np.testing.assert_allclose(dense.coef_, thin.coef_, atol=1e-4)

    @pytest.mark.parametrize("config", [TwoLayer(), GaussianNB])
    def test_one_that_takes_none_is_refused_before_training(self, config):
        class Own:
            strengths = (1.0,)

            def classifier(self, *_):
                return GaussianNB()

        config = Own() if config is GaussianNB else config
        with pytest.raises(UserError, match=r"takes no sparse features; set features.bag=none"):
            check_takes(config, phrases=False, bag=True)

    def test_an_experiment_says_so_before_its_vectors_are_trained(self, tmp_path):
        given_ = Experiment(features=Mean(bag="words"), sweep=TwoLayer())
        with pytest.raises(UserError, match="TwoLayerClassifier takes no sparse"):
            given_.run(tmp_path)
        assert not (tmp_path / "vectors").exists()


class TestSettings:
    @pytest.mark.parametrize(
        ("setting", "said"),
        [
            ({"bag": "trigrams"}, "bag"),
            ({"bag_values": "tfidf"}, "bag_values"),
            ({"bag_min_df": 0}, "bag_min_df must be at least 1"),
            ({"bag_scale": 0.0}, "bag_scale must be above 0"),
            ({"bag_scale": float("inf")}, "bag_scale must be finite and above 0"),
        ],
    )
    def test_a_wrong_one_is_named(self, setting, said):
        with pytest.raises(UserError, match=said):
            Mean(**setting)
