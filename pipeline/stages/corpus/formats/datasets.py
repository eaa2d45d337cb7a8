"""Folders of tables: what `datasets.save_to_disk` writes, and files named by their split."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.core.errors import UserError, require
from pipeline.core.packed import inner_suffix
from pipeline.stages.corpus.formats.frames import read_arrow
from pipeline.stages.corpus.formats.rows import Columns, Rows, listed
from pipeline.stages.corpus.formats.splits import NAMES, UNLABELLED, split_of_name

Reader = Callable[[Path, Columns], Rows]


def is_saved_dataset(folder: Path) -> bool:
    """Return whether `datasets.save_to_disk` wrote this folder."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def read_saved_dataset(folder: Path, columns: Columns) -> Rows:
    """Read a dataset, or a dictionary of datasets by split, that was saved to disk."""
    if not (folder / "dataset_dict.json").is_file():
        return _read_one(folder, columns)
    rows = Rows()
    for name in map(str, _json(folder / "dataset_dict.json").get("splits", [])):
        if name.lower() in UNLABELLED:
            rows.notes.append(f"{folder.name}: split '{name}' is left out")
            continue
        split = NAMES.get(name.lower(), "")
        require(split, f"{folder}: split '{name}' is not train, dev or test.")
        rows.extend(_read_one(folder / name, columns), split)
    return rows


def _read_one(folder: Path, columns: Columns) -> Rows:
    state = _json(folder / "state.json")
    require(
        not state.get("_indices_data_files") and not state.get("_indices_files"),
        f"{folder}: a selection of rows was saved without the rows; save it again by "
        "dataset.flatten_indices().save_to_disk(...).",
    )
    rows = Rows()
    for entry in state.get("_data_files", []):
        rows.extend(read_arrow(folder / Path(str(entry.get("filename"))).name, columns))
    return rows


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read: {str(error)[:120]}.") from error
    return value if isinstance(value, dict) else {}


def tables_below(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """Return the tables in a folder and its folders, two levels deep, in order.

    They are files with one of these suffixes and, in `folder` itself, texts named by their split.
    """
    found = (path for level in ("*", "*/*", "*/*/*") for path in folder.glob(level))
    tables = []
    for path in found:
        ending = inner_suffix(path)
        named = ending == ".txt" and path.parent == folder and split_of_name(path.name)
        if (ending in suffixes or named) and path.is_file() and not path.name.startswith("."):
            tables.append(path)
    return sorted(tables)


def read_tables(folder: Path | None, files: list[Path], columns: Columns, read: Reader) -> Rows:
    """Read files; the names of all or of none of them say the split.

    In a `folder`, the names of the folders in it may say the split too.
    """
    splits = [_split_of(path, folder) for path in files]
    if any(splits) and not all(splits):
        raise UserError(
            f"{folder or 'corpus.path'}: the name {files[splits.index('')].name} says neither "
            "train, dev nor test, unlike others. Give corpus.train_file, corpus.dev_file and "
            "corpus.test_file."
        )
    rows = Rows()
    for path, split in zip(files, splits, strict=True):
        rows.extend(read(path, columns), split)
    require(len(rows), f"{listed([path.name for path in files])} have no rows.")
    return rows


def _split_of(path: Path, folder: Path | None) -> str:
    """Return the split that a file's name says, or else the last folder below `folder` to do so."""
    below = path.relative_to(folder).parts[:-1] if folder else ()
    named = [NAMES[part.lower()] for part in below if part.lower() in NAMES]
    return split_of_name(path.name) or (named[-1] if named else "")
