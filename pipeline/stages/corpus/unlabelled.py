"""Unlabelled text, streamed from files: it may be larger than memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from pipeline.core.errors import require
from pipeline.core.files import count_lines, file_digest, read_lines
from pipeline.core.progress import progress, shown
from pipeline.stages.corpus.tokenizers import sentences

_ALONE = 1_000_000  # characters tokenised before other processes are worth their start
_LINES = 200  # given to a process at a time


@dataclass(frozen=True)
class Text:
    """Plain-text files (``.txt`` or ``.gz``), a sentence or document a line, as token lists.

    Parameters
    ----------
    paths
        The files, read in this order each time the text is iterated.
    lower
        Lower-case every token.
    tokenized
        The text is tokenised already: only split it at white space, each line a sentence.
    brackets
        Keep ``(`` rather than escape it as ``-LRB-``.
    max_words
        End with the sentence that reaches so many words; None: with the last.
    """

    paths: tuple[Path, ...] = ()
    lower: bool = True
    tokenized: bool = False
    brackets: bool = True
    max_words: int | None = None

    def __iter__(self) -> Iterator[list[str]]:
        """Yield a token list a sentence."""
        words = 0
        for tokens in self._all():
            yield tokens
            words += len(tokens)
            if self.max_words is not None and words >= self.max_words:
                return

    def _all(self) -> Iterator[list[str]]:
        """Yield the sentences of all files."""
        for path in self.paths:
            empty = True
            total = count_lines(path) if shown() else None
            numbered = progress(read_lines(path), path.name, "lines", total)
            for tokens in self._split(line for _, line in numbered):
                empty = False
                yield tokens
            require(not empty, f"{path} holds no text; leave it out of corpus.unlabelled.")

    def _split(self, lines: Iterator[str]) -> Iterator[list[str]]:
        """Yield the sentences of lines."""
        if self.tokenized:
            split = ((line.lower() if self.lower else line).split() for line in lines)
            yield from (tokens for tokens in split if tokens)
            return
        size = 0
        for line in lines:
            yield from self._tokenize(line)
            size += len(line)
            if size > _ALONE:
                yield from self._spread(lines)

    def _spread(self, lines: Iterator[str]) -> Iterator[list[str]]:
        """Tokenise on all cores; what comes out, and in which order, is the same."""
        from joblib import Parallel, cpu_count, delayed

        with Parallel(n_jobs=-1) as pool:
            # Read here, or what a broken file raises would be lost in joblib's own thread.
            while window := list(islice(lines, 4 * _LINES * cpu_count())):
                parts = (window[i : i + _LINES] for i in range(0, len(window), _LINES))
                for found in pool(delayed(self._tokenize_all)(part) for part in parts):
                    yield from found

    def _tokenize_all(self, lines: list[str]) -> list[list[str]]:
        return [tokens for line in lines for tokens in self._tokenize(line)]

    def _tokenize(self, text: str) -> Iterator[list[str]]:
        # Case is lost after the split into sentences, which needs it.
        for tokens in sentences(text, brackets=self.brackets):
            yield [token.lower() for token in tokens] if self.lower else tokens

    @cached_property
    def digest(self) -> str:
        """The sha256 of the files' bytes and of how they are read."""
        parts = [file_digest(path) for path in self.paths]
        parts += [str(self.lower), str(self.tokenized), str(self.brackets)]
        parts += [str(self.max_words)] if self.max_words is not None else []
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
