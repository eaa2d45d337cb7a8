"""Raw text to sentences of Penn-Treebank tokens, the style the Stanford Sentiment Treebank has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import cache
from typing import Any

BRACKETS = {
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
}
_ESCAPED = {text: escape for escape, text in BRACKETS.items()}
# Punkt knows no abbreviation until it is trained or told: those that reviews are full of.
_ABBREVIATIONS = (
    "dr",
    "jr",
    "mr",
    "mrs",
    "ms",
    "prof",
    "sr",
    "st",
    "e.g",
    "i.e",
    "u.k",
    "u.s",
    "vs",
)
# What treebanks write for the punctuation of print: quotes, apostrophes, dashes, an ellipsis.
_TYPED = str.maketrans(
    {
        "\N{LEFT DOUBLE QUOTATION MARK}": "``",
        "\N{RIGHT DOUBLE QUOTATION MARK}": "''",
        "\N{LEFT SINGLE QUOTATION MARK}": "'",
        "\N{RIGHT SINGLE QUOTATION MARK}": "'",
        "\N{EN DASH}": "--",
        "\N{EM DASH}": "--",
        "\N{HORIZONTAL ELLIPSIS}": "...",
    }
)


def unescape(token: str) -> str:
    r"""Turn a treebank's escaped token back to text: ``-LRB-`` to ``(``, ``\/`` to ``/``."""
    return BRACKETS.get(token.upper(), token.replace("\\/", "/").replace("\\*", "*"))


def lowered(sentences: list[list[str]]) -> list[list[str]]:
    """Return the sentences with every token in lower case."""
    return [[token.lower() for token in tokens] for tokens in sentences]


def tokenize(text: str) -> list[str]:
    """Split one text, of one or more sentences, into Penn-Treebank tokens."""
    return [token for sentence in sentences(text) for token in sentence]


def sentences(text: str, *, brackets: bool = True) -> Iterator[list[str]]:
    """Split a text into sentences, each a list of Penn-Treebank tokens.

    Parameters
    ----------
    text
        Raw text, one or more sentences.
    brackets
        Keep ``(`` and the others as they are; otherwise escape them as treebanks do (``-LRB-``).
    """
    splitter, tokenizer = _nltk()
    for sentence in splitter.tokenize(text.translate(_TYPED)):
        tokens: list[str] = tokenizer.tokenize(sentence)
        if tokens:
            yield tokens if brackets else [_ESCAPED.get(token, token) for token in tokens]


@cache
def _nltk() -> tuple[Any, Any]:
    """Return NLTK's sentence splitter and word tokenizer; neither needs a download."""
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer

    from pipeline.stages.corpus.treebank import tokenizer

    with contextlib.suppress(ImportError):
        from nltk import redos  # since 3.10: gives up after 5 s, which a long line may well take

        redos.DEFAULT_TIMEOUT = None  # the rules are NLTK's own, and linear
    parameters = PunktParameters()
    parameters.abbrev_types = set(_ABBREVIATIONS)
    return PunktSentenceTokenizer(parameters), tokenizer()
