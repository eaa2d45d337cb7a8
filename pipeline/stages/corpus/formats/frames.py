"""Typed tables: Parquet, Arrow and Feather through pyarrow, Excel through pandas and openpyxl."""

from __future__ import annotations

import contextlib
import json
import warnings
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError, require
from pipeline.core.files import open_bytes
from pipeline.core.packed import LIMITS, UNSUSPICIOUS
from pipeline.stages.corpus.formats.rows import Columns, Rows, add_record, find_columns

BATCH = 10_000  # rows that are Python objects at a time
Opener = Callable[[Path], contextlib.AbstractContextManager[tuple[Any, Iterator[Any]]]]
_HUGGING_FACE = b"huggingface"  # under this key of its metadata, `datasets` describes the columns


@contextlib.contextmanager
def _readable(path: Path, kind: str) -> Iterator[None]:
    """Turn a library's complaint about a broken file into a `UserError`."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # openpyxl checks little: any error is possible
        first = str(error).strip().partition("\n")[0][:120]
        said = first or type(error).__name__
        raise UserError(f"{path} cannot be read as {kind}: {said}.") from error


@contextlib.contextmanager
def parquet_batches(path: Path) -> Iterator[tuple[Any, Iterator[Any]]]:
    """Open a Parquet file; give its schema and its batches of rows."""
    import pyarrow.parquet as pq

    with _readable(path, "Parquet"), open_bytes(path) as file, pq.ParquetFile(file) as table:
        size = sum(table.metadata.row_group(i).total_byte_size for i in range(table.num_row_groups))
        _check_size(path, size)
        yield table.schema_arrow, table.iter_batches(BATCH)


@contextlib.contextmanager
def arrow_batches(path: Path) -> Iterator[tuple[Any, Iterator[Any]]]:
    """Open an Arrow IPC file, in the file form (which is Feather too) or the stream form."""
    import pyarrow as pa

    far = "://" in str(path)
    with (
        _readable(path, "Arrow"),
        pa.PythonFile(path.open("rb"), "r") if far else pa.memory_map(str(path)) as file,
    ):
        begin = file.read(6)
        file.seek(0)
        require(
            not begin.startswith(b"FEA1"),
            f"{path} is Feather of version 1. Write it again: "
            "pandas.read_feather(FILE).to_feather('new.feather').",
        )
        if begin == b"ARROW1":
            table = pa.ipc.open_file(file)
            yield table.schema, (table.get_batch(i) for i in range(table.num_record_batches))
        else:
            stream = pa.ipc.open_stream(file)
            yield stream.schema, iter(stream)


def _read(open_table: Opener, path: Path, columns: Columns) -> Rows:
    rows, size, number = Rows(), 0, 0
    with open_table(path) as (schema, batches):
        at = find_columns(str(path), list(schema.names), columns)
        names = dict(enumerate(_class_names(schema.metadata, columns.label)))
        for batch in batches:
            size += batch.nbytes
            _check_size(path, size)
            batch.validate(full=True)  # what a damaged file claims could be read out of bounds
            for begin in range(0, batch.num_rows, BATCH):
                cells = (batch.slice(begin, BATCH).column(i).to_pylist() for i in at)
                for text, label, *split in zip(*cells, strict=True):
                    number += 1
                    named = names.get(label, label) if isinstance(label, int) else label
                    add_record(rows, f"{path}, row {number}", (text, named, *split), columns)
    used = set(rows.labels)
    rows.classes = tuple(name for name in names.values() if name in used)
    return rows


read_parquet = partial(_read, parquet_batches)
read_arrow = partial(_read, arrow_batches)


def _class_names(metadata: dict[bytes, bytes] | None, label: str) -> list[str]:
    """Return the names that `datasets` gives to the numbers of a column of labels."""
    try:
        features = json.loads((metadata or {})[_HUGGING_FACE])["info"]["features"]
        names = features[label]["names"]
    except (KeyError, TypeError, ValueError):
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _check_size(path: Path, size: int) -> None:
    """Refuse a file that unpacks to far more than text does."""
    limits = LIMITS.get()
    if size > UNSUSPICIOUS and size > limits.ratio * path.stat().st_size:
        raise UserError(
            f"{path} unpacks to more than {limits.ratio} times its size (limits.ratio). It is "
            "damaged or hostile; if you trust it, raise the limit."
        )


def read_excel(path: Path, columns: Columns) -> Rows:
    """Read the first sheet of an Excel workbook with the wanted columns."""
    import pandas as pd

    try:
        import openpyxl  # noqa: F401 - pandas reads by it
    except ImportError as error:
        raise UserError(
            f"{path}: Excel files need the extra 'excel': pip install 'yourvectors[excel]'."
        ) from error
    with open_bytes(path, unpack=False) as opened:
        start = opened.read(4)
    require(
        start == b"PK\x03\x04",
        f"{path} is not an Excel workbook, or is cut off. If it is a text table, rename it to .csv "
        "or set corpus.format=csv.",
    )
    with _readable(path, "Excel"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles that openpyxl does not know
        with zipfile.ZipFile(path) as archive:
            _check_size(path, sum(m.file_size for m in archive.infolist()))
        sheets = pd.read_excel(path, sheet_name=None, dtype=object, na_filter=False)
    filled = {name: frame for name, frame in sheets.items() if len(frame)}
    require(filled, f"{path}: no sheet has rows.")
    wanted = set(columns.names())
    complete = (n for n, f in filled.items() if wanted <= {str(c).strip() for c in f.columns})
    name = next(complete, next(iter(filled)))
    frame = filled[name]
    at = find_columns(f"{path}, sheet {name}", [str(column) for column in frame.columns], columns)
    rows = Rows(notes=[f"{path.name}: sheet {name} of {len(filled)}"] if len(filled) > 1 else [])
    for number, values in enumerate(frame.itertuples(index=False, name=None), 2):
        if any(value != "" for value in values):
            where = f"{path}, sheet {name}, row {number}"
            add_record(rows, where, (values[i] for i in at), columns)
    return rows
