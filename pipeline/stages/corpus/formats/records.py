"""Records in JSON: a record per line, or all in one value as pandas and others write it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError, require
from pipeline.stages.corpus.formats.encoding import decoded
from pipeline.stages.corpus.formats.rows import (
    Columns,
    Rows,
    add_record,
    listed,
    missing_column,
    warn_of_unused_split,
)
from pipeline.stages.corpus.formats.splits import NAMES

_HINT = 'It should hold objects, such as {"text": "A fine film.", "label": "pos"}.'


def read_json_lines(path: Path, columns: Columns) -> Rows:
    """Read a JSON object per line."""
    lines, notes = decoded(path, columns.encoding)
    rows = Rows(notes=notes)
    for number, line in lines:
        if line.strip():
            _add(rows, f"{path}, line {number}", _parse(path, line, number), columns)
    return rows


def read_json(path: Path, columns: Columns) -> Rows:
    """Read one JSON value: a list of objects, or any form that `pandas.DataFrame.to_json` writes.

    An object that holds such a value for each of several splits is read as these splits.
    """
    numbered, notes = decoded(path, columns.encoding)
    lines = [line for _, line in numbered]
    if len(lines) > 1 and lines[0].strip().endswith("}") and lines[0].lstrip().startswith("{"):
        return read_json_lines(path, columns)  # named .json, written as a record per line
    value = _parse(path, "\n".join(lines))
    rows = Rows(notes=notes)
    splits = [key for key in value if key.lower() in NAMES] if isinstance(value, dict) else []
    if len(splits) < 2 or not all(isinstance(value[key], list | dict) for key in splits):
        _add_all(rows, str(path), value, columns)
        return rows
    for key in splits:
        part = Rows()
        _add_all(part, f"{path}, {key}", value[key], columns)
        part.places = {NAMES[key.lower()]: f"{path}, {key}"}
        rows.extend(part, NAMES[key.lower()])
    left = [key for key in value if key not in splits and isinstance(value[key], list)]
    rows.notes += [f"{path.name}: not used: {listed(left)}"] if left else []
    return rows


def _parse(path: Path, text: str, line: int = 0) -> Any:
    """Parse a file's text, or one line of it."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{path}, line {line or error.lineno}, character {error.colno}"
        raise UserError(f"{where}: not JSON ({error.msg}). {_HINT}") from error
    except (RecursionError, ValueError) as error:
        where = f"{path}, line {line}" if line else str(path)
        raise UserError(f"{where}: not JSON that can be read ({error}). {_HINT}") from error


def _add_all(rows: Rows, where: str, value: Any, columns: Columns) -> None:
    for number, record in enumerate(_records(where, value, columns), 1):
        _add(rows, f"{where}, record {number}", record, columns)


def _add(rows: Rows, where: str, record: Any, columns: Columns) -> None:
    if not isinstance(record, dict):
        raise UserError(f"{where}: {str(record)[:40]!r} is not an object. {_HINT}")
    if not rows.texts:
        warn_of_unused_split(where, map(str, record), columns)
    add_record(rows, where, _cells(where, record, columns), columns)


def _cells(where: str, record: dict[str, Any], columns: Columns) -> list[Any]:
    """Return what a JSON object holds under the names of the columns."""
    for name in columns.names():
        if name not in record:
            raise missing_column(where, name, [str(key) for key in record])
    return [record[name] for name in columns.names()]


def _records(where: str, value: Any, columns: Columns) -> Iterable[Any]:
    """Return the records of a JSON value."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        raise UserError(f"{where}: {str(value)[:40]!r} is neither a list nor an object. {_HINT}")
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):  # "split"
        names = value["columns"]
        return (
            dict(zip(names, row, strict=False)) for row in value["data"] if isinstance(row, list)
        )
    for name in ("data", "rows", "records", "train"):
        if isinstance(value.get(name), list):
            return list(value[name])
    if isinstance(value.get(columns.text), list | dict):
        return _from_columns(where, value, columns)
    if value and all(isinstance(record, dict) for record in value.values()):  # "index"
        return list(value.values())
    raise UserError(f"{where}: an object without records. {_HINT}")


def _from_columns(where: str, value: dict[str, Any], columns: Columns) -> Iterator[dict[str, Any]]:
    """Yield records of an object that holds a list, or an object by index, for each column."""
    cells = [
        list(column.values()) if isinstance(column, dict) else column
        for column in _cells(where, value, columns)
    ]
    sizes = {len(column) if isinstance(column, list) else -1 for column in cells}
    require(len(sizes) == 1 and -1 not in sizes, f"{where}: its columns differ in length.")
    for row in zip(*cells, strict=True):
        yield dict(zip(columns.names(), row, strict=True))
