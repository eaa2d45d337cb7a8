"""Tokenize many texts: short input in this process, long input on all cores."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial

from pipeline.core.engine import Local, in_order
from pipeline.stages.corpus.tokenizers import Tokenizer

BLOCK = 1_000_000  # characters, tokenized in a fifth of a second; less is not worth a process

Tokenized = list[list[str]]


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
