from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.statistics import accuracy_interval
from pipeline.stages.report.mistakes import Scored, group, holding, kinds, only_first, pairs

CLASSES = ("bad", "plain", "good")
quick = settings(max_examples=50, deadline=None)


def scored(*rows):
    """Make a row a sentence: its text, true and predicted class, confidence."""
    probabilities = np.full((len(rows), 3), 0.0)
    for i, (_, _, predicted, confidence) in enumerate(rows):
        probabilities[i] = (1 - confidence) / 2
        probabilities[i, predicted] = confidence
    return Scored(
        [text.split(" ") for text, *_ in rows],
        np.array([row[1] for row in rows]),
        np.array([row[2] for row in rows]),
        probabilities,
    )


FILMS = scored(
    ("a good film", 2, 2, 0.9),
    ("Not a good film", 0, 2, 0.8),
    ("it does n't work", 0, 2, 0.95),
    ("nice but dull", 0, 1, 0.5),
    ("not bad but long", 1, 0, 0.6),
    ("zzz qqq", 1, 1, 0.4),
    ("zzz film", 1, 2, 0.4),
)
NEGATIONS, CONTRASTS = ["not", "n't"], ["but"]


def by_name(groups):
    return {found.name: found for found in groups}


class TestKinds:
    def test_each_kind_has_its_share_of_sentences_and_of_mistakes_and_its_accuracy(self):
        found = by_name(kinds(FILMS, None, NEGATIONS, CONTRASTS, 9))["negation"]
        assert (found.sentences, found.right, found.mistakes) == (3, 0, 3)
        assert found.share == pytest.approx(3 / 7)
        assert found.share_of_mistakes == pytest.approx(3 / 5)
        assert found.accuracy == 0
        assert found.interval == accuracy_interval(0, 3)

    def test_the_most_confident_mistakes_come_first(self):
        found = by_name(kinds(FILMS, None, NEGATIONS, CONTRASTS, 2))
        assert found["all sentences"].shown == [2, 1]
        assert found["contrast"].shown == [4, 3]

    def test_words_are_found_in_whatever_case(self):
        assert holding(FILMS, ["NOT"]).tolist() == [False, True, False, False, True, False, False]

    def test_of_unknown_words_those_sentences_with_the_largest_share_come_first(self):
        unknown = np.array([0, 0, 1, 0, 0, 2, 1])
        found = by_name(kinds(FILMS, unknown, NEGATIONS, CONTRASTS, 9))["unknown words"]
        assert found.shown == [6, 2]
        assert found.sentences == 3

    def test_without_the_vectors_nothing_is_said_of_unknown_words(self):
        assert "unknown words" not in by_name(kinds(FILMS, None, NEGATIONS, CONTRASTS, 9))

    def test_a_kind_that_no_sentence_is_of_has_no_accuracy(self):
        found = by_name(kinds(FILMS, None, ["jamais"], CONTRASTS, 9))["negation"]
        assert (found.sentences, found.accuracy, found.interval, found.shown) == (0, None, None, [])


class TestPairs:
    def test_each_pair_of_classes_that_is_confused_the_most_frequent_first(self):
        found = pairs(FILMS, CLASSES, 1)
        assert [(pair.name, pair.mistakes) for pair in found] == [
            ("bad taken for good", 2),
            ("bad taken for plain", 1),
            ("plain taken for bad", 1),
            ("plain taken for good", 1),
        ]
        assert found[0].shown == [2]

    @quick
    @given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40))
    def test_the_pairs_are_all_mistakes(self, answers):
        made = scored(*(("a", true, predicted, 0.5) for true, predicted in answers))
        found = pairs(made, CLASSES, 3)
        assert sum(pair.mistakes for pair in found) == made.wrong.sum()
        if found:
            assert sum(pair.share_of_mistakes for pair in found) == pytest.approx(1)

    @quick
    @given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40))
    def test_only_mistakes_are_shown(self, answers):
        made = scored(*(("a", true, predicted, 0.5) for true, predicted in answers))
        everything = np.ones(len(answers), bool)
        assert group("all", "", made, everything, 99).shown == np.flatnonzero(made.wrong).tolist()


class TestOnlyFirst:
    def test_is_what_the_second_gets_wrong_and_the_first_does_not_the_clearest_first(self):
        texts = ("a", "b", "c", "d")
        first = scored(*zip(texts, (0, 0, 0, 0), (0, 0, 0, 1), (0.5, 0.9, 0.9, 0.9), strict=True))
        second = scored(*zip(texts, (0, 0, 0, 0), (1, 0, 2, 0), (0.9, 0.9, 0.9, 0.9), strict=True))
        assert only_first(first, second) == [2, 0]
        assert only_first(second, first) == [3]
