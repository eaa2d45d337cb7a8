from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad_vec
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from pipeline.formulas.objectives import two_layer_forward
from pipeline.stages.features.averaging import Fitted, Mean, Unknown, Weighting, features_of
from pipeline.stages.features.bag import Bag, BagValues, NGrams
from pipeline.stages.report.explain import (
    Sigmoids,
    explain,
    has_own_weights,
    rounded,
    scores_of,
    shade,
    word_scores,
)
from pipeline.stages.sweep.sweep import Logistic, OneVsRest, TwoLayer
from pipeline.stages.vectors.word_vectors import WordVectors

quick = settings(max_examples=40, deadline=None)
WORDS = [f"w{i}" for i in range(12)]
D = 4
X = np.random.default_rng(0).normal(size=(30, D))
Y = np.arange(30) % 3

seeds = st.integers(0, 10_000)
sentences = st.lists(st.sampled_from([*WORDS, "unseen", "new"]), min_size=1, max_size=9)
means = st.builds(
    Mean,
    st.sampled_from(list(Unknown)),
    st.booleans(),
    st.sampled_from(list(Weighting)),
    components=st.sampled_from([None, 2, 3]),
    vocabulary=st.sampled_from([[], ["other.txt"]]),
    bag=st.sampled_from(["none", "words", "bigrams"]),
)
sweepables = st.sampled_from(
    [Logistic(), OneVsRest(), TwoLayer(hidden=3, max_iter=30), TwoLayer(hidden=3, max_iter=1)]
)


def vectors(seed):
    matrix = np.random.default_rng(seed).normal(size=(len(WORDS), D)).astype(np.float32)
    return WordVectors(WORDS, matrix)


def fitted_of(seed, mean, components):
    rng = np.random.default_rng(seed)
    return Fitted(
        known=rng.random(len(WORDS)) < 0.7 if mean.vocabulary else None,
        weights=None if mean.weighting is Weighting.none else rng.uniform(0.1, 2, len(WORDS)),
        center=rng.normal(size=D) if components else None,
        components=rng.normal(size=(components, D)) if components else None,
        ngrams=ngrams_of(rng, mean),
    )


def ngrams_of(rng, mean):
    if mean.bag is Bag.none:
        return None
    values = list(BagValues)[rng.integers(3)]
    names = [*WORDS[:8], "new", *("w0 w1", "w1 w1", "new w2")[: 3 * (mean.bag is Bag.bigrams)]]
    ratios = rng.uniform(0.1, 2, len(names)) if values is BagValues.log_ratio else None
    return NGrams(names, mean.bag.longest, values, 0.5, ratios)


def number_of(mean, fitted):
    return (mean.components or D) + (len(fitted.ngrams) if fitted.ngrams else 0)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
class TestTheSum:
    @quick
    @given(seeds, sentences, means, sweepables, st.integers(2, 5), st.floats(1e-3, 10))
    def test_words_and_base_are_the_classifiers_scores(
        self, seed, tokens, mean, sweepable, n_classes, strength
    ):
        given_ = vectors(seed)
        rng = np.random.default_rng(seed)
        fitted = fitted_of(seed, mean, mean.components)
        X = rng.normal(size=(40, number_of(mean, fitted)))
        classifier = sweepable.classifier(strength, None).fit(X, np.arange(40) % n_classes)
        explained = explain(tokens, given_, scores_of(classifier, X), mean, fitted)
        x = dense(features_of([tokens], given_, mean, fitted))
        expected = decided(classifier, x)
        if n_classes == 2 and expected.shape == (1,):
            first, second = explained.scores
            assert second - first == pytest.approx(expected[0], abs=1e-9)
        else:
            np.testing.assert_allclose(explained.scores, expected[0], atol=1e-9)

    @quick
    @given(seeds, sentences, means)
    def test_the_class_with_the_highest_score_is_the_one_predicted(self, seed, tokens, mean):
        given_ = vectors(seed)
        fitted = fitted_of(seed, mean, mean.components)
        X = np.random.default_rng(seed).normal(size=(30, number_of(mean, fitted)))
        classifier = LogisticRegression().fit(X, Y)
        explained = explain(tokens, given_, scores_of(classifier, X), mean, fitted)
        predicted = classifier.predict(dense(features_of([tokens], given_, mean, fitted)))[0]
        assert explained.scores[predicted] == pytest.approx(explained.scores.max())

    @quick
    @given(seeds)
    def test_a_network_s_slopes_are_its_gradient_averaged_on_the_way_from_zero(self, seed):
        # An independent check: the path integral of Sundararajan et al. 2017, done numerically.
        rng = np.random.default_rng(seed)
        W1, b1, W2, b2 = (rng.normal(size=s) for s in ((D, 3), (3,), (3, 2), (2,)))
        x = rng.normal(size=D)

        def gradient(alpha):
            hidden, _ = two_layer_forward(alpha * x[None], W1=W1, b1=b1, W2=W2, b2=b2)
            return (W1 * (hidden * (1 - hidden)) @ W2).T

        expected, _ = quad_vec(gradient, 0, 1)
        np.testing.assert_allclose(Sigmoids(W1, b1, W2, b2).slopes(x), expected, atol=1e-8)

    def test_a_network_s_slopes_at_zero_are_its_gradient_there(self):
        rng = np.random.default_rng(0)
        W1, b1, W2, b2 = (rng.normal(size=s) for s in ((D, 3), (3,), (3, 2), (2,)))
        hidden, _ = two_layer_forward(np.zeros((1, D)), W1=W1, b1=b1, W2=W2, b2=b2)
        expected = (W1 * (hidden * (1 - hidden)) @ W2).T
        np.testing.assert_allclose(Sigmoids(W1, b1, W2, b2).slopes(np.zeros(D)), expected)


