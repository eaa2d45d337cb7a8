from __future__ import annotations

import base64
import hashlib
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import escape

from pipeline.render.html import (
    as_json,
    environment,
    number,
    p_value,
    percent,
    readable,
    save,
    sentence,
    signed,
)
from pipeline.stages.report.explain import Explanation

quick = settings(max_examples=100, deadline=None)
MACROS = "macros.html.j2"

# Whatever may stand in a corpus, but for what UTF-8 cannot hold.
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


def gloss(tokens):
    added = np.random.default_rng(0).normal(size=(len(tokens), 2))
    known = np.ones(len(tokens), bool)
    return Explanation(tokens, known, added, np.zeros(2)).gloss(1, 0)


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("-lrb-", "("),
        ("-RRB-", ")"),
        ("1\\/2", "1/2"),
        ("``", "\u201c"),
        ("n't", "n't"),
        ("-", "-"),
    ],
)
def test_tokens_of_the_treebank_are_shown_as_people_write_them(token, shown):
    assert readable(token) == shown
    assert sentence(f"a {token} b") == f"a {shown} b"


class TestEscaping:
    @quick
    @given(st.lists(texts, min_size=1, max_size=5))
    def test_every_word_stands_in_the_page_escaped_and_set_apart(self, tokens):
        html = str(environment().get_template(MACROS).module.gloss(gloss(tokens)))
        for token in tokens:
            assert f"<bdi>{escape(readable(token))}</bdi>" in html
        assert html.count("<bdi>") == len(tokens)

    @pytest.mark.parametrize(
        "word", ["<script>alert(1)</script>", '"><img onerror=x>', "{{ 7 * 7 }}", "</style>"]
    )
    def test_what_looks_like_markup_or_template_is_text(self, word):
        html = str(environment().get_template(MACROS).module.cls(word))
        assert word not in html or "<" not in word
        assert "49" not in html
        assert html.count("<") == 4  # its own two elements

    def test_a_name_that_the_page_does_not_have_is_an_error_and_not_a_gap(self):
        with pytest.raises(Exception, match="nowhere"):
            environment().from_string("{{ page.nowhere }}").render(page={})


class TestScript:
    @quick
    @given(texts)
    def test_data_cannot_end_its_element(self, text):
        made = as_json({text: ["</script>" + text, 1.5, None]})
        assert not set("<>&\u2028\u2029") & set(made)
        assert json.loads(made) == {text: ["</script>" + text, 1.5, None]}

    def test_the_policy_allows_our_own_script_and_no_other(self):
        html = environment().from_string('{% extends "base.html.j2" %}').render(words=None)
        (script,) = re.findall("<script>(.*?)</script>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy = re.search('Content-Security-Policy" content="([^"]+)"', html)[1]
        assert "default-src 'none'" in policy
        assert f"script-src 'sha256-{digest}';" in policy

    def test_the_script_reads_no_text_as_markup(self):
        script = environment().globals["script"]
        for name in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert name not in script


class TestNumbers:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0, "0"),
            (8544, "8,544"),
            (0.0001, "0.0001"),
            (0.21544346900318834, "0.2154"),
            (4.641588833612772, "4.642"),
            (100.0, "100"),
            (1e-9, "1e-09"),
            (None, ""),
        ],
    )
    def test_a_number_has_four_digits_at_most_and_no_needless_zeros(self, value, text):
        assert number(value) == text

    @pytest.mark.parametrize(
        ("value", "text"), [(0.456, "+0.46"), (-0.456, "\N{MINUS SIGN}0.46"), (-0.001, "0.00")]
    )
    def test_a_signed_number_has_a_true_minus_and_zero_no_sign(self, value, text):
        assert signed(value) == text

    def test_percentages_have_one_decimal(self):
        assert percent(0.37828) == "37.8"
        assert percent(None) == ""

    @pytest.mark.parametrize(
        ("p", "text"),
        [(0.0234, "= 0.023"), (0.2, "= 0.20"), (2.1e-4, "= 0.0002"), (1e-7, "< 0.0001")],
    )
    def test_a_p_value_is_rounded_and_never_zero(self, p, text):
        assert p_value(p) == text


def test_a_page_is_utf_8_with_the_ends_of_lines_of_unix(tmp_path):
    save(tmp_path / "page.html", "a\nשלם 👍\n")
    assert (tmp_path / "page.html").read_bytes() == "a\nשלם 👍\n".encode()
