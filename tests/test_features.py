from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer

from pipeline.core.errors import UserError
from pipeline.core.metrics import Metric
from pipeline.core.settings import _notice
from pipeline.stages.corpus import Corpus, Split
from pipeline.stages.features.averaging import Fitted, features_of
from pipeline.stages.features.features import Features, Mean, Unknown, Weighting, featurize
from pipeline.stages.vectors.formats import write_vectors
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocabulary

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


def naive(sentences, vectors, unknown, *, normalize):
    """Do the sum with a loop over words."""
    rows = []
    for sentence in sentences:
        known = [vectors[word].astype(np.float64) for word in sentence if word in vectors]
        if normalize:
            known = [row / np.linalg.norm(row) for row in known]
        number = len(sentence) if unknown is Unknown.zero else len(known)
        rows.append(sum(known, np.zeros(vectors.dim)) / max(number, 1))
    return np.array(rows)


@quick
@given(sentences_of_any_kind, st.sampled_from(Unknown), st.booleans())
def test_a_sentence_is_the_mean_of_its_words(sentences, unknown, normalize):
    made = featurize(corpus_of(sentences), VECTORS, Mean(unknown=unknown, normalize=normalize))
    expected = naive(sentences, VECTORS, unknown, normalize=normalize)
    np.testing.assert_allclose(made.X["train"], expected, atol=1e-6)


@quick
@given(sentences_of_any_kind, st.sampled_from(Unknown), st.booleans())
def test_weighted_by_idf_a_word_counts_by_scikit_learns_inverse_document_frequency(
    sentences, unknown, normalize
):
    config = Mean(unknown, normalize, Weighting.idf)
    made = featurize(corpus_of(sentences), VECTORS, config)
    counter = TfidfVectorizer(analyzer=list, vocabulary=list("abcd")).fit(sentences)
    assert made.weights == pytest.approx(counter.idf_)
    assert_is_the_mean_of_vectors_times(counter.idf_, made, sentences, config)


@quick
@given(sentences_of_any_kind, st.sampled_from(Unknown), st.booleans(), st.floats(1e-5, 10))
def test_weighted_by_sif_a_word_counts_less_the_more_of_train_s_words_it_is(
    sentences, unknown, normalize, a
):
    config = Mean(unknown, normalize, Weighting.sif, a)
    made = featurize(corpus_of(sentences), VECTORS, config)
    words = [word for sentence in sentences for word in sentence]
    weights = [a / (a + words.count(word) / max(1, len(words))) for word in "abcd"]
    assert made.weights == pytest.approx(weights)
    assert_is_the_mean_of_vectors_times(weights, made, sentences, config)


def assert_is_the_mean_of_vectors_times(weights, made, sentences, config):
    rows = VECTORS.unit if config.normalize else VECTORS.matrix
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
    with pytest.raises(UserError, match=r"unknown: no choice 'drop'.*skip, zero"):
        Mean(unknown="drop")
    with pytest.raises(UserError, match=r"weighting: no choice 'tf'.*none, idf, sif"):
        Mean(weighting="tf")
    with pytest.raises(UserError, match=r"sif_a must be above 0, not 0"):
        Mean(sif_a=0)
    with pytest.raises(UserError, match=r"sif_a must be finite and above 0, not inf"):
        Mean(sif_a=float("inf"))


def test_tells_the_coverage_of_each_split():
    made = featurize(corpus_of("ab", test=["axx", "bx"]), VECTORS)
    assert made.describe() == "40.0% of the running words of test have a vector"
    assert list(made.metrics()) == [
        Metric("vectors/coverage", 0.4),
        Metric("train/coverage", 1.0),
        Metric("dev/coverage", 1.0),
        Metric("test/coverage", 0.4),
    ]


class TestComponents:
    """Principal components: as many features as another arm has, fitted on train."""

    WIDE = WordVectors(list("abcdefgh"), np.random.default_rng(1).normal(size=(8, 6)).astype("f4"))

    def made(self, number, **splits):
        given = ["abc", "cde", "fgh", "ah", "bdg", "efa"]
        return featurize(corpus_of(given, **splits), self.WIDE, Mean(components=number))

    def test_are_scikit_learns_up_to_their_sign(self):
        plain, made = self.made(None), self.made(3)
        expected = PCA(3).fit(plain.X["train"]).transform(plain.X["test"])
        np.testing.assert_allclose(np.abs(made.X["test"]), np.abs(expected), atol=1e-12)
        assert (plain.number, made.number) == (6, 3)

    def test_have_a_sign_that_does_not_depend_on_the_order_of_the_sentences(self):
        made = self.made(2)
        other = featurize(
            corpus_of(["efa", "bdg", "ah", "fgh", "cde", "abc"]), self.WIDE, Mean(components=2)
        )
        np.testing.assert_allclose(other.fitted.components, made.fitted.components, atol=1e-12)

    def test_are_those_of_train_whatever_the_other_splits_hold(self):
        some, others = self.made(2, test=["a", "b"]), self.made(2, test=["h", "a"], dev=["cc", "d"])
        np.testing.assert_array_equal(some.fitted.components, others.fitted.components)

    def test_as_many_as_dimensions_keep_all_distances(self):
        plain, made = self.made(None).X["test"], self.made(6).X["test"]
        np.testing.assert_allclose(pdist(made), pdist(plain))

    def test_give_the_same_features_to_new_sentences(self):
        made = self.made(3, test=["abx", "", "h"])
        again = features_of(["abx", "", "h"], self.WIDE, Mean(components=3), made.fitted)
        np.testing.assert_array_equal(again, made.X["test"])

    def test_that_cannot_be_had_are_told(self):
        with pytest.raises(UserError, match=r"features.components=7: 6 training sentences of 6 "):
            self.made(7)
        with pytest.raises(UserError, match=r"components must be at least 1"):
            Mean(components=0)


