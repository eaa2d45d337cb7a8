from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nltk.tokenize.treebank import TreebankWordTokenizer

from pipeline.stages.corpus.treebank import Contraction, Sought, tokenizer

FAST, PLAIN = tokenizer(), TreebankWordTokenizer()
PIECES = [
    *"\"'`:,.;@#$%&?!()[]{}<>- \t\n1aK",
    *"\N{LATIN SMALL LETTER LONG S}\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}",
    *("''", "``", "...", "--", "'s ", "'LL ", "n't ", "cannot ", "d'ye ", "gimme ", "GONNA "),
    *(
        "gotta ",
        "Lemme ",
        "more'n ",
        "wanna ",
        " 'tis ",
        " 'Twas ",
        "'ti\N{LATIN SMALL LETTER LONG S} ",
        "film ",
    ),
]


class TestTokenizer:
    @settings(max_examples=1000, deadline=None)
    @given(st.lists(st.sampled_from(PIECES)).map("".join))
    @example("'Tis gonna be \"great\", they said: it's 3,50 (or more'n that)... isn't it?")
    def test_gives_the_tokens_that_nltk_gives(self, text):
        assert FAST.tokenize(text) == PLAIN.tokenize(text)

    @settings(deadline=None)
    @given(st.text())
    def test_gives_them_for_any_text(self, text):
        assert FAST.tokenize(text) == PLAIN.tokenize(text)

    def test_gives_them_for_the_whole_treebank(self, data):
        from pipeline.stages.corpus import Sst

        corpus = Sst(path=str(data / "sst")).load()
        texts = [" ".join(s) for split in corpus.splits.values() for s in split.sentences]
        assert [FAST.tokenize(text) for text in texts] == [PLAIN.tokenize(text) for text in texts]

    def test_asks_first_for_all_but_the_final_period(self):
        """A release of NLTK that writes its patterns another way would be as slow as before."""
        patterns = [pattern for pattern, _ in (*FAST.STARTING_QUOTES, *FAST.PUNCTUATION)]
        patterns += [pattern for pattern, _ in FAST.ENDING_QUOTES]
        patterns += [FAST.PARENS_BRACKETS[0], FAST.DOUBLE_DASHES[0]]
        assert sum(isinstance(pattern, Sought) for pattern in patterns) == len(patterns) - 1
        contractions = [*FAST.CONTRACTIONS2, *FAST.CONTRACTIONS3]
        assert all(isinstance(pattern, Contraction) for pattern in contractions)

    @pytest.mark.parametrize("word", ["cannot", "gimme", "gonna", "gotta", "lemme", "wanna"])
    def test_takes_contractions_apart(self, word):
        assert len(FAST.tokenize(f"we {word} go")) == 4
