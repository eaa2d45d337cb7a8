"""Passwords and tokens in addresses are masked, and found again only by who connects."""

from __future__ import annotations

import logging
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.secrets import MaskingFormatter, hide, mask, mask_files, reveal


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setenv("YOURVECTORS_SECRETS", "{}")


class TestMask:
    @pytest.mark.parametrize(
        ("address", "masked"),
        [
            ("http://me:word@host:5000", "http://***@host:5000"),
            ("postgresql+psycopg://me:word@host/db", "postgresql+psycopg://***@host/db"),
            ("https://TOKEN@host/path", "https://***@host/path"),
            ("http://me:p@ss@host", "http://***@host"),
            ("http://me:p/s?s#@host/db", "http://***@host/db"),
            ("http://me:p,'\"s@host", "http://***@host"),
            ("http://me:word@[::1]:5000", "http://***@[::1]:5000"),
            ("https://host/f?size=5&token=word", "https://host/f?size=5&token=***"),
            ("https://host/f?X-Amz-Signature=word", "https://host/f?X-Amz-Signature=***"),
            ("https://host/f?Api_Key=word&size=5", "https://host/f?Api_Key=***&size=5"),
            (r"http\://me\:word@host\:50", r"http\://***@host\:50"),
        ],
    )
    def test_hides_user_password_and_token_wherever_the_address_stands(self, address, masked):
        assert mask(address) == masked
        assert mask(f"uri: '{address}' and more") == f"uri: '{masked}' and more"

    @pytest.mark.parametrize(
        "text",
        [
            "sqlite:///outputs/mlflow.db",
            "http://host:5000/#/models/name@champion",
            "http://[::1]:5000/x@y",
            "models:/reviews@champion",
            "write to me@host, see https://host/page?size=5",
            "",
        ],
    )
    def test_leaves_all_else_as_it_is(self, text):
        assert mask(text) == text

    @given(st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=12))
    def test_no_password_survives(self, password):
        # Digits before a slash are a port, to every client.
        if not re.split("[/?#]", password)[0].isdecimal():
            assert password not in mask(f"see http://me:{password}@host:5000/path now")

    @given(st.text())
    def test_what_is_masked_stays_as_it_is(self, text):
        assert mask(mask(text)) == mask(text)


class TestReveal:
    def test_gives_back_what_was_hidden(self):
        assert hide("tracking.uri=http://me:word@host") == "tracking.uri=http://***@host"
        assert reveal("http://***@host") == "http://me:word@host"

    def test_knows_every_address_of_a_list(self):
        hide("[http://a:word@one/x,http://b:word@two/y]")
        assert reveal("http://***@one/x") == "http://a:word@one/x"
        assert reveal("http://***@two/y") == "http://b:word@two/y"

    def test_leaves_an_address_without_secrets_alone(self):
        assert reveal("http://host") == "http://host"

    def test_says_nothing_of_one_it_was_not_given(self):
        assert reveal("http://***@host") is None


class TestWhateverIsWritten:
    def test_errors_are_masked(self):
        assert str(UserError("http://me:word@host does not answer")) == (
            "http://***@host does not answer"
        )

    def test_log_lines_and_tracebacks_are_masked(self):
        try:
            int("http://me:word@host")
        except ValueError:
            record = logging.LogRecord(
                "a", logging.ERROR, "f", 1, "at %s", ("http://b:word@host",), sys.exc_info()
            )
        text = MaskingFormatter("%(message)s").format(record)
        assert "at http://***@host" in text
        assert "Traceback" in text
        assert "word" not in text

    def test_files_of_others_are_masked_in_place(self, tmp_path):
        (tmp_path / "a.yaml").write_text("uri: http://me:word@host\n")
        (tmp_path / "b.yaml").write_text("uri: http://host\n")
        mask_files(tmp_path, "*.yaml")
        assert (tmp_path / "a.yaml").read_text() == "uri: http://***@host\n"
        assert (tmp_path / "b.yaml").read_text() == "uri: http://host\n"
