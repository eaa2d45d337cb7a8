from __future__ import annotations

import gzip
import re

import numpy as np
import pytest
from gensim.models import KeyedVectors
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.errors import UserError
from pipeline.formats import read_text, write_text
from pipeline.wordvectors import WordVectors

quick = settings(max_examples=50, deadline=None)

# A byte order mark at the very start belongs to the file; white space ends a word.
letters = st.characters(exclude_categories=["Cs"], exclude_characters=" \t\r\n\ufeff")
numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)


@st.composite
def vectors_of_any_kind(draw):
    words = draw(st.lists(st.text(letters, min_size=1), min_size=1, max_size=6, unique=True))
    dim = draw(st.integers(1, 5))
    return WordVectors(words, draw(arrays(np.float32, (len(words), dim), elements=numbers)))


def is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def assert_equal(vectors, words, matrix):
    assert vectors.words == list(words)
    assert vectors.matrix.dtype == np.float32
    np.testing.assert_array_equal(vectors.matrix, np.asarray(matrix, np.float32))


@pytest.fixture
def file(tmp_path):
    """A way to write a vectors file."""

    def write(content, name="vectors.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def explain(path, words=None):
    with pytest.raises(UserError) as error:
        read_text(path, words)
    return str(error.value)


class TestRoundTrip:
    @quick
    @given(vectors=vectors_of_any_kind(), header=st.booleans())
    @example(vectors=WordVectors(["a\v5"], np.ones((1, 2), np.float32)), header=False)
    def test_every_word_and_number_reads_back_exactly(self, vectors, header, tmp_path_factory):
        path = tmp_path_factory.mktemp("vectors") / "vectors.txt"
        write_text(vectors, path, header=header)
        assert_equal(read_text(path), vectors.words, vectors.matrix)

    @quick
    @given(vectors=vectors_of_any_kind(), header=st.booleans(), draws=st.data())
    def test_any_choice_of_words_reads_back_in_the_order_of_the_file(
        self, vectors, header, draws, tmp_path_factory
    ):
        chosen = draws.draw(st.sets(st.sampled_from(vectors.words), min_size=1))
        path = tmp_path_factory.mktemp("vectors") / "vectors.txt"
        write_text(vectors, path, header=header)
        rows = [i for i, word in enumerate(vectors.words) if word in chosen]
        words = [vectors.words[i] for i in rows]
        assert_equal(read_text(path, chosen), words, vectors.matrix[rows])

    @pytest.mark.parametrize("header", [True, False])
    def test_gensim_reads_the_same_from_what_is_written(self, header, tmp_path):
        words = ["the", "naïve", "``", "日本"]
        matrix = np.random.default_rng(0).normal(size=(4, 7)).astype(np.float32)
        write_text(WordVectors(words, matrix), tmp_path / "vectors.txt", header=header)
        theirs = KeyedVectors.load_word2vec_format(tmp_path / "vectors.txt", no_header=not header)
        assert theirs.index_to_key == words
        np.testing.assert_array_equal(theirs.vectors, matrix)

    def test_reads_what_gensim_writes(self, tmp_path):
        theirs = KeyedVectors(vector_size=3)
        theirs.add_vectors(["a", "b"], np.array([[1, 2, 3], [0.1, -5e-9, 1e9]], np.float32))
        theirs.save_word2vec_format(tmp_path / "vectors.txt")
        assert_equal(read_text(tmp_path / "vectors.txt"), theirs.index_to_key, theirs.vectors)

    @pytest.mark.parametrize("word", ["new york", "a\tb", "a\nb", ""])
    def test_a_word_that_the_format_cannot_express_is_refused_before_anything_is_written(
        self, word, tmp_path
    ):
        vectors = WordVectors(["fine", word], np.ones((2, 2), np.float32))
        with pytest.raises(UserError, match=re.escape(f"{word!r} holds white space")):
            write_text(vectors, tmp_path / "vectors.txt")
        assert list(tmp_path.iterdir()) == []


class TestReadText:
    def test_keeps_only_the_words_wanted(self, file):
        path = file("the 1 2\ncat 3 4\nsat 5 6\n")
        assert_equal(read_text(path, {"sat", "the", "dog"}), ["the", "sat"], [[1, 2], [5, 6]])

    def test_of_a_word_that_stands_twice_the_first_row_counts(self, file):
        assert_equal(read_text(file("a 1 2\nb 3 4\na 5 6\n")), ["a", "b"], [[1, 2], [3, 4]])

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param("a 1 2\r\nb 3 4\r\n", id="line ends of Windows"),
            pytest.param("a 1 2 \nb 3 4 \n", id="a space after the last number"),
            pytest.param("a\t1\t2\nb\t3\t4\n", id="tabs"),
            pytest.param("a  1   2\nb 3  4\n", id="several spaces"),
            pytest.param("\ufeffa 1 2\nb 3 4\n", id="a byte order mark"),
            pytest.param("\ufeff2 2\na 1 2\nb 3 4\n", id="a byte order mark before a header"),
            pytest.param("a 1 2\n\nb 3 4\n\n", id="empty lines"),
            pytest.param("a 1 2\nb 3 4", id="no end of the last line"),
            pytest.param("2 2\na 1 2\nb 3 4\n", id="a header"),
            pytest.param("a 1e0 +2\nb 3. 4.0E+00\n", id="numbers written in other ways"),
        ],
    )
    def test_takes_files_as_others_write_them(self, content, file):
        assert_equal(read_text(file(content)), ["a", "b"], [[1, 2], [3, 4]])

    def test_takes_a_packed_file(self, file):
        path = file(gzip.compress(b"a 1 2\nb 3 4\n"), "vectors.txt.gz")
        assert_equal(read_text(path), ["a", "b"], [[1, 2], [3, 4]])

    @quick
    @given(
        words=st.lists(
            st.lists(st.text("abc.,'1é", min_size=1, max_size=4), min_size=1, max_size=3)
            .filter(lambda pieces: len(pieces) == 1 or not is_number(pieces[-1]))
            .map(" ".join),
            min_size=1,
            unique=True,
        ),
        dim=st.integers(1, 4),
        header=st.booleans(),
    )
    def test_a_word_may_hold_spaces(self, words, dim, header, tmp_path_factory):
        matrix = np.arange(len(words) * dim, dtype=np.float32).reshape(-1, dim) / 8
        rows = [
            f"{word} {' '.join(map(str, row))}\n" for word, row in zip(words, matrix, strict=True)
        ]
        path = tmp_path_factory.mktemp("vectors") / "vectors.txt"
        first = f"{len(words)} {dim}\n" if header else ""
        path.write_text(first + "".join(rows), encoding="utf-8")
        assert_equal(read_text(path), words, matrix)

    def test_real_rows_are_the_numbers_that_stand_there(self, data):
        path = data / "glove" / "glove.6B.50d.sst.txt"
        vectors = read_text(path, ["film", "n't", "-lrb-", "\N{SNOWMAN}"])
        wanted = {}
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                word, *row = line.split()
                if word in {"film", "n't"}:
                    wanted[word] = row
        assert set(vectors.words) == wanted.keys()
        for word, row in wanted.items():
            np.testing.assert_array_equal(vectors[word], np.array(row, np.float32))


