from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.statistics import accuracy_interval, independent
from pipeline.stages.report.mistakes import Scored, confusions, containing, group, kinds, only_first

quick = settings(max_examples=50, deadline=None)


def scored(*rows):
    """Make a row a sentence: its text, true and predicted class, confidence."""
    texts, true, predicted, confidence = zip(*rows, strict=True)
    confidence = np.array(confidence, float)
    right = np.array(true) == np.array(predicted)
    return Scored(
        [text.split(" ") for text in texts],
        np.array(true),
        np.array(predicted),
        p_true=np.where(right, confidence, (1 - confidence) / 2),
        p_predicted=confidence,
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
        assert (found.sentences, found.mistakes) == (3, 3)
        assert found.share == pytest.approx(3 / 7)
        assert found.share_of_mistakes == pytest.approx(3 / 5)
        assert found.accuracy == 0
        assert found.interval == accuracy_interval(0, 3)

    def test_the_most_confident_mistakes_come_first(self):
        found = by_name(kinds(FILMS, None, NEGATIONS, CONTRASTS, 2))
        assert found["all sentences"].shown == [2, 1]
        assert found["contrast"].shown == [4, 3]

    def test_words_are_found_in_whatever_case(self):
        assert np.flatnonzero(containing(FILMS, ["NOT"])).tolist() == [1, 4]

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


def many(right, wrong, word):
    """Make sentences with a word, some predicted rightly."""
    return [(word, 0, 0, 0.5)] * right + [(word, 0, 1, 0.5)] * wrong


class TestAgainstTheRest:
    """A kind is hard only if it does worse than the other sentences, beyond chance."""

    def found(self, *rows):
        return by_name(kinds(scored(*rows), None, NEGATIONS, CONTRASTS, 1))["negation"]

    def test_the_difference_to_the_others_has_newcombes_interval(self):
        found = self.found(*many(30, 70, "not"), *many(200, 100, "film"))
        assert found.difference == independent(30, 100, 200, 300)
        assert found.accuracy == 0.3
        assert found.others_accuracy == pytest.approx(2 / 3)

    def test_a_kind_as_hard_as_the_others_has_no_story(self):
        said = self.found(*many(182, 280, "not"), *many(648, 1100, "film")).finding()
        assert said == (
            "39.4 % right, 37.1 % of the others: no difference that 462 sentences can show (95 % "
            "interval \N{MINUS SIGN}2.6 to +7.4)."
        )

    def test_a_kind_that_is_harder_is_explained(self):
        said = self.found(*many(30, 70, "not"), *many(200, 100, "film")).finding()
        assert "30.0 % right, 66.7 % of the others: 36.7 points fewer (95 % interval" in said
        assert said.endswith(
            "An average ignores word order: it cannot see what a negation applies to."
        )

    def test_a_kind_that_is_easier_is_not_explained_by_what_makes_it_hard(self):
        said = self.found(*many(90, 10, "not"), *many(200, 100, "film")).finding()
        assert "points more" in said
        assert "word order" not in said

    def test_where_all_sentences_or_none_are_of_the_kind_nothing_is_compared(self):
        for rows in (many(3, 2, "not"), many(3, 2, "film")):
            found = self.found(*rows)
            assert found.difference is None
            assert found.finding() == ""


class TestConfusions:
    def test_are_pairs_of_classes_the_most_frequent_first(self):
        found = confusions(FILMS, 1, 9)
        assert [(pair.true, pair.predicted, pair.sentences) for pair in found] == [
            (0, 2, 2),
            (0, 1, 1),
            (1, 0, 1),
            (1, 2, 1),
        ]
        assert found[0].shown == [2]
        assert (found[0].share_of_true, found[0].share_of_mistakes) == (2 / 3, 2 / 5)

    def test_are_at_most_as_many_as_asked_for(self):
        assert len(confusions(FILMS, 1, 2)) == 2

    @quick
    @given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40))
    def test_are_all_mistakes(self, answers):
        made = scored(*(("a", true, predicted, 0.5) for true, predicted in answers))
        found = confusions(made, 99, 9)
        shown = [i for pair in found for i in pair.shown]
        assert sorted(shown) == np.flatnonzero(made.wrong).tolist()
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
