from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.feature_extraction.text import TfidfVectorizer

from pipeline.core.errors import UserError
from pipeline.core.journal import Metric
from pipeline.stages.corpus import Corpus, Split
from pipeline.stages.features.features import Features, Mean, Unknown, Weighting, featurize
from pipeline.stages.vectors.word_vectors import WordVectors

quick = settings(max_examples=50, deadline=None)

VECTORS = WordVectors(list("abcd"), np.random.default_rng(0).normal(size=(4, 3)).astype("f4"))
sentences_of_any_kind = st.lists(st.lists(st.sampled_from("abcdxyz"), max_size=6), min_size=2)


def corpus_of(sentences, **splits):
    def split(sentences):
        labels = np.arange(len(sentences)) % 2
        return Split([list(sentence) for sentence in sentences], labels)

    default = split(sentences)
    return Corpus(
        task="letters",
        classes=("odd", "even"),
        splits={
            name: split(splits[name]) if name in splits else default
            for name in ("train", "dev", "test")
        },
        ordinal=True,
    )


def naive(sentences, vectors, unknown, *, unit):
    """Do the sum with a loop over words."""
    rows = []
    for sentence in sentences:
        known = [vectors[word].astype(np.float64) for word in sentence if word in vectors]
        if unit:
            known = [row / np.linalg.norm(row) for row in known]
        number = len(sentence) if unknown is Unknown.zero else len(known)
        rows.append(sum(known, np.zeros(vectors.dim)) / max(number, 1))
    return np.array(rows)


@quick
@given(sentences_of_any_kind, st.sampled_from(Unknown), st.booleans())
def test_a_sentence_is_the_mean_of_its_words(sentences, unknown, unit):
    made = featurize(corpus_of(sentences), VECTORS, Mean(unknown=unknown, unit=unit))
    expected = naive(sentences, VECTORS, unknown, unit=unit)
    np.testing.assert_allclose(made.X["train"], expected, atol=1e-6)


@quick
@given(sentences_of_any_kind, st.sampled_from(Unknown), st.booleans())
def test_weighted_by_idf_a_word_counts_by_scikit_learns_inverse_document_frequency(
    sentences, unknown, unit
):
    config = Mean(unknown, unit, Weighting.idf)
    made = featurize(corpus_of(sentences), VECTORS, config)
    counter = TfidfVectorizer(analyzer=list, vocabulary=list("abcd")).fit(sentences)
    assert made.weights == pytest.approx(counter.idf_)
    assert_is_the_mean_of_vectors_times(counter.idf_, made, sentences, config)


@quick
@given(sentences_of_any_kind, st.sampled_from(Unknown), st.booleans(), st.floats(1e-5, 10))
def test_weighted_by_sif_a_word_counts_less_the_more_of_train_s_words_it_is(
    sentences, unknown, unit, a
):
    config = Mean(unknown, unit, Weighting.sif, a)
    made = featurize(corpus_of(sentences), VECTORS, config)
    words = [word for sentence in sentences for word in sentence]
    weights = [a / (a + words.count(word) / max(1, len(words))) for word in "abcd"]
    assert made.weights == pytest.approx(weights)
    assert_is_the_mean_of_vectors_times(weights, made, sentences, config)


def assert_is_the_mean_of_vectors_times(weights, made, sentences, config):
    rows = VECTORS.unit if config.unit else VECTORS.matrix
    scaled = WordVectors(VECTORS.words, (rows * np.array(weights)[:, None]).astype(np.float32))
    plain = featurize(corpus_of(sentences), scaled, Mean(config.unknown))
    for split, X in plain.X.items():
        np.testing.assert_allclose(made.X[split], X, rtol=1e-5, atol=1e-6)


