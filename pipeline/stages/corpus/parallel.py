"""Tokenize many texts: short input in this process, long input on all cores."""

from __future__ import annotations

import gc
import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import islice

from pipeline.stages.corpus.tokenizers import Tokenizer

ALONE = 1_000_000  # characters tokenized here, in a fifth of a second, before processes are started
BATCH = 250  # texts given to a process at a time
AHEAD = 2  # batches that wait for each process
HELD = 8  # batches that are finished or under way, for each process: what memory is needed for

Tokenized = list[list[str]]


def tokenize_all(texts: Iterable[str], tokenizer: Tokenizer) -> Iterator[Tokenized]:
    """Yield the sentences of each text, in order; the texts are read as they are needed.

    The result does not depend on the number of processes.
    """
    stream = iter(texts)
    size = 0
    for text in stream:
        yield tokenizer.sentences(text)
        size += len(text)
        if size > ALONE and (helpers := _helpers()):
            yield from _on_all_cores(stream, tokenizer, helpers)


def _helpers() -> int:
    """Return how many processes can help this one: none where it is a helper itself."""
    from joblib import cpu_count

    return 0 if multiprocessing.parent_process() else int(cpu_count()) - 1


def _on_all_cores(texts: Iterator[str], tokenizer: Tokenizer, helpers: int) -> Iterator[Tokenized]:
    """Share the texts out to helpers; this process works too, so no time is lost while they start.

    The texts are read here, so that an error in reading them, as in a broken file, arrives here.
    """
    from joblib.externals.loky import get_reusable_executor

    pool = get_reusable_executor(max_workers=helpers, timeout=10)
    batches: deque[Future[list[Tokenized]] | list[Tokenized]] = deque()
    while batch := list(islice(texts, BATCH)):
        waiting = sum(isinstance(found, Future) and not found.done() for found in batches)
        share = waiting < AHEAD * helpers
        batches.append(
            pool.submit(_tokenize, batch, tokenizer) if share else _tokenize(batch, tokenizer)
        )
        while batches and (_is_done(batches[0]) or len(batches) > HELD * helpers):
            yield from _result(batches.popleft())
    for found in batches:
        yield from _result(found)


def _is_done(found: Future[list[Tokenized]] | list[Tokenized]) -> bool:
    return not isinstance(found, Future) or found.done()


def _result(found: Future[list[Tokenized]] | list[Tokenized]) -> list[Tokenized]:
    return found.result() if isinstance(found, Future) else found


def _tokenize(texts: list[str], tokenizer: Tokenizer) -> list[Tokenized]:
    with gc_paused():
        return [tokenizer.sentences(text) for text in texts]


@contextmanager
def gc_paused() -> Iterator[None]:
    """Look for no cycles meanwhile: token lists hold none, and it takes a quarter of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
