"""Errors of MLflow, explained in one line that says what may help."""

from __future__ import annotations

import contextlib
import os
import re
import traceback
from collections.abc import Iterator

from pipeline.core.errors import UserError

_LONGEST = 200  # characters of MLflow's own message


class StoreError(UserError):
    """The tracking store does not work, or refuses a request."""


@contextlib.contextmanager
def store(uri: str) -> Iterator[None]:
    """Turn any error that MLflow raises into a `StoreError` of one line.

    With a server that is not MLflow's the client can raise anything, even a `TypeError`.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        modules = [type(error).__module__, *(f.f_globals.get("__name__", "") for f in frames)]
        if any(name.startswith("mlflow") for name in modules):
            raise StoreError(f"the tracking store {uri}: {reason(error)}") from error
        raise


@contextlib.contextmanager
def named_by(variable: str, uri: str) -> Iterator[None]:
    """Name the environment variable that asks for something the store does not have."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise
        given = os.environ.get(variable, "")
        raise UserError(f"{variable}={given[:50]}: not found in {uri}; unset it.") from error


def reason(error: BaseException) -> str:
    """Say in a sentence or two why a store refused a request, and what may help."""
    text = str(error)
    if code := re.search(r"failed with error code (\d+)", text):
        if code[1] in {"401", "403"}:
            return (
                f"it refuses access (HTTP {code[1]}). Set MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
            )
        return f"it answers HTTP {code[1]}. Is it the address of an MLflow server?"
    if "valid JSON" in text or "ParseError" in type(error).__name__:
        return (
            "its answer is not MLflow's, perhaps a login page. Check the address, and "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD or MLFLOW_TRACKING_TOKEN."
        )
    innermost = error
    while below := innermost.__cause__ or innermost.__context__:
        innermost = below
    said = getattr(innermost, "strerror", None) or str(innermost) or type(innermost).__name__
    if "API request" in text:
        return (
            f"it cannot be reached ({said.splitlines()[0]}). Start it with mlflow server, name "
            "another by tracking.uri=..., or set tracking=off."
        )
    line = (text.splitlines() or [type(error).__name__])[0].rstrip(".")
    return f"{line if len(line) <= _LONGEST else line[: _LONGEST - 3] + '...'}."