def test_weights_are_those_of_train_whatever_the_other_splits_hold():
    config = Mean(weighting=Weighting.idf)
    some = featurize(corpus_of(["ab", "a"], test=["dd", "d"]), VECTORS, config)
    others = featurize(corpus_of(["ab", "a"], test=["abc", "b"], dev=["c", "d"]), VECTORS, config)
    np.testing.assert_array_equal(some.weights, others.weights)


def test_unknown_words_are_left_out_or_pull_towards_zero():
    corpus = corpus_of(["ax", "b"])
    skipped = featurize(corpus, VECTORS, Mean(Unknown.skip)).X["dev"][0]
    zeroed = featurize(corpus, VECTORS, Mean(Unknown.zero)).X["dev"][0]
    np.testing.assert_array_equal(skipped, VECTORS["a"])
    np.testing.assert_array_equal(zeroed, VECTORS["a"].astype(float) / 2)


def test_unknown_words_are_left_out_unless_told_otherwise():
    corpus = corpus_of(["ax", "b"])
    np.testing.assert_array_equal(featurize(corpus, VECTORS).X["dev"][0], VECTORS["a"])


@pytest.mark.parametrize("unknown", list(Unknown))
@pytest.mark.parametrize("sentence", ["", "xyz"])
def test_a_sentence_without_any_known_word_is_the_zero_vector(sentence, unknown):
    made = featurize(corpus_of([sentence, "a"]), VECTORS, Mean(unknown))
    np.testing.assert_array_equal(made.X["test"][0], np.zeros(3))


@quick
@given(sentences_of_any_kind)
def test_coverage_is_the_share_of_running_words_that_have_a_vector(sentences):
    words = "".join(word for sentence in sentences for word in sentence)
    covered = sum(word in "abcd" for word in words) / max(1, len(words))
    made = featurize(corpus_of(["a", "b"], test=sentences), VECTORS)
    assert made.coverage["test"] == pytest.approx(covered)
    assert made.coverage["train"] == 1


def test_each_split_has_its_own_sentences_and_labels():
    corpus = corpus_of("ab", train="abc", dev="cd", test="dddd")
    made = featurize(corpus, VECTORS)
    for name, split in corpus.splits.items():
        np.testing.assert_allclose(made.X[name], [VECTORS[s[0]] for s in split.sentences])
        np.testing.assert_array_equal(made.y[name], split.labels)
        assert made.X[name].dtype == np.float64
    assert (made.classes, made.ordinal) == (corpus.classes, True)


@pytest.mark.parametrize("unknown", ["skip", "zero"])
def test_a_policy_may_be_named_by_its_text(unknown):
    assert Mean(unknown=unknown) == Mean(unknown=Unknown(unknown))
    assert Mean(unknown=unknown).unknown is Unknown(unknown)


def test_a_policy_that_is_none_is_refused():
    with pytest.raises(UserError, match=r"features.unknown: no choice 'drop'.*skip, zero"):
        Mean(unknown="drop")
    with pytest.raises(UserError, match=r"features.weighting: no choice 'tf'.*none, idf, sif"):
        Mean(weighting="tf")
    with pytest.raises(UserError, match=r"features.sif_a must be above 0 and finite, not 0"):
        Mean(sif_a=0)
    with pytest.raises(UserError, match=r"features.sif_a must be above 0 and finite, not inf"):
        Mean(sif_a=float("inf"))


def test_tells_the_coverage_of_each_split():
    made = featurize(corpus_of("ab", test=["ax", "b", "x", "x"]), VECTORS)
    assert made.describe() == "40.0% of the running words of test have a vector"
    assert list(made.metrics()) == [
        Metric("vectors/coverage", 0.4),
        Metric("train/coverage", 1.0),
        Metric("dev/coverage", 1.0),
        Metric("test/coverage", 0.4),
    ]


