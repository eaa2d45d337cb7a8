"""Tables of text: columns separated by commas, semicolons, tabs or bars, with a header or not."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.errors import UserError, require
from pipeline.core.packed import inner_name
from pipeline.stages.corpus.formats.encoding import decoded
from pipeline.stages.corpus.formats.rows import Columns, Rows, add_record, find_columns

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_LABELLED = re.compile(r"(?<!\S)__label__\S+(?!\S)")  # as fastText writes a label
_LABEL_AT_END = re.compile(r"(^|\s)__label__\S+\s*$")
_STATED = re.compile(r'"?sep=(.)"?')  # Excel's own first line of a table of text


@dataclass(frozen=True)
class Dialect:
    """How a table is written: what separates its columns, and whether fields are quoted."""

    delimiter: str
    quoting: bool


def read_delimited(path: Path, columns: Columns) -> Rows:
    """Read a table; encoding, separator and quoting are found out unless they are given."""
    numbered, notes = decoded(path, columns.encoding)
    lines = [line for _, line in numbered]
    first = _first(lines)
    require(first, f"{path} is empty; its first line should name the columns.")
    if _LABELLED.match(first) or _LABEL_AT_END.search(first):
        return _read_fasttext(path, lines, columns, notes)
    if stated := _STATED.fullmatch(first):
        lines[lines.index(first)] = ""  # the other lines keep their numbers
        first = _first(lines)
    delimiter = columns.delimiter or (stated[1] if stated else _delimiter(path, first, columns))
    dialect = Dialect(delimiter, _quoting(lines, first, delimiter, columns))
    rows = Rows(notes=notes + _notes(path, dialect))
    table = _parsed(path, lines, dialect)
    names = next((row for _, row in table if row), [])
    header = columns.header
    if header is None:
        numbers = columns.text.isdigit() and columns.label.isdigit()
        header = not numbers or {columns.text, columns.label} <= {name.strip() for name in names}
    if not header:
        names = [str(i) for i in range(len(names))]
        table = _parsed(path, lines, dialect)
    try:
        at = find_columns(str(path), names, columns)
    except UserError as error:
        hint = _hint(names, columns) if header and len(str(error)) < 200 else ""
        raise UserError(f"{error}{hint}") from error
    first_row = "the header has" if header else "the first line has"
    remedy = (
        "Quote a text that holds the separator."
        if dialect.quoting
        else "Take the separator out of the text, or quote it and set corpus.quoting=true."
    )
    for line, row in table:
        if row:
            where = f"{path}, line {line}"
            if len(row) != len(names):
                counts = f"{len(row)} fields where {first_row} {len(names)}"
                raise UserError(f"{where}: {counts}. {remedy}")
            add_record(rows, where, (row[i] for i in at), columns)
    return rows


def _first(lines: Iterable[str]) -> str:
    """Return the first line that is not blank."""
    return next((line for line in lines if line.strip()), "")


def _notes(path: Path, dialect: Dialect) -> list[str]:
    notes = []
    if dialect.delimiter != _usual(path):
        what = DELIMITERS.get(dialect.delimiter, repr(dialect.delimiter))
        notes.append(f"{path.name}: columns are separated by {what}")
    if not dialect.quoting:
        notes.append(f"{path.name}: quotation marks are read as part of the text")
    return notes


def _usual(path: Path) -> str:
    """Return the separator that the name of a file suggests."""
    return "\t" if inner_name(path).lower().endswith((".tsv", ".tab")) else ","


def _delimiter(path: Path, first: str, columns: Columns) -> str:
    """Return the separator by which the first line has the wanted columns, or most columns."""
    names = columns.names()
    usual = _usual(path)
    candidates = sorted(DELIMITERS, key=lambda mark: mark != usual)
    rows = {mark: next(csv.reader([first], delimiter=mark), []) for mark in candidates}
    fields = {mark: [field.strip() for field in row] for mark, row in rows.items()}
    wanted = {mark: sum(name in found for name in names) for mark, found in fields.items()}
    best = max(candidates, key=wanted.__getitem__)  # of equals the first
    if wanted[best] or len(fields[usual]) > 1:
        return best
    return max(candidates, key=lambda mark: len(fields[mark]))


def _quoting(lines: list[str], first: str, delimiter: str, columns: Columns) -> bool:
    """Find out whether quotation marks enclose fields: always, in files of commas.

    Files of tabs are often written without: there, a mark is part of the text unless every field
    with a mark is enclosed in marks as a whole.
    """
    if columns.quoting is not None:
        return columns.quoting
    if delimiter != "\t":
        return True
    width = first.count("\t")
    if any(line.strip() and line.count("\t") != width for line in lines):
        return True  # tabs or line ends inside fields: they must be quoted
    marked = (field for line in lines if '"' in line for field in line.split("\t") if '"' in field)
    return all(_QUOTED.fullmatch(field.strip()) for field in marked)


def _hint(row: list[str], columns: Columns) -> str:
    """Say what may be wrong with a first row that does not name the columns."""
    if len(row) < 2:
        return "" if columns.delimiter else " What separates columns? Name it in corpus.delimiter."
    lengths = [len(field.strip()) for field in row]
    text, label = lengths.index(max(lengths)), lengths.index(min(lengths))
    numbers = any(field.strip().isdigit() for field in row)
    if text == label or (not numbers and len(row[text].split()) < 4):  # these are names
        return ""
    return f" Without a header, number the columns from 0: corpus.text={text} corpus.label={label}."


def _parsed(path: Path, lines: list[str], dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
    """Yield the fields of each row, with the line at which it begins."""
    if not dialect.quoting:
        for number, line in enumerate(lines, 1):
            yield number, line.split(dialect.delimiter) if line else []
        return
    csv.field_size_limit(2**31 - 1)  # a field may hold a whole book
    # The csv module wants line ends, to keep those inside quotes.
    reader = csv.reader((line + "\n" for line in lines), delimiter=dialect.delimiter, strict=True)
    begin = 1  # line at which the row being read begins: it may take several
    try:
        for row in reader:
            yield begin, row
            begin = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{path}, line {begin}: {error}. Quote such a text as a whole and double the quotation "
            "marks in it, or set corpus.quoting=false if marks are part of the text."
        ) from error


def _read_fasttext(path: Path, lines: Iterable[str], columns: Columns, notes: list[str]) -> Rows:
    """Read lines like ``__label__good A fine film .``."""
    rows = Rows(notes=notes)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        found = _LABELLED.findall(line)
        require(found, f"{where}: no __label__, as the first line has.")
        require(
            len(found) == 1,
            f"{where}: {len(found)} labels, {' '.join(found[:3])[:80]}. A text has exactly one "
            "label here: keep one a line.",
        )
        label = found[0].removeprefix("__label__")
        add_record(
            rows, where, (_LABELLED.sub("", line), label), Columns(drop_labels=columns.drop_labels)
        )
    return rows
