"""word2vec binary: a header line, then for each row the word, a space and its float32 numbers.

word2vec.c ends each row with a newline, gensim does not. Both are read; the latter is written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from pipeline.core.errors import UserError
from pipeline.core.packed import inner_name, suffix
from pipeline.stages.vectors.formats.lines import fields_of, is_number
from pipeline.stages.vectors.formats.reading import Reading, opened
from pipeline.stages.vectors.formats.rows import (
    DAMAGED,
    Gathered,
    Header,
    encoded,
    parse_header,
    replacing,
    require_expressible,
    require_finite,
)
from pipeline.stages.vectors.word_vectors import WordVectors

BLOCK = 1 << 22  # bytes read at once, at least
OBJECTS = 128  # bytes of Python objects for each row
LONGEST_HEADER = 1 << 10
LONGEST_WORD = 1 << 12  # bytes
FLOAT = 4  # bytes


def is_binary(path: Path, start: bytes) -> bool:
    """Tell by the first bytes, a header and what follows, whether a file is word2vec binary."""
    line, end, sample = start.partition(b"\n")
    header = parse_header(path, line) if end and len(line) < LONGEST_HEADER else None
    if header is None:
        return False
    fields = fields_of(sample.split(b"\n", 1)[0])
    if len(fields) > header.dim and all(map(is_number, fields[-header.dim :])):
        return False
    try:
        characters = sample.decode()
    except UnicodeDecodeError as error:
        if error.end < len(sample):  # and not only because the sample ends within a character
            return True
        characters = sample[: error.start].decode()
    control = any(character < " " and character not in "\t\r\n" for character in characters)
    return control or Path(inner_name(path)).suffix == ".bin"


def read_binary(path: Path, words: Collection[str] | None = None) -> WordVectors:
    """Read a word2vec binary file, or only some of its words.

    Raises
    ------
    UserError
        If the file ends early or late, or has many words that are not UTF-8, one that never ends,
        or numbers that are infinite or NaN.
    """
    with opened(path) as file:
        line = file.readline(LONGEST_HEADER)
        header = parse_header(path, line)
        assert header is not None, "is_binary has seen one"
        if path.is_file() and not suffix(path):
            least = header.rows * (1 + FLOAT * header.dim)
            there = path.stat().st_size - len(line)
            if there < least:
                raise UserError(
                    f"{path}: its header says {header.rows:,} rows of {header.dim:,} "
                    f"dimensions, at least {least:,} bytes; {there:,} follow. It may be truncated; "
                    "fetch it again."
                )
        return _Reader(path, file, header).read(encoded(words)).vectors(words)


def first_words(path: Path, count: int) -> list[str]:
    """Return the first words of a file."""
    with opened(path) as file:
        header = parse_header(path, file.readline(LONGEST_HEADER))
        assert header is not None, "is_binary has seen one"
        words = islice(_Reader(path, file, header).rows(), count)
        return [word.decode(errors="replace") for word in words]


class _Reader:
    """Reads row by row, through a window on the file's bytes."""

    def __init__(self, path: Path, file: Reading, header: Header) -> None:
        self.path, self.file, self.header = path, file, header
        self.window, self.at = b"", 0
        self.row = 0

    def rows(self) -> Iterator[bytes]:
        """Yield the words; meanwhile the window is at the word's numbers."""
        size = FLOAT * self.header.dim
        for row in range(1, self.header.rows + 1):
            self.row = row
            word = self._word()
            while len(self.window) - self.at < size:
                self._more()
            yield word
            self.at += size

    def read(self, wanted: set[bytes] | None) -> Gathered:
        """Read all rows, or those of the words wanted."""
        gathered = Gathered(self.path, "row")
        size = FLOAT * self.header.dim
        words: list[bytes] = []
        rows: list[bytes] = []
        places: list[int] = []
        for word in self.rows():
            if wanted is None or word in wanted:
                words.append(word)
                rows.append(self.window[self.at : self.at + size])
                places.append(self.row)
                if len(rows) * (size + OBJECTS) > BLOCK:
                    self._add(gathered, words, places, rows)
                    words, rows, places = [], [], []
        if rows:
            self._add(gathered, words, places, rows)
        rest = self.window[self.at :] + self.file.read(3)
        if rest.strip(b"\r\n"):
            raise UserError(
                f"{self.path}: it goes on after {self.header.rows:,} rows of "
                f"{self.header.dim:,} dimensions, which is all that its header says. {DAMAGED}"
            )
        return gathered

    def _word(self) -> bytes:
        while (end := self.window.find(b" ", self.at, self.at + LONGEST_WORD)) < 0:
            if len(self.window) - self.at >= LONGEST_WORD:
                raise UserError(
                    f"{self.path}, row {self.row:,}: a word of more than {LONGEST_WORD:,} bytes. "
                    f"The header says {self.header.dim:,} dimensions, which may be wrong. {DAMAGED}"
                )
            self._more()
        word = self.window[self.at : end].lstrip(b"\n")
        self.at = end + 1
        return word

    def _more(self) -> None:
        """Read at least as much as is left, so that copying the rest stays cheap."""
        rest = self.window[self.at :]
        more = self.file.read(max(BLOCK, len(rest)))
        if not more:
            raise UserError(
                f"{self.path}, row {self.row:,}: the file ends here, of {self.header.rows:,} rows "
                f"of {self.header.dim:,} dimensions, as its header says. It may be truncated; "
                "fetch it again."
            )
        self.window, self.at = rest + more, 0

    def _add(
        self, gathered: Gathered, words: list[bytes], places: list[int], rows: list[bytes]
    ) -> None:
        matrix = np.frombuffer(b"".join(rows), "<f4").reshape(len(words), -1)
        require_finite(self.path, matrix, lambda i: f"row {places[i]:,}")
        gathered.add(words, np.array(places), matrix)


def write_binary(vectors: WordVectors, path: Path) -> None:
    """Write word2vec binary.

    Raises
    ------
    UserError
        If a word holds a space or the end of a line, or the disk is full.
    """
    require_expressible(vectors, path, " \n")
    with replacing(path) as (file,):
        file.write(b"%d %d\n" % (len(vectors), vectors.dim))
        for word, row in zip(vectors.words, vectors.matrix.astype("<f4"), strict=True):
            file.write(b"%b %b" % (word.encode(), row.tobytes()))