def dense(x):
    return x if isinstance(x, np.ndarray) else x.toarray()


def decided(classifier, x):
    if hasattr(classifier, "decision_function"):
        return np.asarray(classifier.decision_function(x))
    (W1, W2), (b1, b2) = classifier.coefs_, classifier.intercepts_
    return two_layer_forward(x, W1=W1, b1=b1, W2=W2, b2=b2)[1]


class TestWords:
    def test_a_word_without_a_vector_adds_nothing(self):
        scores = scores_of(LogisticRegression().fit(X, Y), X)
        explained = explain(["w1", "unseen", "w2"], vectors(0), scores)
        assert explained.known.tolist() == [True, False, True]
        assert not explained.added[1].any()
        assert explained.added[[0, 2]].all()

    def test_counted_as_zero_an_unknown_word_makes_the_others_count_less(self):
        scores = scores_of(LogisticRegression().fit(X, Y), X)
        skip = explain(["w1", "unseen"], vectors(0), scores, Mean(Unknown.skip))
        zero = explain(["w1", "unseen"], vectors(0), scores, Mean(Unknown.zero))
        np.testing.assert_allclose(zero.added, skip.added / 2)

    def test_of_a_sentence_of_unknown_words_only_the_base_is_left(self):
        classifier = LogisticRegression().fit(X, Y)
        explained = explain(["unseen"], vectors(0), scores_of(classifier, X))
        np.testing.assert_allclose(explained.scores, classifier.intercept_)


class TestOwnWeights:
    def made(self, tokens, bag="bigrams", scale=1.0):
        fitted = Fitted(ngrams=NGrams(["w1", "new", "w1 w2"], Bag(bag).longest, scale=scale))
        X = np.random.default_rng(0).normal(size=(30, D + 3))
        classifier = LogisticRegression().fit(X, Y)
        scores = scores_of(classifier, X)
        return classifier.coef_[:, D:], explain(tokens, vectors(0), scores, Mean(), fitted)

    def test_are_a_part_of_what_a_word_adds(self):
        weights, explained = self.made(["w1", "w3"])
        np.testing.assert_allclose(explained.own, [weights[:, 0], np.zeros(3)])
        _, alone = self.made(["w1", "w3"], scale=1e-12)
        np.testing.assert_allclose(explained.added - explained.own, alone.added, atol=1e-9)

    def test_of_a_pair_is_shared_by_its_words(self):
        weights, explained = self.made(["w1", "w2"])
        expected = [weights[:, 0] + weights[:, 2] / 2, weights[:, 2] / 2]
        np.testing.assert_allclose(explained.own, expected)

    def test_make_a_word_without_a_vector_known(self):
        _, explained = self.made(["w1", "new", "unseen"])
        assert explained.known.tolist() == [True, True, False]

    def test_are_shown_beside_the_sum(self):
        _, explained = self.made(["w1", "w3"])
        gloss = explained.gloss(0, 1)
        first = explained.own[0, 0] - explained.own[0, 1]
        assert [word["own"] for word in gloss["words"]] == [round(first, 2), 0]
        assert has_own_weights([gloss])

    def test_that_there_are_none_is_told(self):
        scores = scores_of(LogisticRegression().fit(X, Y), X)
        assert not has_own_weights([explain(["w1"], vectors(0), scores).gloss(0, 1)])

    @quick
    @given(seeds, means)
    def test_count_in_what_a_word_says_by_itself(self, seed, mean):
        fitted = fitted_of(seed, mean, mean.components)
        X = np.random.default_rng(seed).normal(size=(30, number_of(mean, fitted)))
        scores = scores_of(LogisticRegression().fit(X, Y), X)
        words = [*WORDS, "new", "unseen"]
        alone = word_scores(words, vectors(seed), scores, mean, fitted)
        for word, added in zip(words, alone, strict=True):
            one = explain([word], vectors(seed), scores, mean, fitted).added[0]
            np.testing.assert_allclose(added, one, atol=1e-9)


