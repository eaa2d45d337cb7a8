"""GloVe text and word2vec text: a word and its numbers a line.

The text is read in blocks of whole lines, so memory holds the vectors and a few blocks. Of a large
file, compiled code parses the blocks or looks for the words wanted (`formats.parse`);
every line that is not as plain as lines mostly are is left to the Python code below, which knows
what to do or what is wrong. A small file never waits for numba: Python does it all.
"""

from __future__ import annotations

import codecs
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError, require
from pipeline.core.files import open_bytes
from pipeline.stages.vectors.formats.rows import (
    DAMAGED,
    Gathered,
    decoded,
    encoded,
    parse_header,
    replacing,
    require_expressible,
    require_finite,
)
from pipeline.stages.vectors.word_vectors import WordVectors

BLOCK = 1 << 20  # bytes read at once; a quarter or eight times as much is no faster
SPACE = 32
BLANKS = b" \t\r\n"
SOME = 2048  # lines that make a block
LONGEST_LINE = 1 << 26  # bytes
# Bytes of text from which compiled code wins although numba must be imported first, 0.6 s.
PARSING_PAYS = 1 << 24
SEARCHING_PAYS = 1 << 26


class Layout(NamedTuple):
    """What the first line tells."""

    path: Path
    dim: int
    rows: int | None  # as the header promises, if there is one

    @property
    def whose(self) -> str:
        """Who says that there are so many dimensions."""
        return "other rows have" if self.rows is None else "the header promises"


class Block(NamedTuple):
    """Whole lines, each with its end, and their numbers."""

    text: bytes
    lines: NDArray[np.int64]


class Rows(NamedTuple):
    """Parsed lines."""

    words: list[str]
    lines: NDArray[np.int64]
    matrix: NDArray[np.float32]


class Found(NamedTuple):
    """The lines of the words wanted, and how many rows were looked at."""

    kept: list[bytes]
    lines: list[int]
    rows: int

    def blocks(self) -> Iterator[Block]:
        """Join the lines to blocks."""
        for i in range(0, len(self.kept), SOME):
            yield Block(b"".join(self.kept[i : i + SOME]), np.array(self.lines[i : i + SOME]))


def read_text(path: Path, words: Collection[str] | None = None) -> WordVectors:
    """Read a GloVe or word2vec text file.

    A first line of two whole numbers (word2vec's header: rows and dimensions) is detected. Where a
    word stands twice, its first row counts. A number becomes the float32 nearest to its float64.

    Parameters
    ----------
    path
        The file, plain or ``.gz``.
    words
        Keep only these; reading is then several times faster. Unset: all.

    Raises
    ------
    UserError
        For a row of another length, text where a number should be, bytes that are not UTF-8, a
        header that does not fit, or none of the words found.
    """
    with open_bytes(path) as file:
        layout, first = _layout(path, file)
        gathered = Gathered()
        if words is None:
            compiled = _compiled_pays(path, PARSING_PAYS)
            rows = _gather(gathered, layout, _blocks(path, file, first), compiled)
        else:
            compiled = _compiled_pays(path, SEARCHING_PAYS)
            found = _search(layout, _blocks(path, file, first), words, compiled)
            rows = found.rows
            compiled = compiled or sum(map(len, found.kept)) > PARSING_PAYS
            _gather(gathered, layout, found.blocks(), compiled)
    if layout.rows is not None and layout.rows != rows:
        raise UserError(
            f"{path}: its header promises {layout.rows:,} rows, it holds {rows:,}. "
            "It may be truncated; fetch it again."
        )
    return gathered.vectors(path, words)


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


def _compiled_pays(path: Path, size: int) -> bool:
    """Say whether compiled code reads the file sooner than Python, numba's import counted."""
    return "numba" in sys.modules or path.stat().st_size * (3 if path.suffix == ".gz" else 1) > size


def _layout(path: Path, file: IO[bytes]) -> tuple[Layout, int]:
    """Tell dimensions, header and the number of the first row's line, to which the file goes."""
    line = file.readline(LONGEST_LINE)
    start = len(codecs.BOM_UTF8) if line.startswith(codecs.BOM_UTF8) else 0
    header = parse_header(path, line[start:])
    if header is not None:
        return Layout(path, header.dim, header.rows), 2
    fields = fields_of(line[start:])
    if len(fields) < 2:
        raise UserError(f"{path}, line 1: no vector here; expected a word and its numbers.")
    file.seek(start)
    # A word may hold spaces itself: count the numbers from the right.
    dim = 0
    while dim < len(fields) - 1 and is_number(fields[-1 - dim]):
        dim += 1
    if dim == 0:
        shown = fields[-1][:40].decode(errors="replace")
        raise UserError(f"{path}, line 1: {shown!r} is no number. {DAMAGED}")
    return Layout(path, dim, None), 1


