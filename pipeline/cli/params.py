"""Explain parameters: ``yourvectors params [NAME...]``.

A name is that of a group, a choice, or a setting::

    yourvectors params vectors=skipgram
    yourvectors params vectors.window
"""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields
from enum import Enum
from inspect import getdoc
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.cli.conf import CONF
from pipeline.cli.config import SCHEMAS
from pipeline.core.errors import suggest
from pipeline.core.notebook import default_of
from pipeline.core.settings import bounds_of


class Parameter(NamedTuple):
    """A setting of one choice: ``vectors``, ``skipgram``, ``window``, ``15``, its meaning."""

    group: str
    choice: str
    field: str
    default: str
    meaning: str

    @property
    def key(self) -> str:
        """What is typed before ``=VALUE``."""
        return f"{self.group}.{self.field}"

    def names(self) -> set[str]:
        """Return all names by which it can be asked for."""
        return {"", self.group, self.choice, f"{self.group}={self.choice}", self.key, self.field}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the meaning of the parameters that match the names; without a name, of all."""
    parser = argparse.ArgumentParser(
        prog="yourvectors params",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="vectors, vectors=cbow, window")
    names = parser.parse_args(arguments).names
    known = list(parameters())
    for name in names or [""]:
        found = [one for one in known if name in one.names()]
        variants = [] if found else _variants(name)
        if not found and not variants:
            every = {name for one in known for name in one.names()}
            sys.exit(f"error: {name}: no such parameter{suggest(name, every)}; --help lists all.")
        for path in variants:
            _print(f"{path.parent.name}={path.stem}", path.read_text("utf-8"))
        for key, text in _by_meaning(found):
            _print(key, text)


def _print(key: str, text: str) -> None:
    print(f"{key}\n{textwrap.indent(text.strip(), '    ')}\n")  # noqa: T201


def _variants(name: str) -> list[Path]:
    """Return the file of a choice that only changes default values of another choice."""
    group, _, choice = name.rpartition("=")
    return sorted(path for path in CONF.glob(f"{group or '*'}/*.yaml") if path.stem == choice)


def _by_meaning(found: Sequence[Parameter]) -> Iterator[tuple[str, str]]:
    """Yield each setting once for all choices that have it with the same meaning."""
    for group, key, meaning in dict.fromkeys((one.group, one.key, one.meaning) for one in found):
        choices: dict[str, list[str]] = {}
        for one in found:
            if (one.key, one.meaning) == (key, meaning):
                choices.setdefault(one.default, []).append(one.choice)
        several = len({one.choice for one in found if one.group == group}) > 1
        defaults = [
            f"{value} ({', '.join(names)})" if several else value
            for value, names in choices.items()
        ]
        yield key, f"{meaning}\nDefault: {', '.join(defaults)}"


def parameters() -> Iterator[Parameter]:
    """Yield every setting of every choice, explained by the docstring of its class."""
    for group, choices in SCHEMAS.items():
        for choice, schema in choices.items():
            meanings: dict[str, str] = {}
            for parent in reversed(schema.__mro__[:-1]):
                meanings |= _meanings(getdoc(parent) or "")
            for item in fields(schema):
                if "renamed" not in item.metadata:
                    meaning = meanings.get(item.name, "(its docstring does not say)")
                    limits = f"\nMust be {bounds}." if (bounds := bounds_of(item)) else ""
                    default = _typed(default_of(item))
                    yield Parameter(group, choice, item.name, default, meaning + limits)


def _meanings(doc: str) -> dict[str, str]:
    """Return the explanation of each name in the section ``Parameters`` of a NumPy docstring."""
    section = re.search(r"(?ms)^Parameters\n-+\n(.*?)(?=^\w[^\n]*\n-{3,}\n|\Z)", doc)
    item = r"(?m)^(\S[^\n]*)\n((?:[ \t]+[^\n]*\n?|\n)+)"
    found = {}
    for names, text in re.findall(item, section[1] if section else ""):
        for name in names.split(","):
            found[name.strip()] = textwrap.dedent(text).strip()
    return found


def _typed(value: Any) -> str:
    """Return a default value as it is typed on the command line."""
    if value is MISSING:
        return "must be given"
    if isinstance(value, list):
        return "[" + ",".join(map(_typed, value)) + "]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return str(value.value if isinstance(value, Enum) else value)
