from __future__ import annotations

import gzip
from itertools import islice

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer
from nltk.tokenize.treebank import TreebankWordTokenizer

from pipeline.core.errors import UserError
from pipeline.stages.corpus import treebank
from pipeline.stages.corpus.treebank import ABBREVIATIONS, Sentences, Words

PIECES = [
    *"\"'`:,.;@#$%&?!()[]{}<>-*/ \t\n1aKé",
    *"\N{LATIN SMALL LETTER LONG S}\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}\N{NO-BREAK SPACE}",
    *("\x1c", "\N{ARABIC-INDIC DIGIT THREE}", "\N{GREEK CAPITAL LETTER SIGMA}"),
    *("''", "``", "...", "--", "'s ", "'LL ", "'Ll ", "n't ", "N't", "cannot ", "d'ye ", "gimme "),
    *("GONNA ", "gotta ", "Lemme ", "more'n ", "wanna ", " 'tis ", " 'Twas ", "film ", "It's "),
    *("'ti\N{LATIN SMALL LETTER LONG S} ", "Dr.", "e.g.", "U.S. ", " I.", "3.5", "1,000", "don't"),
    *(". ", "! ", "? ", " The ", ' "A ', '." ', ".) ", "wow!!! ", "a...b"),
]
SENTENCES, WORDS, LOWERED = Sentences(), Words(), Words(lower=True)


@pytest.fixture(scope="module")
def nltk():
    """NLTK's own sentence splitter and tokenizer."""
    parameters = PunktParameters()
    parameters.abbrev_types = set(ABBREVIATIONS)
    return PunktSentenceTokenizer(parameters), TreebankWordTokenizer()


def assert_same(text, nltk):
    splitter, tokenizer = nltk
    tokens = tokenizer.tokenize(text)
    assert WORDS(text) == tokens
    assert LOWERED(text) == [token.lower() for token in tokens]
    assert SENTENCES(text) == splitter.tokenize(text)


class TestTheResult:
    @settings(max_examples=1500, deadline=None)
    @given(text=st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
    @example(text="'Tis gonna be \"great\", they said: it's 3,50 (or more'n that)... isn't it?")
    def test_is_nltks_for_texts_of_everything_it_has_rules_for(self, text, nltk):
        assert_same(text, nltk)

    @settings(max_examples=300, deadline=None)
    @given(text=st.text())
    def test_is_nltks_for_any_text(self, text, nltk):
        assert_same(text, nltk)

    def test_is_nltks_for_the_whole_treebank(self, data, nltk):
        from pipeline.stages.corpus import Sst

        corpus = Sst(path=str(data / "sst"), lower=False).load()
        texts = [" ".join(s) for split in corpus.splits.values() for s in split.sentences]
        assert [WORDS(text) for text in texts] == [nltk[1].tokenize(text) for text in texts]

    def test_is_nltks_for_real_reviews(self, data, nltk):
        with gzip.open(data / "corpora" / "imdb_unsup.txt.gz", "rt", encoding="utf-8") as file:
            reviews = list(islice(file, 1500))
        splitter, tokenizer = nltk
        sentences = [sentence for review in reviews for sentence in splitter.tokenize(review)]
        assert [s for review in reviews for s in SENTENCES(review)] == sentences
        tokens = [tokenizer.tokenize(sentence) for sentence in sentences]
        assert [WORDS(sentence) for sentence in sentences] == tokens
        assert [LOWERED(s) for s in sentences] == [[t.lower() for t in each] for each in tokens]

    def test_is_the_same_where_the_memory_is_full(self, monkeypatch):
        texts = [f"It's word{i}, isn't it? Yes{i}!" for i in range(50)]
        monkeypatch.setattr(treebank, "LIMIT", 3)
        sentences, words = Sentences(), Words()
        for text in texts:
            assert sentences(text) == SENTENCES(text)
            assert words(text) == WORDS(text)
        assert len(words.mid) <= 3

    @pytest.mark.parametrize("word", ["cannot", "gimme", "gonna", "gotta", "lemme", "wanna"])
    def test_takes_contractions_apart(self, word):
        assert len(WORDS(f"we {word} go")) == 4


def test_a_piece_that_nltk_gives_up_on_is_named(monkeypatch):
    def too_slow(_):
        raise TimeoutError

    monkeypatch.setattr(treebank.Pieces.by_re, "tokenize", too_slow)
    with pytest.raises(UserError, match=r"a word of 8,000 characters takes too long to tokenize"):
        Words()("..=a" * 2000)
