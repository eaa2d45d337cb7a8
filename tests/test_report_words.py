"""Which words a report shows, and their neighbours."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.stages.report.words import (
    is_content,
    map_table,
    neighbour_table,
    variance_shares,
    words_to_show,
)
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocabulary

WORDS = ["the", ",", "film", "movie", "rare", "actor"]
MATRIX = np.array([[1, 1], [1, 1], [1, 0], [0.9, 0.1], [1, 0.01], [0, 1]], np.float32)
VECTORS = WordVectors(WORDS, MATRIX)
COUNTS = np.array([90, 80, 20, 10, 1, 5])
VOCABULARY = Vocabulary(WORDS, COUNTS, np.zeros(0, np.int32), np.zeros(1, np.int64))


@pytest.mark.parametrize(
    ("word", "content"),
    [("film", True), ("n't", True), ("the", False), (",", False), ("12", False), ("\u8bc4", True)],
)
def test_content_words_are_told_from_punctuation_numbers_and_function_words(word, content):
    assert is_content(word) == content


class TestNeighbours:
    def test_are_of_content_words_alone(self):
        table = neighbour_table(VECTORS, VOCABULARY, ["the", ",", "film"], 2, 5)
        assert set(table["word"]) == {"film"}

    def test_are_frequent_enough_and_the_nearest_first_with_their_count(self):
        table = neighbour_table(VECTORS, VOCABULARY, ["film"], 2, 5)
        assert table["neighbour"].tolist() == ["movie", "the"]
        assert table["count"].tolist() == [10, 90]
        assert table["rank"].tolist() == [1, 2]
        everything = neighbour_table(VECTORS, VOCABULARY, ["film"], 1, 0)
        assert everything["neighbour"].tolist() == ["rare"]

    def test_have_the_cosine_similarity(self):
        table = neighbour_table(VECTORS, VOCABULARY, ["film"], 5, 5)
        expected = dict(VECTORS.nearest("film", 5))
        for word, cosine in zip(table["neighbour"], table["cosine"], strict=True):
            assert cosine == pytest.approx(expected[word])


class TestWordsToShow:
    def test_are_those_listed_that_have_a_vector(self):
        listed = ["film", "movie", "the", "actor", "rare", "never"]
        assert words_to_show(listed, VECTORS, VOCABULARY) == listed[:-1]

    def test_of_another_language_frequent_words_of_the_text_are_added(self):
        words = [f"mot{i}" for i in range(99)]
        vectors = WordVectors(words, np.random.default_rng(0).normal(size=(99, 2)).astype("f4"))
        vocabulary = Vocabulary(words, np.arange(99, 0, -1), np.zeros(0), np.zeros(1))
        listed = ["good", "great", "the", "bad", "mot3", "film"]
        assert words_to_show(listed, vectors, vocabulary) == ["mot3", *words[50:70]]

    def test_none_are_shown_where_none_are_asked_for(self):
        assert words_to_show([], VECTORS, VOCABULARY) == []


def test_the_axes_of_the_map_have_their_share_of_the_variance():
    rng = np.random.default_rng(0)
    matrix = (rng.normal(size=(6, 3)) * [3, 2, 1]).astype(np.float32)
    vectors = WordVectors(WORDS, matrix)
    table = map_table(vectors, WORDS)
    rows = matrix.astype(float) - matrix.mean(axis=0)
    singular = np.linalg.svd(rows, compute_uv=False) ** 2
    assert variance_shares(vectors, table) == pytest.approx(tuple(singular[:2] / singular.sum()))
    assert isinstance(table, pd.DataFrame)
