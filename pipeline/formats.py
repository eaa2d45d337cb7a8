"""Vector files others wrote or read: GloVe text and word2vec text."""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError
from pipeline.files import open_bytes, write
from pipeline.wordvectors import WordVectors


def read_text(path: Path, words: Collection[str] | None = None) -> WordVectors:
    """Read a GloVe or word2vec text file: a word and its numbers a line.

    A first line of two whole numbers (word2vec's header: rows and dimensions) is detected.
    Where a word stands twice, its first row counts.

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
    wanted = None if words is None else {word.encode() for word in words}
    found: dict[bytes, tuple[int, bytes]] = {}
    with open_bytes(path) as file:
        layout = _layout(path, file)
        rows = 0
        for number, word, numbers in _rows(path, file, layout):
            rows += 1
            if (wanted is None or word in wanted) and word not in found:
                found[word] = (number, numbers)
    if layout.rows is not None and layout.rows != rows:
        raise UserError(
            f"{path}: its header promises {layout.rows:,} rows, it holds {rows:,}. "
            "It may be truncated; fetch it again."
        )
    if not found:
        raise UserError(
            f"{path} has none of the {len(words):,} words of the corpus. Is it in the same "
            "language, and lower-cased or not as the corpus is (corpus.lower)?"
            if words is not None
            else f"{path} has a header but no vectors."
        )
    matrix = _numbers(path, found, layout.dim)
    return WordVectors([_decode(path, w, n) for w, (n, _) in found.items()], matrix)


def write_text(vectors: WordVectors, path: Path, *, header: bool = False) -> None:
    """Write GloVe text, or with a `header` word2vec text; every float32 reads back exactly.

    Raises
    ------
    UserError
        If a word holds white space, which the format cannot express.
    """
    for word in vectors.words:
        if not word or any(space in word for space in " \t\n\r"):
            raise UserError(f"{path}: the word {word!r} holds white space; text formats forbid it.")

    def writer(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            if header:
                file.write(f"{len(vectors)} {vectors.dim}\n")
            for word, row in zip(vectors.words, vectors.matrix, strict=True):
                # The shortest decimals that read back as the same float32.
                file.write(f"{word} {' '.join(map(str, row))}\n")

    write(path, writer)


class _Layout(NamedTuple):
    dim: int
    rows: int | None  # as the header promises, if there is one


def _layout(path: Path, file: IO[bytes]) -> _Layout:
    """Tell dimensions and header by the first line, and go back to the first row."""
    first = file.readline()
    start = len(codecs.BOM_UTF8) if first.startswith(codecs.BOM_UTF8) else 0
    fields = re.split(rb"[ \t]+", first[start:].strip(b" \t\r\n"))
    if len(fields) == 2 and all(field.isdigit() for field in fields):
        return _Layout(dim=int(fields[1]), rows=int(fields[0]))
    if len(fields) < 2:
        raise UserError(f"{path}, line 1: no vector here; expected a word and its numbers.")
    file.seek(start)
    # A word may hold spaces itself: count the numbers from the right.
    dim = 0
    while dim < len(fields) - 1 and _is_number(fields[-1 - dim]):
        dim += 1
    if dim == 0:
        raise UserError(f"{path}, line 1: {fields[-1].decode(errors='replace')!r} is no number.")
    return _Layout(dim=dim, rows=None)


def _rows(path: Path, file: IO[bytes], layout: _Layout) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield (line number, word, its numbers as text) a row."""
    start = 1 if layout.rows is None else 2
    for number, line in enumerate(file, start):
        row = line.rstrip()
        spaces = row.count(b" ")
        if spaces == layout.dim:
            word, _, numbers = row.partition(b" ")
        elif not row:
            continue
        else:
            word, numbers = _odd_row(path, number, row, layout.dim)
        yield number, word, numbers


def _odd_row(path: Path, number: int, row: bytes, dim: int) -> tuple[bytes, bytes]:
    """Split a row with tabs, or a word that holds spaces; or say what is wrong with it."""
    pieces = row.rsplit(None, dim)
    of_word = pieces[0].split()
    if len(pieces) != dim + 1 or (len(of_word) > 1 and _is_number(of_word[-1])):
        count = len(row.split()) - 1
        raise UserError(
            f"{path}, line {number}: {count} numbers where other rows have {dim}. "
            "The file is damaged there, or not a vectors file."
        )
    return pieces[0], b" ".join(pieces[1:])


def _numbers(path: Path, found: dict[bytes, tuple[int, bytes]], dim: int) -> NDArray[np.float32]:
    """Turn the text of all rows into a (V, dim) matrix."""
    matrix = np.empty((len(found), dim), np.float32)
    for i, (number, text) in enumerate(found.values()):
        try:
            matrix[i] = np.array(text.split(b" "), dtype=np.float32)
        except ValueError as error:
            bad = next((t for t in text.split(b" ") if not _is_number(t)), text)
            raise UserError(
                f"{path}, line {number}: {bad.decode(errors='replace')!r} where a number should "
                "be. The file is damaged there, or not a vectors file."
            ) from error
    finite = np.isfinite(matrix).all(axis=1)
    if not finite.all():
        number = list(found.values())[int(np.argmin(finite))][0]
        raise UserError(f"{path}, line {number}: a number that is infinite or not a number.")
    return matrix


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _decode(path: Path, word: bytes, number: int) -> str:
    try:
        return word.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}, line {number}: the word {word!r} is not UTF-8. "
            "Convert the file, e.g. iconv -f latin1 -t utf-8."
        ) from error
