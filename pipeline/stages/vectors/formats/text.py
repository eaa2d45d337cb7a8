"""GloVe text and word2vec text: a line holds a word and its numbers.

The file is read in blocks of whole lines, so memory holds the vectors and a few blocks. pyarrow
parses a block; if any of its lines is unusual (several blanks, a word that holds spaces, a damaged
number), Python parses that block instead and knows what to do or what is wrong. Both give the same
numbers: the float32 nearest to the float64 that a text stands for.
"""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError, require
from pipeline.core.packed import LIMITS
from pipeline.stages.vectors.formats.rows import (
    DAMAGED,
    HEAD,
    Gathered,
    Reading,
    encoded,
    head,
    opened,
    parse_header,
    replacing,
    require_expressible,
    require_finite,
    shown,
)
from pipeline.stages.vectors.word_vectors import WordVectors

BLOCK = 1 << 20  # bytes read at once
ROWS = 64  # that decide how many dimensions there are
MANY = 4096  # dimensions; pyarrow is no faster with so many columns
BLANKS = b" \t\r\n"


class Layout(NamedTuple):
    """What the first lines say."""

    path: Path
    dim: int
    rows: int | None  # as the header promises, if there is one
    only_cr: bool  # lines end as on old Macs

    @property
    def source(self) -> str:
        """Who says how many dimensions there are."""
        return "other rows have" if self.rows is None else "the header promises"


class Block(NamedTuple):
    """Whole lines, each with its end, and their numbers."""

    text: bytes
    lines: NDArray[np.int64]


class Rows(NamedTuple):
    """Parsed lines."""

    words: list[bytes]
    lines: NDArray[np.int64]
    matrix: NDArray[np.float32]


def read_text(path: Path, words: Collection[str] | None = None) -> WordVectors:
    """Read a GloVe or word2vec text file.

    A first line of two whole numbers is word2vec's header: rows and dimensions. Where a word occurs
    twice, its first row counts. A word may hold spaces; one that is not UTF-8 is left out.

    Parameters
    ----------
    path
        The file, which may be compressed.
    words
        Keep only these; reading is then several times faster. Unset: all.

    Raises
    ------
    UserError
        For a row of another length, text where a number should be, many words that are not UTF-8, a
        header that does not fit, or none of the words found.
    """
    gathered = Gathered(path, "line")
    layout = _layout(path, head(path))
    with opened(path) as file:
        blocks = _blocks(layout, file)
        if words is not None:
            searched = _Search(layout, encoded(words) or set())
            blocks = searched.found(blocks)
        for block in blocks:
            gathered.add(*parse(layout, block))
    rows = gathered.rows if words is None else searched.rows
    if layout.rows is not None and layout.rows != rows:
        raise UserError(
            f"{path}: its header promises {layout.rows:,} rows, it holds {rows:,}. "
            "It may be truncated; fetch it again."
        )
    return gathered.vectors(words)


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


def _layout(path: Path, start: bytes) -> Layout:
    """Find header and dimensions by the first bytes of a file."""
    start = start.removeprefix(codecs.BOM_UTF8)
    only_cr = b"\r" in start[:-1] and b"\n" not in start
    lines = start.split(b"\r" if only_cr else b"\n", ROWS + 1)[: ROWS + 1]
    if len(lines) > 1 and len(start) >= HEAD:
        lines.pop()  # it may go on
    header = parse_header(path, lines[0])
    if header is not None:
        return Layout(path, header.dim, header.rows, only_cr)
    rows = [fields_of(line) for line in lines]
    if len(rows[0]) < 2:
        raise UserError(f"{path}, line 1: no vector here; expected a word and its numbers.")
    require(_numbers_of(rows[0]), f"{path}, line 1: {shown(rows[0][-1])} is no number. {DAMAGED}")
    # A word may hold spaces and numbers itself, so numbers are counted from the right, and most of
    # the first rows decide; of equally many the earlier.
    counts = Counter(_numbers_of(row) for row in rows)
    del counts[0]
    return Layout(path, counts.most_common(1)[0][0], None, only_cr)


def _blocks(layout: Layout, file: Reading) -> Iterator[Block]:
    """Cut the file into blocks of whole lines without the header; ends of lines become newlines."""
    longest = LIMITS.get().line
    rest, line = b"", 1
    while chunk := file.read(max(BLOCK, len(rest))):  # doubling keeps long lines linear
        text = rest + (chunk.replace(b"\r", b"\n") if layout.only_cr else chunk)
        cut = text.rfind(b"\n") + 1
        text, rest = text[:cut], text[cut:]
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


class _Search:
    """Finds the lines of some words, and counts all rows."""

    def __init__(self, layout: Layout, wanted: set[bytes]) -> None:
        self.layout, self.wanted = layout, wanted
        self.rows = 0

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
        text = _without_trailing_blanks(block.text)
        lines = text.split(b"\n")
        lines.pop()
        begin = int(block.lines[0]) if len(block.lines) else 0
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


