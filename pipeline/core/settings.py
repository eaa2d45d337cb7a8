"""Settings: dataclasses that check their values against types and bounds.

Old names of settings are accepted, with one line of notice.
"""

from __future__ import annotations

import logging
import math
import operator
from collections.abc import Callable
from dataclasses import Field, field, fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from pipeline.core.errors import SettingError, choose
from pipeline.core.notebook import shortened

log = logging.getLogger(__name__)

_NAMES = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
}
_BOUNDS: dict[str, tuple[str, Callable[[float, float], bool]]] = {
    "least": ("at least {}", operator.ge),
    "above": ("above {}", operator.gt),
    "most": ("at most {:,}", operator.le),
    "below": ("below {}", operator.lt),
}


def bounded(default: Any, **bounds: float) -> Any:
    """Declare a field of finite numbers with a ``least``, ``above``, ``most`` or ``below``."""
    return field(default=default, metadata={"bounds": bounds})


def bounds_of(item: Field[Any]) -> str:
    """Return the bounds of a field in words, such as ``at least 1``; empty if it has none."""
    return _said(item.metadata.get("bounds", {}))


def _said(bounds: dict[str, float]) -> str:
    return " and ".join(_BOUNDS[bound][0].format(limit) for bound, limit in bounds.items())


class Settings:
    """A base for dataclasses of settings: the constructor checks every value.

    Numbers are checked against `bounded`; choices may be given as text, paths as `Path`.

    Raises
    ------
    SettingError
        For the first value that has another type or is out of bounds.
    """

    def __post_init__(self) -> None:
        """Check values."""
        accept_old_names(self)
        cls: Any = type(self)
        for name, (kind, bounds) in _fields(cls).items():
            value = _checked(name, kind, bounds, getattr(self, name))
            object.__setattr__(self, name, value)  # the object may be frozen


@cache
def _fields(cls: Any) -> dict[str, tuple[Any, dict[str, float]]]:
    kinds = get_type_hints(cls)
    return {one.name: (kinds[one.name], one.metadata.get("bounds", {})) for one in fields(cls)}


def _checked(name: str, kind: Any, bounds: dict[str, float], value: Any) -> Any:
    """Return the value as its type has it, once it is known to be right."""
    kinds = get_args(kind) if NoneType in get_args(kind) else (kind,)
    if kind is Any or (value is None and NoneType in kinds):
        return value
    wanted = kinds[0]
    if get_origin(wanted) is list:
        if isinstance(value, str) or not hasattr(value, "__iter__"):
            raise SettingError(f"{name} must be a list, not {shortened(repr(value))}.")
        return [_checked(name, get_args(wanted)[0], bounds, one) for one in value]
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return choose(wanted, value, name)
    if wanted not in _NAMES:
        return value
    try:
        value = _converted(wanted, value)
    except (TypeError, ValueError) as error:
        raise SettingError(
            f"{name} must be {_NAMES[wanted]}, not {shortened(repr(value))}."
        ) from error
    if bounds and not _is_within(value, bounds):
        finite = "" if math.isfinite(value) else "finite and "
        null = ", or null" if NoneType in kinds else ""
        raise SettingError(f"{name} must be {finite}{_said(bounds)}{null}, not {value}.")
    return value


def _converted(kind: type, value: Any) -> Any:
    if kind is str:
        if isinstance(value, str | Path):
            return str(value)
        raise TypeError
    if kind is bool or isinstance(value, bool | str):
        if type(value) is kind:
            return value
        raise TypeError
    if kind is int:
        return operator.index(value)
    return value.item() if hasattr(value, "item") else value + 0


def _is_within(value: float, bounds: dict[str, float]) -> bool:
    held = (_BOUNDS[bound][1](value, limit) for bound, limit in bounds.items())
    return math.isfinite(value) and all(held)


def old_name_of(name: str) -> Any:
    """Declare a field of a configuration as the old name of its field `name`; None: not used."""
    return field(default=None, repr=False, metadata={"renamed": name})


def old_names(config: Any) -> set[str]:
    """Return the fields of a configuration that are old names."""
    listed = fields(config) if is_dataclass(config) else ()
    return {old.name for old in listed if "renamed" in old.metadata}


def accept_old_names(config: Any) -> None:
    """Give values that were set by an old name to the field that replaced it.

    Afterwards the old fields are None.
    """
    for old in fields(config):
        value = getattr(config, old.name)
        if "renamed" in old.metadata and value is not None:
            _notice(old.name, old.metadata["renamed"])
            setattr(config, old.metadata["renamed"], value)
            setattr(config, old.name, None)


@cache  # once, however many jobs a multirun has
def _notice(old: str, new: str) -> None:
    log.warning("the setting %s is now called %s; the old name still works.", old, new)
