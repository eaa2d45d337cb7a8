"""The words of the sample corpus and the rules they go by: ``lexicon.txt`` and ``grammar.txt``."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files

DEGREES = ("MUCH", "UTTERLY", "RATHER", "SLIGHTLY")


@cache
def words() -> dict[str, dict[float, list[str]]]:
    """Return the lists of words by their mark: a grade, a degree's factor, 0 for none."""
    lists: dict[str, dict[float, list[str]]] = {}
    for name, lines in _sections("lexicon.txt").items():
        lists[name] = {}
        for first, *rest in lines:
            marked = first[0] in "+-" or "." in first
            entries = rest if marked else [first, *rest]
            lists[name].setdefault(float(first) if marked else 0.0, []).extend(entries)
    return lists


@cache
def rules() -> dict[str, list[tuple[int, str, list[str]]]]:
    """Return the rules by name: of every alternative its weight, condition and items."""
    return {
        name: [(int(w.strip("+-*=")), w.strip("0123456789"), items) for w, *items in lines]
        for name, lines in _sections("grammar.txt").items()
    }


@cache
def grades() -> dict[str, float]:
    """Return how much every polar word praises, +3, or damns, -3."""
    return _marks(name for name in words() if name not in DEGREES)


@cache
def factors() -> dict[str, float]:
    """Return how much every word of degree strengthens, or weakens, the word it goes with."""
    return _marks(DEGREES)


def forms(entry: str) -> tuple[str, str]:
    """Return an entry itself, and its plural or third person.

    >>> forms("spy"), forms("talking_dog"), forms("thief/thieves")
    (('spy', 'spies'), ('talking_dog', 'talking_dogs'), ('thief', 'thieves'))
    """
    word, _, form = entry.partition("/")
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word, form or word + "es"
    if word.endswith("y") and word[-2] not in "aeou":
        return word, form or word[:-1] + "ies"
    return word, form or word + "s"


def _marks(names: Iterable[str]) -> dict[str, float]:
    return {
        form.split("_")[-1]: mark
        for name in names
        for mark, entries in words()[name].items()
        for entry in entries
        for form in forms(entry)
        if mark
    }


def _sections(name: str) -> dict[str, list[list[str]]]:
    """Read the lines under each heading of a file, a heading being what starts with a capital."""
    found: dict[str, list[list[str]]] = {}
    for line in files(__package__).joinpath(name).read_text("ascii").splitlines():
        if line[:1].isupper():
            lines = found[line] = []
        elif line.strip() and line[0] != "#":
            lines.append(line.split())
    return found
