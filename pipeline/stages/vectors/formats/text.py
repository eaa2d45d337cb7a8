"""GloVe text and word2vec text: a line holds a word and its numbers.

The file is read in blocks of whole lines, so memory holds the vectors and a few blocks.
"""

from __future__ import annotations

import codecs
import logging
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from pipeline.core.errors import UserError, require
from pipeline.core.packed import LIMITS
from pipeline.stages.vectors.formats.lines import (
    Block,
    Layout,
    fields_of,
    is_number,
    numbers_columns,
    parse,
    split_row,
    without_trailing_blanks,
)
from pipeline.stages.vectors.formats.reading import HEAD, Reading, head, opened
from pipeline.stages.vectors.formats.rows import (
    DAMAGED,
    Gathered,
    encoded,
    parse_header,
    replacing,
    require_expressible,
    shown,
)
from pipeline.stages.vectors.word_vectors import WordVectors

BLOCK = 1 << 20  # bytes read at once
MOST_DIM = 1 << 16
log = logging.getLogger(__name__)

ROWS = 64  # that decide how many dimensions there are


def read_text(path: Path, words: Collection[str] | None = None) -> WordVectors:
    """Read a GloVe or word2vec text file.

    A first line of two whole numbers is word2vec's header: rows and dimensions. Where a word occurs
    twice, its first row counts. A word may hold spaces; one that is not UTF-8 is left out.

    With `words`, only these are kept, and reading is several times faster.

    Raises
    ------
    UserError
        For a row of another length, text where a number should be, many words that are not UTF-8, a
        header that does not fit, or none of the words found.
    """
    gathered = Gathered(path, "line")
    layout = _layout(path)
    with opened(path) as file:
        blocks = _blocks(layout, file)
        if words is not None:
            searched = _Search(layout, encoded(words) or set())
            blocks = searched.found(blocks)
        for block in blocks:
            gathered.add(*parse(layout, block))
    if words is not None:
        gathered.count_broken(searched.broken, searched.rows)
    require(
        layout.rows in {None, gathered.rows},
        f"{path}: its header says {layout.rows or 0:,} rows, it holds {gathered.rows:,}. "
        "It may be truncated; fetch it again.",
    )
    return gathered.vectors(words)


def first_words(path: Path) -> list[str]:
    """Return the words of the first block of a file."""
    layout = _layout(path)
    with opened(path) as file:
        block = next(_blocks(layout, file), Block(b"", np.empty(0, np.int64)))
    numbered = zip(block.lines.tolist(), block.text.split(b"\n"), strict=False)
    rows = (split_row(layout, number, line) for number, line in numbered)
    return [row[0].decode(errors="replace") for row in rows if row]


def write_text(vectors: WordVectors, path: Path, *, header: bool = False) -> None:
    """Write GloVe text, or with a `header` word2vec text; every float32 reads back exactly.

    Raises
    ------
    UserError
        If a word holds white space, which the format cannot express, or the disk is full.
    """
    require_expressible(vectors, path, " \t\n\r")
    require(
        header or not vectors.words[0].startswith("\ufeff"),
        f"{path}: the first word begins with a byte order mark, which would be taken for the "
        "file's. Write .vec, or rename the word.",
    )
    with replacing(path) as (file,):
        if header:
            file.write(b"%d %d\n" % (len(vectors), vectors.dim))
        for word, row in zip(vectors.words, vectors.matrix.astype(np.float32), strict=True):
            # The shortest decimals that read back as the same float32.
            file.write(f"{word} {' '.join(map(str, row))}\n".encode())


def _layout(path: Path) -> Layout:
    """Find header and dimensions by the first lines of a file."""
    start = head(path)
    if len(start) >= HEAD and b"\n" not in start and b"\r" not in start:
        with opened(path) as file:
            start = file.readline(LIMITS.get().line)
    start = start.removeprefix(codecs.BOM_UTF8)
    only_cr = b"\r" in start[:-1] and b"\n" not in start
    lines = start.split(b"\r" if only_cr else b"\n", ROWS + 1)[: ROWS + 1]
    if len(lines) > 1 and len(start) >= HEAD:
        lines.pop()  # it may go on
    require(
        lines[0].count(b" ") <= MOST_DIM,
        f"{path}, line 1: more than {MOST_DIM:,} dimensions. It is not a vectors file.",
    )
    header = parse_header(path, lines[0])
    if header is not None:
        rows = [fields_of(line) for line in lines[1:]]
        _refuse_counts(path, header.dim, rows)
        return Layout(path, header.dim, header.rows, only_cr)
    rows = [fields_of(line) for line in lines]
    if len(rows[0]) < 2:
        raise UserError(f"{path}, line 1: no vector here; expected a word and its numbers.")
    require(
        _numbers_of(rows[0]), f"{path}, line 1: {shown(rows[0][-1])} is not a number. {DAMAGED}"
    )
    # A word may hold spaces and numbers itself, so numbers are counted from the right, and most of
    # the first rows decide; of equally many the earlier.
    counts = Counter(_numbers_of(row) for row in rows)
    del counts[0]
    dim = counts.most_common(1)[0][0]
    _refuse_counts(path, dim, rows)
    require(
        not numbers_columns(rows[0], rows[1:]),
        f"{path}, line 1 numbers the columns and is not a vector. Leave it out: "
        "tail -n +2 FILE > vectors.txt",
    )
    return Layout(path, dim, None, only_cr)


