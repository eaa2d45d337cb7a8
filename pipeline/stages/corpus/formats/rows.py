"""What every reader of labelled text returns, and how cells of typed files become text."""

from __future__ import annotations

import datetime as dt
import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.core.errors import UserError, require, suggest

log = logging.getLogger(__name__)

_SPLIT_COLUMNS = {"split", "splits", "subset", "partition"}


@dataclass(frozen=True)
class Columns:
    """How a table is read: the settings of `Table` that have these names."""

    text: str = "text"
    label: str = "label"
    split: str | None = None
    header: bool | None = None
    delimiter: str | None = None
    quoting: bool | None = None
    encoding: str | None = None
    drop_labels: Sequence[str] = ()

    def names(self) -> list[str]:
        """Return the columns to read."""
        return [self.text, self.label, *([self.split] if self.split else [])]


@dataclass
class Rows:
    """Labelled texts as they are in a file; a split is empty where the file does not name it."""

    texts: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)  # of the first row of each split
    classes: tuple[str, ...] = ()  # in order, where the file says it
    notes: list[str] = field(default_factory=list)  # on how the file was read, for a person

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.texts)

    def extend(self, other: Rows, split: str = "") -> None:
        """Append the rows of another file, all of them as those of `split` if one is given."""
        self.texts += other.texts
        self.labels += other.labels
        self.splits += [split] * len(other) if split else other.splits
        self.places = other.places | self.places
        self.classes = self.classes or other.classes
        self.notes += [note for note in other.notes if note not in self.notes]


def add_record(rows: Rows, where: str, values: Iterable[Any], columns: Columns) -> None:
    """Append a row of typed cells: text, label and, where it is known, split."""
    text, label, *rest = values
    written = cell(where, columns.text, text, words=True).strip()
    name = cell(where, columns.label, label).strip()
    if name in columns.drop_labels:
        return
    if not name:
        raise UserError(
            f"{where}: the label in column '{columns.label}' is empty. Fill it in, or leave the "
            "row out."
        )
    split = cell(where, str(columns.split), rest[0]).strip() if rest else ""
    rows.places.setdefault(split, where)
    rows.texts.append(written)
    rows.labels.append(name)
    rows.splits.append(split)


def cell(where: str, column: str, value: Any, *, words: bool = False) -> str:  # noqa: PLR0911 - a line a type
    """Return a cell of JSON, Arrow or a spreadsheet as text.

    Whole numbers have no fraction, a missing value is empty. With `words`, a list of words is a
    text too. `where` and `column` name the cell in messages.
    """
    match value:
        case str():
            return value
        case bytes():
            return value.decode("utf-8", "replace")
        case None:
            return ""
        case float() if math.isnan(value):
            return ""
        case float() if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        case int() | float():
            return str(value)
        case dt.date():
            return value.isoformat()
        case list() | tuple() if words and all(isinstance(word, str) for word in value):
            return " ".join(value)
        case list() | tuple():
            raise UserError(
                f"{where}: column '{column}' holds a list, {str(value)[:60]}. A text has exactly "
                "one label here: choose one, or make each combination a label of its own."
            )
    raise UserError(
        f"{where}: column '{column}' holds {type(value).__name__} {str(value)[:60]}, which is not "
        "text."
    )


def find_columns(where: str, names: list[str], columns: Columns) -> list[int]:
    """Return the positions of the wanted columns."""
    names = [name.strip() for name in names]
    warn_of_unused_split(where, names, columns)
    for name in columns.names():
        count = names.count(name)
        require(count <= 1, f"{where} has {count} columns named '{name}'; rename them.")
        if not count:
            raise missing_column(where, name, names)
    return [names.index(name) for name in columns.names()]


def warn_of_unused_split(where: str, names: Iterable[str], columns: Columns) -> None:
    """Warn if a column seems to hold the author's splits and is not used."""
    found = next((name for name in names if name.lower() in _SPLIT_COLUMNS), None)
    if found and columns.split is None:
        log.warning(
            "%s: column '%s' is not used; corpus.split=%s takes the splits from it",
            *(where, found, found),
        )


def missing_column(where: str, name: str, names: list[str]) -> UserError:
    """Return the error that a column is missing."""
    return UserError(
        f"{where}: no column named '{name[:40]}'{suggest(name, names)}; it has {listed(names)}. "
        "Set corpus.text, corpus.label or corpus.split."
    )


def listed(names: Iterable[str], most: int = 8, width: int = 24) -> str:
    """Return names as a list to read: long ones cut, many ones counted.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    names = list(names)
    shown = ", ".join(cut(name, width) for name in names[:most])
    return shown + (f" and {len(names) - most:,} more" if len(names) > most else "")


def cut(text: str, width: int = 24) -> str:
    """Cut a text that is too long to show."""
    return text if len(text) <= width else f"{text[: width - 3]}..."