def parse(layout: Layout, block: Block) -> Rows:
    """Parse lines, with pyarrow if all are as plain as lines mostly are."""
    rows = _parse_at_once(layout, block) if layout.dim <= MANY else None
    if rows is None:
        rows = _parse_line_by_line(layout, block)
    require_finite(layout.path, rows.matrix, lambda i: f"line {rows.lines[i]}")
    return rows


def _parse_at_once(layout: Layout, block: Block) -> Rows | None:
    """Parse lines with pyarrow; None if it cannot, or does not see the same lines."""
    import pyarrow as pa
    from pyarrow import csv

    text = _without_trailing_blanks(block.text.replace(b"\t", b" "))
    try:
        table = csv.read_csv(pa.BufferReader(text), **_options(layout.dim))
    except pa.ArrowInvalid:
        return None
    if len(table) != len(block.lines):
        return None
    matrix = np.empty((len(table), layout.dim), np.float32)
    with np.errstate(over="ignore"):  # what becomes infinite is refused afterwards
        for i in range(layout.dim):
            matrix[:, i] = table.column(i + 1).to_numpy()
    return Rows(table.column(0).to_pylist(), block.lines, matrix)


def _without_trailing_blanks(text: bytes) -> bytes:
    """Take off the blank that word2vec.c and fastText write at the end of each line."""
    end = text.find(b"\n")  # the first line speaks for all: looking through a block takes longer
    return text.replace(b" \n", b"\n") if text[end - 1 : end] == b" " else text


@lru_cache(maxsize=4)
def _options(dim: int) -> dict[str, Any]:
    """Return pyarrow's options for rows of a word and `dim` numbers, and nothing else."""
    import pyarrow as pa
    from pyarrow import csv

    names = ["word", *map(str, range(dim))]
    types = {name: pa.float64() for name in names} | {"word": pa.binary()}
    return {
        "read_options": csv.ReadOptions(
            column_names=names, use_threads=False, block_size=(1 << 31) - 1
        ),
        "parse_options": csv.ParseOptions(delimiter=" ", quote_char=False, double_quote=False),
        "convert_options": csv.ConvertOptions(
            column_types=types, null_values=[], strings_can_be_null=False, check_utf8=False
        ),
    }


def _parse_line_by_line(layout: Layout, block: Block) -> Rows:
    words: list[bytes] = []
    lines: list[int] = []
    numbers: list[NDArray[np.float32]] = []
    for number, line in zip(block.lines.tolist(), block.text.split(b"\n"), strict=False):
        if row := split_row(layout, number, line):
            words.append(row[0])
            lines.append(number)
            numbers.append(_parse_numbers(layout, number, row[1]))
    matrix = np.array(numbers) if numbers else np.empty((0, layout.dim), np.float32)
    return Rows(words, np.array(lines, np.int64), matrix)


def split_row(layout: Layout, number: int, line: bytes) -> tuple[bytes, list[bytes]] | None:
    """Split a line into its word and its numbers; None if it is empty."""
    row = line.rstrip(BLANKS)
    if row.count(b" ") == layout.dim and b"\t" not in row:
        word, *fields = row.split(b" ")
        return word, fields
    if not row:
        return None
    # A word may hold spaces itself: take the numbers from the right.
    spaced = row.replace(b"\t", b" ")
    fields = []
    while len(fields) < layout.dim and (cut := spaced.rfind(b" ")) >= 0:
        fields.append(spaced[cut + 1 :])
        spaced = spaced[:cut].rstrip(b" ")
    *_, of_word = spaced.rsplit(b" ", 1) if b" " in spaced else [b""]
    if len(fields) < layout.dim or (layout.rows is None and _is_coordinate(of_word, fields)):
        raise UserError(
            f"{layout.path}, line {number}: {len(fields_of(row)) - 1} numbers where "
            f"{layout.source} {layout.dim}. {DAMAGED}"
        )
    return row[: len(spaced)], fields[::-1]


def _is_coordinate(text: bytes, fields: list[bytes]) -> bool:
    """Tell whether the end of a word looks like the numbers that follow: 0.51 may, 51 does not."""
    return is_number(text) and (b"." in text or not any(b"." in field for field in fields))


def _parse_numbers(layout: Layout, number: int, fields: list[bytes]) -> NDArray[np.float32]:
    try:
        with np.errstate(over="ignore"):  # what becomes infinite is refused afterwards
            return np.array(fields, np.float64).astype(np.float32)
    except ValueError as error:
        bad = next((field for field in fields if not is_number(field)), b" ".join(fields))
        raise UserError(
            f"{layout.path}, line {number}: {shown(bad)} where a number should be. {DAMAGED}"
        ) from error


def fields_of(line: bytes) -> list[bytes]:
    """Split a line at blanks and tabs, at which alone the formats do."""
    return [f for f in line.strip(BLANKS).replace(b"\t", b" ").split(b" ") if f]


def is_number(text: bytes) -> bool:
    """Tell whether Python takes a text for a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
