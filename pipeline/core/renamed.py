"""Old names of settings: still accepted, with one line of notice."""

from __future__ import annotations

import logging
from dataclasses import field, fields, is_dataclass
from functools import cache
from typing import Any

log = logging.getLogger(__name__)


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
