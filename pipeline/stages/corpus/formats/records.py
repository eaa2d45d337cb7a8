"""Records in JSON: a record per line, or all in one value as pandas and others write it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError, require
from pipeline.stages.corpus.formats.encoding import encoding_of, lines_of, note_of
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
    """Read a JSON object per line.

    Raises
    ------
    UserError
        Naming the line, for one that is not an object or lacks a column.
    """
    encoding = encoding_of(path, columns.encoding)
    rows = Rows(notes=note_of(path, encoding))
    for number, line in lines_of(path, encoding):
        if line.strip():
            where = f"{path}, line {number}"
            _add(rows, where, _parse(where, line), columns)
    return rows


def read_json(path: Path, columns: Columns) -> Rows:
    """Read one JSON value: a list of objects, or any form that `pandas.DataFrame.to_json` writes.

    An object that holds such a value for each of several splits is read as these splits.

    Raises
    ------
    UserError
        If it is none of these, or a record lacks a column.
    """
    encoding = encoding_of(path, columns.encoding)
    lines = [line for _, line in lines_of(path, encoding)]
    if len(lines) > 1 and lines[0].strip().endswith("}") and lines[0].lstrip().startswith("{"):
        return read_json_lines(path, columns)  # named .json, written as a record per line
    value = _parse(str(path), "\n".join(lines))
    rows = Rows(notes=note_of(path, encoding))
    splits = [key for key in value if key.lower() in NAMES] if isinstance(value, dict) else []
    if len(splits) < 2 or not all(isinstance(value[key], list | dict) for key in splits):
        _add_all(rows, path, value, columns)
        return rows
    for key in splits:
        part = Rows()
        _add_all(part, path, value[key], columns, f"{key}, ")
        part.splits = [key] * len(part)
        part.places = {key: f"{path}, {key}"}
        rows.extend(part)
    left = [key for key in value if key not in splits and isinstance(value[key], list)]
    rows.notes += [f"{path.name}: not used: {listed(left)}"] if left else []
    return rows


def _add_all(rows: Rows, path: Path, value: Any, columns: Columns, within: str = "") -> None:
    for number, record in enumerate(_records(path, value, columns), 1):
        _add(rows, f"{path}, {within}record {number}", record, columns)


def _parse(where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = (
            f"{where}, character {error.pos + 1}"
            if "line" in where
            else f"{where}, line {error.lineno}"
        )
        raise UserError(f"{place}: not JSON ({error.msg}). {_HINT}") from error
    except (RecursionError, ValueError) as error:
        raise UserError(f"{where}: not JSON that can be read ({error}). {_HINT}") from error


def _add(rows: Rows, where: str, record: Any, columns: Columns) -> None:
    require(isinstance(record, dict), f"{where}: {str(record)[:40]!r} is not an object. {_HINT}")
    if not rows.texts:
        warn_of_unused_split(where, map(str, record), columns)
    for name in columns.names():
        if name not in record:
            raise missing_column(where, name, [str(key) for key in record])
    add_record(rows, where, (record[name] for name in columns.names()), columns)


def _records(path: Path, value: Any, columns: Columns) -> Iterable[Any]:
    """Return the records of a JSON value."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        raise UserError(f"{path}: {str(value)[:40]!r} is neither a list nor an object. {_HINT}")
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):  # "split"
        names = value["columns"]
        return (
            dict(zip(names, row, strict=False)) for row in value["data"] if isinstance(row, list)
        )
    for name in ("data", "rows", "records", "train"):
        if isinstance(value.get(name), list):
            return list(value[name])
    if isinstance(value.get(columns.text), list | dict):
        return _from_columns(path, value, columns)
    if value and all(isinstance(record, dict) for record in value.values()):  # "index"
        return list(value.values())
    raise UserError(f"{path}: an object without records. {_HINT}")


def _from_columns(path: Path, value: dict[str, Any], columns: Columns) -> Iterator[dict[str, Any]]:
    """Yield records of an object that holds a list, or an object by index, for each column."""
    names = columns.names()
    for name in names:
        if name not in value:
            raise missing_column(str(path), name, list(value))
    cells = [
        list(column.values()) if isinstance(column := value[name], dict) else column
        for name in names
    ]
    sizes = {len(column) if isinstance(column, list) else -1 for column in cells}
    require(len(sizes) == 1 and -1 not in sizes, f"{path}: its columns differ in length.")
    for row in zip(*cells, strict=True):
        yield dict(zip(names, row, strict=True))
