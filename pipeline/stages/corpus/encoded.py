"""Text as tokens and as word ids, in blocks small enough to be cached and sent to workers."""

from __future__ import annotations

import gc
import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core.engine import Engine, Local, in_order
from pipeline.core.errors import UserError
from pipeline.core.files import read_array, write_array, write_json
from pipeline.stages.corpus.tokenizers import Tokenizer

BLOCK = 1_000_000  # characters, tokenized in a fifth of a second; less is not worth a process
_SENTENCES = 16  # encoded at a time; few, so that their words stay in the CPU cache

Tokenized = list[list[str]]


@dataclass(frozen=True, eq=False)
class Encoded:
    """Sentences as indices of their words, which are in the order first seen.

    Sentence s is ``tokens[offsets[s]:offsets[s + 1]]``; `tokens` is (N,), `offsets` (S + 1,).
    """

    words: list[str]
    tokens: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def up_to(self, words: int) -> Encoded:
        """Return the sentences up to the one that reaches so many words."""
        sentences = int(np.searchsorted(self.offsets[1:], words)) + 1
        offsets = self.offsets[: sentences + 1]
        return Encoded(self.words, self.tokens[: offsets[-1]], offsets)

    def save(self, folder: Path) -> None:
        """Write ``words.json``, ``tokens.npy`` and ``offsets.npy``."""
        write_json(folder / "words.json", self.words)
        write_array(folder / "tokens.npy", self.tokens)
        write_array(folder / "offsets.npy", self.offsets)

    @classmethod
    def load(cls, folder: Path) -> Encoded:
        """Read what `save` wrote; the text is memory-mapped."""
        words = json.loads((folder / "words.json").read_text("utf-8"))
        return cls(words, read_array(folder / "tokens.npy"), read_array(folder / "offsets.npy"))


def numbering() -> defaultdict[str, int]:
    """Return a dictionary that gives each new word the next number: one access a token, in C."""
    index: defaultdict[str, int] = defaultdict()
    index.default_factory = index.__len__
    return index


def encode(sentences: Iterable[Sequence[str]]) -> Encoded:
    """Give each word of the sentences a number, in the order first seen."""
    index = numbering()
    stream = iter(sentences)
    tokens = [np.empty(0, np.int32)]
    lengths = [np.zeros(1, np.int64)]
    while block := list(islice(stream, _SENTENCES)):
        numbers = map(index.__getitem__, chain.from_iterable(block))
        tokens.append(np.fromiter(numbers, np.int32))
        lengths.append(np.fromiter(map(len, block), np.int64, len(block)))
    return Encoded(list(index), np.concatenate(tokens), np.cumsum(np.concatenate(lengths)))


def encode_blocks(
    blocks: Iterable[list[str]],
    tokenizer: Tokenizer,
    engine: Engine | None = None,
    is_known: Callable[[list[str]], bool] = lambda _: False,
) -> Iterator[tuple[list[str], Callable[[], Encoded]]]:
    """Tokenize and number blocks of lines, several at a time.

    Parameters
    ----------
    blocks
        Read as they are needed. If reading raises `UserError`, all blocks before it come first.
    tokenizer
        How lines become sentences.
    engine
        Where the work is done; unset: on this machine.
    is_known
        Whether a block has been encoded before.

    Yields
    ------
    block, result
        In order; `result` waits for the encoded block, or encodes a known one when it is called.
    """
    engine = engine or Local()
    waiting: deque[tuple[list[str], Callable[[], Encoded]]] = deque()
    try:
        for block in blocks:
            task = partial(encode_lines, block, tokenizer)
            waiting.append((block, task if is_known(block) else engine.submit(task)))
            if len(waiting) > engine.ahead:
                yield waiting.popleft()
    except UserError:
        yield from waiting  # what was read before the error is finished, to be kept
        raise
    yield from waiting


def encode_lines(lines: list[str], tokenizer: Tokenizer) -> Encoded:
    """Tokenize lines of text and number their words."""
    with gc_paused():
        return encode(chain.from_iterable(map(tokenizer.sentences, lines)))


def tokenize_all(texts: Iterable[str], tokenizer: Tokenizer) -> Iterator[Tokenized]:
    """Yield the sentences of each text, in order.

    The result does not depend on the number of processes.
    """
    tasks = (partial(_tokenize, block, tokenizer) for block in in_blocks(texts, BLOCK))
    for block in in_order(Local(), tasks):
        yield from block


def in_blocks(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    """Yield texts in blocks of about `size` characters: the same blocks for the same texts."""
    block, held = [], 0
    for text in texts:
        block.append(text)
        held += len(text)
        if held >= size:
            yield block
            block, held = [], 0
    if block:
        yield block


def _tokenize(texts: list[str], tokenizer: Tokenizer) -> list[Tokenized]:
    with gc_paused():
        return [tokenizer.sentences(text) for text in texts]


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause the search for cycles: token lists have none, and it takes a quarter of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
