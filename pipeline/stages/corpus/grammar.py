"""A grammar that writes film reviews: the text of the embedded sample corpus.

The corpus needs no download and no licence, because nobody wrote it: every sentence is drawn from
the rules in ``grammar.txt`` and the words in ``lexicon.txt``. It is made so that the question of
the experiment has an answer. A review has a mood and the mood chooses its words, so words of one
mood keep company, and vectors trained on much text know a rare "mirthless" by the company of
"boring". `polarity` reads from the sentence what the words then say: degrees strengthen or weaken,
negations flip, and what follows a "but" outweighs what came before. An average of word vectors
sees none of the three.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from math import fsum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.corpus import lexicon

# How often a review is in a mood, and the rule that writes it.
MOODS = {-2: 9, -1: 34, 0: 11, 1: 33, 2: 13}
START = {0: "PLAIN", 1: "VIEW", 2: "RAVE"}
# How often a mood, mild or strong, takes a word of each grade.
TASTE = {0: {}, 1: {1.0: 0.6, 2.0: 0.35, 3.0: 0.05}, 2: {2.0: 0.4, 3.0: 0.6}}
# The k-th word of a list is drawn in proportion to 1 / (k + FLATTENING): Zipf's law with
# Mandelbrot's correction. Divisions and sums alone, so every machine draws the same words.
FLATTENING = 2.0
FLIPS = frozenset({
    "not", "n't", "never", "no", "nor", "neither", "nothing", "nobody", "hardly", "rarely",
    "lacks", "without", "far", "could", "should",
})  # fmt: skip
TURNS = frozenset({"but", "yet", "?"})
CONCEDES = frozenset({"although", "despite"})
ENDS = frozenset({",", ".", "!", "?", "--", ":", ";", "``", "''"})
OUTWEIGHED = 0.25  # what is left of the weight of a concession
CUTS = (-1.9, -0.25, 0.25, 1.9)  # of the polarity, between the five labels
NOISE = 0.13  # share of labels that are off by one


def compose(grade: float, factor: float, flipped: bool) -> float:
    """Return what a polar word says under a degree and a negation.

    A negation turns a word to the other side, but never far: "not terrible" is faint praise.
    """
    said = factor * grade
    return -max(-1.0, min(1.0, said)) if flipped else said


def polarity(tokens: Sequence[str]) -> float:
    """Read what a sentence says: the mean of its polar words as composed, 0 where it has none.

    A negation reaches to the next "and" or punctuation mark, a concession ("although") to the next
    punctuation mark, and a "but" or a question back over all that came before. The mean is between
    about -4.5, dreadful, and 4.5, brilliant.
    """
    grades, factors = lexicon.grades(), lexicon.factors()
    said: list[tuple[float, float]] = []
    factor, flipped, weight = 1.0, False, 1.0
    for word in tokens:
        if word in TURNS:
            said = [(value, OUTWEIGHED * old) for value, old in said]
        if word in ENDS:
            factor, flipped, weight = 1.0, False, 1.0
        elif word == "and" or word in TURNS:
            factor, flipped = 1.0, False
        elif word in CONCEDES:
            weight = OUTWEIGHED
        elif word in FLIPS:
            flipped = True
        elif word in factors:
            factor = factors[word]
        elif word in grades:
            said.append((compose(grades[word], factor, flipped), weight))
            factor = 1.0
    return fsum(v * w for v, w in said) / fsum(w for _, w in said) if said else 0.0


def label_of(tokens: Sequence[str]) -> int:
    """Return the label a sentence deserves, 0 (very negative) to 4 (very positive)."""
    return bisect(CUTS, polarity(tokens))


def labelled(n: int, rng: np.random.Generator) -> tuple[list[list[str]], NDArray[np.int64]]:
    """Write `n` reviews and have them labelled by a reader who sometimes errs.

    Returns
    -------
    sentences : list of list of str
        Tokens in the style of the Penn Treebank, in lower case: the same for the same `rng`.
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
    """Write `n` reviews without labels, one at a time, by the same grammar as `labelled`."""
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
        for common, _, (genre,) in lexicon.rules()["GENRE"]
    )


def _choice(weighted: Iterable[tuple[_Phrase, float]], *, fresh: bool = False) -> _Choice:
    phrases, weights = zip(*((p, w) for p, w in weighted if w), strict=True)
    *sums, total = accumulate(weights)
    # The last bound is exactly 1, not the result of a division: no draw may exceed it.
    return _Choice(tuple(p[::-1] for p in phrases), (*(s / total for s in sums), 1.0), fresh)


@cache
def _compile(symbol: str, mood: int, genre: str, about: str) -> _Choice:
    """Compile a rule where the mood, the genre and what is talked about are known."""
    if symbol not in lexicon.rules():
        return _words(symbol, mood)
    sides = {"": True, "+": mood > 0, "-": mood < 0, "=": abs(mood) == 1, "*": abs(mood) == 2}
    return _choice(
        (tuple(_item(word, mood, genre, about) for word in words), weight)
        for weight, condition, words in lexicon.rules()[symbol]
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
    taste = TASTE[abs(mood)]
    weighted: list[tuple[_Phrase, float]] = []
    for mark, entries in lexicon.words()[name].items():
        graded = mark and name not in lexicon.DEGREES
        share = taste.get(mark if mood > 0 else -mark, 0.0) if graded else 1.0
        zipf = [1.0 / (k + FLATTENING) for k in range(1, len(entries) + 1)]
        for entry, weight in zip(entries, zipf, strict=True):
            word = lexicon.forms(entry)[bool(inflected)]
            weighted.append((tuple(word.split("_")), share * weight / fsum(zipf)))
    return _choice(weighted, fresh=True)