def _blocks(path: Path, file: IO[bytes], line: int) -> Iterator[Block]:
    """Cut the file into blocks of whole lines; the first is number `line`."""
    while text := file.read(BLOCK):
        text += file.readline(LONGEST_LINE)
        if not text.endswith(b"\n"):
            if len(text) >= LONGEST_LINE:
                raise UserError(
                    f"{path}, line {line + text.count(10)}: longer than {LONGEST_LINE:,} bytes. "
                    "It is not a vectors file."
                )
            text += b"\n"
        count = int(np.count_nonzero(np.frombuffer(text, np.uint8) == 10))  # 4x bytes.count
        yield Block(text, np.arange(line, line + count))
        line += count


def _gather(gathered: Gathered, layout: Layout, blocks: Iterator[Block], compiled: bool) -> int:
    """Parse all blocks; return how many rows they had."""
    if compiled:
        from pipeline.stages.vectors.formats.parse import parse_block as parse
    else:
        parse = parse_plainly
    for block in blocks:
        gathered.add(*parse(layout, block))
    return len(gathered.words)


def _search(
    layout: Layout, blocks: Iterator[Block], words: Collection[str], compiled: bool
) -> Found:
    """Find the lines of some words."""
    wanted = encoded(words) or set()
    if compiled:
        from pipeline.stages.vectors.formats.parse import searcher

        search = searcher(layout, wanted)
    else:
        search = plain_searcher(layout, wanted)
    found = Found([], [], 0)
    for kept, lines, rows in map(search, blocks):
        found.kept.extend(kept)
        found.lines.extend(lines)
        found = found._replace(rows=found.rows + rows)
    return found


def parse_plainly(layout: Layout, block: Block) -> Rows:
    """Parse lines in Python."""
    words: list[bytes] = []
    texts: list[bytes] = []
    lines: list[int] = []
    for number, line in zip(block.lines.tolist(), block.text.split(b"\n"), strict=False):
        if row := split_row(layout, number, line):
            words.append(row[0])
            texts.append(row[1])
            lines.append(number)
    numbers = np.empty((0, 1), np.float32)
    if words:
        try:  # all at once, in half the time
            numbers = to_floats(b" ".join(texts)).reshape(len(words), -1)
        except ValueError:
            rows = [parse_numbers(layout, *row) for row in zip(lines, texts, strict=True)]
            numbers = np.array(rows)
    require_finite(layout.path, numbers, lambda i: f"line {lines[i]}")
    decoded_words = decoded(layout.path, words, lambda i: f"line {lines[i]}")
    return Rows(decoded_words, np.array(lines, np.int64), numbers)


def plain_searcher(layout: Layout, wanted: set[bytes]) -> Callable[[Block], Found]:
    """Return a function that finds the lines of the words wanted, in Python."""
    dim = layout.dim

    def search(block: Block) -> Found:
        kept: list[bytes] = []
        lines: list[int] = []
        rows = 0
        for number, line in zip(block.lines.tolist(), block.text.split(b"\n"), strict=False):
            if line.count(b" ") == dim and line[-1] > SPACE and b"\t" not in line:
                word = line[: line.index(b" ")]  # as `split_row` would say, in half the time
            elif row := split_row(layout, number, line):
                word = row[0]
            else:
                continue
            rows += 1
            if word in wanted:
                kept.append(line + b"\n")
                lines.append(number)
        return Found(kept, lines, rows)

    return search


def split_row(layout: Layout, number: int, line: bytes) -> tuple[bytes, bytes] | None:
    """Split a line into its word and the text of its numbers; None if it is empty."""
    row = line.rstrip(BLANKS)
    if row.count(b" ") == layout.dim and b"\t" not in row:
        word, _, numbers = row.partition(b" ")
        return word, numbers
    if not row:
        return None
    # Tabs, several spaces, a word that holds spaces itself: take the numbers from the right.
    spaced = row.replace(b"\t", b" ")
    fields: list[bytes] = []
    while len(fields) < layout.dim and (cut := spaced.rfind(b" ")) >= 0:
        fields.append(spaced[cut + 1 :])
        spaced = spaced[:cut].rstrip(b" ")
    *_, of_word = spaced.rsplit(b" ", 1) if b" " in spaced else [b""]
    if len(fields) < layout.dim or is_number(of_word):
        raise UserError(
            f"{layout.path}, line {number}: {len(fields_of(row)) - 1} numbers where {layout.whose} "
            f"{layout.dim}. {DAMAGED}"
        )
    return row[: len(spaced)], b" ".join(reversed(fields))


def parse_numbers(layout: Layout, number: int, text: bytes) -> NDArray[np.float32]:
    """Turn the text of a row's numbers into the numbers."""
    try:
        row = to_floats(text)
    except ValueError as error:
        bad = next((field for field in text.split(b" ") if not is_number(field)), text)
        raise UserError(
            f"{layout.path}, line {number}: {bad[:40].decode(errors='replace')!r} where a number "
            f"should be. {DAMAGED}"
        ) from error
    require_finite(layout.path, row[None], lambda _: f"line {number}")
    return row


def to_floats(text: bytes) -> NDArray[np.float32]:
    """Turn numbers with a space between any two into the float32 nearest to their float64."""
    with np.errstate(over="ignore"):  # what becomes infinite is found afterwards
        return np.array(text.split(b" "), np.float64).astype(np.float32)


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
