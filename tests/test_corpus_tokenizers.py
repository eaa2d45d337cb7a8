from __future__ import annotations

from difflib import SequenceMatcher

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nltk.tokenize.treebank import TreebankWordDetokenizer

from pipeline.core.errors import UserError
from pipeline.stages.corpus import encoded
from pipeline.stages.corpus.sst import read_trees
from pipeline.stages.corpus.tokenizers import BRACKETS, Tokenizer, strip_html, tokenize, unescape


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
    assert [" ".join(tokens) for tokens in Tokenizer(lower=False).sentences(text)] == [
        "It stars Dr. Strange .",
        "Is it good ?",
        "It is , e.g. in London .",
    ]


def test_brackets_are_escaped_where_told():
    (tokens,) = Tokenizer(lower=False, brackets=False).sentences("Fun (mostly) [or {so}]")
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
    (tokens,) = Tokenizer(lower=False, brackets=False).sentences("([{x}])")
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


def test_a_long_line_has_the_time_it_needs():
    assert len(tokenize("Go. " * 20_000)) == 40_000


class TestChoices:
    @pytest.mark.parametrize(
        ("name", "text", "tokens"),
        [
            ("whitespace", " It's\tso-so, (really) ", ["it's", "so-so,", "(really)"]),
            ("characters", "很好 看!", ["很", "好", "看", "!"]),
            ("characters", "หนังดี", ["ห", "นั", "ง", "ดี"]),
            ("regex", "It's so-so!", ["it", "'", "s", "so", "-", "so", "!"]),
            ("icu", "我喜欢这部电影。", ["我", "喜欢", "这", "部", "电影", "。"]),
            ("icu", "この映画はとても", ["この", "映画", "は", "とても"]),
            ("icu", "หนังเรื่องนี้ดีมาก", ["หนัง", "เรื่อง", "นี้", "ดี", "มาก"]),
            ("icu", "It isn't good.", ["it", "isn't", "good", "."]),
            ("nltk.tokenize.casual:casual_tokenize", "So good :-)", ["so", "good", ":-)"]),
        ],
    )
    def test_split_a_text_in_their_own_ways(self, name, text, tokens):
        if name == "icu":
            pytest.importorskip("icu4py")
        assert Tokenizer(name).sentences(text) == [tokens]

    def test_regex_takes_a_pattern(self):
        assert Tokenizer("regex", r"[a-z]+").tokens("It's SO-so 1") == ["t", "s", "so"]

    @pytest.mark.parametrize("name", ["treebank", "whitespace", "characters", "regex"])
    @settings(max_examples=50, deadline=None)
    @given(text=st.text())
    @example(text=" \u0300")
    def test_none_gives_an_empty_token_or_white_space(self, name, text):
        for sentence in Tokenizer(name).sentences(text):
            assert sentence
            assert all(token.split() == [token] for token in sentence)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (("treebnk",), "no tokenizer 'treebnk' (did you mean 'treebank'?); choose from"),
            (("regex", "("), "pattern='(': missing )"),
            (("nowhere:split",), "corpus.tokenizer=nowhere:split: No module named 'nowhere'."),
            (("json:splat",), "corpus.tokenizer=json:splat: module 'json' has no attribute 'spl"),
            (("os:getcwd",), "corpus.tokenizer=os:getcwd failed with TypeError: "),
            (("gc:isenabled",), "failed with TypeError"),
            (("json:dumps",), "json:dumps must return a list of strings; for 'a b' it returned"),
        ],
    )
    def test_one_that_cannot_be_is_named(self, given, message):
        with pytest.raises(UserError) as error:
            Tokenizer(*given).sentences("a b")
        assert message in str(error.value)

    def test_are_read_back_from_their_settings(self):
        tokenizer = Tokenizer("regex", r"\S", lower=False, html="strip")
        assert Tokenizer.of(tokenizer.settings()) == tokenizer

    def test_of_an_older_model_are_the_treebanks(self):
        assert Tokenizer.of({"lower": False, "brackets": False}) == Tokenizer(
            lower=False, brackets=False
        )


class TestHtml:
    @pytest.mark.parametrize(
        ("text", "stripped"),
        [
            ("Good.<br /><br />Bad.", "Good.  Bad."),
            ("Tom &amp; Jerry &#39;&eacute;", "Tom & Jerry 'é"),
            ("a <b class='x'>bold</b> word", "a  bold  word"),
            ("&lt;b&gt; is a tag", "<b> is a tag"),
            ("1 < 2 and 3 > 2, I <3 it", "1 < 2 and 3 > 2, I <3 it"),
            ("<!-- no --> yes", "  yes"),
        ],
    )
    def test_is_stripped_and_nothing_else(self, text, stripped):
        assert strip_html(text) == stripped

    def test_is_kept_unless_told(self):
        assert "br" in Tokenizer().tokens("Good.<br />Bad.")
        assert Tokenizer(html="strip").tokens("Good.<br />Bad.") == ["good", ".", "bad", "."]

    def test_without_an_end_takes_no_long_time(self):
        assert len(strip_html("<!-- <a " * 200_000)) == 8 * 200_000


def test_many_texts_are_tokenized_on_all_cores_as_on_one(monkeypatch):
    texts = [f"Line {i}. It's {i * 7} dollars!" for i in range(1000)]
    alone = list(encoded.tokenize_all(texts, Tokenizer()))
    monkeypatch.setattr(encoded, "BLOCK", 3000)
    assert list(encoded.tokenize_all(texts, Tokenizer())) == alone
    assert alone[1] == [["line", "1", "."], ["it", "'s", "7", "dollars", "!"]]