class TestBadFiles:
    @pytest.mark.parametrize(
        ("content", "line", "trouble"),
        [
            pytest.param("a 1 2 3\nb 1 2\n", 2, "2 numbers where other rows have 3", id="short"),
            pytest.param("a 1 2\nb 1 2 3\n", 2, "3 numbers where other rows have 2", id="long"),
            pytest.param("2 2\na 1 2\nb 1\n", 3, "1 numbers where other rows have 2", id="header"),
            pytest.param("a 1 2\nb\n", 2, "0 numbers where other rows have 2", id="a word alone"),
            pytest.param("a 1 2\nb 1 two\n", 2, "'two' where a number should be", id="text"),
            pytest.param("a 1 2\nb 1 1.2.3\n", 2, "'1.2.3' where a number should be", id="dots"),
            pytest.param("a 1 2\nb 1 nan\n", 2, "infinite or not a number", id="not a number"),
            pytest.param("a 1 2\nb -inf 1\n", 2, "infinite or not a number", id="infinite"),
            pytest.param("a one two\nb 1 2\n", 1, "'two' is no number", id="text in the first row"),
            pytest.param("", 1, "no vector here", id="empty"),
            pytest.param("400000\na 1 2\n", 1, "no vector here", id="half a header"),
            pytest.param("<html>\n", 1, "no vector here", id="a web page"),
        ],
    )
    def test_name_file_line_and_trouble(self, content, line, trouble, file):
        path = file(content)
        message = explain(path)
        assert message.startswith(f"{path}, line {line}: ")
        assert trouble in message

    @pytest.mark.parametrize("content", ["a 1 2\nb 1\n", "a 1 2\nb 1 two\n"])
    def test_a_damaged_row_says_what_that_means(self, content, file):
        assert "The file is damaged there, or not a vectors file." in explain(file(content))

    def test_a_row_of_a_word_that_is_not_wanted_must_have_the_right_length_too(self, file):
        path = file("a 1 2\nb 1 2 3\n")
        assert explain(path, {"a"}).startswith(f"{path}, line 2: 3 numbers where")

    def test_a_number_too_large_for_float32_is_not_let_in_as_infinity(self, file):
        path = file("a 1 2\nb 1 1e99\n")
        with np.errstate(over="ignore"):
            assert explain(path) == (f"{path}, line 2: a number that is infinite or not a number.")

    @pytest.mark.parametrize("rows", ["a 1 2\n", "", "a 1 2\nb 3 4\nc 5 6\n"])
    def test_a_header_that_promises_another_number_of_rows_gives_both(self, rows, file):
        path = file(f"2 2\n{rows}")
        message = explain(path)
        assert f"{path}: its header promises 2 rows, it holds {len(rows.splitlines())}" in message
        assert "It may be truncated; fetch it again." in message

    def test_a_header_that_promises_nothing_is_no_vectors_file(self, file):
        path = file("0 50\n")
        assert explain(path) == f"{path} has a header but no vectors."

    def test_none_of_the_words_found_asks_about_language_and_case(self, file):
        path = file("the 1 2\nfilm 1 2\n")
        message = explain(path, {"The", "FILM"})
        assert f"{path} has none of the 2 words of the corpus" in message
        assert "lower-cased or not as the corpus is (corpus.lower)?" in message

    def test_a_word_that_is_not_utf8_names_its_line_and_a_remedy(self, file):
        path = file("gut 1 2\nhübsch 3 4\n".encode("latin-1"))
        message = explain(path)
        assert message.startswith(f"{path}, line 2: the word ")
        assert "is not UTF-8. Convert the file, e.g. iconv -f latin1 -t utf-8." in message

    @pytest.mark.parametrize(
        "damage",
        [
            pytest.param(lambda packed: packed[:10], id="cut at once"),
            pytest.param(lambda packed: packed[:-9], id="cut short"),
            pytest.param(lambda packed: packed[:99] + bytes(9) + packed[108:], id="altered"),
            pytest.param(lambda _: b"w 1 2\n", id="not packed"),
        ],
    )
    def test_a_broken_archive_says_so_and_what_to_do(self, damage, file):
        rows = "".join(f"w{i} {i} {i / 7}\n" for i in range(2000))
        path = file(damage(gzip.compress(rows.encode())), "vectors.gz")
        message = explain(path)
        assert message.startswith(f"{path}: the gzip archive is broken")
        assert message.endswith("Fetch or compress it again.")

    def test_a_missing_file_says_whether_its_folder_is_there(self, tmp_path):
        path = tmp_path / "vectors.txt"
        assert explain(path).startswith(f"{path}: no such file. Its folder {tmp_path} exists")

    def test_a_folder_is_no_vectors_file(self, tmp_path):
        assert explain(tmp_path) == f"{tmp_path} is a folder; name a file in it."

    def test_binary_vectors_are_refused_in_words(self, tmp_path):
        theirs = KeyedVectors(vector_size=30)
        theirs.add_vectors(["a", "b"], np.random.default_rng(0).normal(size=(2, 30)))
        path = tmp_path / "vectors.bin"
        theirs.save_word2vec_format(path, binary=True)
        message = explain(path)
        assert message.startswith(f"{path}, line 2: ")
        assert "not a vectors file" in message
