from __future__ import annotations

from difflib import SequenceMatcher

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.tokenize.treebank import TreebankWordDetokenizer

from pipeline.stages.corpus import tokenizers as module
from pipeline.stages.corpus.sst import read_trees
from pipeline.stages.corpus.tokenizers import BRACKETS, sentences, tokenize, unescape


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("It works.", "It works ."),
        ("I don't.", "I do n't ."),
        ("It can't, won't, cannot.", "It ca n't , wo n't , can not ."),
        ("The film's heart; they'll, I'd, we've", "The film 's heart ; they 'll , I 'd , we 've"),
        ('He said "it works" twice.', "He said `` it works '' twice ."),
        ('"Why?" she asked.', "`` Why ? '' she asked ."),
        ("It is long -- too long.", "It is long -- too long ."),
        ("Long--too long", "Long -- too long"),
        ("Well...", "Well ..."),
        ("Fun (mostly) [sic]!", "Fun ( mostly ) [ sic ] !"),
        ("$5, 50% off", "$ 5 , 50 % off"),
        ("It is 1,000 well-made minutes.", "It is 1,000 well-made minutes ."),
        ("One. Two! Three?", "One . Two ! Three ?"),
        ("Mr. Lee vs. Dr. No.", "Mr. Lee vs. Dr. No ."),
        ("  spread \t over\nlines  ", "spread over lines"),
        ("", ""),
    ],
)
def test_tokens_are_those_of_the_penn_treebank(text, tokens):
    assert tokenize(text) == tokens.split()


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("\N{LEFT DOUBLE QUOTATION MARK}Great.\N{RIGHT DOUBLE QUOTATION MARK}", "`` Great . ''"),
        ("I don\N{RIGHT SINGLE QUOTATION MARK}t", "I do n't"),
        ("long\N{EM DASH}too long", "long -- too long"),
        ("1990\N{EN DASH}95", "1990 -- 95"),
        ("well\N{HORIZONTAL ELLIPSIS}", "well ..."),
    ],
)
def test_printed_punctuation_is_read_as_the_typed_one(text, tokens):
    assert tokenize(text) == tokens.split()


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(" .!?'\"()n't")))
def test_no_token_is_empty_or_holds_white_space(text):
    for token in tokenize(text):
        assert token.split() == [token]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text("abcdefgh", min_size=1), max_size=8))
def test_plain_words_are_left_as_they_are(words):
    assert tokenize(" ".join(words)) == words


def test_a_text_is_divided_into_sentences():
    text = "It stars Dr. Strange. Is it good? It is, e.g. in London."
    assert [" ".join(tokens) for tokens in sentences(text)] == [
        "It stars Dr. Strange .",
        "Is it good ?",
        "It is , e.g. in London .",
    ]


def test_brackets_are_escaped_where_told():
    (tokens,) = sentences("Fun (mostly) [or {so}]", brackets=False)
    assert " ".join(tokens) == "Fun -LRB- mostly -RRB- -LSB- or -LCB- so -RCB- -RSB-"


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        ("-LRB-", "("),
        ("-rrb-", ")"),
        ("1\\/2", "1/2"),
        ("\\*\\*", "**"),
        ("well-made", "well-made"),
    ],
)
def test_what_treebanks_escape_is_turned_back(escaped, text):
    assert unescape(escaped) == text


def test_every_escaped_bracket_is_turned_back_to_what_it_was():
    (tokens,) = sentences("([{x}])", brackets=False)
    assert "".join(map(unescape, tokens)) == "([{x}])"
    assert set(tokens) == {*BRACKETS, "x"}


def test_sentences_of_the_treebank_written_out_are_tokenised_back(data):
    detokenizer = TreebankWordDetokenizer()
    exact = same = total = 0
    trees = read_trees(data / "sst" / "test.txt")
    for _, tokens, _ in trees:
        words = [unescape(token) for token in tokens if "\xa0" not in token]
        found = tokenize(detokenizer.detokenize(words))
        exact += found == words
        total += len(words)
        matcher = SequenceMatcher(None, words, found, autojunk=False)
        same += sum(block.size for block in matcher.get_matching_blocks())
    assert exact / len(trees) > 0.985
    assert same / total > 0.999


def test_a_long_line_has_the_time_it_needs(monkeypatch):
    redos = pytest.importorskip("nltk.redos")
    monkeypatch.setattr(redos, "DEFAULT_TIMEOUT", 1e-3)
    module._nltk.cache_clear()
    assert len(tokenize("Go. " * 20_000)) == 40_000