class TestScoresOf:
    def test_a_classifier_that_is_no_sum_has_none(self):
        assert scores_of(GaussianNB().fit(X, Y), X) is None

    def test_any_linear_classifier_of_scikit_learns_has_some(self):
        classifier = LinearSVC().fit(X, Y)
        np.testing.assert_allclose(scores_of(classifier, X)(X), classifier.decision_function(X))

    def test_weights_that_are_not_what_it_decides_by_are_not_believed(self):
        class Sly(LogisticRegression):
            def decision_function(self, X):
                return super().decision_function(X) ** 2

        assert scores_of(Sly().fit(X, Y), X) is None

    def test_a_network_says_that_a_word_s_share_depends_on_the_others(self):
        assert not scores_of(TwoLayer(hidden=2).classifier(1.0, None).fit(X, Y), X).exact
        assert scores_of(Logistic().classifier(1.0, None).fit(X, Y), X).exact

    @pytest.mark.parametrize(
        ("sweep", "n_classes", "odds"),
        [
            (Logistic(), 3, True),
            (Logistic(), 2, True),
            (OneVsRest(), 3, False),  # each score is the log-odds of a class against all others
            (OneVsRest(), 2, True),
            (TwoLayer(hidden=2), 3, True),
        ],
    )
    def test_says_whether_a_difference_is_the_log_odds_of_two_classes(self, sweep, n_classes, odds):
        classifier = sweep.classifier(1.0, None).fit(X, np.arange(30) % n_classes)
        assert scores_of(classifier, X).odds == odds

    def test_a_classifier_without_an_intercept_has_some(self):
        for n_classes in (2, 3):
            classifier = LogisticRegression(fit_intercept=False).fit(X, np.arange(30) % n_classes)
            assert scores_of(classifier, X) is not None


class TestShade:
    def gloss(self, *adds):
        words = [{"adds": value, "known": True, "strength": 0.0} for value in adds]
        return {"words": [*words, {"adds": 0.0, "known": False, "strength": 0.0}]}

    def test_a_word_that_adds_as_much_in_another_sentence_is_as_strong(self):
        first, second = self.gloss(0.1, -1.2), self.gloss(0.1, 0.3)
        assert shade([first, second]) == 1.2
        assert [word["strength"] for word in first["words"]] == [0.083, 1, 0]
        assert [word["strength"] for word in second["words"]] == [0.083, 0.25, 0]

    def test_one_extreme_word_does_not_make_all_others_pale(self):
        many = self.gloss(*[0.5] * 99, 50.0)
        assert shade([many]) == 0.5
        assert {word["strength"] for word in many["words"][:-1]} == {1}

    def test_nothing_to_shade_is_no_error(self):
        assert shade([]) == 1.0


class TestRounded:
    @quick
    @given(st.lists(st.floats(-50, 50), min_size=1, max_size=30), st.integers(0, 3))
    def test_what_is_shown_adds_up_exactly(self, values, decimals):
        shown, total = rounded(np.array(values), float(np.sum(values)), decimals)
        places = [Decimal(f"{value:.{decimals}f}") for value in shown]
        assert sum(places) == Decimal(f"{total:.{decimals}f}")

    @quick
    @given(st.lists(st.floats(-50, 50), min_size=1, max_size=30))
    def test_each_is_within_a_unit_of_the_last_place(self, values):
        shown, total = rounded(np.array(values), float(np.sum(values)))
        assert np.abs(np.array(shown) - values).max() < 0.01 + 1e-9
        assert total == pytest.approx(np.sum(values), abs=0.005 + 1e-9)


class TestGloss:
    def test_its_numbers_add_up_as_they_are_shown(self):
        scores = scores_of(LogisticRegression().fit(X, Y), X)
        gloss = explain(["w1", "unseen", "w2", "w3"], vectors(0), scores).gloss(2, 0)
        added = sum(Decimal(f"{word['shown']:.2f}") for word in gloss["words"])
        assert added == Decimal(f"{gloss['sum']:.2f}")
        assert added + Decimal(f"{gloss['base']:.2f}") == Decimal(f"{gloss['total']:.2f}")

    def test_the_strongest_word_has_strength_one(self):
        scores = scores_of(LogisticRegression().fit(X, Y), X)
        gloss = explain(["w1", "w2", "w3"], vectors(0), scores).gloss(2, 0)
        strength = [word["strength"] for word in gloss["words"]]
        adds = [abs(word["adds"]) for word in gloss["words"]]
        assert max(strength) == 1
        assert strength.index(1) == adds.index(max(adds))
