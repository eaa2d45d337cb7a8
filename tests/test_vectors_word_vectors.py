from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import pdist

from pipeline.core.errors import UserError
from pipeline.core.metrics import Metric
from pipeline.stages.vectors.word_vectors import WordVectors

quick = settings(max_examples=30, deadline=None)

words_of_a_line = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\n"), min_size=1
)
numbers = st.floats(-1e9, 1e9, width=32)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=4,
)


@st.composite
def vectors_of_any_kind(draw, elements=numbers):
    words = draw(st.lists(words_of_a_line, min_size=1, max_size=6, unique=True))
    dim = draw(st.integers(1, 4))
    points = draw(st.integers(0, 3))
    return WordVectors(
        words=words,
        matrix=draw(arrays(np.float32, (len(words), dim), elements=elements)),
        provenance=draw(st.dictionaries(st.text("abc"), json_values, max_size=2)),
        curve=draw(arrays(np.float64, (points, 2), elements=st.floats(0, 1e12))),
    )


@pytest.fixture
def royals():
    words = ["man", "woman", "king", "queen", "apple"]
    matrix = [[1, 0, 0], [0, 1, 0], [1, 0, 2], [0, 1, 2], [-1, -1, 0.5]]
    return WordVectors(words, np.array(matrix, np.float32))


class TestLookup:
    def test_gives_the_row_of_a_word(self, royals):
        np.testing.assert_array_equal(royals["queen"], [0, 1, 2])

    def test_tells_which_words_have_vectors(self, royals):
        assert "king" in royals
        assert "prince" not in royals
        assert (len(royals), royals.dim) == (5, 3)

    def test_a_word_without_a_vector_is_a_key_error(self, royals):
        with pytest.raises(KeyError, match="prince"):
            royals["prince"]


class TestChecks:
    def test_as_many_rows_as_words(self):
        with pytest.raises(UserError, match=r"2 words need a matrix with as many rows.*\(3, 1\)"):
            WordVectors(["a", "b"], np.zeros((3, 1), np.float32))

    def test_a_matrix_and_no_list(self):
        with pytest.raises(UserError, match=r"not one of shape \(2,\)"):
            WordVectors(["a", "b"], np.zeros(2, np.float32))

    def test_no_word_twice(self):
        with pytest.raises(UserError, match="each word may have only one vector"):
            WordVectors(["a", "a"], np.zeros((2, 1), np.float32))


class TestUnit:
    @quick
    @given(vectors_of_any_kind(st.floats(-100, 100, width=32).filter(lambda x: abs(x) > 1e-3)))
    def test_scales_every_row_to_length_one_along_its_direction(self, vectors):
        lengths = np.linalg.norm(vectors.matrix, axis=1, keepdims=True)
        np.testing.assert_allclose(vectors.unit * lengths, vectors.matrix, rtol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(vectors.unit, axis=1), 1, rtol=1e-5)

    def test_leaves_zero_rows_zero(self):
        vectors = WordVectors(["a", "b"], np.array([[0, 0], [3, 4]], np.float32))
        np.testing.assert_allclose(vectors.unit, [[0, 0], [0.6, 0.8]], rtol=1e-6)

    @pytest.mark.parametrize("size", [1e-45, 1e-30, 1, 3e38])
    def test_takes_numbers_as_small_and_large_as_there_are(self, size):
        vectors = WordVectors(["a"], np.full((1, 4), size, np.float32))
        np.testing.assert_array_equal(vectors.unit, np.full((1, 4), 0.5, np.float32))


class TestNearest:
    def test_ranks_all_other_words_by_cosine(self):
        matrix = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
        vectors = WordVectors([f"w{i}" for i in range(20)], matrix)
        cosine = {
            f"w{i}": row @ matrix[7] / np.linalg.norm(row) / np.linalg.norm(matrix[7])
            for i, row in enumerate(matrix)
            if i != 7
        }
        found = vectors.nearest("w7", n=30)
        assert [word for word, _ in found] == sorted(cosine, key=cosine.get, reverse=True)
        assert [value for _, value in found] == pytest.approx(sorted(cosine.values())[::-1])

    def test_gives_as_many_as_asked_for(self, royals):
        assert [word for word, _ in royals.nearest("king", n=2)] == ["queen", "man"]

    @pytest.mark.parametrize("n", [0, -1])
    def test_gives_nothing_where_nothing_is_asked_for(self, n, royals):
        assert royals.nearest("king", n) == []

    def test_of_the_only_word_there_is_none(self):
        only = WordVectors(["a"], np.ones((1, 2), np.float32))
        assert only.nearest("a") == only.analogy("a", "a", "a") == []

    def test_vectors_of_zeros_are_like_no_other(self):
        zeros = WordVectors(["a", "b", "c"], np.zeros((3, 2), np.float32))
        assert zeros.nearest("a", n=9) == [("b", 0), ("c", 0)]

    def test_a_word_without_a_vector_is_named_with_the_one_meant(self, royals):
        with pytest.raises(UserError, match=r"'kings' has no vector \(did you mean 'king'\?\)"):
            royals.nearest("kings")


