"""A grammar that writes film reviews: the text of the embedded sample corpus.

The corpus needs no download and no licence, for nobody wrote it: every sentence is drawn from the
rules in ``grammar.txt`` and the words in ``lexicon.txt``. It is made so that the question of the
experiment has an answer. A review has a mood and the mood chooses its words, so words of one mood
keep company, and vectors trained on much text know a rare "mirthless" by the company of "boring".
What the words then say is read off the sentence by `polarity`: degrees strengthen or weaken,
negations flip, and what follows a "but" outweighs what came before. An average of word vectors
sees none of the three.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import accumulate
from math import fsum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["label_of", "labelled", "polarity", "unlabelled"]

MOODS = {-2: 14, -1: 25, 0: 17, 1: 26, 2: 18}
START = {0: "PLAIN", 1: "VIEW", 2: "RAVE"}
GENRES = {
    **{"comedy": 12, "crime": 11, "romance": 10, "horror": 9, "family": 7, "war": 6},
    **{"space": 6, "western": 5, "fantasy": 5, "musical": 4, "documentary": 4, "sport": 4},
}

# How often a mood, mild or strong, takes a word of each grade.
TASTE = {1: {1: 5, 2: 4, 3: 1}, 2: {1: 0, 2: 4, 3: 6}}
# The k-th word of a list is drawn in proportion to 1 / (k + FLATTENING): Zipf's law with
# Mandelbrot's correction. Divisions and sums alone, so every machine draws the same words.
FLATTENING = 2.0

# ------------------------------------------------------------------------------- what is meant

FLIPS = frozenset(
    "not n't never no hardly rarely neither nor nothing nobody lacks without far could should".split()
)
TURNS = frozenset({"but", "yet", "?"})
CONCEDES = frozenset({"although", "despite"})
ENDS = frozenset({",", ".", "!", "?", "--", ":", ";", "``", "''"})
DEGREES = ("MUCH", "UTTERLY", "RATHER", "SLIGHTLY")
OUTWEIGHED = 0.25
CUTS = (-1.9, -0.5, 0.5, 1.9)
NOISE = 0.13


def compose(grade: float, factor: float, flipped: bool) -> float:
    """Return what a polar word says under a degree and a negation.

    A negation turns a word to the other side, but never far: "not terrible" is faint praise.
    """
    said = factor * grade
    return -max(-1.0, min(1.0, said)) if flipped else said


def polarity(tokens: Sequence[str]) -> float:
    """Read what a sentence says: the mean of its polar words as composed, 0 where it has none.

    Parameters
    ----------
    tokens
        A sentence in the words of the lexicon. A negation reaches to the next "and" or
        punctuation mark, a concession ("although") to the next punctuation mark, and a "but" or
        a question back over all that came before.

    Returns
    -------
    float
        From about -4.5, dreadful, to 4.5, brilliant.
    """
    grades, factors = _marks()
    said: list[tuple[float, float]] = []
    factor, flipped, weight = 1.0, False, 1.0
    for token in tokens:
        if token in TURNS:
            said = [(value, OUTWEIGHED * old) for value, old in said]
        if token in ENDS:
            factor, flipped, weight = 1.0, False, 1.0
        elif token == "and" or token in TURNS:
            factor, flipped = 1.0, False
        elif token in CONCEDES:
            weight = OUTWEIGHED
        elif token in FLIPS:
            flipped = True
        elif token in factors:
            factor = factors[token]
        elif token in grades:
            said.append((compose(grades[token], factor, flipped), weight))
            factor = 1.0
    return fsum(v * w for v, w in said) / fsum(w for _, w in said) if said else 0.0


def label_of(tokens: Sequence[str]) -> int:
    """Return the label a sentence deserves, 0 (very negative) to 4 (very positive)."""
    return bisect(CUTS, polarity(tokens))


# ------------------------------------------------------------------------------ what is written


def labelled(n: int, rng: np.random.Generator) -> tuple[list[list[str]], NDArray[np.int64]]:
    """Write reviews and have them labelled by a reader who sometimes errs.

    Parameters
    ----------
    n
        How many sentences.
    rng
        The only source of chance: the same state gives the same sentences and labels.

    Returns
    -------
    sentences : list of list of str
        Tokens in the style of the Penn Treebank, in lower case.
    labels : array of int64
        0 (very negative) to 4 (very positive); a share ``NOISE`` of them is off by one.
    """
    draw = _uniforms(rng).__next__
    sentences, labels = [], np.empty(n, np.int64)
    for i in range(n):
        sentences.append(_write(draw))
        labels[i] = _mislabel(label_of(sentences[i]), draw())
    return sentences, labels


def unlabelled(n: int, rng: np.random.Generator) -> Iterator[list[str]]:
    """Write reviews without labels, one at a time, by the same grammar as `labelled`.

    Parameters
    ----------
    n
        How many sentences.
    rng
        The only source of chance: the same state gives the same sentences.

    Yields
    ------
    list of str
        The tokens of one sentence.
    """
    draw = _uniforms(rng).__next__
    for _ in range(n):
        yield _write(draw)


def _mislabel(label: int, u: float) -> int:
    """Move a label to a neighbour where the uniform draw falls into the share of noise."""
    if u >= NOISE:
        return label
    up = label == 0 or (label < len(CUTS) and u < NOISE / 2)
    return label + 1 if up else label - 1


@dataclass(frozen=True, slots=True)
class _Choice:
    """A point where the grammar chooses; its options are written backwards, as a stack takes them.

    A fresh choice that hits on a word already said is made once more, as a careful writer would.
    """

    options: tuple[_Phrase, ...]
    cumulative: tuple[float, ...]
    fresh: bool


_Phrase: TypeAlias = tuple[_Choice | str, ...]


def _uniforms(rng: np.random.Generator) -> Iterator[float]:
    while True:
        yield from rng.random(4096).tolist()


def _write(draw: Callable[[], float]) -> list[str]:
    """Expand the grammar into one sentence."""
    tokens: list[str] = []
    stack: list[_Choice | str] = [_root()]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if item[0] in "aeiouh" and tokens and tokens[-1] == "a" and _sounds_open(item):
                tokens[-1] = "an"
            tokens.append(item)
        else:
            phrase = item.options[bisect(item.cumulative, draw())]
            if item.fresh and phrase[0] in tokens:
                phrase = item.options[bisect(item.cumulative, draw())]
            stack.extend(phrase)
    return tokens


def _sounds_open(word: str) -> bool:
    """Tell whether a word that starts with a vowel or an h is one that takes "an"."""
    if word[0] == "h":
        return word.startswith(("heir", "honest", "hour"))
    return not word.startswith(("eu", "one-", "uni", "use", "uku")) or word.startswith("unin")


@cache
def _root() -> _Choice:
    return _choice(
        ((_compile(START[abs(mood)], mood, genre, "film"),), often * common)
        for mood, often in MOODS.items()
        for genre, common in GENRES.items()
    )


def _choice(weighted: Iterable[tuple[_Phrase, float]], *, fresh: bool = False) -> _Choice:
    phrases, weights = zip(
        *((phrase, weight) for phrase, weight in weighted if weight), strict=True
    )
    *sums, total = accumulate(weights)
    # The last bound is 1 by word, not by division: no draw may fall behind it.
    return _Choice(tuple(p[::-1] for p in phrases), (*(s / total for s in sums), 1.0), fresh)


@cache
def _compile(symbol: str, mood: int, genre: str, about: str) -> _Choice:
    """Compile a rule where the mood, the genre and what is talked about are known."""
    if symbol not in _rules():
        return _words(symbol, mood)
    sides = {"": True, "+": mood > 0, "-": mood < 0, "=": abs(mood) == 1, "*": abs(mood) == 2}
    return _choice(
        (tuple(_item(word, mood, genre, about) for word in words), weight)
        for weight, condition, words in _rules()[symbol]
        if sides[condition]
    )


def _item(word: str, mood: int, genre: str, about: str) -> _Choice | str:
    if word[0] == "-" and word != "--":
        word, mood = word[1:], -mood
    if not word[0].isupper():
        return word
    symbol, _, topic = word.partition(":")
    about = topic or about
    return _compile(symbol.replace("@", about).replace("%", genre), mood, genre, about)


@cache
def _words(symbol: str, mood: int) -> _Choice:
    """Compile a list of words: grades by the taste of the mood, words of a grade by Zipf's law."""
    name, _, inflected = symbol.partition("+")
    weighted: list[tuple[_Phrase, float]] = []
    for mark, entries in _lexicon()[name].items():
        graded = mark and name not in DEGREES
        share = TASTE[abs(mood)].get(mark if mood > 0 else -mark, 0) if graded else 1
        zipf = [1.0 / (k + FLATTENING) for k in range(1, len(entries) + 1)]
        words = (tuple(_forms(entry)[bool(inflected)].split("_")) for entry in entries)
        weighted += [(w, share * z / fsum(zipf)) for w, z in zip(words, zipf, strict=True)]
    return _choice(weighted, fresh=True)


