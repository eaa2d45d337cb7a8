"""Explain in one line what is wrong with a configuration and what to type instead."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException
from omegaconf.errors import ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException

from pipeline.cli.conf import COMMANDS
from pipeline.core.errors import suggest
from pipeline.stages.corpus.formats import is_named_as_table

TYPED: list[str] = []
"""The words of the command line as they were typed."""
QUOTES = "'\""
LONGEST = 300  # characters of a message
_MANY = {"-m", "--multirun", "--run", "-r", "--resolve"}
_DASHED = re.compile(  # a setting, and none of Hydra's own options
    r"--?(?!(?:config-\w+|cfg|package|info|shell-completion|experimental-rerun|c[dnp]?|p|i|sc)=)"
    r"\w[\w.@/]*=.*",
    re.DOTALL,
)
_SPECIAL = set("=,()[]{}'\"~:; \t*?&<>|`#\\$")


def explain(error: Exception, overrides: Sequence[str] | None = None) -> str:
    """Say in one line what is wrong with a configuration, and what to do.

    Parameters
    ----------
    error
        Hydra's, OmegaConf's or our own.
    overrides
        The job's; unset: the words of the command line.
    """
    words = list(overrides if overrides is not None else TYPED)
    message = _explain(error, words)
    return message if len(message) <= LONGEST - 10 else f"{message[: LONGEST - 14]} ..."


def _explain(error: Exception, words: list[str]) -> str:
    if (broken := unreadable(words)) is not None:
        return broken
    for cause in (error, error.__cause__):
        if isinstance(cause, OmegaConfBaseException):
            return _explain_value(cause, words)
    if isinstance(error, MissingConfigException) and error.options is not None:
        *_, group, choice = (error.missing_cfg_file or "").split("/")
        options = sorted(error.options)
        hint = f"choose one of {', '.join(options)}."
        return f"{group}={choice}: no such choice{suggest(choice, options)}; {hint}"
    said = str(error)
    if again := re.search(r"Multiple values .* use 'override (\S+): (\S+)'", said):
        return f"+{again[1]}={again[2]}: say {again[1]}={again[2]}, without the plus."
    if "sweep" in said.lower() and "multirun" in said.lower():
        swept = next((word for word in words if _is_swept(word)), "")
        key, _, values = swept.partition("=")
        one = quoting(swept).rpartition(" Type ")[2]
        what = f"list, type '{key}=[{values}]'" if is_list(key) else f"value, type {one}"
        return f"{swept}: several values make several runs: add -m. As one {what}"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return " ".join(lines[:2]).replace("Error merging override", "override")


def _is_swept(word: str) -> bool:
    try:
        (override,) = OverridesParser.create().parse_overrides([word])
    except (HydraException, ValueError):
        return False
    return bool(override.is_sweep_override())


def unreadable(words: Sequence[str]) -> str | None:
    """Explain the first override that Hydra's grammar cannot read; None if it can read all."""
    for i, word in enumerate(words):
        of_option = i > 0 and words[i - 1].startswith("-") and words[i - 1] not in _MANY
        if word.startswith(("-", "~")) or of_option:
            continue
        if i == 0 and _is_command(word):
            return f"{word}: no such command{suggest(word, COMMANDS)}; --help lists them."
        if "=" not in word:
            following = next((w for w in words[i + 1 :] if "=" not in w and w[:1] != "-"), "VALUE")
            return f"{word}: its value is missing. Type {word}={following}, without spaces."
        try:
            OverridesParser.create().parse_overrides([word])
        except Exception:  # noqa: BLE001 - besides Hydra's own errors, its parser may raise any
            return quoting(word)
    return None


def dashed(words: Sequence[str]) -> str | None:
    """Explain the first setting that is written as an option; None if there is none."""
    found = next((word for word in words if _DASHED.fullmatch(word)), None)
    return found and f"{found}: a setting has no dashes. Type {found.lstrip('-')}"


