"""How objects are shown in a notebook: one line as text, a table as HTML."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, TypeVar, cast

C = TypeVar("C", bound=type)

LONGEST = 200  # characters of a line
_VALUE = 60  # and of a value in it


def displayed(cls: C) -> C:
    """Give a dataclass a short ``repr`` and a table for notebooks.

    They show what its method ``facts`` returns, a dictionary; without that method, the fields that
    differ from their defaults.
    """
    displayed_class = cast("Any", cls)
    displayed_class.__repr__ = _line
    if "_repr_html_" not in vars(cls):
        displayed_class._repr_html_ = _table
    return cls


def _line(self: Any) -> str:
    facts = ", ".join(f"{name}={shortened(repr(value))}" for name, value in _facts(self).items())
    return shortened(f"{type(self).__name__}({facts})", LONGEST)


def _table(self: Any) -> str:
    return html_table({type(self).__name__: "", **_facts(self)})


def html_table(facts: Mapping[str, Any]) -> str:
    """Return a table of two columns; all text is escaped."""
    cells = [[html.escape(shortened(str(cell), 500)) for cell in row] for row in facts.items()]
    rows = (f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in cells)
    return f"<table>{''.join(rows)}</table>"


def shortened(text: str, most: int = _VALUE) -> str:
    """Cut a text that is too long, and make it one line."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def _facts(self: Any) -> dict[str, Any]:
    if hasattr(self, "facts"):
        found: dict[str, Any] = self.facts()
        return found
    values = {field.name: (field, getattr(self, field.name)) for field in fields(self)}
    return {name: value for name, (field, value) in values.items() if value != default_of(field)}


def default_of(field: Field[Any]) -> Any:
    """Return the default value of a dataclass's field."""
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default
