"""Which mistakes to show, and whether a kind of sentence is harder than the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.core.statistics import Difference, Interval, accuracy_interval, independent
from pipeline.render.html import signed

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scored:
    """Sentences and their predictions.

    Parameters
    ----------
    sentences
        n lists of tokens.
    true, predicted
        (n,) class indices.
    p_true, p_predicted
        (n,) the probabilities of the true and of the predicted class.
    """

    sentences: list[list[str]]
    true: Ints
    predicted: Ints
    p_true: Floats
    p_predicted: Floats

    @property
    def wrong(self) -> Bools:
        """Which sentences are predicted wrongly, (n,)."""
        wrong: Bools = self.true != self.predicted
        return wrong


@dataclass(frozen=True, eq=False)
class Group:
    """Sentences of one kind, against all others. What needs sentences is None without any.

    Parameters
    ----------
    name, why
        The kind, and why an average of word vectors should find it hard.
    sentences, others
        How many sentences are of this kind, and how many are not.
    share
        The group's share of all sentences.
    mistakes, share_of_mistakes
        How many are predicted wrongly, and their share of all mistakes.
    accuracy, others_accuracy
        The share that is predicted rightly, here and among the others.
    interval
        Wilson's interval of the accuracy.
    difference
        The accuracy minus that of the others.
    shown
        Indices of mistakes to show, the most telling first.
    members
        (n,) which sentences they are.
    """

    name: str
    why: str
    sentences: int
    others: int
    share: float
    mistakes: int
    share_of_mistakes: float
    accuracy: float | None
    others_accuracy: float | None
    interval: Interval | None
    difference: Difference | None
    shown: list[int]
    members: Bools = field(repr=False)

    def finding(self) -> str:
        """Say in words whether these sentences are harder than the others."""
        found = self.difference
        if found is None or self.accuracy is None or self.others_accuracy is None:
            return ""
        inside, outside = 100 * self.accuracy, 100 * self.others_accuracy
        numbers = f"{inside:.1f} % right, {outside:.1f} % of the others"
        interval = f"95 % interval {signed(100 * found.low, 1)} to {signed(100 * found.high, 1)}"
        if not found.is_claimed:
            return (
                f"{numbers}: no difference that {self.sentences:,} sentences can show ({interval})."
            )
        points = f"{100 * abs(found.difference):.1f} points"
        if found.difference < 0:
            return f"{numbers}: {points} fewer ({interval}). {self.why}"
        return f"{numbers}: {points} more ({interval})."


def group(
    name: str, why: str, scored: Scored, members: Bools, n: int, first: Ints | None = None
) -> Group:
    """Describe the sentences that are `members`, and choose `n` of their mistakes.

    The most confident mistakes come first, or those with the largest value of `first`, (n,).
    """
    wrong = scored.wrong
    keys = [-scored.p_predicted] if first is None else [-scored.p_predicted, -first]
    order = np.lexsort(keys)  # by the last key first; ties stay in the order of the corpus
    chosen = order[(wrong & members)[order]][:n]
    sentences, right = int(members.sum()), int((members & ~wrong).sum())
    others, others_right = int((~members).sum()), int((~members & ~wrong).sum())
    both = sentences > 0 and others > 0
    return Group(
        name,
        why,
        sentences,
        others,
        share=sentences / len(members),
        mistakes=sentences - right,
        share_of_mistakes=(sentences - right) / max(1, int(wrong.sum())),
        accuracy=right / sentences if sentences else None,
        others_accuracy=others_right / others if others else None,
        interval=accuracy_interval(right, sentences) if sentences else None,
        difference=independent(right, sentences, others_right, others) if both else None,
        shown=chosen.tolist(),
        members=members,
    )


def containing(scored: Scored, words: Sequence[str]) -> Bools:
    """Tell which sentences contain one of `words`, ignoring case, (n,)."""
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
    """Group the sentences by what an average of word vectors should find hard.

    Parameters
    ----------
    scored
        The sentences.
    unknown
        (n,) the number of words without a vector in each; None where that is not known.
    negations, contrasts
        Words that negate, and words such as "but" that join contrasting halves.
    n
        How many mistakes of each group to choose.
    """
    found = [
        group("all sentences", "", scored, np.ones(len(scored.true), bool), n),
        group(
            "negation",
            "An average ignores word order: it cannot see what a negation applies to.",
            *(scored, containing(scored, negations), n),
        ),
        group(
            "contrast",
            "One half of such a sentence outweighs the other; an average counts both alike.",
            *(scored, containing(scored, contrasts), n),
        ),
    ]
    if unknown is not None:
        lengths = np.array([len(tokens) for tokens in scored.sentences], np.int64)
        share = unknown * 1_000_000 // np.maximum(1, lengths)
        why = "The classifier cannot use a word without a vector."
        found.append(group("unknown words", why, scored, unknown > 0, n, share))
    return found


@dataclass(frozen=True, eq=False)
class Confusion:
    """Sentences of class `true` that are predicted to be of class `predicted`.

    Parameters
    ----------
    true, predicted
        Class indices.
    sentences
        How many there are.
    share_of_true, share_of_mistakes
        Their share of all sentences of the true class, and of all mistakes.
    shown
        Indices of sentences to show, the most confident first.
    """

    true: int
    predicted: int
    sentences: int
    share_of_true: float
    share_of_mistakes: float
    shown: list[int]


def confusions(scored: Scored, n: int, most: int) -> list[Confusion]:
    """Return the `most` frequent confusions, each with `n` sentences to show."""
    wrong = np.flatnonzero(scored.wrong)
    classes = 1 + int(max(scored.true.max(), scored.predicted.max()))
    cells = scored.true[wrong] * classes + scored.predicted[wrong]
    found, member, counts = np.unique(cells, return_inverse=True, return_counts=True)
    true_counts = np.bincount(scored.true)
    listed = []
    for pair in np.argsort(-counts, kind="stable")[:most].tolist():
        rows = wrong[member == pair]
        order = np.argsort(-scored.p_predicted[rows], kind="stable")
        true, predicted = divmod(int(found[pair]), classes)
        listed.append(
            Confusion(
                true,
                predicted,
                sentences=len(rows),
                share_of_true=len(rows) / int(true_counts[true]),
                share_of_mistakes=len(rows) / len(wrong),
                shown=rows[order][:n].tolist(),
            )
        )
    return listed


def only_first(first: Scored, second: Scored) -> list[int]:
    """Return the sentences that only `first` predicts rightly, the clearest first.

    Clear is where the first is confident of the true class and the second of another.
    """
    rows = np.flatnonzero(~first.wrong & second.wrong)
    clear = first.p_predicted * second.p_predicted
    return [int(i) for i in rows[np.argsort(-clear[rows], kind="stable")]]
