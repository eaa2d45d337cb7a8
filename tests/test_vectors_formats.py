from __future__ import annotations

import contextlib
import errno
import gzip
import io
import logging
import re
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.core.errors import UserError
from pipeline.core.packed import LIMITS, Limits
from pipeline.stages.vectors.formats import (
    lines,
    read_text,
    read_vectors,
    text,
    write_text,
    write_vectors,
)
from pipeline.stages.vectors.word_vectors import WordVectors

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


CODES = [("line by line", 7), ("at once", 150), ("at once", 1 << 20)]


@contextlib.contextmanager
def parsing(name, size):
    """Text parsed by Python or by pyarrow, a line, a few lines or a lot at once."""
    with pytest.MonkeyPatch.context() as patch:
        if name == "line by line":
            patch.setattr(lines, "_parse_at_once", lambda *_: None)
        patch.setattr(text, "BLOCK", size)
        yield


@pytest.fixture(scope="module", params=CODES, ids=lambda param: f"{param[0]}-{param[1]}")
def code(request):
    with parsing(*request.param):
        yield


@pytest.fixture
def file(tmp_path):
    """A way to write a vectors file."""

    def write(content, name="vectors.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def read_or_explain(path):
    """Return the vectors, or what is wrong with them."""
    try:
        return read_vectors(path), None
    except UserError as error:
        return None, str(error)


def explain(path, words=None, read=read_text):
    with pytest.raises(UserError) as error:
        read(path, words)
    return str(error.value)


def read_in_every_way(path, words=None):
    """Read a text file with each code; the results must be the same."""
    found = []
    for code in CODES:
        with parsing(*code):
            found.append(read_text(path, words))
    for other in found[1:]:
        assert other.words == found[0].words
        assert other.matrix.tobytes() == found[0].matrix.tobytes()
    return found[0]


class TestRoundTrip:
    @quick
    @given(vectors=vectors_of_any_kind(), header=st.booleans())
    @example(vectors=WordVectors(["a\v5"], np.ones((1, 2), np.float32)), header=False)
    @example(vectors=WordVectors(["\f"], np.ones((1, 1), np.float32)), header=False)
    def test_every_word_and_number_reads_back_exactly(self, vectors, header, tmp_path_factory):
        path = tmp_path_factory.mktemp("vectors") / "vectors.txt"
        write_text(vectors, path, header=header)
        assert_equal(read_in_every_way(path), vectors.words, vectors.matrix)

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
        assert_equal(read_in_every_way(path, chosen), words, vectors.matrix[rows])

    def test_reads_what_gensim_writes(self, tmp_path):
        theirs = KeyedVectors(vector_size=3)
        theirs.add_vectors(["a", "b"], np.array([[1, 2, 3], [0.1, -5e-9, 1e9]], np.float32))
        theirs.save_word2vec_format(tmp_path / "vectors.txt")
        read = read_in_every_way(tmp_path / "vectors.txt")
        assert_equal(read, theirs.index_to_key, theirs.vectors)

    @pytest.mark.parametrize("word", ["new york", "a\tb", "a\nb", ""])
    def test_a_word_that_the_format_cannot_express_is_refused_before_anything_is_written(
        self, word, tmp_path
    ):
        vectors = WordVectors(["fine", word], np.ones((2, 2), np.float32))
        with pytest.raises(UserError, match=re.escape(f"{word!r} holds white space")):
            write_text(vectors, tmp_path / "vectors.txt")
        assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("code")
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
            pytest.param("a 1 2\rb 3 4\r", id="line ends of old Macs"),
            pytest.param("2 2\ra 1 2\rb 3 4", id="line ends of old Macs, header, no last end"),
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

    @pytest.mark.parametrize(
        "word", ["area 51", "51 area", "1 2 3", ". . .", "at name@domain.com", "x 5 y", "10"]
    )
    @pytest.mark.parametrize("header", ["", "3 2\n"])
    @pytest.mark.parametrize("at", [0, 1, 2])
    def test_a_word_may_hold_numbers_and_spaces(self, word, header, at, file):
        words = ["a", "b"]
        words.insert(at, word)
        path = file(header + "".join(f"{w} 0.5 -1.25\n" for w in words))
        assert_equal(read_text(path), words, [[0.5, -1.25]] * 3)
        assert_equal(read_text(path, [word]), [word], [[0.5, -1.25]])

    def test_the_header_decides_which_numbers_are_of_the_word(self, file):
        path = file("2 2\nagent 0.07 1.5 2.5\nb 1.5 2.5\n")
        assert_equal(read_text(path), ["agent 0.07", "b"], [[1.5, 2.5]] * 2)

    def test_a_word_that_is_not_utf8_is_left_out_and_counted(self, file, caplog):
        rows = b"".join(b"w%d 1 2\n" % i for i in range(9))
        path = file(b"10 2\n" + rows + b"caf\xe9 1 2\n")
        with caplog.at_level(logging.WARNING):
            assert len(read_text(path)) == 9
        assert (
            f"{path}, line 11: the word b'caf\\xe9' is not UTF-8; rows left out for that: 1"
            in caplog.text
        )

    def test_a_list_of_word_counts_is_no_vectors(self, file):
        with pytest.raises(UserError, match=r"a list of how often words occur, not vectors"):
            read_text(file("the 123456\nfilm 5021\ngood 900\n"))

    def test_a_list_of_word_counts_is_none_with_a_header_either(self, file):
        with pytest.raises(UserError, match=r"a list of how often words occur, not vectors"):
            read_text(file("3 1\nthe 123456\nfilm 5021\ngood 900\n"))

    def test_vectors_of_one_dimension_are_read_and_warned_of(self, file, caplog):
        assert_equal(read_text(file("the 0.5\nfilm -1\n")), ["the", "film"], [[0.5], [-1.0]])
        assert "holds one number for each word; are these vectors, of 1 dimension?" in caplog.text

    @pytest.mark.parametrize("header", ["word\t0\t1\t2", "word 1 2 3"])
    def test_a_header_that_numbers_the_columns_is_no_vector(self, header, file):
        rows = "the 0.5 1 2\nfilm -1 2 3\n".replace(" ", header[4])
        with pytest.raises(UserError, match=r"line 1 numbers the columns and is not a vector"):
            read_text(file(f"{header}\n{rows}"))

    def test_a_broken_word_is_counted_where_only_some_words_are_read(self, tmp_path, caplog):
        (tmp_path / "v.txt").write_bytes(b"the 0.5 1\ncaf\xe9 2 3\nfilm -1 2\n")
        assert read_text(tmp_path / "v.txt", ["film"]).words == ["film"]
        assert "line 2: the word b'caf\\xe9' is not UTF-8; rows left out for that: 1" in caplog.text

    def test_a_file_in_another_encoding_is_refused_where_only_some_words_are_read(self, tmp_path):
        rows = [f"caf\xe9{i} 2 3\n" for i in range(20)]
        (tmp_path / "v.txt").write_text("".join(["film -1 2\n", *rows]), "latin-1")
        with pytest.raises(UserError, match=r"Convert the file, e.g. iconv -f latin1 -t utf-8"):
            read_text(tmp_path / "v.txt", ["film"])

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


@pytest.mark.usefixtures("code")
class TestBadFiles:
    @pytest.mark.parametrize(
        ("content", "line", "trouble"),
        [
            pytest.param("a 1 2 3\nb 1 2\n", 2, "2 numbers where other rows have 3", id="short"),
            pytest.param("a 1 2\nb 1 2 3\n", 2, "3 numbers where other rows have 2", id="long"),
            pytest.param("2 2\na 1 2\nb 1\n", 3, "1 numbers where the header says 2", id="head"),
            pytest.param("a 1 2\nb\n", 2, "0 numbers where other rows have 2", id="a word alone"),
            pytest.param("a 1 2\nb 1 two\n", 2, "'two' where a number should be", id="text"),
            pytest.param("a 1 2\nb 1 1.2.3\n", 2, "'1.2.3' where a number should be", id="dots"),
            pytest.param("a 1 2\nb 1 nan\n", 2, "infinite or not a number", id="not a number"),
            pytest.param("a 1 2\nb -inf 1\n", 2, "infinite or not a number", id="infinite"),
            pytest.param(
                "a one two\nb 1 2\n", 1, "'two' is not a number", id="text in the first row"
            ),
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
        message = explain(path)
        assert message.startswith(f"{path}, line 2: a number that is infinite or not a number.")

    @pytest.mark.parametrize("rows", ["a 1 2\n", "", "a 1 2\nb 3 4\nc 5 6\n"])
    def test_a_header_that_promises_another_number_of_rows_gives_both(self, rows, file):
        path = file(f"2 2\n{rows}")
        message = explain(path)
        assert f"{path}: its header says 2 rows, it holds {len(rows.splitlines())}" in message
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


decimals = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "-", "+"]),
        st.one_of(
            st.from_regex(r"[0-9]{1,3}\.[0-9]{0,12}", fullmatch=True),
            st.from_regex(r"[0-9]{1,20}", fullmatch=True),
            st.from_regex(r"[0-9]{0,20}\.[0-9]{1,20}", fullmatch=True),
            st.from_regex(r"0\.0{0,45}[0-9]{1,25}", fullmatch=True),
        ),
        st.one_of(st.just(""), st.from_regex(r"[eE][+-]?[0-9]{1,3}", fullmatch=True)),
    ),
)
blanks = st.sampled_from([" ", " ", "  ", "\t", " \t "])


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(decimals, min_size=1, max_size=8),
    between=blanks,
    end=st.sampled_from(["\n", "\r\n", " \n", ""]),
)
@example(
    texts=["1.00000005960464477539062500001", "16777217", "16777217.0000001"],
    between=" ",
    end="\n",
)
@example(texts=["-0.0", "1e-45", "7e-46", "1.1754943e-38"], between=" ", end="\n")
def test_numbers_are_what_python_takes_them_for(texts, between, end, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "numbers.txt"
    row = between.join(["word", *texts])
    path.write_bytes(f"{row}{end}".encode())
    with np.errstate(over="ignore"):
        wanted = np.array([float(t) for t in texts]).astype(np.float32)
    if len(texts) == 1 and texts[0].isdigit():
        return  # a word and a whole number: like a header
    if np.isfinite(wanted).all():
        matrix = read_in_every_way(path).matrix
        np.testing.assert_array_equal(matrix, wanted[None])
        np.testing.assert_array_equal(np.signbit(matrix), np.signbit(wanted[None]))
    else:
        for code in CODES:
            with parsing(*code):
                assert "infinite or not a number" in explain(path)


@pytest.fixture(scope="module")
def written_in_many_ways(tmp_path_factory):
    """Files of float32 numbers in several forms, with the numbers."""
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 1 << 32, 10_000, dtype=np.uint32).view(np.float32)
    values = np.concatenate([bits[np.isfinite(bits)], rng.normal(size=5_000)])
    values = values.astype(np.float32)[: len(values) // 10 * 10].reshape(-1, 10)
    files = {}
    for i, form in enumerate([str, *(f"{{:{f}}}".format for f in (".9g", ".5g", ".6f", ".17g"))]):
        texts = [[form(x) for x in row] for row in values]
        path = tmp_path_factory.mktemp("numbers") / f"{i}.txt"
        path.write_text("".join(f"w{i} {' '.join(t)}\n" for i, t in enumerate(texts)))
        wanted = np.array([[float(t) for t in row] for row in texts]).astype(np.float32)
        assert form is not str or np.array_equal(wanted, values)
        files[path] = wanted
    return files


@pytest.mark.usefixtures("code")
class TestNumbers:
    def test_written_in_the_shortest_way_or_with_six_to_nine_digits_are_exact(
        self, written_in_many_ways
    ):
        for path, wanted in written_in_many_ways.items():
            np.testing.assert_array_equal(read_text(path).matrix, wanted)

    @pytest.mark.parametrize(
        "number", ["", "-", ".", "1e", "1e+", "e5", "--1", "1.2.3", "0x1", "1,5", "1_", "1e5.0"]
    )
    def test_that_are_none_name_their_line(self, number, file):
        message = explain(file(f"a 0.5 1\nb 1 {number or '?'}\n"))
        assert "line 2: " in message
        assert "where a number should be" in message


def small():
    words = ["the", "naïve", "``", "日本", "\u00a0", "a\v5"]
    return WordVectors(words, np.random.default_rng(0).normal(size=(6, 7)).astype(np.float32))


NAMES = ["v.txt", "v.vec", "v.bin", "v.npz", "v.tsv", "folder", "v.txt.gz", "v.vec.gz", "v.bin.gz"]


class TestEveryFormat:
    @pytest.mark.parametrize("name", NAMES)
    @quick
    @example(vectors=WordVectors(["\f"], np.ones((1, 1), np.float32)), draws=None)
    @given(vectors=vectors_of_any_kind(), draws=st.data())
    def test_reads_back_exactly_all_words_or_some(self, name, vectors, draws, tmp_path_factory):
        path = tmp_path_factory.mktemp("vectors") / name
        write_vectors(vectors, path)
        assert_equal(read_vectors(path), vectors.words, vectors.matrix)
        words = st.sets(st.sampled_from(vectors.words), min_size=1)
        chosen = draws.draw(words) if draws else {vectors.words[0]}
        rows = [i for i, word in enumerate(vectors.words) if word in chosen]
        some = read_vectors(str(path), [*chosen, "no such word", "\ud800"])
        assert_equal(some, [vectors.words[i] for i in rows], vectors.matrix[rows])

    @pytest.mark.parametrize("name", ["v.txt", "v.vec", "v.bin", "v.npz"])
    def test_is_known_by_its_content_whatever_its_name(self, name, tmp_path):
        vectors = small()
        write_vectors(vectors, tmp_path / name)
        for other in ("v", "v.txt", "v.bin", "v.npz", "v.tsv", "v.dat"):
            path = (tmp_path / name).replace(tmp_path / other)
            assert_equal(read_vectors(path), vectors.words, vectors.matrix)
            path.replace(tmp_path / name)

    def test_the_name_says_what_is_written(self, tmp_path):
        vectors = WordVectors(["a"], np.array([[1, 2]], np.float32))
        for name in NAMES[:6]:
            write_vectors(vectors, tmp_path / name)
        assert (tmp_path / "v.txt").read_bytes() == b"a 1.0 2.0\n"
        assert (tmp_path / "v.vec").read_bytes() == b"1 2\na 1.0 2.0\n"
        assert (tmp_path / "v.bin").read_bytes() == b"1 2\na " + struct.pack("<2f", 1, 2)
        assert sorted(np.load(tmp_path / "v.npz")) == ["ends", "matrix", "words"]
        for numbers, words in (
            ("v.tsv", "v_metadata.tsv"),
            ("folder/vectors.tsv", "folder/metadata.tsv"),
        ):
            assert (tmp_path / numbers).read_bytes() == b"1.0\t2.0\n"
            assert (tmp_path / words).read_bytes() == b"a\n"

    def test_an_unknown_name_is_refused_with_those_known(self, tmp_path):
        with pytest.raises(UserError, match=r"choose from \.txt, \.vec, \.bin, \.npz, \.tsv"):
            write_vectors(small(), tmp_path / "v.doc")
        with pytest.raises(UserError, match="no vectors format"):
            write_vectors(small(), tmp_path / "v.npz.gz")

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_numbers_that_would_not_read_back_are_not_written(self, name, bad, tmp_path):
        vectors = WordVectors(["a", "b"], np.array([[1], [bad]], np.float32))
        with pytest.raises(UserError, match="word 'b': a number that is infinite or not a number"):
            write_vectors(vectors, tmp_path / name)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("name", NAMES)
    def test_words_that_utf8_cannot_express_are_not_written(self, name, tmp_path):
        with pytest.raises(UserError, match="UTF-8 cannot express"):
            write_vectors(WordVectors(["\ud800"], np.ones((1, 1), np.float32)), tmp_path / name)

    @pytest.mark.parametrize(
        ("name", "word"), [("v.bin", "a b"), ("v.bin", "\na"), ("v.tsv", "a\tb"), ("f", "a\nb")]
    )
    def test_words_that_the_format_cannot_express_are_refused(self, name, word, tmp_path):
        with pytest.raises(UserError, match="holds white space"):
            write_vectors(WordVectors([word], np.ones((1, 1), np.float32)), tmp_path / name)

    @pytest.mark.parametrize("word", ["", " ", "a b", "a\n", "\t", "\ufeffa"])
    def test_npz_expresses_any_word(self, word, tmp_path):
        vectors = WordVectors(["x", word], np.eye(2, dtype=np.float32))
        write_vectors(vectors, tmp_path / "v.npz")
        assert_equal(read_vectors(tmp_path / "v.npz"), ["x", word], vectors.matrix)

    @pytest.mark.parametrize("name", ["v.txt", "v.vec", "v.bin", "v.npz", "v.tsv", "v.txt.gz"])
    def test_a_full_disk_leaves_what_was_there(self, name, tmp_path, monkeypatch):
        old, path = small(), tmp_path / name
        write_vectors(old, path)
        there = sorted(tmp_path.iterdir())

        class Full(io.BytesIO):
            def write(self, *_):
                raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("pipeline.stages.vectors.formats.rows._open", lambda _: Full())
        with pytest.raises(UserError, match=f"{name} cannot be written: No space left on device"):
            write_vectors(WordVectors(["new"], np.ones((1, 2), np.float32)), path)
        assert_equal(read_vectors(path), old.words, old.matrix)
        assert sorted(tmp_path.iterdir()) == there

    @pytest.mark.parametrize("name", ["v.txt", "v.vec", "v.bin"])
    def test_of_a_word_that_is_there_twice_the_first_counts_and_it_is_said(
        self, name, tmp_path, caplog, monkeypatch
    ):
        monkeypatch.setattr(WordVectors, "__post_init__", lambda _: None)
        write_vectors(WordVectors(["a", "b", "a"], np.eye(3, dtype=np.float32)), tmp_path / name)
        monkeypatch.undo()
        with caplog.at_level(logging.WARNING):
            assert_equal(read_vectors(tmp_path / name), ["a", "b"], np.eye(3)[:2])
        assert "1 rows are of words that came before; the first row of each counts" in caplog.text

    @pytest.mark.parametrize("name", NAMES)
    def test_none_of_the_words_found_asks_about_language_and_case(self, name, tmp_path):
        write_vectors(small(), tmp_path / name)
        assert "lower-cased or not" in explain(tmp_path / name, ["THE"], read_vectors)

    @pytest.mark.parametrize("name", NAMES)
    @quick
    @given(cut=st.floats(0, 1, exclude_max=True))
    def test_cut_anywhere_is_an_error_a_person_understands(self, name, cut, tmp_path_factory):
        path = tmp_path_factory.mktemp("cut") / name
        write_vectors(small(), path)
        path = path / "vectors.tsv" if path.is_dir() else path
        content = path.read_bytes()
        path.write_bytes(content[: int(cut * len(content))])
        read, message = read_or_explain(path)
        if message:
            assert message.startswith(str(path))
        else:  # text cut within its last number, or after a whole row of text without a header
            assert name in {"v.txt", "v.vec", "v.tsv", "folder"}
            assert read.words == small().words[: len(read)]

    @pytest.mark.parametrize("name", NAMES)
    @quick
    @given(draws=st.data())
    def test_altered_anywhere_is_read_or_refused_in_words(self, name, draws, tmp_path_factory):
        path = tmp_path_factory.mktemp("altered") / name
        write_vectors(small(), path)
        path = path / "vectors.tsv" if path.is_dir() else path
        content = bytearray(path.read_bytes())
        for _ in range(draws.draw(st.integers(1, 4))):
            content[draws.draw(st.integers(0, len(content) - 1))] = draws.draw(st.integers(0, 255))
        path.write_bytes(content)
        read, message = read_or_explain(path)
        assert str(path) in message if message else np.isfinite(read.matrix).all()

    @quick
    @given(content=st.binary(max_size=60), name=st.sampled_from(["v", "v.bin", "v.gz", "v.tsv"]))
    @example(content=b"2 2\n", name="v")
    @example(content=b"9" * 5000 + b" 1\na 1\n", name="v")
    @example(content=b"1 0\na\n", name="v")
    @example(content=b"PK\x03\x04", name="v")
    def test_any_bytes_are_read_or_refused_in_words(self, content, name, tmp_path_factory):
        path = tmp_path_factory.mktemp("any") / name
        path.write_bytes(content)
        _, message = read_or_explain(path)
        assert message is None or str(path) in message


class TestGensim:
    @pytest.mark.parametrize("name", ["v.txt", "v.vec", "v.bin", "v.vec.gz", "v.bin.gz"])
    def test_reads_the_same_from_what_we_write(self, name, tmp_path):
        vectors = small()
        write_vectors(vectors, tmp_path / name)
        theirs = KeyedVectors.load_word2vec_format(
            tmp_path / name, binary=".bin" in name, no_header=name == "v.txt"
        )
        assert theirs.index_to_key == vectors.words
        np.testing.assert_array_equal(theirs.vectors, vectors.matrix)

    @pytest.mark.parametrize("binary", [True, False])
    @pytest.mark.parametrize("name", ["v", "v.gz"])
    def test_what_it_writes_we_read(self, binary, name, tmp_path):
        vectors = small()
        theirs = KeyedVectors(vector_size=vectors.dim)
        theirs.add_vectors(vectors.words, vectors.matrix)
        theirs.save_word2vec_format(tmp_path / name, binary=binary)
        assert_equal(read_vectors(tmp_path / name), vectors.words, vectors.matrix)


class TestBinary:
    def test_takes_rows_that_end_with_a_new_line(self, file):
        rows = b"".join(b"%c " % word + struct.pack("<2f", 1, 2) + b"\n" for word in b"abc")
        path = file(b"3 2\n" + rows, "v.bin")
        assert_equal(read_vectors(path), ["a", "b", "c"], [[1, 2]] * 3)
        assert_equal(read_vectors(path, ["b"]), ["b"], [[1, 2]])

    def test_takes_rows_longer_than_what_is_read_at_once(self, tmp_path, monkeypatch):
        monkeypatch.setattr("pipeline.stages.vectors.formats.binary.BLOCK", 5)
        write_vectors(small(), tmp_path / "v.bin")
        assert_equal(read_vectors(tmp_path / "v.bin"), small().words, small().matrix)

    @pytest.mark.parametrize("header", [b"7 7", b"5 7", b"6 6", b"6 8", b"6 70", b"1 1", b"0 7"])
    def test_a_header_that_lies_is_found_out(self, header, tmp_path):
        path = tmp_path / "v.bin"
        write_vectors(small(), path)
        path.write_bytes(path.read_bytes().replace(b"6 7", header, 1))
        message = explain(path, None, read_vectors)
        assert str(path) in message
        assert re.search("fetch it again|damaged|no vectors|Leave this row", message)

    @pytest.mark.parametrize("name", ["v.bin", "v.bin.gz", "v.vec", "v.vec.gz"])
    @pytest.mark.parametrize(
        "header", ["1000000000000 7", "6 1000000000000", "1000000000000 1000000000000"]
    )
    def test_a_header_that_claims_the_moon_costs_no_memory(self, header, name, tmp_path):
        path = tmp_path / name
        write_vectors(small(), path)
        opened = gzip.open if name.endswith("gz") else open
        with opened(path, "rb") as file:
            content = file.read().replace(b"6 7", header.encode(), 1)
        with opened(path, "wb") as file:
            file.write(content)
        tracemalloc.start()
        message = explain(path, None, read_vectors)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert message.startswith(str(path))
        assert "says" in message
        assert peak < 32e6

    def test_a_truncated_archive_names_the_row(self, tmp_path):
        path = tmp_path / "v.bin.gz"
        write_vectors(small(), tmp_path / "v.bin")
        path.write_bytes(gzip.compress((tmp_path / "v.bin").read_bytes()[:-30]))
        message = explain(path, None, read_vectors)
        assert message.startswith(f"{path}, row 6: the file ends here, of 6 rows of 7 dimensions")

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_a_number_that_is_none_names_its_row(self, bad, file):
        rows = b"a " + struct.pack("<2f", 1, 2) + b"b " + struct.pack("<2f", 1, bad)
        message = explain(file(b"2 2\n" + rows), None, read_vectors)
        assert ", row 2: a number that is infinite or not a number" in message

    def test_a_word_that_is_not_utf8_names_its_row(self, file):
        rows = b"a " + struct.pack("<2f", 1, 2) + b"\xfc " + struct.pack("<2f", 1, 2)
        message = explain(file(b"2 2\n" + rows), None, read_vectors)
        assert ", row 2: the word b'\\xfc' is not UTF-8" in message

    def test_a_word_without_end_names_its_row(self, file):
        content = b"2 2\na " + struct.pack("<2f", 1, 2) + b"x" * 10_000
        message = explain(file(content), None, read_vectors)
        assert ", row 2: a word of more than 4,096 bytes" in message

    def test_rows_of_words_that_are_not_wanted_are_not_looked_into(self, file):
        rows = b"a " + struct.pack("<2f", 1, 2) + b"\xfc " + struct.pack("<2f", 1, np.nan)
        assert_equal(read_vectors(file(b"2 2\n" + rows), ["a"]), ["a"], [[1, 2]])


class TestNpz:
    def test_an_archive_of_something_else_says_what_is_in_it(self, tmp_path):
        path = tmp_path / "glove.6B.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("glove.6B.50d.txt", "the 1 2\n")
        assert_equal(read_vectors(path), ["the"], [[1, 2]])
        path = path.rename(tmp_path / "glove.npz")
        message = explain(path, None, read_vectors)
        assert "is an archive of glove.6B.50d.txt and has no 'words.npy'." in message
        assert "rename it to glove.zip" in message

    @pytest.mark.parametrize(
        "change",
        [
            pytest.param({"ends": np.array([1, 3])}, id="ends beyond the words"),
            pytest.param({"ends": np.array([3, 2])}, id="ends that go back"),
            pytest.param({"ends": np.array([1.0, 2.0])}, id="ends that are no integers"),
            pytest.param({"ends": np.array([2])}, id="fewer words than rows"),
            pytest.param({"words": np.array(["a", "b"])}, id="words that are no bytes"),
            pytest.param({"words": np.array([255, 255], np.uint8)}, id="words that are not UTF-8"),
            pytest.param({"matrix": np.array([["a"], ["b"]])}, id="text for numbers"),
            pytest.param({"matrix": np.ones(2)}, id="no matrix"),
            pytest.param({"matrix": np.array([[1], [np.nan]])}, id="not a number"),
            pytest.param({"matrix": np.array([[1], [1e99]])}, id="too large a number"),
            pytest.param({"matrix": np.array([[1], ["a"]], object)}, id="a pickle"),
        ],
    )
    def test_arrays_that_do_not_fit_are_refused(self, change, tmp_path):
        arrays = {
            "words": np.frombuffer(b"ab", np.uint8),
            "ends": np.array([1, 2]),
            "matrix": np.ones((2, 1)),
        }
        np.savez(tmp_path / "good.npz", **arrays)
        assert read_vectors(tmp_path / "good.npz").words == ["a", "b"]
        np.savez(tmp_path / "bad.npz", **{**arrays, **change})
        assert explain(tmp_path / "bad.npz", None, read_vectors).startswith(str(tmp_path))

    def test_an_array_that_claims_the_moon_costs_no_memory(self, tmp_path):
        path = tmp_path / "v.npz"
        header = io.BytesIO()
        claim = {"descr": "<f4", "fortran_order": False, "shape": (10**12, 50)}
        np.lib.format.write_array_header_1_0(header, claim)
        with zipfile.ZipFile(path, "w") as archive:
            for name in ("words", "ends", "matrix"):
                archive.writestr(f"{name}.npy", header.getvalue())
        assert "says 200,000,000,000,000 bytes, 0 follow" in explain(path, None, read_vectors)

    @pytest.mark.parametrize("header", ["{'descr'", "{'a': (", "(" * 300, "-" * 9000])
    def test_an_array_whose_header_is_no_header_is_refused(self, header, tmp_path):
        path = tmp_path / "v.npz"
        lead = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()
        with zipfile.ZipFile(path, "w") as archive:
            for name in ("words", "ends", "matrix"):
                archive.writestr(f"{name}.npy", lead)
        assert "cannot be read as .npz" in explain(path, None, read_vectors)

    @pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_what_can_be_packed_without_bound_is_not_unpacked(self, method, tmp_path):
        path = tmp_path / "v.npz"
        array = io.BytesIO()
        np.lib.format.write_array(array, np.zeros(1_000_000))
        with zipfile.ZipFile(path, "w", method) as archive:
            for name in ("words", "ends", "matrix"):
                archive.writestr(f"{name}.npy", array.getvalue())
        assert "packed in a way that NumPy never does" in explain(path, None, read_vectors)


class TestProjector:
    def test_of_several_columns_takes_the_words(self, tmp_path):
        (tmp_path / "vectors.tsv").write_text("1\t2\n3\t4\n")
        (tmp_path / "metadata.tsv").write_text("Count\tWord\n9\ta\n8\tb\n")
        assert_equal(read_vectors(tmp_path), ["a", "b"], [[1, 2], [3, 4]])

    @pytest.mark.parametrize(
        ("numbers", "words", "trouble"),
        [
            ("1\t2\n3\n", "a\nb\n", "vectors.tsv, line 2: 1 numbers where other rows have 2"),
            ("1\t2\n3\tx\n", "a\nb\n", "vectors.tsv, line 2: 'x' where a number should be"),
            ("1\t2\n3\tnan\n", "a\nb\n", "vectors.tsv, line 2: a number that is infinite"),
            ("1\t2\n", "a\nb\n", "has 1 rows, "),
            ("1\t2\n3\t4\n5\t6\n", "a\nb\n", "has 3 rows, "),
            ("1\t2\n", "n\tword\n1\n", "metadata.tsv, line 2: 1 columns where the header has 2"),
        ],
    )
    def test_a_pair_that_does_not_fit_is_refused(self, numbers, words, trouble, tmp_path):
        (tmp_path / "vectors.tsv").write_text(numbers)
        (tmp_path / "metadata.tsv").write_text(words)
        assert trouble in explain(tmp_path, None, read_vectors)

    def test_a_folder_of_something_else_is_refused(self, tmp_path):
        message = explain(tmp_path, None, read_vectors)
        assert "is a folder without vectors.tsv and metadata.tsv" in message

    def test_vectors_without_their_words_say_which_file_is_missing(self, tmp_path):
        (tmp_path / "vectors.tsv").write_text("1\t2\n")
        assert "metadata.tsv: no such file" in explain(tmp_path, None, read_vectors)


def test_a_packed_file_that_is_not_called_so_says_what_to_do(file):
    path = file(gzip.compress(b"a 1 2\n"), "v.txt")
    assert f"{path} is packed by gzip; rename it to v.txt.gz" in explain(path, None, read_vectors)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    assert "no such file" in explain(Path(tmp_path / "v.bin"), None, read_vectors)


def test_a_line_without_end_is_no_vectors_file(file):
    token = LIMITS.set(Limits(line_mb=1))
    path = file("a 1 2\n" + "b" * (3 << 20))
    assert f"{path}, line 2: longer than 1 MB" in explain(path)
    LIMITS.reset(token)


class TestParsingAtOnce:
    """pyarrow's numbers are Python's, and it is used."""

    @pytest.mark.parametrize("end", ["\n", "\r\n", " \n", "\r"])
    def test_does_for_files_as_tools_write_them(self, end, file, monkeypatch):
        monkeypatch.setattr(lines, "_parse_line_by_line", None)
        assert_equal(read_text(file(f"a 1 2{end}b\t3 -4e5{end}")), "ab", [[1, 2], [3, -4e5]])
