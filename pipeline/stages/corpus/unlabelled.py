"""Unlabelled text, streamed from files: it may be larger than memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path

from pipeline.core.errors import require
from pipeline.core.notebook import displayed
from pipeline.core.progress import progress, shown
from pipeline.stages.corpus.encoded import in_blocks
from pipeline.stages.corpus.sources import count, digest_of, lines_of
from pipeline.stages.corpus.tokenizers import Tokenizer

BLOCK = 4_000_000  # characters
MANY = 8  # files; more share a progress bar


@displayed
@dataclass(frozen=True)
class Text:
    """Files of text, a sentence or document per line or row of a table, as token lists.

    Parameters
    ----------
    paths
        The files, read in this order each time the text is iterated.
    tokenizer
        How lines become sentences of tokens.
    tokenized
        The text is tokenized already: only split it at white space, each line a sentence.
    max_words
        Stop after the sentence that reaches this many words; None: read everything.
    column
        The column of tables that holds the text; None: ``text``, or the only one of text.
    """

    paths: tuple[Path, ...] = ()
    tokenizer: Tokenizer = field(default_factory=Tokenizer)
    tokenized: bool = False
    max_words: int | None = None
    column: str | None = None

    def __iter__(self) -> Iterator[list[str]]:
        """Yield the tokens of each sentence."""
        words = 0
        for tokens in chain.from_iterable(map(self.rules.sentences, self.lines())):
            yield tokens
            words += len(tokens)
            if self.max_words is not None and words >= self.max_words:
                return

    @property
    def rules(self) -> Tokenizer:
        """How its lines become sentences of tokens."""
        lower = self.tokenizer.lower
        return Tokenizer("whitespace", lower=lower) if self.tokenized else self.tokenizer

    def lines(self) -> Iterator[str]:
        """Yield the lines of all files, with a progress bar; `UserError` names one without text."""
        many = len(self.paths) > MANY
        files = progress(self.paths, "tokenizing", "files", len(self.paths))
        for path in files if many else self.paths:
            lines, empty = lines_of(path, self.column), True
            if not many:
                total = count(path) if shown() else None
                lines = progress(lines, f"tokenizing {path.name}", "lines", total)
            for line in lines:
                empty = empty and not line.strip()
                yield line
            require(not empty, f"{path} has no text; leave it out of corpus.unlabelled.")

    def blocks(self, size: int = BLOCK) -> Iterator[list[str]]:
        """Yield the lines in blocks of about `size` characters: the same ones for the same text."""
        return in_blocks(self.lines(), size)

    @cached_property
    def file_digests(self) -> tuple[str, ...]:
        """The digest of each file at the time of the first call."""
        return tuple(map(digest_of, self.paths))

    def require_unchanged(self) -> None:
        """Raise `UserError` if a file has changed since `digest`.

        It is called after reading, before a result is stored under the digest.
        """
        for path, digest in zip(self.paths, self.file_digests, strict=True):
            require(
                digest_of(path) == digest,
                f"{path} changed while it was read. Repeat the command; what was done with "
                "the other files is kept.",
            )

    @cached_property
    def digest(self) -> str:
        """The sha256 of the files' bytes and of how they are read."""
        parts = [*self.file_digests, self.tokenizer.settings(), self.tokenized]
        parts += [value for value in (self.max_words, self.column) if value is not None]
        return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()