class TestAnalogy:
    def test_man_is_to_king_as_woman_is_to_queen(self, royals):
        assert royals.analogy("man", "king", "woman", n=1)[0][0] == "queen"

    def test_never_answers_with_a_word_of_the_question(self, royals):
        answers = {word for word, _ in royals.analogy("man", "king", "woman")}
        assert answers == {"queen", "apple"}

    def test_a_word_without_a_vector_is_named(self, royals):
        with pytest.raises(UserError, match="'prince' has no vector"):
            royals.analogy("man", "prince", "woman")


class TestProject:
    @quick
    @given(arrays(np.float32, (5, 2), elements=st.floats(-10, 10, width=32)))
    def test_points_of_a_plane_keep_their_distances(self, matrix):
        vectors = WordVectors(list("abcde"), matrix)
        _, points = vectors.project(list("abcde"))
        np.testing.assert_allclose(pdist(points), pdist(matrix), atol=1e-4)

    def test_the_first_direction_is_the_one_of_most_variance(self, royals):
        _, points = royals.project(royals.words)
        first, second = points.var(axis=0)
        assert first > second > 0

    def test_the_largest_coordinate_of_each_direction_is_positive(self):
        for seed in range(10):
            matrix = np.random.default_rng(seed).normal(size=(6, 4)).astype(np.float32)
            _, points = WordVectors(list("abcdef"), matrix).project(list("abcdef"))
            assert (points.max(axis=0) == np.abs(points).max(axis=0)).all()

    def test_leaves_out_words_without_vectors_and_repeated_ones(self, royals):
        words, points = royals.project(["king", "prince", "man", "king"])
        assert words == ["king", "man"]
        assert points.shape == (2, 2)

    @pytest.mark.parametrize("words", [[], ["prince"], ["king"]])
    def test_fewer_than_two_words_stand_at_the_origin(self, words, royals):
        known, points = royals.project(words)
        np.testing.assert_array_equal(points, np.zeros((len(known), 2)))

    def test_one_dimension_is_a_line(self):
        vectors = WordVectors(["a", "b"], np.array([[1], [4]], np.float32))
        _, points = vectors.project(["a", "b"])
        np.testing.assert_allclose(np.abs(points), [[1.5, 0], [1.5, 0]])


class TestSaveAndLoad:
    @quick
    @given(vectors_of_any_kind())
    def test_gives_back_the_same(self, tmp_path_factory, vectors):
        folder = tmp_path_factory.mktemp("vectors")
        vectors.save(folder)
        with warnings.catch_warnings(action="error"):
            loaded = WordVectors.load(folder)
        assert loaded.words == vectors.words
        assert loaded.matrix.dtype == vectors.matrix.dtype
        np.testing.assert_array_equal(loaded.matrix, vectors.matrix)
        assert loaded.provenance == vectors.provenance
        assert loaded.curve.shape == vectors.curve.shape
        np.testing.assert_array_equal(loaded.curve, vectors.curve)
        assert loaded.digest == vectors.digest

    def test_reads_the_matrix_only_where_it_is_used(self, royals, tmp_path):
        royals.save(tmp_path)
        loaded = WordVectors.load(tmp_path)
        assert isinstance(loaded.matrix, np.memmap)
        np.testing.assert_array_equal(loaded.unit, royals.unit)

    def test_writes_open_formats_and_nothing_else(self, royals, tmp_path):
        royals.save(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "loss.csv",
            "matrix.npy",
            "provenance.json",
            "words.txt",
        ]
        assert (tmp_path / "words.txt").read_text().split() == royals.words
        assert json.loads((tmp_path / "provenance.json").read_text()) == {}
        np.load(tmp_path / "matrix.npy", allow_pickle=False)

    def test_a_word_that_would_not_load_again_is_refused(self, tmp_path):
        with pytest.raises(UserError, match=r"'a\\nb' holds the end of a line"):
            WordVectors(["a\nb"], np.ones((1, 1), np.float32)).save(tmp_path)
        assert list(tmp_path.iterdir()) == []


class TestDigest:
    def test_is_the_same_for_the_same_words_and_numbers(self, royals):
        again = WordVectors(list(royals.words), royals.matrix.copy(), {"source": "elsewhere"})
        assert again.digest == royals.digest

    def test_changes_with_any_word_number_or_order(self, royals):
        words, matrix = royals.words, royals.matrix
        nudged = matrix.copy()
        nudged[3, 1] = np.nextafter(nudged[3, 1], np.float32(2))
        others = [
            WordVectors(["men", *words[1:]], matrix),
            WordVectors(words, nudged),
            WordVectors(words[::-1], matrix),
            WordVectors(words[::-1], matrix[::-1]),
        ]
        assert len({royals.digest, *(other.digest for other in others)}) == 5


def test_tells_its_size_and_the_course_of_the_loss():
    curve = np.array([[1000.0, 2.5], [2000.0, 1.5]])
    vectors = WordVectors(["a"], np.zeros((1, 3), np.float32), curve=curve)
    assert vectors.describe() == "1 words, 3 dimensions"
    assert list(vectors.metrics()) == [
        Metric("vectors/words", 1),
        Metric("vectors/dim", 3),
        Metric("vectors/loss", 2.5, 1000),
        Metric("vectors/loss", 1.5, 2000),
    ]
