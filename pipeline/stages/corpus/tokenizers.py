"""Split raw text into sentences of tokens, by default those of the Penn Treebank."""

from __future__ import annotations

import html
import importlib
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from typing import Any

from pipeline.core.errors import SettingError, UserError, check_choice, suggest
from pipeline.core.notebook import displayed
from pipeline.core.settings import Settings

NAMES = ("treebank", "whitespace", "characters", "regex", "icu")
BRACKETS = dict(zip(("-LRB-", "-RRB-", "-LSB-", "-RSB-", "-LCB-", "-RCB-"), "()[]{}", strict=True))
_ESCAPED = {text: escape for escape, text in BRACKETS.items()}
# Treebanks write the punctuation of print (quotes, dashes, ellipsis) with the keys of a typewriter.
TYPED = {
    "\N{LEFT DOUBLE QUOTATION MARK}": "``",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "''",
    "\N{LEFT SINGLE QUOTATION MARK}": "'",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{EN DASH}": "--",
    "\N{EM DASH}": "--",
    "\N{HORIZONTAL ELLIPSIS}": "...",
}
_TAG = re.compile(r"<[A-Za-z/!][^<>]*>")

SentenceFunction = Callable[[str], list[list[str]]]


@displayed
@dataclass(frozen=True)
class Tokenizer(Settings):
    r"""How a text becomes sentences, each a list of tokens.

    Parameters
    ----------
    name
        ``treebank``: Penn Treebank tokens, by NLTK. ``whitespace``: split at white space.
        ``characters``: every character that is not white space; for Chinese, Japanese and Thai.
        ``regex``: what `pattern` finds. ``icu``: words by the Unicode rules, with dictionaries for
        Chinese, Japanese, Thai, Lao, Khmer and Burmese (the extra ``icu``). ``module:function``: a
        function that takes a text and returns a list of tokens. All but ``treebank`` take a text as
        one sentence.
    pattern
        The regular expression of ``regex``.
    lower
        Lower-case every token.
    brackets
        ``treebank`` keeps ``(`` as it is; false: escapes it as treebanks do, ``-LRB-``.
    html
        Strip HTML tags and decode entities first, or keep them.
    """

    name: str = "treebank"
    pattern: str = r"\w+|[^\w\s]"
    lower: bool = True
    brackets: bool = True
    html: str = "keep"

    def __post_init__(self) -> None:
        """Check values."""
        super().__post_init__()
        check_choice("html", self.html, ("keep", "strip"))
        if self.name not in NAMES and ":" not in self.name:
            raise SettingError(
                f"tokenizer: no tokenizer '{self.name}'{suggest(self.name, NAMES)}; choose "
                f"from {', '.join(NAMES)}, or name a function of yours as module:function."
            )
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise SettingError(f"pattern='{self.pattern}': {error}.") from error

    def sentences(self, text: str) -> list[list[str]]:
        """Split a text into sentences, each a list of tokens; none is empty.

        Raises
        ------
        UserError
            If the library or function is not there, or the function returns no list of tokens.
        """
        return _sentence_function(self)(text)

    def tokens(self, text: str) -> list[str]:
        """Split a text, of one or more sentences, into tokens."""
        return [token for sentence in self.sentences(text) for token in sentence]

    def settings(self) -> dict[str, Any]:
        """Return the settings as plain values; `Tokenizer.of` reads them."""
        values = asdict(self)
        return {"tokenizer": values.pop("name"), **values}

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Tokenizer:
        """Return the tokenizer of saved settings; what an older file lacks has its default."""
        known = {field.name for field in fields(cls)}
        values = {key: value for key, value in settings.items() if key in known}
        return cls(**values | {"name": settings.get("tokenizer", "treebank")})


@lru_cache(maxsize=8)
def _sentence_function(tokenizer: Tokenizer) -> SentenceFunction:
    """Return the function that does what a tokenizer's settings say."""
    split = _treebank(tokenizer) if tokenizer.name == "treebank" else _flat(tokenizer)
    return (lambda text: split(strip_html(text))) if tokenizer.html == "strip" else split


def _treebank(tokenizer: Tokenizer) -> SentenceFunction:
    from pipeline.stages.corpus.treebank import Sentences, Words

    sentences = Sentences()
    words = Words(lower=tokenizer.lower, rename={} if tokenizer.brackets else _ESCAPED)

    def split(text: str) -> list[list[str]]:
        if not text.isascii():
            for printed, typed in TYPED.items():  # several times as fast as `str.translate`
                text = text.replace(printed, typed)
        return [tokens for sentence in sentences(text) if (tokens := words(sentence))]

    return split


def _flat(tokenizer: Tokenizer) -> SentenceFunction:
    function = _token_function(tokenizer)

    def split(text: str) -> list[list[str]]:
        tokens = [token for token in function(text) if token and not token.isspace()]
        tokens = [token.lower() for token in tokens] if tokenizer.lower else tokens
        return [tokens] if tokens else []

    return split


def _token_function(tokenizer: Tokenizer) -> Callable[[str], list[str]]:
    match tokenizer.name:
        case "whitespace":
            return str.split
        case "characters":
            import regex

            # With their accents and vowel signs, which can also follow a space.
            return lambda text: " ".join(regex.findall(r"\X", text)).split()
        case "regex":
            pattern = re.compile(tokenizer.pattern)
            return lambda text: [match.group() for match in pattern.finditer(text)]
        case "icu":
            try:
                from icu4py.breakers import WordBreaker
            except ImportError as error:
                raise UserError(
                    "corpus.tokenizer=icu needs the extra 'icu': pip install 'yourvectors[icu]'."
                ) from error
            return lambda text: list(WordBreaker(text, "root"))
    return _imported(tokenizer.name)


def _imported(name: str) -> Callable[[str], list[str]]:
    """Import a user's ``module:function``."""
    module, _, attribute = name.partition(":")
    try:
        function = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UserError(f"corpus.tokenizer={name}: {error}.") from error

    def checked(text: str) -> list[str]:
        try:
            made = function(text)
            tokens = made if isinstance(made, str) else list(made)  # it may be a generator
        except Exception as error:
            raise UserError(
                f"corpus.tokenizer={name} failed with {type(error).__name__}: {str(error)[:100]}. "
                f"Its text was {text[:40]!r}."
            ) from error
        if isinstance(tokens, str) or not all(isinstance(token, str) for token in tokens):
            raise UserError(
                f"corpus.tokenizer={name} must return a list of strings; for {text[:40]!r} it "
                f"returned {str(tokens)[:80]}."
            )
        # White space inside a token would break the files that vectors are written to.
        return [part for token in tokens for part in token.split()]

    return checked


def strip_html(text: str) -> str:
    """Replace every tag and comment by a space, then decode entities.

    >>> strip_html("Tom &amp; Jerry<br />is <b>fun</b>, 1 < 2")
    'Tom & Jerry is  fun , 1 < 2'
    """
    return html.unescape(_TAG.sub(" ", text) if "<" in text else text)


def unescape(token: str) -> str:
    r"""Turn a treebank's escaped token back to text: ``-LRB-`` to ``(``, ``\/`` to ``/``."""
    return BRACKETS.get(token.upper(), token.replace("\\/", "/").replace("\\*", "*"))


def lowered(sentences: list[list[str]]) -> list[list[str]]:
    """Return the sentences with every token in lower case."""
    return [[token.lower() for token in tokens] for tokens in sentences]


def tokenize(text: str) -> list[str]:
    """Split one text, of one or more sentences, into Penn Treebank tokens; case is kept."""
    return Tokenizer(lower=False).tokens(text)