class TestVocabulary:
    """Only words that other vectors have too: arms are compared on the same words."""

    @pytest.fixture
    def files(self, tmp_path):
        def write(*vocabularies):
            paths = [tmp_path / f"{words}.txt" for words in vocabularies]
            for path, words in zip(paths, vocabularies, strict=True):
                write_vectors(WordVectors(list(words), np.ones((len(words), 2), "f4")), path)
            return list(map(str, paths))

        return write

    def test_other_words_count_as_unknown(self, files):
        corpus = corpus_of(["abcd", "ab", "d"])
        made = featurize(corpus, VECTORS, Mean(vocabulary=files("abc", "bcx")))
        np.testing.assert_allclose(made.X["test"][0], (VECTORS["b"] + VECTORS["c"]) / 2, rtol=1e-6)
        np.testing.assert_allclose(made.X["test"][1], VECTORS["b"])
        assert made.coverage["test"] == pytest.approx(3 / 7)
        assert made.without_words == dict.fromkeys(("train", "dev", "test"), 1)

    def test_vocab_stands_for_the_words_of_that_stage(self, files):
        corpus = corpus_of(["abcd", "ab", "d"])
        config = Mean(vocabulary=["vocab", *files("bcd")])
        made = featurize(corpus, VECTORS, config, Vocabulary(list("abc"), *[np.zeros(1)] * 3))
        assert made.fitted.known.tolist() == [False, True, True, False]
        with pytest.raises(UserError, match="give the vocabulary that 'vocab' stands for"):
            featurize(corpus, VECTORS, config)

    def test_without_any_word_in_common_is_told(self, files):
        with pytest.raises(UserError, match=r"xyz\.txt has none of the 4 words"):
            featurize(corpus_of("ab"), VECTORS, Mean(vocabulary=files("xyz")))
        with pytest.raises(UserError, match="no word is in the vectors and all of"):
            featurize(corpus_of("ab"), VECTORS, Mean(vocabulary=files("abx", "cdx")))

    def test_of_a_missing_file_is_told(self, tmp_path):
        with pytest.raises(UserError, match="no such file"):
            featurize(corpus_of("ab"), VECTORS, Mean(vocabulary=[str(tmp_path / "none.txt")]))


def test_the_old_name_of_normalize_works_with_a_line_of_notice(caplog):
    _notice.cache_clear()
    assert Mean(unit=True) == Mean(normalize=True)
    assert Mean(unit=False) == Mean()
    assert [r.message for r in caplog.records] == [
        "the setting unit is now called normalize; the old name still works."
    ]


def test_sentences_without_a_known_word_are_counted_and_told():
    made = featurize(corpus_of("ab", test=["ax", "", "xyz"]), VECTORS)
    assert made.without_words == {"train": 0, "dev": 0, "test": 2}
    assert made.describe().endswith("; 2 test sentence(s) have no known word")


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
        with pytest.raises(UserError, match=r"no phrase of class .odd.; lower corpus"):
            replace(corpus_of("ab"), phrases=Split([["a"]], np.array([1])))

    def test_are_no_part_of_the_coverage_nor_of_the_words_weights(self, made):
        assert set(made.coverage) == {"train", "dev", "test"}
        corpora = [corpus_of("ab"), replace(corpus_of("ab"), phrases=self.PHRASES)]
        plain, more = (featurize(c, VECTORS, Mean(weighting=Weighting.sif)) for c in corpora)
        np.testing.assert_array_equal(plain.weights, more.weights)


def test_what_is_fitted_is_saved_and_loaded_back_equal(tmp_path):
    rng = np.random.default_rng(0)
    given = Fitted(rng.random(4) < 0.5, None, rng.normal(size=3), rng.normal(size=(2, 3)))
    names = given.save(tmp_path)
    assert names == ["known", "center", "components"]
    loaded = Fitted.load(tmp_path, names)
    for part in fields(Fitted):
        np.testing.assert_array_equal(getattr(loaded, part.name), getattr(given, part.name))


def test_saved_where_others_were_it_leaves_none_of_them(tmp_path):
    Fitted(weights=np.ones(3)).save(tmp_path)
    assert Fitted().save(tmp_path) == []
    assert not list(tmp_path.iterdir())


def test_the_digest_of_a_split_tells_sentences_and_labels_apart():
    X, y = np.zeros((2, 2)), np.array([0, 1])
    others = [(np.nextafter(X, 1), y), (X, y[::-1]), (X.reshape(1, 4), y[:1]), (X, y)]
    digests = [Features({"train": X}, {"train": y}, {}, ()).digest["train"] for X, y in others]
    assert len(set(digests)) == 4
    assert len({*digests, Features({"train": X}, {"train": y}, {}, ("a",)).digest["train"]}) == 4