class TestPhrases:
    """Further examples for the classifier, where the corpus has labelled phrases."""

    PHRASES = Split([["a"], ["b", "x"], ["c"], ["d"]], np.array([0, 1, 1, 1]))

    @pytest.fixture
    def made(self):
        corpus = replace(corpus_of(["ab", "cd", "a"]), phrases=self.PHRASES)
        return featurize(corpus, VECTORS)

    def test_without_them_train_alone_is_learnt_from(self):
        made = featurize(corpus_of(["ab", "cd"]), VECTORS)
        X, y, weights = made.training_data
        assert X is made.X["train"]
        assert y is made.y["train"]
        assert weights is None

    def test_stand_after_the_sentences_of_train(self, made):
        X, y, weights = made.training_data
        assert y.tolist() == [0, 1, 0, 0, 1, 1, 1]
        np.testing.assert_array_equal(X[:3], made.X["train"])
        np.testing.assert_allclose(X[3:], [VECTORS[word] for word in "abcd"])
        assert len(weights) == len(X)

    def test_of_a_class_weigh_as_much_as_its_sentences(self, made):
        _, y, weights = made.training_data
        for label in (0, 1):
            sentences, phrases = weights[:3][y[:3] == label], weights[3:][y[3:] == label]
            assert sentences.tolist() == [1.0] * len(sentences)
            assert phrases.sum() == pytest.approx(len(sentences))

    def test_without_one_of_a_class_are_refused(self):
        with pytest.raises(UserError, match=r"there is no phrase of class 'odd'; take shorter"):
            replace(corpus_of("ab"), phrases=Split([["a"]], np.array([1])))

    def test_are_no_part_of_the_coverage_nor_of_the_words_weights(self, made):
        assert set(made.coverage) == {"train", "dev", "test"}
        corpora = [corpus_of("ab"), replace(corpus_of("ab"), phrases=self.PHRASES)]
        plain, more = (featurize(c, VECTORS, Mean(weighting=Weighting.sif)) for c in corpora)
        np.testing.assert_array_equal(plain.weights, more.weights)


@st.composite
def any_features(draw):
    n, dim = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    parts = st.sampled_from(["train", "dev", "test", "phrases"])
    names = draw(st.lists(parts, min_size=1, unique=True))
    return Features(
        X={name: draw(arrays(np.float64, (n, dim))) for name in names},
        y={name: draw(arrays(np.int64, n)) for name in names},
        coverage={name: draw(st.floats(0, 1)) for name in names},
        classes=tuple(draw(st.lists(st.text(), min_size=1))),
        ordinal=draw(st.booleans()),
        weights=draw(st.none() | arrays(np.float64, 4)),
    )


@quick
@given(any_features())
def test_are_saved_and_loaded_back_equal(tmp_path_factory, features):
    folder = tmp_path_factory.mktemp("features")
    features.save(folder)
    loaded = Features.load(folder)
    assert list(loaded.X) == list(features.X)
    for name, X in features.X.items():
        assert loaded.X[name].dtype == X.dtype
        assert loaded.X[name].tobytes() == X.tobytes()
        assert loaded.y[name].tolist() == features.y[name].tolist()
    for name in ("coverage", "classes", "ordinal", "digest"):
        assert getattr(loaded, name) == getattr(features, name)
    np.testing.assert_array_equal(loaded.weights, features.weights)


def test_saved_where_weighted_ones_were_are_without_weights(tmp_path):
    for config in (Mean(weighting=Weighting.idf), Mean()):
        featurize(corpus_of("ab"), VECTORS, config).save(tmp_path)
    assert Features.load(tmp_path).weights is None


def test_the_digest_of_a_split_tells_sentences_and_labels_apart():
    X, y = np.zeros((2, 2)), np.array([0, 1])
    others = [(np.nextafter(X, 1), y), (X, y[::-1]), (X.reshape(1, 4), y[:1]), (X, y)]
    digests = [Features({"train": X}, {"train": y}, {}, ()).digest["train"] for X, y in others]
    assert len(set(digests)) == 4
    assert len({*digests, Features({"train": X}, {"train": y}, {}, ("a",)).digest["train"]}) == 4
