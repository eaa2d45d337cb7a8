"""Words that a vectors file writes in another way than the corpus."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from pipeline.core.errors import UserError
from pipeline.stages.vectors import keys
from pipeline.stages.vectors.formats import first_words, write_vectors
from pipeline.stages.vectors.word_vectors import WordVectors

COUNTS = {"the": 50, "film": 20, "is": 15, "good": 10, "europe": 4, "qqq": 1}


@pytest.fixture
def write(tmp_path):
    def write(words, name="vectors.txt"):
        path = tmp_path / name
        matrix = np.arange(2.0 * len(words), dtype=np.float32).reshape(-1, 2)
        write_vectors(WordVectors(list(words), matrix), path)
        return path

    return write


def find(path, way=keys.AUTO, counts=COUNTS):
    return keys.find(path, counts, way)


FILES = {
    "lower": ["The", "Film", "IS", "good", "Europe"],
    "conceptnet": [f"/c/de/{w}" for w in ("das", "gut")] + [f"/c/en/{w}" for w in COUNTS][:5],
    "en:{}": [f"en:{word}" for word in COUNTS][:5],
    "x:{}": [f"x:{word}" for word in COUNTS][:5],
    "/en/{}": [f"/en/{word}" for word in COUNTS][:5],
    "\u2581{}": [f"\u2581{word}" for word in COUNTS][:5],
    "{}@en": [f"{word.title()}@en" for word in COUNTS][:5],
    "pos": ["the_DET", "film_NOUN", "film_VERB", "is_AUX", "good_ADJ", "Europe_PROPN"],
}


class TestFind:
    @pytest.mark.parametrize("way", FILES)
    def test_finds_the_words_in_the_way_asked_for(self, way, write):
        found = find(write(FILES[way]), way)
        assert found.vectors.words == ["the", "film", "is", "good", "europe"]
        assert found.coverage == pytest.approx(0.99)
        assert found.keys == way

    @pytest.mark.parametrize("way", FILES)
    @pytest.mark.parametrize("name", ["v.txt", "v.bin", "v.npz", "v.tsv"])
    def test_by_itself_takes_the_way_that_the_file_has(self, way, name, write, caplog):
        with caplog.at_level(logging.WARNING):
            found = find(write(FILES[way], name))
        assert found.vectors.words == ["the", "film", "is", "good", "europe"]
        before = "10.0%" if way == "lower" else "0.0%"
        assert f"vectors.keys={way} raises coverage from {before} to 99.0%" in caplog.text
        assert f"the file's words begin '{FILES[way][0]}'" in caplog.text
        assert "the corpus's 'the', 'film', 'is'" in caplog.text

    @pytest.mark.parametrize("tags", ["#n #v", "|NOUN |VERB", "/NN /VB", "::NOUN ::VERB"])
    def test_parts_of_speech_are_found_however_they_are_set_apart(self, tags, write, caplog):
        noun, verb = tags.split()
        words = [f"{word}{verb if word == 'is' else noun}" for word in COUNTS][:5]
        assert find(write(words)).vectors.words == ["the", "film", "is", "good", "europe"]
        assert "vectors.keys=pos raises coverage" in caplog.text

    def test_as_is_finds_what_is_written_alike_and_no_more(self, write):
        assert find(write(FILES["lower"]), "as_is").vectors.words == ["good"]

    def test_of_several_forms_the_corpus_s_own_counts_and_then_the_lower_case(self, write):
        found = find(write(["FILM", "Film", "film", "The", "IS"]), "lower")
        np.testing.assert_array_equal(found.vectors["film"], [4, 5])
        found = find(write(["FILM", "Film"]), "lower")
        np.testing.assert_array_equal(found.vectors["film"], [2, 3])

    def test_of_several_suffixes_the_first_in_the_file_counts(self, write):
        found = find(write(FILES["pos"]), "pos")
        np.testing.assert_array_equal(found.vectors["film"], [2, 3])

    def test_a_cased_corpus_finds_lower_case_words(self, write):
        counts = {"The": 50, "Film": 20, "GOOD": 30}
        found = find(write(["the", "film", "good"]), counts=counts)
        assert found.vectors.words == ["The", "Film", "GOOD"]

    def test_if_most_words_are_found_they_are_left_as_they_are_without_a_word(self, write, caplog):
        with caplog.at_level(logging.INFO):
            found = find(write(["the", "film", "Is", "good", "europe"]))
        assert found.keys == "as_is"
        assert found.coverage == pytest.approx(0.84)
        assert caplog.text == ""

    def test_a_few_more_are_told_and_not_taken(self, write, caplog):
        with caplog.at_level(logging.INFO):
            found = find(write(["the", "film", "is", "Good"]))
        assert found.keys == "as_is"
        assert "vectors.keys=lower would raise coverage from 85.0% to 95.0%" in caplog.text

    def test_if_most_of_the_text_is_found_rare_words_do_not_matter(self, write):
        path = write(FILES["lower"])
        assert find(path, counts=dict.fromkeys(COUNTS, 1)).keys == "lower"
        assert find(path, counts=COUNTS | {"good": 10**9}).keys == "as_is"

    def test_low_coverage_that_no_way_raises_is_warned_of(self, write, caplog):
        with caplog.at_level(logging.WARNING):
            found = find(write(["der", "Die", "film"]))
        assert found.vectors.words == ["film"]
        assert "covers only 20.0 % of the text's running words" in caplog.text
        assert "the file's words begin 'der', 'Die', 'film', the corpus's 'the', " in caplog.text

    def test_no_word_at_all_is_an_error_that_shows_both(self, write):
        with pytest.raises(UserError) as error:
            find(write(["der", "Die", "das"]))
        assert "has none of the 6 words of the corpus" in str(error.value)
        assert "The file's words begin 'der', 'Die', 'das', the corpus's 'the'" in str(error.value)

    @pytest.mark.parametrize("way", ["upper", "", "en:"])
    def test_an_unknown_way_is_refused_with_those_there_are(self, way):
        with pytest.raises(UserError, match="choose from auto, as_is, lower, conceptnet, pos"):
            keys.check(way)


@pytest.mark.parametrize("name", ["v.txt", "v.vec", "v.bin", "v.npz", "v.tsv", "v.txt.gz"])
def test_first_words_are_those_of_the_file(name, write):
    assert first_words(write(["b", "a", "c"], name), 2) == ["b", "a"]
