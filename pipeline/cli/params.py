"""Explain parameters: ``python -m pipeline params [NAME...]``.

A name is that of a group, a choice, or a setting::

    python -m pipeline params vectors=skipgram
    python -m pipeline params vectors.window
"""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import fields
from inspect import getdoc

from pipeline.cli.config import SCHEMAS
from pipeline.core.errors import suggest


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what the parameters mean that the names fit; without a name, all."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline params",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="vectors, vectors=cbow, window")
    names = parser.parse_args(arguments).names
    known = dict(explained())
    for name in names or [""]:
        found = {key: text for key, text in known.items() if _fits(key, name)}
        if not found:
            keys = {key.rpartition(" ")[2] for key in known}
            sys.exit(f"error: {name}: no such parameter{suggest(name, keys)}; --help lists groups.")
        for (_, key), text in _by_text(found):
            print(f"{key}\n{textwrap.indent(text, '    ')}\n")  # noqa: T201 - it was asked for


def _fits(key: str, name: str) -> bool:
    """Tell whether ``vectors=cbow vectors.window`` is meant by a name."""
    choice, _, setting = key.partition(" ")
    group, _, field = setting.partition(".")
    return name in {"", group, choice, field, setting}


def _by_text(found: dict[str, str]) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield each setting once, though several choices may have it with the same meaning."""
    seen = set()
    for key, text in found.items():
        choice, _, setting = key.partition(" ")
        if (setting, text) not in seen:
            seen.add((setting, text))
            yield (choice, setting), text


def explained() -> Iterator[tuple[str, str]]:
    """Yield ``GROUP=CHOICE GROUP.SETTING`` and what it means, from the docstrings."""
    for group, choices in SCHEMAS.items():
        for choice, schema in choices.items():
            texts: dict[str, str] = {}
            for parent in reversed(schema.__mro__[:-1]):
                texts |= _parameters(getdoc(parent) or "")
            for item in fields(schema):
                if "renamed" not in item.metadata:
                    text = texts.get(item.name, "(its docstring does not say)")
                    yield f"{group}={choice} {group}.{item.name}", text


def _parameters(doc: str) -> dict[str, str]:
    """Return what the section ``Parameters`` of a NumPy docstring says of each name."""
    pattern = r"(?ms)^Parameters\n-+\n(.*?)(?=^\w[^\n]*\n-{3,}\n|\Z)"
    section = re.search(pattern, doc)
    found = {}
    for names, text in re.findall(
        r"^(\S[^\n]*)\n((?:[ \t]+[^\n]*\n?|\n)+)", section[1] if section else "", re.MULTILINE
    ):
        for name in names.split(","):
            found[name.strip()] = textwrap.dedent(text).strip()
    return found
