"""Lines of text vectors: what they are, and parsing them.

pyarrow parses a block of lines; if one of them is unusual (several blanks, a word that holds
spaces, a damaged number), Python parses that block instead and knows what to do or what is wrong.
Both give the same numbers: the float32 nearest to the float64 that a text stands for.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.stages.vectors.formats.rows import DAMAGED, require_finite, shown, single

MANY = 4096  # dimensions; pyarrow is no faster with so many columns
LARGE = 1 << 23  # bytes of a block with enormous lines, of which pyarrow would need a multiple
LONGEST_WORD = 4096  # spaces in a word
BLANKS = b" \t\r\n"


class Layout(NamedTuple):
    """What the first lines say."""

    path: Path
    dim: int
    rows: int | None  # as the header says, if there is one
    only_cr: bool  # lines end as on old Macs

    @property
    def source(self) -> str:
        """Who says how many dimensions there are."""
        return "other rows have" if self.rows is None else "the header says"


class Block(NamedTuple):
    """Whole lines, each with its end, and their numbers."""

    text: bytes
    lines: NDArray[np.int64]


class Rows(NamedTuple):
    """Parsed lines."""

    words: list[bytes]
    lines: NDArray[np.int64]
    matrix: NDArray[np.float32]


def parse(layout: Layout, block: Block) -> Rows:
    """Parse lines, with pyarrow if all are as plain as lines mostly are."""
    usual = layout.dim <= MANY and len(block.text) <= LARGE
    rows = _parse_at_once(layout, block) if usual else None
    if rows is None:
        rows = _parse_line_by_line(layout, block)
    require_finite(layout.path, rows.matrix, lambda i: f"line {rows.lines[i]}")
    return rows


def _parse_at_once(layout: Layout, block: Block) -> Rows | None:
    """Parse lines with pyarrow; None if it cannot, or does not see the same lines."""
    import pyarrow as pa
    from pyarrow import csv

    text = without_trailing_blanks(block.text.replace(b"\t", b" "))
    try:
        table = csv.read_csv(
            pa.BufferReader(text), **_options(layout.dim), memory_pool=pa.system_memory_pool()
        )
    except pa.ArrowInvalid:
        return None
    if len(table) != len(block.lines):
        return None
    matrix = np.empty((len(table), layout.dim), np.float32)
    with np.errstate(over="ignore"):  # what becomes infinite is refused afterwards
        for i in range(layout.dim):
            matrix[:, i] = table.column(i + 1).to_numpy()
    return Rows(table.column(0).to_pylist(), block.lines, matrix)


def without_trailing_blanks(text: bytes) -> bytes:
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
            numbers.append(parse_numbers(layout.path, number, row[1]))
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
    if row.count(b" ") > layout.dim + LONGEST_WORD:
        raise _wrong_length(layout, number, row.count(b" "))
    # A word may hold spaces itself: take the numbers from the right.
    spaced = row.replace(b"\t", b" ")
    fields = []
    while len(fields) < layout.dim and (cut := spaced.rfind(b" ")) >= 0:
        fields.append(spaced[cut + 1 :])
        spaced = spaced[:cut].rstrip(b" ")
    *_, of_word = spaced.rsplit(b" ", 1) if b" " in spaced else [b""]
    if len(fields) < layout.dim or (layout.rows is None and _is_coordinate(of_word, fields)):
        raise _wrong_length(layout, number, len(fields_of(row)) - 1)
    return row[: len(spaced)], fields[::-1]


def _wrong_length(layout: Layout, number: int, length: int) -> UserError:
    return UserError(
        f"{layout.path}, line {number}: {length} numbers where {layout.source} {layout.dim}. "
        f"{DAMAGED}"
    )


def _is_coordinate(text: bytes, fields: list[bytes]) -> bool:
    """Tell whether the end of a word looks like the numbers that follow: 0.51 may, 51 does not."""
    return is_number(text) and (b"." in text or not any(b"." in field for field in fields))


def parse_numbers(path: Path, number: int, fields: list[bytes]) -> NDArray[np.float32]:
    """Parse the numbers of a line."""
    try:
        return single(np.array(fields, np.float64))
    except ValueError as error:
        bad = next((field for field in fields if not is_number(field)), b" ".join(fields))
        raise UserError(
            f"{path}, line {number}: {shown(bad)} where a number should be. {DAMAGED}"
        ) from error


def fields_of(line: bytes) -> list[bytes]:
    """Split a line at blanks and tabs, at which alone the formats do."""
    return [f for f in line.strip(BLANKS).replace(b"\t", b" ").split(b" ") if f]


def numbers_columns(row: list[bytes], others: list[list[bytes]]) -> bool:
    """Tell whether a row is a table's header: a name, then 0, 1, 2 ... or 1, 2, 3 ...

    The `others` have fractions; vectors of whole numbers could begin so by chance.
    """
    count = len(row) - 1
    counted = any(row[1:] == [b"%d" % i for i in range(b, b + count)] for b in (0, 1))
    return count > 2 and counted and any(b"." in field for other in others for field in other[1:])


def is_number(text: bytes) -> bool:
    """Tell whether Python takes a text for a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