def quoting(word: str) -> str:
    """Say how to quote the value of an override for the shell and for Hydra."""
    key, _, value = word.partition("=")
    strange = sorted(_SPECIAL & set(value)) or sorted({c for c in value if ord(c) > 126})
    typed = f"{key}={quoted(value.strip(QUOTES))}"
    typed = shlex.quote(typed) if set(typed) & set('$`"!\\') else f'"{typed}"'
    which = " ".join(strange) or "some characters"
    return f"{key}: the value has special characters ({which}). Type {typed}"


def quoted(text: str) -> str:
    """Quote a text for Hydra, where a backslash is special only before a quote."""
    return "'" + re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + ("\\'" if m[2] else ""), text) + "'"


def _explain_value(error: OmegaConfBaseException, words: list[str]) -> str:
    key = error.full_key or ""
    message = str(error.msg or error).splitlines()[0]
    if isinstance(error, MissingMandatoryValue):
        return f"{key} is not set."
    if isinstance(error, ConfigKeyError) or (" not in " in message):
        return _explain_key(key, error.object_type, words)
    pattern = r"^Invalid value (.*), expected one of \[(.*)\]"
    message = re.sub(pattern, r"\1 is not one of \2", message)
    if "ListConfig" in message or "is not a list" in message:
        return f"{key} is a list: type '{key}=[{_value_of(key, words) or '...'}]'."
    if "of type 'list'" in message:
        return f"{key} takes one value, not a list; for one run each, add -m and no brackets."
    return f"{key}: {message}." if key else f"{message}."


def _value_of(key: str, words: Sequence[str]) -> str:
    """Return what is typed for a key; empty if it is not typed."""
    return next((word.removeprefix(f"{key}=") for word in words if word.startswith(f"{key}=")), "")


def _explain_key(key: str, schema: Any, words: list[str]) -> str:
    parent, _, name = key.rpartition(".")
    known = _keys(schema)
    of = f"{parent} has" if parent else "there are"
    hint = f"; {of} {', '.join(known)}" if known else ""
    value = _value_of(key, [*TYPED, *words])
    choices = _choices_with(parent, name)
    swept = _value_of(parent, [*TYPED, *words]).split(",")
    if len(swept) > 1:
        having = [choice for choice in swept if choice in choices]
        example = f"{parent}={(having or swept)[0]}::{key}={value or 'VALUE'}"
        hint = f"{'' if having else hint}. Only for some jobs: {example}"
    elif key == "corpus.path" and is_named_as_table(Path(file := value.strip(QUOTES))):
        hint = f"; {file} is a table: add corpus=table"
    elif choices:
        hint = f"; those that have it: {', '.join(f'{parent}={choice}' for choice in choices)}"
    return f"{key}: no such key{suggest(name, known)}{hint}."


def is_list(key: str) -> bool:
    """Return whether a setting is a list."""
    from pipeline.cli.config import SCHEMAS, Config  # it imports this module

    group, _, name = key.lstrip("+").rpartition(".")
    schemas = SCHEMAS.get(group, {}).values() if group else [Config]
    found = [item for schema in schemas for item in fields(schema) if item.name == name]
    return any(str(item.type).startswith("list") for item in found)


def _is_command(word: str) -> bool:
    """Return whether a first word can only be meant as a command: no key has this name."""
    from pipeline.cli.config import Config  # it imports this module

    return word.isalpha() and word not in {item.name for item in fields(Config)}


def _choices_with(group: str, name: str) -> list[str]:
    """Return the choices of a group that have a key."""
    from pipeline.cli.config import SCHEMAS  # it imports this module

    return [choice for choice, schema in SCHEMAS.get(group, {}).items() if name in _keys(schema)]


def _keys(schema: Any) -> list[str]:
    if not is_dataclass(schema):
        return []
    return sorted(item.name for item in fields(schema) if "renamed" not in item.metadata)
