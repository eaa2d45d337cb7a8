"""Which mistakes to show, and how much of all mistakes each kind is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.statistics import Interval, accuracy_interval

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scored:
    """Sentences, and what was predicted of them.

    Parameters
    ----------
    sentences
        n lists of tokens.
    true, predicted
        (n,) class indices.
    probabilities
        (n, C).
    """

    sentences: list[list[str]]
    true: Ints
    predicted: Ints
    probabilities: NDArray[np.float64]

    @property
    def wrong(self) -> Bools:
        """Which sentences got another class than their own, (n,)."""
        wrong: Bools = self.true != self.predicted
        return wrong

    @property
    def confidence(self) -> NDArray[np.float64]:
        """The probability of the predicted class, (n,)."""
        chosen: NDArray[np.float64] = self.probabilities[np.arange(len(self.true)), self.predicted]
        return chosen


@dataclass(frozen=True, eq=False)
class Group:
    """Sentences of one kind, and how they do.

    Parameters
    ----------
    name, why
        The kind, and what its mistakes teach.
    sentences, right
        How many there are, and how many of them got their class.
    share
        Of all sentences.
    share_of_mistakes
        Of all mistakes.
    interval
        Wilson's, of the accuracy; None where there are no sentences.
    shown
        Indices of mistakes to show, the most telling first.
    """

    name: str
    why: str
    sentences: int
    right: int
    share: float
    share_of_mistakes: float
    interval: Interval | None
    shown: list[int]

    @property
    def mistakes(self) -> int:
        """How many got another class."""
        return self.sentences - self.right

    @property
    def accuracy(self) -> float | None:
        """The share that is right; None where there are no sentences."""
        return self.right / self.sentences if self.sentences else None


def group(
    name: str, why: str, scored: Scored, members: Bools, n: int, first: Ints | None = None
) -> Group:
    """Describe the sentences that are `members`, and choose `n` of their mistakes.

    The most confident mistakes come first, or those with the largest value of `first`, (n,).
    """
    wrong = members & scored.wrong
    sentences, mistakes = int(members.sum()), int(wrong.sum())
    right = sentences - mistakes
    keys = [-scored.confidence] if first is None else [-scored.confidence, -first]
    order = np.lexsort(keys)  # the last key counts most, equals keep the order of the corpus
    return Group(
        name,
        why,
        sentences=sentences,
        right=right,
        share=sentences / len(members),
        share_of_mistakes=mistakes / max(1, int(scored.wrong.sum())),
        interval=accuracy_interval(right, sentences) if sentences else None,
        shown=[int(i) for i in order if wrong[i]][:n],
    )


def holding(scored: Scored, words: Sequence[str]) -> Bools:
    """Tell which sentences hold one of `words`, in whatever case, (n,)."""
    listed = {word.lower() for word in words}
    found = [any(word.lower() in listed for word in tokens) for tokens in scored.sentences]
    return np.array(found, bool)


def kinds(
    scored: Scored,
    unknown: Ints | None,
    negations: Sequence[str],
    contrasts: Sequence[str],
    n: int,
) -> list[Group]:
    """Group the sentences by what a mean of word vectors finds hard.

    Parameters
    ----------
    scored
        The sentences.
    unknown
        (n,) words without a vector in each; None where that is not known.
    negations, contrasts
        Words that turn a statement round, and words that join it to another.
    n
        How many mistakes of each group to choose.
    """
    turned, joined = holding(scored, negations), holding(scored, contrasts)
    everything = np.ones(len(scored.true), bool)
    found = [
        group("all sentences", "The mistakes made with most confidence.", scored, everything, n),
        group(
            "negation",
            "A mean of vectors has no order: it cannot see what a negation turns round.",
            *(scored, turned, n),
        ),
        group(
            "contrast",
            "One half of the sentence outweighs the other; a mean counts both alike.",
            *(scored, joined, n),
        ),
        group("neither of the two", "", scored, ~turned & ~joined, 0),
    ]
    if unknown is not None:
        lengths = np.array([len(tokens) for tokens in scored.sentences], np.int64)
        share = unknown * 1_000_000 // np.maximum(1, lengths)
        why = "Words without a vector say nothing; those with the largest share of them first."
        found.append(group("unknown words", why, scored, unknown > 0, n, share))
        found.append(group("every word known", "", scored, unknown == 0, 0))
    return found


def pairs(scored: Scored, classes: Sequence[str], n: int) -> list[Group]:
    """Group the mistakes by true and predicted class, the most frequent pair first."""
    found = []
    for true, name in enumerate(classes):
        for predicted, other in enumerate(classes):
            members = (scored.true == true) & (scored.predicted == predicted)
            if true != predicted and members.any():
                found.append(group(pair_name(name, other), "", scored, members, n))
    return sorted(found, key=lambda pair: -pair.mistakes)


def pair_name(true: str, predicted: str) -> str:
    """Name a pair of classes."""
    return f"{true} taken for {predicted}"


def only_first(first: Scored, second: Scored) -> list[int]:
    """Return the sentences that only `first` gets right, the clearest first.

    Clear is where the first is sure of the true class and the second of another.
    """
    rows = np.flatnonzero(~first.wrong & second.wrong)
    clear = first.confidence * second.confidence
    return [int(i) for i in rows[np.argsort(-clear[rows], kind="stable")]]
