from __future__ import annotations

import gzip
import shutil

import pytest

from pipeline.core.errors import UserError
from pipeline.stages.corpus import Text, Tokenizer


@pytest.fixture
def file(tmp_path):
    """A way to write a text."""

    def write(content, name="text.txt"):
        path = tmp_path / name
        content = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        return path

    return write


def explain(broken):
    with pytest.raises(UserError) as error:
        list(broken)
    return str(error.value)


class TestSentences:
    def test_a_line_may_hold_several(self, file):
        path = file("It works. I don't know why!\n\nFine\n")
        assert list(Text((path,))) == [
            ["it", "works", "."],
            ["i", "do", "n't", "know", "why", "!"],
            ["fine"],
        ]

    def test_keep_their_case_where_told(self, file):
        assert list(Text((file("It Works\n"),), Tokenizer(lower=False))) == [["It", "Works"]]

    def test_of_tokenised_text_are_its_lines(self, file):
        path = file("It works . I do n't know\n \nFine\n")
        assert list(Text((path,), tokenized=True)) == [
            ["it", "works", ".", "i", "do", "n't", "know"],
            ["fine"],
        ]
        assert list(Text((path,), Tokenizer(lower=False), tokenized=True))[1] == ["Fine"]

    def test_escape_their_brackets_where_told(self, file):
        path = file("Fun (mostly)\n")
        assert next(iter(Text((path,)))) == ["fun", "(", "mostly", ")"]
        assert next(iter(Text((path,), Tokenizer(brackets=False)))) == [
            "fun",
            "-lrb-",
            "mostly",
            "-rrb-",
        ]

    def test_are_divided_before_case_is_lost(self, file):
        path = file("It stars Dr. Strange in London. He sings.\n")
        assert len(list(Text((path,)))) == 2

    def test_come_file_by_file_packed_or_not(self, file):
        paths = (file("b\n", "z.gz"), file("a\n", "a.txt"))
        assert list(Text(paths)) == [["b"], ["a"]]

    @pytest.mark.parametrize(
        ("words", "sentences"), [(None, 3), (1, 1), (2, 1), (3, 2), (5, 3), (99, 3)]
    )
    def test_end_with_the_one_that_reaches_so_many_words(self, words, sentences, file):
        paths = (file("a b\n", "1.txt"), file("c d\ne\n", "2.txt"))
        assert list(Text(paths, max_words=words)) == [["a", "b"], ["c", "d"], ["e"]][:sentences]

    def test_can_be_read_again(self, file):
        text = Text((file("a\nb\n"),))
        assert list(text) == list(text) == [["a"], ["b"]]

    def test_are_read_as_they_are_asked_for(self, file):
        sentences = iter(Text((file(b"fine\nbroken \xff\n"),)))
        assert next(sentences) == ["fine"]
        with pytest.raises(UserError, match="line 2"):
            next(sentences)

    def test_name_the_line_that_is_broken(self, file):
        path = file(b"A line.\n" * 500 + b"broken \xff\n")
        assert "line 501" in explain(Text((path,)))

    def test_of_no_file_are_none(self):
        assert list(Text()) == []


class TestBadText:
    def test_a_missing_file_is_named(self, tmp_path):
        message = explain(Text((tmp_path / "none.txt",)))
        assert message.startswith(f"{tmp_path / 'none.txt'}: no such file.")

    @pytest.mark.parametrize("content", ["", " \n\t\n"])
    @pytest.mark.parametrize("tokenized", [True, False])
    def test_an_empty_file_is_named_with_a_remedy(self, content, tokenized, file):
        path = file(content)
        assert explain(Text((file("a\n", "b.txt"), path), tokenized=tokenized)) == (
            f"{path} has no text; leave it out of corpus.unlabelled."
        )

    @pytest.mark.parametrize("name", ["text.txt", "text.gz"])
    def test_bytes_that_are_not_utf8_name_file_and_line(self, name, file):
        path = file("gut\nhübsch\n".encode("latin-1"), name)
        message = explain(Text((path,)))
        assert message.startswith(f"{path}, line 2: byte 0xfc is not UTF-8. Convert the file")

    def test_a_broken_archive_is_named(self, tmp_path):
        path = tmp_path / "text.gz"
        path.write_bytes(gzip.compress(b"fine\n" * 1000)[:-10])
        assert explain(Text((path,))).startswith(f"{path}: the gzip archive is broken")

    @pytest.mark.parametrize("name", ["text.txt", "text.gz"])
    def test_a_missing_file_has_no_digest(self, name, tmp_path):
        with pytest.raises(UserError, match=f"{name}: no such file"):
            _ = Text((tmp_path / name,)).digest


class TestDigest:
    def test_goes_by_content_and_not_by_name(self, file, tmp_path):
        path = file("a\n")
        copied = shutil.copy(path, tmp_path / "copy.txt")
        assert Text((copied,)).digest == Text((path,)).digest

    def test_changes_with_content_order_and_how_it_is_read(self, file):
        a, b = file("a\n", "a.txt"), file("b\n", "b.txt")
        texts = [
            Text(),
            Text((a,)),
            Text((b,)),
            Text((a, b)),
            Text((b, a)),
            Text((a,), Tokenizer(lower=False)),
            Text((a,), tokenized=True),
            Text((a,), Tokenizer(brackets=False)),
            Text((a,), Tokenizer(html="strip")),
            Text((a,), Tokenizer("whitespace")),
            Text((a,), Tokenizer("regex")),
            Text((a,), Tokenizer("regex", r"\S")),
            Text((a,), max_words=1),
        ]
        assert len({text.digest for text in texts}) == len(texts)
