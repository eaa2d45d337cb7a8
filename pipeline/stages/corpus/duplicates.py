"""Copies among texts: the same letters and digits, or nearly the same words.

Near copies are found by MinHash with banding (Broder 1997; Leskovec, Rajaraman and Ullman,
*Mining of Massive Datasets*, chapter 3) over the trigrams of words, and checked exactly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.corpus.encoded import encode

SIMILAR = 0.8  # Jaccard similarity of two texts' sets of trigrams, from which they are near copies
SHORTEST = 8  # words; of shorter texts only exact copies count, for their trigrams are too few
LARGEST = 10  # near copies of each other; more share a template, as bills and recipes do
BANDS, ROWS = 8, 4  # finds 98 % of the pairs that are 0.8 alike, and looks at 2 % of those at 0.3
_NO_WORD = re.compile(r"[\W_]+")
PRIME = np.uint64(0x9E3779B97F4A7C15)

Ids = NDArray[np.int64]


def copies(sentences: Sequence[Sequence[str]]) -> tuple[Ids, Ids]:
    """Return for each text the position of its first exact copy, and of its first near copy.

    Texts without copies have their own position. Exact copies have the same words in the same
    order, whatever their case and punctuation; they are near copies too. Texts without any words
    are not copies of each other.
    """
    ids, offsets = _encoded(sentences)
    exact = _exact(ids, offsets)
    first, lengths = np.unique(exact), np.diff(offsets)
    longer = first[lengths[first] >= SHORTEST]
    if len(longer) < 2:
        return exact, exact
    groups = _near(ids, offsets, longer)
    few = np.bincount(groups)[groups] <= LARGEST
    earliest = np.arange(len(exact))
    earliest[longer[few]] = longer[groups[few]]
    return exact, earliest[exact]


def _encoded(sentences: Sequence[Sequence[str]]) -> tuple[NDArray[np.uint64], Ids]:
    """Return a hash for each word, case and punctuation taken off, and where each text begins.

    Tokens without any letter or digit are left out, unless a text has no others.
    """
    encoded = encode(sentences)
    tokens, lengths = encoded.tokens, np.diff(encoded.offsets)
    words = [_NO_WORD.sub("", word).casefold() for word in encoded.words]
    plain = {word: i for i, word in enumerate(dict.fromkeys(filter(None, words)))}
    ids = np.array([plain.get(word, -1) for word in words], np.int64)[tokens]
    texts = np.repeat(np.arange(len(sentences)), lengths)
    counts = np.bincount(texts[ids >= 0], minlength=len(sentences))
    marks = counts[texts] == 0  # of texts that consist of marks alone
    ids[marks] = len(plain) + tokens[marks]
    kept = ids >= 0
    offsets = np.concatenate([[0], np.cumsum(np.where(counts, counts, lengths))])
    return mixed(ids[kept].astype(np.uint64) + np.uint64(1)), offsets


def _exact(ids: NDArray[np.uint64], offsets: Ids) -> Ids:
    """Return for each text the position of the first one with the same words in the same order."""
    lengths = np.diff(offsets)
    place = np.arange(len(ids)) - np.repeat(offsets[:-1], lengths)
    sums = np.concatenate([[np.uint64(0)], np.cumsum(mixed(ids + PRIME * place.astype(np.uint64)))])
    hashes = sums[offsets[1:]] - sums[offsets[:-1]]
    hashes[lengths == 0] = mixed(np.flatnonzero(lengths == 0).astype(np.uint64) + PRIME)
    _, first, number = np.unique(hashes, return_index=True, return_inverse=True)
    return first[number]


def _near(ids: NDArray[np.uint64], offsets: Ids, longer: Ids) -> Ids:
    """Return for each of some texts the position of the first of its near copies among them.

    A text that is like one of a chain of near copies belongs to the chain.
    """
    from scipy import sparse

    hashes = mixed(mixed(ids[:-2] + PRIME * ids[1:-1]) + PRIME * ids[2:])
    begins, ends = offsets[longer], offsets[longer + 1] - 2  # of each text's trigrams
    signatures = _signatures(hashes, begins, ends)
    pairs = {pair for band in _bands(signatures) for pair in _candidates(band)}
    sets = {i: np.unique(hashes[begins[i] : ends[i]]) for pair in pairs for i in pair}
    alike = [pair for pair in pairs if _similarity(sets[pair[0]], sets[pair[1]]) >= SIMILAR]
    n = len(longer)
    if not alike:
        return np.arange(n)
    a, b = np.array(alike).T
    graph = sparse.coo_array((np.ones(len(alike)), (a, b)), shape=(n, n))
    _, groups = sparse.csgraph.connected_components(graph, directed=False)
    return np.unique(groups, return_index=True)[1][groups]


def mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble the bits, by the finalizer of SplitMix64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _signatures(hashes: NDArray[np.uint64], begins: Ids, ends: Ids) -> NDArray[np.uint64]:
    """Return the (texts, bands x rows) smallest hashes, each by another hash function."""
    edges = np.stack([begins, ends], axis=1).ravel()[:-1]  # every second part is between texts
    factors = mixed(np.arange(1, BANDS * ROWS + 1, dtype=np.uint64)) | np.uint64(1)
    used = hashes[: ends[-1]]
    product = np.empty_like(used)
    columns = [
        np.minimum.reduceat(np.multiply(used, factor, out=product), edges)[::2]
        for factor in factors
    ]
    return np.stack(columns, axis=1)


def _bands(signatures: NDArray[np.uint64]) -> list[NDArray[np.uint64]]:
    """Return a hash of each band of the signatures, for every text."""
    bands = signatures.reshape(len(signatures), BANDS, ROWS)
    hashed = np.zeros(bands.shape[:2], np.uint64)
    for row in range(ROWS):
        hashed = mixed(hashed * PRIME + bands[:, :, row])
    return list(hashed.T)


def _candidates(band: NDArray[np.uint64]) -> list[tuple[int, int]]:
    """Pair each text with the first one that has the same hash in this band."""
    order = np.argsort(band, kind="stable")
    values = band[order]
    begins = np.concatenate([[True], values[1:] != values[:-1]])
    first = order[np.maximum.accumulate(np.where(begins, np.arange(len(band)), 0))]
    return [(int(a), int(b)) for a, b in zip(first[~begins], order[~begins], strict=True)]


def _similarity(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> float:
    """Return the Jaccard similarity of two sets."""
    common = len(np.intersect1d(a, b, assume_unique=True))
    return common / (len(a) + len(b) - common)
