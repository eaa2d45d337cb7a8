"""Settings as plain JSON values: to write them down, and to tell two apart."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

LONG = 1_000  # numbers in an array; a longer one is replaced by its digest


class NotPlainError(TypeError):
    """A value has no JSON form that tells it from every other value."""


def plain(value: Any) -> Any:  # noqa: C901, PLR0911 - a line a type
    """Return a value as JSON: two values that differ in content differ in the result too.

    Enums become their values, arrays, tuples and sets become lists, dataclasses dictionaries.

    Raises
    ------
    NotPlainError
        If there is no such form, as for a function or an object of an unknown class.
    """
    match value:
        case Enum():
            return plain(value.value)
        case str() | bool() | int() | None:
            return value
        case float():
            return value if math.isfinite(value) else str(value)  # JSON has no inf
        case Path():
            return str(value)
        case bytes():
            return f"bytes sha256:{hashlib.sha256(value).hexdigest()}"
        case np.generic():
            return plain(value.item())
        case np.ndarray():
            return _plain_array(value)
        case list() | tuple():
            return [plain(item) for item in value]
        case set() | frozenset():
            return sorted((plain(item) for item in value), key=json.dumps)
        case dict():
            return _plain_dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        kind = type(value)
        content = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        return {"class": f"{kind.__module__}.{kind.__qualname__}"} | content
    raise NotPlainError(f"{type(value).__name__} has no plain value")


def _plain_array(array: np.ndarray[Any, Any]) -> Any:
    if array.dtype.hasobject or array.size <= LONG:
        return plain(array.tolist())
    content = hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
    return f"array of {array.dtype} {array.shape} sha256:{content}"


def _plain_dict(values: dict[Any, Any]) -> dict[str, Any]:
    content = {str(key): plain(item) for key, item in values.items()}
    if len(content) < len(values):
        raise NotPlainError("two keys of a dictionary are written alike")
    return content


def plain_or_digest(value: Any) -> Any:
    """Return `plain` of a value; for one without a JSON form, its class and a digest."""
    try:
        return plain(value)
    except NotPlainError:
        import joblib

        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        try:
            return f"{kind} {joblib.hash(value)}"
        except Exception:  # noqa: BLE001 - objects fail to pickle in many ways
            return repr(value)  # with its address: equal to no other


def json_digest(values: Any) -> str:
    """Return the sha256 of plain JSON values; the order of keys does not matter."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
