"""Whether train, dev and test were prepared alike: words, lengths, unknown words and classes.

Only what is both large and far beyond chance is reported, so that random splits, and splits by
author, film or year, pass. The unit is the text, not the word: words of one text come together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.stages.corpus.formats.rows import listed

Sentences = Sequence[Sequence[str]]
Floats = NDArray[Any]

CERTAIN = 1e-6  # two-sided, for each split as a whole: divided by the number of words compared
WIDE = 0.10  # difference in the share of texts that have a word, or that are of a class
ABSENT, PRESENT = 0.002, 0.02  # or: shares of a word that is nearly missing from one split
LONGER = 1.5  # ratio of the median lengths
UNKNOWN = 2.0  # times as many unknown words as train's own words let expect, and 5 points more
SHOWN = 3  # words named


def unlike(splits: Mapping[str, tuple[Sentences, ArrayLike]], classes: Sequence[str]) -> list[str]:
    """Return what distinguishes dev or test from train, in words; nothing if they are alike."""
    train, labels = splits["train"]
    texts, counts = _texts_with(train), Counter(chain.from_iterable(train))
    found: list[str] = []
    for name, (sentences, other) in splits.items():
        if name != "train" and len(sentences):
            found += _words(train, sentences, texts, name)
            found += _lengths(train, sentences, name)
            found += _unknown(counts, sentences, name)
            found += _classes(labels, other, classes, name)
    return found


def _texts_with(sentences: Sentences) -> Counter[str]:
    """Count the texts that have each word."""
    return Counter(chain.from_iterable(map(set, sentences)))


def _z(a: Floats, b: Floats, n: int, m: int) -> Floats:
    """Return how many standard deviations lie between the shares a / n and b / m."""
    share = (a + b) / (n + m)
    deviation = np.sqrt(np.maximum(share * (1 - share), 1e-12) * (1 / n + 1 / m))
    return np.abs(a / n - b / m) / deviation


def _quantile(p: float) -> float:
    """Return the z that a standard normal variable exceeds, in size, with probability `p`."""
    from scipy.special import ndtri

    return float(-ndtri(p / 2))


def _words(train: Sentences, other: Sentences, in_train: Counter[str], name: str) -> Iterator[str]:
    """Name the words that many texts of one split have, and few of the other."""
    in_other = _texts_with(other)
    words = [w for w in in_train.keys() | in_other.keys() if in_train[w] + in_other[w] > 1]
    n, m = len(train), len(other)
    a, b = (np.array([found[word] for word in words], float) for found in (in_train, in_other))
    p, q = a / n, b / m
    gap = np.abs(p - q)
    wide = (gap >= WIDE) | ((np.minimum(p, q) <= ABSENT) & (np.maximum(p, q) >= PRESENT))
    stands_out = wide & (_z(a, b, n, m) >= _quantile(CERTAIN / max(1, len(words))))
    # Words before marks where the gap is about the same: `br` says more than `<`.
    order = sorted(
        np.flatnonzero(stands_out).tolist(),
        key=lambda i: (-round(float(gap[i]), 1), not words[i].isalnum(), words[i]),
    )
    if order:
        texts = [
            f"'{words[i][:20]}': {_rate(other, words[i])} per text in {name}, "
            f"{_rate(train, words[i])} in train"
            for i in order[:SHOWN]
        ]
        more = f" ({len(order) - SHOWN:,} more words)" if len(order) > SHOWN else ""
        yield "; ".join(texts) + more


def _rate(sentences: Sentences, word: str) -> str:
    rate = sum(list(tokens).count(word) for tokens in sentences) / len(sentences)
    return f"{rate:.1f}" if rate >= 0.1 else f"{rate:.1g}"


def _lengths(train: Sentences, other: Sentences, name: str) -> Iterator[str]:
    """Say by how much texts are longer or shorter (Mann-Whitney test)."""
    a, b = (np.fromiter(map(len, s), np.int64, len(s)) for s in (train, other))
    low, high = sorted([max(1.0, float(np.median(a))), max(1.0, float(np.median(b)))])
    if high < LONGER * low:
        return
    from scipy.stats import mannwhitneyu  # its import takes half a second

    if mannwhitneyu(a, b).pvalue <= CERTAIN:
        medians = f"{np.median(b):,.0f} words in {name} (median), {np.median(a):,.0f} in train"
        yield f"texts have {medians}"


def _unknown(counts: Counter[str], other: Sentences, name: str) -> Iterator[str]:
    """Compare the share of words that train does not have with what is to be expected.

    The expected share is that of words seen once (Good 1953).
    """
    expected = sum(count == 1 for count in counts.values()) / max(1, counts.total())
    texts = [tokens for tokens in other if tokens]
    if len(texts) < 2:
        return
    lengths = np.array([len(tokens) for tokens in texts])
    unknown = np.array([sum(word not in counts for word in tokens) for tokens in texts])
    mean = float(unknown.sum() / lengths.sum())
    error = float(np.sqrt(np.sum((unknown - lengths * mean) ** 2)) / lengths.sum())
    beyond = mean > max(UNKNOWN * expected, expected + 0.05)
    if beyond and mean - expected >= _quantile(CERTAIN) * error:
        yield (
            f"{mean:.0%} of the words of {name} are not in train, where {expected:.0%} are expected"
        )


def _classes(
    train: ArrayLike, other: ArrayLike, classes: Sequence[str], name: str
) -> Iterator[str]:
    """Say which classes are much more, or less, frequent."""
    a, b = (np.bincount(labels, minlength=len(classes)) for labels in (train, other))
    n, m = int(a.sum()), int(b.sum())
    p, q = a / n, b / m
    certain = _z(a, b, n, m) >= _quantile(CERTAIN / len(classes))
    found = [
        f"class {classes[i][:20]}: {q[i]:.0%} of {name}, {p[i]:.0%} of train"
        for i in np.flatnonzero((np.abs(p - q) >= WIDE) & certain).tolist()
    ]
    if found:
        yield listed(found, SHOWN, 70)
