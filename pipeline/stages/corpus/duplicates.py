"""Copies among texts: the same letters and digits, or nearly the same words.

Near copies are found by MinHash with banding (Broder 1997; Leskovec, Rajaraman and Ullman,
*Mining of Massive Datasets*, chapter 3) over the trigrams of words, and checked exactly.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

SIMILAR = 0.8  # Jaccard similarity of two texts' sets of trigrams, from which they are near copies
SHORTEST = 8  # words; of shorter texts only exact copies count, for their trigrams are too few
LARGEST = 10  # near copies of each other; more share a template, as bills and recipes do
BANDS, ROWS = 8, 4  # finds 98 % of the pairs that are 0.8 alike, and looks at 2 % of those at 0.3
_NO_WORD = re.compile(r"[\W_]+")
PRIME = np.uint64(0x9E3779B97F4A7C15)

Ids = NDArray[np.int64]


def copies(sentences: Sequence[Sequence[str]]) -> tuple[Ids, Ids]:
    """Return two numbers for each text: equal ones for exact copies, and for near copies too.

    Exact copies have the same letters and digits in the same order, whatever their case,
    punctuation and white space. Texts without any words are no copies of each other.
    """
    exact = _exact(sentences)
    first = np.unique(exact, return_index=True)[1]
    longer = [int(i) for i in first if len(sentences[i]) >= SHORTEST]
    near = exact.copy()
    if len(longer) > 1:
        groups = _near([sentences[i] for i in longer])
        sizes = np.bincount(groups)
        number = np.arange(exact.max() + 1)
        for i, group in zip(longer, groups.tolist(), strict=True):
            if sizes[group] <= LARGEST:
                number[exact[i]] = exact[longer[group]]
        near = number[exact]
    return exact, near


def _exact(sentences: Sequence[Sequence[str]]) -> Ids:
    seen: dict[bytes, int] = {}
    numbers = np.empty(len(sentences), np.int64)
    for i, tokens in enumerate(sentences):
        text = " ".join(tokens)
        key = _NO_WORD.sub("", text).casefold() or text or f" {i}"
        digest = hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=16).digest()
        numbers[i] = seen.setdefault(digest, len(seen))
    return numbers


def _near(sentences: list[Sequence[str]]) -> Ids:
    """Return for each text the position of the first of its near copies, its own if there is none.

    A text that is like one of a chain of near copies belongs to the chain.
    """
    from scipy import sparse

    trigrams, offsets = _trigrams(sentences)
    signatures = _signatures(trigrams, offsets)
    pairs = {pair for band in _bands(signatures) for pair in _candidates(band)}
    sets = {i: np.unique(trigrams[offsets[i] : offsets[i + 1]]) for pair in pairs for i in pair}
    alike = [pair for pair in pairs if _similarity(sets[pair[0]], sets[pair[1]]) >= SIMILAR]
    n = len(sentences)
    if not alike:
        return np.arange(n)
    a, b = np.array(alike).T
    graph = sparse.coo_array((np.ones(len(alike)), (a, b)), shape=(n, n))
    _, groups = sparse.csgraph.connected_components(graph, directed=False)
    return np.unique(groups, return_index=True)[1][groups]


def _trigrams(sentences: list[Sequence[str]]) -> tuple[NDArray[np.uint64], Ids]:
    """Return a hash of every three words in a row, and where each text's begin."""
    index: defaultdict[str, int] = defaultdict()
    index.default_factory = index.__len__  # a new word gets the next number
    numbers = map(index.__getitem__, chain.from_iterable(sentences))
    ids = mixed(np.fromiter(numbers, np.uint64))
    lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    hashes = mixed(mixed(ids[:-2] + PRIME * ids[1:-1]) + PRIME * ids[2:])
    # A trigram belongs to a text unless it reaches into the next one.
    inside = np.ones(len(ids), bool)
    inside[offsets[1:] - 1] = inside[offsets[1:] - 2] = False
    return hashes[inside[: len(hashes)]], np.concatenate([[0], np.cumsum(lengths - 2)])


def mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble the bits, by the finalizer of SplitMix64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _signatures(trigrams: NDArray[np.uint64], offsets: Ids) -> NDArray[np.uint64]:
    """Return the (texts, bands x rows) smallest hashes, each by another hash function."""
    factors = mixed(np.arange(1, BANDS * ROWS + 1, dtype=np.uint64)) | np.uint64(1)
    columns = [np.minimum.reduceat(trigrams * factor, offsets[:-1]) for factor in factors]
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