def _refuse_counts(path: Path, dim: int, rows: list[list[bytes]]) -> None:
    """Refuse a list of how often words occur, and warn of other single numbers."""
    if dim > 1 or len(rows) < 2:
        return
    require(
        not all(row[-1].isdigit() for row in rows if row),
        f"{path} holds one whole number for each word: a list of how often words occur, not "
        "vectors. Name a file of vectors.",
    )
    log.warning("%s holds one number for each word; are these vectors, of 1 dimension?", path)


def _blocks(layout: Layout, file: Reading) -> Iterator[Block]:
    """Cut the file into blocks of whole lines without the header; ends of lines become newlines."""
    longest = LIMITS.get().line
    rest, line = b"", 1
    # Larger pieces of long lines, so that joining them stays cheap.
    while chunk := file.read(max(BLOCK, min(len(rest), 8 * BLOCK))):
        text = rest + (chunk.replace(b"\r", b"\n") if layout.only_cr else chunk)
        cut = text.rfind(b"\n") + 1
        text, rest = (text[:cut], text[cut:]) if cut else (b"", text)
        if len(rest) > longest:
            raise UserError(
                f"{layout.path}, line {line + text.count(10)}: longer than {longest >> 20} MB. It "
                "is not a vectors file, or raise the limit, limits.line_mb."
            )
        if text:
            yield _block(layout, text, line)
            line += text.count(b"\n")
    if rest:
        yield _block(layout, rest + b"\n", line)


def _block(layout: Layout, text: bytes, line: int) -> Block:
    numbers = np.arange(line, line + text.count(b"\n"))
    if line == 1:
        text = text.removeprefix(codecs.BOM_UTF8)
        if layout.rows is not None:
            return Block(text[text.index(b"\n") + 1 :], numbers[1:])
    return Block(text, numbers)


def _numbers_of(fields: list[bytes]) -> int:
    """Count the numbers at the end of a row; its first field is a word in any case."""
    dim = 0
    while dim < len(fields) - 1 and is_number(fields[-1 - dim]):
        dim += 1
    return dim


def _is_utf8(text: bytes) -> bool:
    try:
        return text.isascii() or text.decode() != ""
    except UnicodeDecodeError:
        return False


class _Search:
    """Finds the lines of some words, and counts all rows."""

    def __init__(self, layout: Layout, wanted: set[bytes]) -> None:
        self.layout, self.wanted = layout, wanted
        self.rows = 0
        self.broken: list[tuple[int, bytes]] = []  # words that are not UTF-8, with their lines

    def found(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """Yield blocks of the lines found."""
        kept: list[bytes] = []
        numbers: list[int] = []
        size = 0
        for block in blocks:
            for number, line in self._lines(block):
                kept.append(line)
                numbers.append(number)
                size += len(line)
            if size > BLOCK:
                yield Block(b"\n".join(kept) + b"\n", np.array(numbers))
                kept, numbers, size = [], [], 0
        if kept:
            yield Block(b"\n".join(kept) + b"\n", np.array(numbers))

    def _lines(self, block: Block) -> Iterator[tuple[int, bytes]]:
        dim, wanted = self.layout.dim, self.wanted
        text = without_trailing_blanks(block.text)
        lines = text.split(b"\n")
        lines.pop()
        begin = int(block.lines[0]) if len(block.lines) else 0
        if not _is_utf8(text):
            rows = (self._word(begin + i, line) for i, line in enumerate(lines))
            self.broken += [
                (begin + i, word) for i, word in enumerate(rows) if word and not _is_utf8(word)
            ]
        spaces = np.count_nonzero(np.frombuffer(text, np.uint8) == ord(" "))
        if spaces == dim * len(lines) and b"\t" not in text:
            # Every line is as long as it should be (or one is short and one long, neither of which
            # matters unless it is wanted): look at the first word only.
            self.rows += len(lines)
            for i, line in enumerate(lines):
                if line[: line.find(b" ")] in wanted and self._word(begin + i, line) in wanted:
                    yield begin + i, line
            return
        for i, line in enumerate(lines):
            word = self._word(begin + i, line)
            self.rows += word is not None
            if word in wanted:
                yield begin + i, line

    def _word(self, number: int, line: bytes) -> bytes | None:
        row = split_row(self.layout, number, line)
        return row and row[0]
