"""NLTK's sentence splitter and Penn Treebank tokenizer, faster and with the same tokens.

Text repeats itself, so work is done once and looked up afterwards:

- No rule of `TreebankWordTokenizer` looks across a space, except at the two ends of a sentence. So
  each distinct piece between spaces is tokenized once for each place it can have.
- Whether a period ends a sentence depends on the words beside it, for Punkt without training: only
  on whether the word before is an abbreviation, an initial or a number, and on the case of the
  word after.

The commonest pieces, a word with punctuation around it, take one regular expression; NLTK itself
decides about all others.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from nltk.tokenize.punkt import PunktLanguageVars, PunktParameters, PunktSentenceTokenizer
from nltk.tokenize.treebank import TreebankWordTokenizer

from pipeline.core.errors import UserError

# Punkt has no abbreviations until it is trained or given some: these are frequent in reviews.
ABBREVIATIONS = frozenset("dr jr mr mrs ms prof sr st e.g i.e u.k u.s vs".split())  # noqa: SIM905
LIMIT = 400_000  # pieces kept in memory, about 100 MB
LONG = 100  # characters; longer pieces are not kept

_NEUTRAL = r"""[^\s"'`:,.;@#$%&?!\[\](){}<>-]"""  # characters that no rule is about
_WORD = rf"['`]?{_NEUTRAL}+?(?:[-'.`]{_NEUTRAL}+?)*?"
_CLITIC = r"n't|N'T|'s|'S|'m|'M|'d|'D|'ll|'LL|'re|'RE|'ve|'VE|'"
_JOINT = r"\.\.\.|--|[][(){};!?&]|[,:](?=[A-Za-z])"
_BEFORE = r'([(\[{]?)("?)'
_MID = re.compile(rf'{_BEFORE}({_WORD})({_CLITIC})?(\.\.\.)?([])}},:;!?"]*)').fullmatch
_LAST = re.compile(rf'{_BEFORE}({_WORD})({_CLITIC})?(\.)([])}}"]*)').fullmatch
_PERIOD = re.compile(rf"{_BEFORE}({_WORD}[.-])()()()").fullmatch  # inside a sentence
_JOINED = re.compile(rf"{_WORD}(?:{_CLITIC})?(?:(?:{_JOINT}){_WORD}(?:{_CLITIC})?)+").fullmatch
_JOINTS = re.compile(f"({_JOINT})").split
_TWO_WORDS = re.compile(
    r"cannot|d'ye|gimme|gonna|gotta|lemme|more'n|wanna|'tis|'twas", re.IGNORECASE
).search
_CLOSERS = frozenset("\"')]}\u2018\u2019\u201c\u201d\xab\xbb")  # may belong to the sentence before
_CLOSING = {'"': "''"}
# Clitics that NLTK splits off in upper or lower case, written in both.
_MIXED_CASE = re.compile(r"'(?:Ll|lL|Re|rE|Ve|vE)|n'T|N't").search
# A word of two letters or more before the end of a sentence, with quotes and brackets around it.
_PLAIN = re.compile(
    r"""["(]?(?=[A-Za-z]..)(?:[A-Za-z]+[-'])*(?P<last>[A-Za-z]+)(?P<end>[)"]?[.?!])"""
).fullmatch
_ENDING = re.compile(r"[.?!]").search


def _remember(memory: dict[Any, Any], key: object, value: object, length: int) -> None:
    """Keep a value, unless its key is very long; a full memory is cleared first."""
    if length <= LONG:
        if len(memory) >= LIMIT:
            memory.clear()
        memory[key] = value


@contextlib.contextmanager
def _no_timeout(word: str) -> Iterator[None]:
    """Turn NLTK's time limit, five seconds a rule, into a `UserError`."""
    try:
        yield
    except TimeoutError as error:
        raise UserError(
            f"a word of {len(word):,} characters takes too long to tokenize: {word[:30]}... "
            "Put spaces or line ends into the text."
        ) from error


def _by_re(rules: Iterable[tuple[Any, str]]) -> list[tuple[Any, str]]:
    """Compile NLTK's rules by Python's `re`; NLTK's own `regex`, with a time limit, is slower."""
    return [(re.compile(pattern.pattern), replacement) for pattern, replacement in rules]


class _ByRe(TreebankWordTokenizer):  # type: ignore[misc]
    """The same rules. On control characters and exotic digits `re` and `regex` disagree."""

    STARTING_QUOTES = _by_re(TreebankWordTokenizer.STARTING_QUOTES)
    PUNCTUATION = _by_re(TreebankWordTokenizer.PUNCTUATION)
    PARENS_BRACKETS, DOUBLE_DASHES = _by_re(
        [TreebankWordTokenizer.PARENS_BRACKETS, TreebankWordTokenizer.DOUBLE_DASHES]
    )
    ENDING_QUOTES = _by_re(TreebankWordTokenizer.ENDING_QUOTES)


class Pieces(dict[str, tuple[str, ...]]):
    """The tokens of each piece between spaces, computed when first asked for.

    `place` is where the piece is in its sentence: ``first``, ``mid``, ``last`` or ``only``. Tokens
    are renamed first, then lower-cased.
    """

    by_re, by_regex = _ByRe(), TreebankWordTokenizer()

    def __init__(self, place: str, lower: bool, rename: dict[str, str]) -> None:
        super().__init__()
        self.before = "x " if place in {"mid", "last"} else ""
        self.after = " x" if place in {"first", "mid"} else ""
        self.lower, self.rename = lower, rename

    def __missing__(self, piece: str) -> tuple[str, ...]:
        tokens = self._common(piece) or self._any(piece)
        if self.rename:
            tokens = [self.rename.get(token, token) for token in tokens]
        # A tuple: lists would keep the garbage collector busy.
        found = tuple([token.lower() for token in tokens] if self.lower else tokens)
        _remember(self, piece, found, len(piece))
        return found

    def _common(self, piece: str) -> list[str] | None:
        """Return the tokens of a word with punctuation around it; None: it is something else."""
        if piece.isalnum():
            return None if _TWO_WORDS(piece) else [piece]
        if match := (_PERIOD if self.after else _LAST)(piece) or _MID(piece):
            bracket, quote, word, clitic, dots, closing = match.groups()
            apostrophe = "'" in word and (clitic == "'" and "'" in word[1:]) | (
                "n't" in word.lower()
            )
            if apostrophe or _TWO_WORDS(piece):
                return None
            tokens = [bracket, quote and "``", word, clitic, dots]
            tokens += [_CLOSING.get(character, character) for character in closing]
            return [token for token in tokens if token]
        return self._joined(piece) if _JOINED(piece) and not _TWO_WORDS(piece) else None

    def _joined(self, piece: str) -> list[str] | None:
        """Return the tokens of words with punctuation between them, as in ``end...but``."""
        tokens: list[str] = []
        for i, part in enumerate(_JOINTS(piece)):
            found = [part] if i % 2 else self._common(part)
            if found is None:
                return None
            tokens += found
        return tokens

    def _any(self, piece: str) -> list[str]:
        """Let NLTK tokenize the piece between two plain words."""
        rules = self.by_re if piece.isascii() and piece.isprintable() else self.by_regex
        with _no_timeout(piece):
            tokens: list[str] = rules.tokenize(self.before + piece + self.after)
        return tokens[bool(self.before) : len(tokens) - bool(self.after)]


class Words:
    """Penn Treebank tokens of single sentences: renamed first, then lower-cased."""

    def __init__(self, *, lower: bool = False, rename: dict[str, str] | None = None) -> None:
        self.lower = lower
        self.first, self.mid, self.last, self.only = (
            Pieces(place, lower, rename or {}) for place in ("first", "mid", "last", "only")
        )

    def __call__(self, sentence: str) -> list[str]:
        """Return the tokens of a sentence."""
        if not sentence or sentence[-1].isspace():  # a period before it is the final one
            return list(self.only[sentence])
        if sentence.isascii():  # fewer distinct pieces, with the same tokens
            sentence = sentence.replace(", ", " , ")
            if self.lower and not ("'" in sentence and _MIXED_CASE(sentence)):
                sentence = sentence.lower()
        first, *between = sentence.split(" ")
        if not between:
            return list(self.only[first])
        last = between.pop()
        mid = self.mid
        tokens = list((mid if first.isalnum() else self.first)[first])
        for found in map(mid.__getitem__, between):
            tokens += found
        word = last[:-1]
        if word.isalnum() and last[-1] in ".!?":
            tokens += mid[word]
            tokens.append(last[-1])
        else:
            tokens += self.last[last]
        return tokens


class Sentences:
    """Punkt, with a list of abbreviations and no training."""

    def __init__(self) -> None:
        parameters = PunktParameters()
        parameters.abbrev_types = set(ABBREVIATIONS)
        self._punkt = PunktSentenceTokenizer(parameters)
        rules = PunktLanguageVars()
        # Compiled by `re`, they have no time limit and take less time.
        self._ends = re.compile(rules.period_context_re().pattern, re.VERBOSE).finditer
        self._realign = re.compile(rules.re_boundary_realignment.pattern, re.MULTILINE).match
        self._decided: dict[tuple[str, str], bool] = {}

    def __call__(self, text: str) -> list[str]:
        """Split a text into sentences, as `PunktSentenceTokenizer.tokenize` does."""
        if any(control in text for control in "\x1c\x1d\x1e\x1f"):
            return list(self._punkt.tokenize(text))  # `re` and NLTK's `regex` disagree on these
        found, realigned = [], 0
        spans = self._spans(text)
        for (begin, end), following in zip(spans, [*spans[1:], None], strict=True):
            start = begin + realigned
            starts = following and text[following[0] : following[0] + 1]
            closing = self._realign(text, *following) if following and starts in _CLOSERS else None
            if closing and following:  # punctuation that belongs to this sentence: a quote, bracket
                found.append(text[start : following[0] + len(closing.group().rstrip())])
                realigned = closing.end() - following[0]
            else:
                realigned = 0
                if start < end:
                    found.append(text[start:end])
        return found

    def _spans(self, text: str) -> list[tuple[int, int]]:
        """Return begin and end of each sentence, closing punctuation not yet moved to its own."""
        others = [space for space in "\t\n\r\x0b\x0c" if space in text]
        candidates: list[tuple[int, re.Match[str]]] = []  # with the begin of the word before
        start = stop = 0  # of the word before the latest candidate
        for match in self._ends(text):
            here = match.start()
            space = text.rfind(" ", stop, here)
            for other in others:
                space = max(space, text.rfind(other, stop, here))
            word = space + 1 if space > stop else start
            if candidates and word < stop:  # of several in a word, as in "Wow!!!", the last counts
                candidates.pop()
            candidates.append((word, match))
            start, stop = word, here
        spans, begin = [], 0
        for word, match in candidates:
            if self._breaks(text[word : match.end()], match[1]):
                spans.append((begin, match.end()))
                following = match.start("next_tok")
                begin = following if following >= 0 else match.end()
        return [*spans, (begin, len(text.rstrip()))]

    def _breaks(self, word: str, after: str) -> bool:
        """Decide whether a sentence ends between a word and what follows it."""
        if (match := _PLAIN(word)) and match["last"].lower() not in ABBREVIATIONS:
            word = f"xx{match['end']}"  # all such words are decided alike
        following = after.lstrip()
        if following is not after and following.isascii() and not _ENDING(following):
            first = following[0]
            after = " A" if first.isupper() else " a" if first.islower() else f" {first}"
        decided = self._decided.get((word, after))
        if decided is None:
            with _no_timeout(word):
                decided = bool(self._punkt.text_contains_sentbreak(word + after))
            _remember(self._decided, (word, after), decided, len(word) + len(after))
        return decided
