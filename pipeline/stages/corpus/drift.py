"""Whether train, dev and test were prepared alike: words, lengths, unknown words and classes.

Only what is both large and far beyond chance is reported, so that random splits, and splits by
author, film or year, pass. The unit is the text, not the word: words of one text come together.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from pipeline.stages.corpus.formats.rows import listed

Sentences = Sequence[Sequence[str]]

CERTAIN = 1e-6  # two-sided, for each split as a whole: divided by the number of words compared
WIDE = 0.10  # difference in the share of texts that have a word, or that are of a class
ABSENT, PRESENT = 0.002, 0.02  # or: the share of a word that is all but missing from one split
LONGER = 1.5  # ratio of the median lengths
UNKNOWN = 2.0  # times as many unknown words as train's own words let expect, and 5 points more
SHOWN = 3  # words named


def unlike(
    splits: Mapping[str, tuple[Sentences, Sequence[int]]], classes: Sequence[str]
) -> list[str]:
    """Return what sets dev or test apart from train, in words; nothing if they are alike.

    Parameters
    ----------
    splits
        Sentences and labels of ``train`` and of the others.
    classes
        The names of the classes.
    """
    train, labels = splits["train"]
    found = []
    frequencies, counts = _document_frequencies(train), Counter(chain.from_iterable(train))
    for name, (sentences, other) in splits.items():
        if name != "train" and len(sentences):
            found += _words(train, sentences, frequencies, name)
            found += _lengths(train, sentences, name)
            found += _unknown(counts, sentences, name)
            found += _classes(labels, other, classes, name)
    return found


def _document_frequencies(sentences: Sentences) -> Counter[str]:
    return Counter(chain.from_iterable(map(set, sentences)))


def _words(train: Sentences, other: Sentences, in_train: Counter[str], name: str) -> list[str]:
    """Name the words that many texts of one split have, and few of the other."""
    in_other = _document_frequencies(other)
    n, m = len(train), len(other)
    words = [w for w in in_train.keys() | in_other.keys() if in_train[w] + in_other[w] > 1]
    if not words:
        return []
    a = np.array([in_train[word] for word in words]) / n
    b = np.array([in_other[word] for word in words]) / m
    gap = np.abs(a - b)
    wide = (gap >= WIDE) | ((np.minimum(a, b) <= ABSENT) & (np.maximum(a, b) >= PRESENT))
    share = (a * n + b * m) / (n + m)
    deviation = np.sqrt(np.maximum(share * (1 - share), 1e-12) * (1 / n + 1 / m))
    stands_out = np.flatnonzero(wide & (gap / deviation >= _quantile(CERTAIN / len(words))))
    # Words before marks where the gap is about the same: `br` says more than `<`.
    order = sorted(
        stands_out.tolist(),
        key=lambda i: (-round(float(gap[i]), 1), not words[i].isalnum(), words[i]),
    )
    if not order:
        return []
    texts = [
        f"'{words[i][:20]}': {_rate(other, words[i])} per text in {name}, "
        f"{_rate(train, words[i])} in train"
        for i in order[:SHOWN]
    ]
    more = f" ({len(order) - SHOWN:,} more words)" if len(order) > SHOWN else ""
    return ["; ".join(texts) + more]


def _rate(sentences: Sentences, word: str) -> str:
    rate = sum(list(tokens).count(word) for tokens in sentences) / len(sentences)
    return f"{rate:.1f}" if rate >= 0.1 else f"{rate:.1g}"


def _quantile(p: float) -> float:
    """Return the z that a standard normal variable exceeds, in size, with probability `p`."""
    from scipy.special import ndtri

    return float(-ndtri(p / 2))


def _lengths(train: Sentences, other: Sentences, name: str) -> list[str]:
    """Say by how much texts are longer or shorter (Mann-Whitney test)."""
    a, b = (np.fromiter(map(len, s), np.int64, len(s)) for s in (train, other))
    low, high = sorted([max(1.0, float(np.median(a))), max(1.0, float(np.median(b)))])
    if high < LONGER * low:
        return []
    from scipy.stats import mannwhitneyu  # its import takes half a second

    if mannwhitneyu(a, b).pvalue > CERTAIN:
        return []
    return [
        f"texts have {np.median(b):,.0f} words in {name} (median), {np.median(a):,.0f} in train"
    ]


def _unknown(counts: Counter[str], other: Sentences, name: str) -> list[str]:
    """Compare the share of words that train does not have with what is to be expected.

    The expected share is that of words seen once (Good 1953).
    """
    total = sum(counts.values())
    expected = sum(1 for count in counts.values() if count == 1) / max(1, total)
    shares = np.array(
        [sum(w not in counts for w in tokens) / len(tokens) for tokens in other if tokens]
    )
    if len(shares) < 2:
        return []
    lengths = np.array([len(tokens) for tokens in other if tokens])
    mean = float(np.average(shares, weights=lengths))
    error = float(np.sqrt(np.sum((lengths * (shares - mean)) ** 2)) / lengths.sum())
    beyond = mean > max(UNKNOWN * expected, expected + 0.05)
    if not beyond or mean - expected < _quantile(CERTAIN) * error:
        return []
    return [
        f"{mean:.0%} of the words of {name} are not in train, where {expected:.0%} are expected"
    ]


def _classes(
    train: Sequence[int], other: Sequence[int], classes: Sequence[str], name: str
) -> list[str]:
    """Say which classes are much more, or less, frequent."""
    n, m = len(train), len(other)
    found = []
    a, b = np.bincount(train, minlength=len(classes)), np.bincount(other, minlength=len(classes))
    for i, label in enumerate(classes):
        p, q = a[i] / n, b[i] / m
        share = (a[i] + b[i]) / (n + m)
        deviation = math.sqrt(max(share * (1 - share), 1e-12) * (1 / n + 1 / m))
        if abs(p - q) >= WIDE and abs(p - q) / deviation >= _quantile(CERTAIN / len(classes)):
            found.append(f"class {label[:20]}: {q:.0%} of {name}, {p:.0%} of train")
    return [listed(found, SHOWN, 70)] if found else []
