"""Readers of labelled text: each takes a path and the names of columns, and returns `Rows`.

They raise `UserError` for what they cannot read; its message names the file, line, row or column.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.core.errors import UserError, require, suggest
from pipeline.core.files import open_bytes
from pipeline.core.packed import DAMAGE, inner_suffix, suffix
from pipeline.stages.corpus.formats.datasets import (
    Reader,
    is_saved_dataset,
    read_saved_dataset,
    read_tables,
    tables_below,
)
from pipeline.stages.corpus.formats.delimited import read_delimited
from pipeline.stages.corpus.formats.folders import is_archive, read_class_folders
from pipeline.stages.corpus.formats.frames import read_arrow, read_excel, read_parquet
from pipeline.stages.corpus.formats.records import read_json, read_json_lines
from pipeline.stages.corpus.formats.rows import Columns, Rows

__all__ = ["FORMATS", "Columns", "Rows", "is_named_as_table", "read_files", "read_path"]

FORMATS: dict[str, Reader] = {
    "csv": read_delimited,
    "json": read_json,
    "jsonl": read_json_lines,
    "parquet": read_parquet,
    "arrow": read_arrow,
    "xlsx": read_excel,
    "folders": read_class_folders,
}
_SUFFIXES = {
    **dict.fromkeys((".csv", ".tsv", ".tab", ".txt", ".ft"), "csv"),
    ".json": "json",
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".arrow", ".feather", ".ipc"), "arrow"),
    **dict.fromkeys((".xlsx", ".xlsm"), "xlsx"),
}
_IN_FOLDERS = frozenset(_SUFFIXES) - {".txt", ".ft"}  # a folder of these is one of texts
_UNREADABLE = {
    ".pkl": "a pickle, which runs code when it is read",
    ".pickle": "a pickle, which runs code when it is read",
    ".xls": "the Excel format of before 2007",
    ".ods": "an OpenDocument sheet",
    ".dta": "a Stata file",
    ".sav": "an SPSS file",
    ".xml": "XML",
    ".yaml": "YAML",
    ".yml": "YAML",
}
_BEGINNINGS = {  # how files of other kinds begin
    b"\x1f\x8b": "is packed by gzip: rename it to end with .gz",
    b"BZh": "is packed by bzip2: rename it to end with .bz2",
    b"\xfd7zXZ": "is packed by xz: rename it to end with .xz",
    b"\x28\xb5\x2f\xfd": "is packed by Zstandard: rename it to end with .zst",
    b"PK\x03\x04": "is a zip archive: rename it to end with .zip, or .xlsx if it is a workbook",
    b"\xd0\xcf\x11\xe0": "is an old Office document: save it as CSV",
    b"SQLite format": "is an SQLite database: export the table as CSV",
    b"\x89HDF": "is an HDF5 file: save the table as CSV, JSON lines or Parquet",
    b"%PDF": "is a PDF document: name a table",
    b"{\\rtf": "is a Rich Text document: save it as plain text",
    b"version https://git-lfs": "is a git-lfs pointer, not the file itself: git lfs pull",
    b"<!doctype": "is a web page: the address or the login of the download was wrong",
    b"<html": "is a web page: the address or the login of the download was wrong",
}
_MAGIC = {b"PAR1": "parquet", b"ARROW1": "arrow"}


def read_path(path: Path, columns: Columns, name: str = "auto") -> Rows:
    """Read a file or folder in the named format, or in the one that its name or content shows."""
    if name != "auto" and name not in FORMATS:
        raise UserError(
            f"corpus.format: no format '{name}'{suggest(name, FORMATS)}; choose from auto, "
            f"{', '.join(FORMATS)}."
        )
    if not path.is_dir():
        with open_bytes(path, unpack=False):
            pass  # says so if the file is missing
        return FORMATS[_format(path) if name == "auto" else name](path, columns)
    return _read_folder(path, columns) if name == "auto" else FORMATS[name](path, columns)


def read_files(files: list[Path], columns: Columns, name: str = "auto") -> Rows:
    """Read several files; if their names say train, dev or test, they are the splits."""
    return read_tables(None, files, columns, lambda path, cols: read_path(path, cols, name))


def is_named_as_table(path: Path) -> bool:
    """Return whether a file's name ends as that of a table does."""
    return inner_suffix(path) in _IN_FOLDERS


def _format(path: Path) -> str:
    ending = inner_suffix(path)
    if ending in _UNREADABLE:
        raise UserError(f"{path} is {_UNREADABLE[ending]}. Save it as CSV, JSON lines or Parquet.")
    if is_archive(path) and (suffix(path) != ".zip" or _many_files(path)):
        return "folders"
    with open_bytes(path) as file:
        begin = file.read(24)
    for magic, name in _MAGIC.items():
        if begin.startswith(magic):
            return name
    if begin.lstrip()[:1] == b"{" and ending not in _SUFFIXES:
        return "jsonl"
    name = _SUFFIXES.get(ending, "csv")
    if name in {"csv", "json", "jsonl"}:
        for start, what in _BEGINNINGS.items():
            require(not begin.lower().startswith(start.lower()), f"{path} {what}.")
    return name


def _many_files(path: Path) -> bool:
    """Return whether a zip archive has texts in folders."""
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except DAMAGE:
        return False  # `open_bytes` says what is wrong
    return sum("/" in name and name.endswith(".txt") for name in names) > 1


def _read_folder(folder: Path, columns: Columns) -> Rows:
    if is_saved_dataset(folder):
        return read_saved_dataset(folder, columns)
    if files := tables_below(folder, _IN_FOLDERS):
        return read_tables(folder, files, columns, read_path)
    require(any(folder.iterdir()), f"{folder} is empty.")
    return read_class_folders(folder, columns)