def _forms(entry: str) -> tuple[str, str]:
    """Return a word of the lexicon as it stands and as +s wants it."""
    word, _, form = entry.partition("/")
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word, form or word + "es"
    if word.endswith("y") and word[-2] not in "aeou":
        return word, form or word[:-1] + "ies"
    return word, form or word + "s"


def _sections(name: str) -> dict[str, list[list[str]]]:
    """Read the lines under each heading of a file, a heading being what starts with a capital."""
    sections: dict[str, list[list[str]]] = {}
    for line in files(__package__).joinpath(name).read_text("ascii").splitlines():
        if line[:1].isupper():
            lines = sections[line] = []
        elif line.strip() and line[0] != "#":
            lines.append(line.split())
    return sections


@cache
def _rules() -> dict[str, list[tuple[int, str, list[str]]]]:
    """Read the grammar: for every rule its alternatives as weight, condition and words."""
    return {
        name: [(int(w.strip("+-*=")), w.strip("0123456789"), words) for w, *words in lines]
        for name, lines in _sections("grammar.txt").items()
    }


@cache
def _lexicon() -> dict[str, dict[float, list[str]]]:
    """Read the lists of words by their mark: a grade, a degree's factor, 0 where there is none."""
    lexicon: dict[str, dict[float, list[str]]] = {}
    for name, lines in _sections("lexicon.txt").items():
        lexicon[name] = {}
        for first, *rest in lines:
            marked = first[0] in "+-" or "." in first
            words = rest if marked else [first, *rest]
            lexicon[name].setdefault(float(first) if marked else 0.0, []).extend(words)
    return lexicon


@cache
def _marks() -> tuple[dict[str, float], dict[str, float]]:
    """Return the grade of every polar word and the factor of every word of degree."""
    grades: dict[str, float] = {}
    factors: dict[str, float] = {}
    for name, lists in _lexicon().items():
        marks = factors if name in DEGREES else grades
        for mark, entries in lists.items():
            marks |= {form.split("_")[-1]: mark for e in entries if mark for form in _forms(e)}
    return grades, factors
