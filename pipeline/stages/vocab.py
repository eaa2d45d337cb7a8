"""Stage `vocab`: count the words and encode the text as word ids."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.arrays import read_array, write_array
from pipeline.core.errors import UserError, require
from pipeline.core.files import write, write_json
from pipeline.core.metrics import Metric
from pipeline.core.notebook import displayed
from pipeline.stages.corpus import Corpus

_BLOCK = 16  # sentences encoded at a time; few, so that their words stay in the CPU cache
_PART = 1 << 20  # words counted at a time; all at once would take 16 bytes per word


@displayed
@dataclass
class Vocab:
    """Which words the vocabulary has.

    Parameters
    ----------
    min_count
        Words seen less often are left out.
    max_size
        Keep only this many of the most frequent words; unset: all.
    """

    min_count: int = 1
    max_size: int | None = None

    def __post_init__(self) -> None:
        """Check values."""
        require(self.min_count >= 1, f"vocab.min_count must be at least 1, not {self.min_count}.")
        require(
            self.max_size is None or self.max_size >= 1,
            f"vocab.max_size must be at least 1, or null for no limit, not {self.max_size}.",
        )


@displayed
@dataclass(frozen=True)
class Vocabulary:
    """The words, and the training text encoded as word ids.

    Parameters
    ----------
    words
        By falling count; words of equal count in the order they were first seen.
    counts
        (V,) how often each occurs.
    tokens
        (N,) int32, the text as indices into `words`; words outside the vocabulary are dropped.
    offsets
        (S + 1,) int64, sentence s is ``tokens[offsets[s]:offsets[s + 1]]``.
    """

    words: list[str]
    counts: NDArray[np.int64]
    tokens: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def facts(self) -> dict[str, Any]:
        """Return what a notebook shows."""
        return {"words": len(self), "tokens": len(self.tokens), "first": self.words[:5]}

    def __len__(self) -> int:
        """Return the number of words."""
        return len(self.words)

    @cached_property
    def index(self) -> dict[str, int]:
        """The index of each word."""
        return {word: i for i, word in enumerate(self.words)}

    @cached_property
    def digest(self) -> str:
        """The sha256 of words and encoded text."""
        digest = hashlib.sha256("\n".join(self.words).encode())
        for array in (self.counts, self.tokens, self.offsets):
            digest.update(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).data)
        return digest.hexdigest()

    def describe(self) -> str:
        """Return one line for the terminal."""
        return f"{len(self):,} words, {len(self.tokens):,} in running text"

    def metrics(self) -> Iterator[Metric]:
        """Yield the sizes."""
        yield Metric("vocab/words", len(self))
        yield Metric("vocab/tokens", len(self.tokens))

    def save(self, folder: Path) -> None:
        """Write ``words.json``, and ``counts.npy``, ``tokens.npy`` and ``offsets.npy``."""
        write_json(folder / "words.json", self.words)
        for name in ("counts", "tokens", "offsets"):
            write_array(folder / f"{name}.npy", getattr(self, name))

    @classmethod
    def load(cls, folder: Path) -> Vocabulary:
        """Read what `save` wrote; the text is memory-mapped."""
        words = json.loads((folder / "words.json").read_text("utf-8"))
        arrays = (read_array(folder / f"{name}.npy") for name in ("counts", "tokens", "offsets"))
        return cls(words, *arrays)

    def write_table(self, folder: Path) -> None:
        """Write ``vocabulary.tsv`` for people to read: a word and its count per line."""
        lines = [f"{word}\t{n}\n" for word, n in zip(self.words, self.counts.tolist(), strict=True)]
        write(
            folder / "vocabulary.tsv",
            lambda file: file.write_text("".join(lines), encoding="utf-8"),
        )


def build_vocab(corpus: Corpus, config: Vocab | None = None) -> Vocabulary:
    """Count the words of the corpus's text and encode it, in one pass.

    Raises
    ------
    UserError
        If no word occurs often enough.
    """
    return build(corpus.text(), config or Vocab())


def build(sentences: Iterable[list[str]], config: Vocab) -> Vocabulary:
    """Build the vocabulary of any sentences; see `build_vocab`."""
    words, tokens, offsets = encode(sentences)
    parts = [tokens[i : i + _PART] for i in range(0, len(tokens), _PART)]
    counts = np.zeros(len(words), np.int64)
    for part in parts:
        counts += np.bincount(part, minlength=len(words))
    kept = np.argsort(-counts, kind="stable")  # stable: ties in the order first seen
    kept = kept[counts[kept] >= config.min_count][: config.max_size]
    if not len(kept):
        most = max(counts, default=0)
        raise UserError(
            f"no word is seen {config.min_count} times (the most frequent: {most}): the vocabulary "
            "is empty. Lower vocab.min_count."
        )
    renumbered = np.full(len(words), -1, np.int32)
    renumbered[kept] = np.arange(len(kept), dtype=np.int32)
    for part in parts:
        part[:] = renumbered[part]
    known = tokens >= 0
    begins, lengths = offsets[:-1], np.diff(offsets)
    lengths[lengths > 0] = np.add.reduceat(known, begins[lengths > 0], dtype=np.int64)
    return Vocabulary(
        words=[words[i] for i in kept.tolist()],
        counts=counts[kept],
        tokens=tokens[known],
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
    )


def encode(
    sentences: Iterable[list[str]],
) -> tuple[list[str], NDArray[np.int32], NDArray[np.int64]]:
    """Return words in the order first seen, the text (N,) as their indices, offsets (S + 1,)."""
    # A new word gets the next number when it is looked up: one dictionary access per token, in C.
    index: defaultdict[str, int] = defaultdict()
    index.default_factory = index.__len__
    stream = iter(sentences)
    blocks = [np.empty(0, np.int32)]
    lengths = [np.zeros(1, np.int64)]
    while block := list(islice(stream, _BLOCK)):
        numbers = map(index.__getitem__, chain.from_iterable(block))
        blocks.append(np.fromiter(numbers, np.int32))
        lengths.append(np.fromiter(map(len, block), np.int64, len(block)))
    return list(index), np.concatenate(blocks), np.cumsum(np.concatenate(lengths))
