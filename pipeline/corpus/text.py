"""Unlabelled text, streamed from files: it may be larger than memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline.corpus.tokens import sentences
from pipeline.errors import require
from pipeline.files import count_lines, file_digest, read_lines
from pipeline.progress import progress, shown


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
    """

    paths: tuple[Path, ...] = ()
    lower: bool = True
    tokenized: bool = False
    brackets: bool = True

    def __iter__(self) -> Iterator[list[str]]:
        """Yield a token list a sentence."""
        for path in self.paths:
            empty = True
            total = count_lines(path) if shown() else None
            for _, line in progress(read_lines(path), path.name, "lines", total):
                text = line.lower() if self.lower and self.tokenized else line
                split = [text.split()] if self.tokenized else self._tokenize(text)
                for tokens in split:
                    if tokens:
                        empty = False
                        yield tokens
            require(not empty, f"{path} holds no text; leave it out of corpus.unlabelled.")

    def _tokenize(self, text: str) -> Iterator[list[str]]:
        # Case is lost after the split into sentences, which needs it.
        for tokens in sentences(text, brackets=self.brackets):
            yield [token.lower() for token in tokens] if self.lower else tokens

    @cached_property
    def digest(self) -> str:
        """The sha256 of the files' bytes and of how they are read."""
        parts = [file_digest(path) for path in self.paths]
        parts += [str(self.lower), str(self.tokenized), str(self.brackets)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
