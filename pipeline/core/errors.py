"""The one error for what a person can mend: what was wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import StrEnum
from typing import TypeVar

from pipeline.core.secrets import mask

E = TypeVar("E", bound=StrEnum)


class UserError(Exception):
    """Bad input or configuration. The front door prints its message alone, without a traceback.

    What it quotes may come of a stranger's file: line ends and control characters are escaped.
    """

    def __init__(self, message: str) -> None:
        super().__init__("".join(c if c.isprintable() else repr(c)[1:-1] for c in mask(message)))


def require(condition: object, message: str) -> None:
    """Raise `UserError` with `message` unless `condition` holds."""
    if not condition:
        raise UserError(message)


def suggest(word: str, choices: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` for the choice nearest to `word`, or nothing."""
    near = difflib.get_close_matches(word, list(choices), n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def choose(choices: type[E], value: str, name: str) -> E:
    """Return the one of `choices` that `value`, given for the setting `name`, stands for."""
    try:
        return choices(value)
    except ValueError as error:
        raise UserError(
            f"{name}: no choice '{value}'{suggest(value, choices)}; "
            f"choose from {', '.join(choices)}."
        ) from error
