"""Tokenize many texts: short input in this process, long input on all cores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from pipeline.stages.corpus.tokenizers import Tokenizer

ALONE = 20_000_000  # characters tokenized here, in about a second, before processes are started
BATCH = 500  # texts given to a process at a time


def tokenize_all(texts: Iterable[str], tokenizer: Tokenizer) -> Iterator[list[list[str]]]:
    """Yield the sentences of each text, in order; the texts are read as they are needed.

    The result does not depend on the number of processes.
    """
    stream = iter(texts)
    size = 0
    for text in stream:
        yield tokenizer.sentences(text)
        size += len(text)
        if size > ALONE:
            yield from _on_all_cores(stream, tokenizer)


def _on_all_cores(texts: Iterator[str], tokenizer: Tokenizer) -> Iterator[list[list[str]]]:
    from joblib import Parallel, cpu_count, delayed

    with Parallel(n_jobs=-1) as pool:
        # Read here: an error in joblib's own thread, such as that of a broken file, would be lost.
        while window := list(islice(texts, 4 * BATCH * cpu_count())):
            parts = (window[i : i + BATCH] for i in range(0, len(window), BATCH))
            for found in pool(delayed(_tokenize)(part, tokenizer) for part in parts):
                yield from found


def _tokenize(texts: list[str], tokenizer: Tokenizer) -> list[list[list[str]]]:
    return [tokenizer.sentences(text) for text in texts]
