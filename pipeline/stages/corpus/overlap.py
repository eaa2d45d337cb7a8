"""Test texts that are also in the text that vectors are trained on, by runs of eight words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.corpus.checks import NEGLIGIBLE, Check, log_checks
from pipeline.stages.corpus.corpus import Corpus
from pipeline.stages.corpus.duplicates import PRIME, mixed

RUN = 8  # words; shorter texts are left out: anybody may have written the same
CONTAINED = 0.8  # share of a text's runs that must be found
BLOCK = 1 << 22  # words of the training text at a time
BITS = 26  # of a hash: a table of 64 MB of what is looked for, which rules out most runs


def check_text(corpus: Corpus, index: Mapping[str, int], tokens: NDArray[np.int32]) -> Corpus:
    """Return the corpus, checked for test texts that are in its unlabelled text.

    `index` has the number of each word of the vocabulary; `tokens` is (N,) `Corpus.text` as such
    numbers. Other words are left out of both.
    """
    if not corpus.unlabelled.paths:
        return corpus
    test = corpus.splits["test"].sentences
    begin = sum(word in index for word in chain.from_iterable(corpus.labelled_text()))
    count = contained(test, index, tokens[begin:])
    if not count:
        return corpus
    message = (
        f"{count:,} of the {len(test):,} test texts are in the unlabelled text too: the vectors "
        "have seen them, without their labels. Take them out of corpus.unlabelled."
    )
    found = Check("unlabelled", message, warning=count > NEGLIGIBLE * len(test))
    log_checks([found])
    return replace(corpus, checks=(*corpus.checks, found))


def contained(
    test: Sequence[Sequence[str]], index: Mapping[str, int], text: NDArray[np.int32]
) -> int:
    """Return how many test texts are in the text."""
    known = [[index[word] for word in tokens if word in index] for tokens in test]
    known = [numbers for numbers in known if len(numbers) >= RUN]
    if not known or len(text) < RUN:
        return 0
    lengths = np.array([len(numbers) for numbers in known])
    ends = np.cumsum(lengths)
    tokens = np.fromiter(chain.from_iterable(known), np.int64, int(ends[-1]))
    owner = np.repeat(np.arange(len(known)), lengths)
    inside = owner[: len(tokens) - RUN + 1] == owner[RUN - 1 :]
    runs, owner = _runs(tokens)[inside], owner[: len(tokens) - RUN + 1][inside]
    wanted, number = np.unique(runs, return_inverse=True)
    found = np.zeros(len(wanted), bool)
    table = np.zeros(1 << BITS, bool)
    shift = np.uint64(64 - BITS)
    table[(wanted >> shift).astype(np.int64)] = True
    for begin in range(0, len(text), BLOCK):
        hashes = _runs(text[begin : begin + BLOCK + RUN - 1])
        hashes = hashes[table[(hashes >> shift).astype(np.int64)]]
        at = np.minimum(np.searchsorted(wanted, hashes), len(wanted) - 1)
        found[at[wanted[at] == hashes]] = True
    shares = np.bincount(owner, found[number]) / np.bincount(owner)
    return int((shares >= CONTAINED).sum())


def _runs(tokens: NDArray[np.int32] | NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return a hash of every eight words in a row."""
    ids = tokens.astype(np.uint64)
    count = max(0, len(ids) - RUN + 1)
    hashes = np.zeros(count, np.uint64)
    for i in range(RUN):
        hashes = mixed(hashes * PRIME + ids[i : i + count])
    return hashes
