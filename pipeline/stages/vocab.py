"""Stage `vocab`: count the words and encode the text as word ids."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError, expect
from pipeline.core.files import read_array, write, write_array, write_json
from pipeline.core.metrics import Metric
from pipeline.core.notebook import displayed
from pipeline.core.settings import Settings, bounded
from pipeline.stages.corpus import Corpus
from pipeline.stages.corpus.encoded import Encoded, encode, encode_blocks, numbering

IN_MEMORY = 1 << 28  # bytes of encoded text; more is held in a temporary file


@displayed
@dataclass
class Vocab(Settings):
    """Which words the vocabulary has.

    Parameters
    ----------
    min_count
        Words seen less often are left out.
    max_size
        Keep only this many of the most frequent words; unset: all.
    """

    min_count: int = bounded(1, least=1)
    max_size: int | None = bounded(None, least=1)


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
        (N,) int32, the text as indices into `words`; words outside the vocabulary are dropped. A
        large text is memory-mapped.
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
            little = array.dtype.newbyteorder("<")
            digest.update(np.ascontiguousarray(array).astype(little, copy=False).data)
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


def build_vocab(
    corpus: Corpus,
    config: Vocab | None = None,
    unlabelled: Iterable[Encoded] | None = None,
    scratch: Path | None = None,
) -> Vocabulary:
    """Count the words of the corpus's text and encode it, in one pass.

    Parameters
    ----------
    corpus
        Its text is that of the labelled splits, then the unlabelled text.
    config
        Which words to take.
    unlabelled
        The unlabelled text, encoded block by block. Unset: it is encoded here.
    scratch
        A folder for the encoded text, where it is large. Unset: the system's temporary folder.

    Raises
    ------
    UserError
        If no word occurs often enough.
    """
    expect(corpus=(corpus, Corpus), config=(config, Vocab | None))
    text = corpus.unlabelled
    if unlabelled is None:
        unlabelled = (result() for _, result in encode_blocks(text.blocks(), text.rules))
    parts = chain([encode(corpus.labelled_text())], up_to(unlabelled, text.max_words))
    return merged(parts, config or Vocab(), scratch)


def build(sentences: Iterable[list[str]], config: Vocab) -> Vocabulary:
    """Build the vocabulary of any sentences; see `build_vocab`."""
    return merged([encode(sentences)], config)


def up_to(parts: Iterable[Encoded], words: int | None) -> Iterator[Encoded]:
    """Yield encoded text up to the sentence that reaches so many words; None: all."""
    seen = 0
    for part in parts:
        if words is not None and seen + len(part.tokens) >= words:
            yield part.up_to(words - seen)
            return
        seen += len(part.tokens)
        yield part


def merged(parts: Iterable[Encoded], config: Vocab, scratch: Path | None = None) -> Vocabulary:
    """Count the words of encoded parts of a text, and number them alike.

    Only the words are held in memory, not the text: that is written to a temporary file and read
    again when the counts are known.
    """
    index = numbering()
    counts = np.zeros(0, np.int64)
    lengths: list[NDArray[np.int64]] = []
    with tempfile.SpooledTemporaryFile(IN_MEMORY, dir=str(scratch) if scratch else None) as spool:
        for part in parts:
            numbers = np.fromiter(map(index.__getitem__, part.words), np.int32, len(part.words))
            counts = np.pad(counts, (0, len(index) - len(counts)))
            counts[numbers] += np.bincount(part.tokens, minlength=len(numbers))
            lengths.append(np.diff(part.offsets))
            spool.write(numbers[part.tokens].data)
        kept = np.argsort(-counts, kind="stable")  # stable: ties in the order first seen
        kept = kept[counts[kept] >= config.min_count][: config.max_size]
        if not len(kept):
            most = max(counts, default=0)
            raise UserError(
                f"no word is seen {config.min_count} times (the most frequent: {most}): the "
                "vocabulary is empty. Lower vocab.min_count."
            )
        renumbered = np.full(len(index), -1, np.int32)
        renumbered[kept] = np.arange(len(kept), dtype=np.int32)
        tokens = _empty(int(counts[kept].sum()), scratch)
        spool.seek(0)
        begin = 0
        for part_lengths in lengths:
            numbers = renumbered[np.frombuffer(spool.read(4 * int(part_lengths.sum())), np.int32)]
            known = numbers >= 0
            some = part_lengths > 0
            begins = (np.cumsum(part_lengths) - part_lengths)[some]
            part_lengths[some] = np.add.reduceat(known, begins, dtype=np.int64)
            end = begin + int(known.sum())
            tokens[begin:end] = numbers[known]
            begin = end
    words = list(index)
    return Vocabulary(
        words=[words[i] for i in kept.tolist()],
        counts=counts[kept],
        tokens=tokens,
        offsets=np.cumsum(np.concatenate([[0], *lengths]), dtype=np.int64),
    )


def _empty(size: int, scratch: Path | None) -> NDArray[np.int32]:
    """Return an array to fill: in memory, or if it is large in a temporary file."""
    if 4 * size <= IN_MEMORY:
        return np.empty(size, np.int32)
    with tempfile.TemporaryFile(dir=scratch) as file:
        return np.memmap(file, np.int32, "w+", shape=(size,))
