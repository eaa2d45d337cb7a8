from __future__ import annotations

import pytest

from pipeline.core.errors import UserError
from pipeline.stages.evaluation.files import read_pairs, read_questions


def explain(read, path):
    with pytest.raises(UserError) as error:
        read(path)
    return str(error.value)


class TestReadPairs:
    @pytest.mark.parametrize(
        "content",
        [
            pytest.param("old\tnew\t1.58\nhot\tcold\t8\n", id="tabs"),
            pytest.param("old new 1.58\nhot  cold 8\n", id="spaces"),
            pytest.param("old,new,1.58\nhot, cold, 8\n", id="commas"),
            pytest.param("word1\tword2\tscore\nold\tnew\t1.58\nhot\tcold\t8\n", id="a header"),
            pytest.param("# of 2015\nold new 1.58\n\nhot cold 8\n", id="remarks and empty lines"),
            pytest.param("# of 2015\na b score\nold new 1.58\nhot cold 8\n", id="both"),
            pytest.param("old\tnew\t1.58\tA\nhot\tcold\t8\tA\n", id="more columns"),
            pytest.param(
                "word1\tword2\tPOS\tSimLex999\tSD\nold\tnew\tA\t1.58\t0.4\nhot\tcold\tA\t8\t1\n",
                id="SimLex-999, with the part of speech",
            ),
            pytest.param("old\tnew\tV\t1.58\tNONE\nhot\tcold\tV\t8\tNONE\n", id="SimVerb-3500"),
            pytest.param("old;new;1.58\nhot;cold;8\n", id="semicolons, as in RG-65"),
            pytest.param("Word 1,Word 2,Human (mean)\nold,new,1.58\nhot,cold,8\n", id="WordSim"),
            pytest.param("old new 1.58\r\nhot cold 8\r\n", id="line ends of Windows"),
            pytest.param("\ufeffold new 1.58\nhot cold 8", id="a byte order mark"),
        ],
    )
    def test_takes_files_as_they_are_published(self, content, file):
        assert read_pairs(file(content)) == [("old", "new", 1.58), ("hot", "cold", 8)]

    @pytest.mark.parametrize("bad", ["old new", "old new much", "old", "old new nan", "a b inf"])
    def test_names_the_line_that_is_no_pair(self, bad, file):
        path = file(f"old new 1.58\n\n{bad}\n")
        message = explain(read_pairs, path)
        assert message == f"{path}, line 3: expected two words and a score, e.g. 'old new 1.58'."

    def test_the_score_is_in_the_same_column_of_every_line(self, file):
        path = file("old\tnew\tA\t1.58\nhot\tcold\t3\tmuch\n")
        assert explain(read_pairs, path).startswith(f"{path}, line 2: expected two words and a")

    def test_a_word_may_hold_a_comma_where_tabs_separate(self, file):
        assert read_pairs(file("1,000\tthousand\t9\n")) == [("1,000", "thousand", 9)]

    def test_a_file_without_any_pair_is_none(self, file):
        path = file("word1 word2 score\n")
        assert explain(read_pairs, path) == f"{path} has no word pairs."


QUESTIONS = """\
: capital-common-countries
a b c d
b a d c

: family
a b c nowhere
"""


class TestReadQuestions:
    def test_gives_the_questions_of_each_section(self, file):
        assert read_questions(file(QUESTIONS)) == {
            "capital-common-countries": [list("abcd"), list("badc")],
            "family": [["a", "b", "c", "nowhere"]],
        }

    def test_a_section_is_named_by_all_that_stands_after_the_colon(self, file):
        assert list(read_questions(file(":capital a\na b c d\n: \na b c d\n"))) == ["capital a", ""]

    def test_without_sections_there_is_one(self, file):
        assert read_questions(file("a b c d\n")) == {"all": [list("abcd")]}

    @pytest.mark.parametrize(("bad", "count"), [("a b c", 3), ("a b c d e", 5), ("a", 1)])
    def test_names_the_line_that_is_no_question(self, bad, count, file):
        path = file(f": s\na b c d\n{bad}\n")
        message = explain(read_questions, path)
        assert message == f"{path}, line 3: expected four words, found {count}."

    @pytest.mark.parametrize("content", ["", ": section\n: another\n"])
    def test_a_file_without_questions_is_none(self, content, file):
        path = file(content)
        assert explain(read_questions, path) == f"{path} has no analogy questions."


def test_real_files_are_read_whole(data):
    folder = data / "eval"
    assert len(read_pairs(folder / "EN-SIMLEX-999.txt")) == 999
    assert len(read_pairs(folder / "EN-WS-353-ALL.txt")) == 353
    questions = read_questions(folder / "questions-words.txt")
    assert len(questions) == 14
    assert sum(map(len, questions.values())) == 19_544
