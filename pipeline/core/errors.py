"""The one error for what a person can mend: what was wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import Enum
from types import UnionType
from typing import Any, TypeVar, get_args

from pipeline.core.secrets import mask

E = TypeVar("E", bound=Enum)


class UserError(Exception):
    """Bad input or configuration. The front door prints its message alone, without a traceback.

    What it quotes may come of a stranger's file: line ends and control characters are escaped.
    """

    def __init__(self, message: str) -> None:
        super().__init__("".join(c if c.isprintable() else repr(c)[1:-1] for c in mask(message)))


class SettingError(UserError):
    """A setting has a wrong value; the message begins with its name, without that of its group."""


def require(condition: object, message: str) -> None:
    """Raise `UserError` with `message` unless `condition` holds."""
    if not condition:
        raise UserError(message)


def expect(**arguments: tuple[object, type | UnionType]) -> None:
    """Raise `TypeError` for the first of the named arguments that is not of its type.

    ``object`` stands for every object that is not a class: settings may be of the user's own class.
    """
    for name, (value, kind) in arguments.items():
        if isinstance(value, type):
            cls = value.__name__
            raise TypeError(f"{name} is the class {cls}; give an object of it: {name}={cls}().")
        if not isinstance(value, kind):
            given = type(value).__name__
            wanted = (*get_args(kind), kind)[0].__name__
            raise TypeError(f"{name} must be of {wanted}, not of {given}.")


def suggest(word: str, choices: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the choice nearest to `word`, or nothing."""
    near = difflib.get_close_matches(word, list(choices), n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def choose(choices: type[E], value: Any, name: str) -> E:
    """Return the one of `choices` that `value`, given for the setting `name`, stands for."""
    if not isinstance(value, choices):
        check_choice(name, value, [str(one.value) for one in choices])
    return choices(value)


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Raise `SettingError` unless the setting `name` is one of `choices`."""
    if value not in (known := list(choices)):
        near = suggest(str(value), known)
        raise SettingError(f"{name}: no choice '{value}'{near}; choose from {', '.join(known)}.")
