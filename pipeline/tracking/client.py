"""The way to a tracking store: which one, whether it answers, and its experiments."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import socket
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline.core.errors import UserError, require

if TYPE_CHECKING:
    from mlflow import MlflowClient

DEFAULT_URI = "sqlite:///outputs/mlflow.db"


@dataclass
class Tracking:
    """Where runs are tracked.

    Parameters
    ----------
    uri
        The tracking store: ``sqlite:///FILE``, a database MLflow knows, or a server's
        ``http://HOST:PORT``.
    enabled
        Whether to track at all; ``tracking=off`` says no.
    experiment
        Name of the MLflow experiment; unset: the task, e.g. ``sst-5``. Own vectors and GloVe
        belong in the same one.
    largest_mb
        Files larger than this stay in the run's folder and are not sent.
    system_metrics
        Whether to track what the machine does: processor, memory, disk, network. Every 5 seconds,
        or every ``MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL``.
    """

    uri: str = DEFAULT_URI
    enabled: bool = True
    experiment: str | None = None
    largest_mb: float = 100.0
    system_metrics: bool = False

    def __post_init__(self) -> None:
        """Check values."""
        require(
            "://" in self.uri and not self.uri.startswith("file:"),
            f"tracking.uri={self.uri}: give sqlite:///FILE, http://HOST:PORT, or tracking=off.",
        )
        require(self.largest_mb > 0, f"tracking.largest_mb must be above 0, not {self.largest_mb}.")


def connect(uri: str) -> MlflowClient:
    """Return a client of a tracking store that answers; a file store is made where it is missing.

    Raises
    ------
    UserError
        If the store cannot be reached, in seconds rather than minutes.
    """
    knock(uri)
    path = _sqlite_path(uri)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # or every call is reported
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from filelock import FileLock

    with _importing():
        from mlflow import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        try:
            # Of many processes that find no store, one makes it.
            with FileLock(f"{path}.lock") if path else contextlib.nullcontext():
                client = MlflowClient(uri)
                client.search_experiments(max_results=1)
        except store_errors() as error:
            raise UserError(
                f"the tracking store {uri} does not work: {first_line(error)}. "
                "Name another by tracking.uri=..., or say tracking=off."
            ) from error
    return client


@contextlib.contextmanager
def _importing() -> Iterator[None]:
    """Import MLflow and its store at less cost: it is half of what a run's tracking takes.

    The garbage collector would look through half a million new objects again and again, and finds
    nothing: half a second.
    """
    if "mlflow" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def store_errors() -> tuple[type[Exception], ...]:
    """Return what a store that does not work may raise; requests' errors are `OSError`."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, SQLAlchemyError, OSError


def knock(uri: str) -> None:
    """Make sure that a server listens: MLflow itself would try for minutes.

    Raises
    ------
    UserError
        If none does.
    """
    address = urlsplit(uri)
    if address.scheme not in {"http", "https"}:
        return
    try:
        port = address.port or (443 if address.scheme == "https" else 80)
    except ValueError as error:
        raise UserError(f"tracking.uri={uri}: {error}.") from error
    try:
        socket.create_connection((address.hostname or "", port), timeout=5).close()
    except OSError as error:
        raise UserError(
            f"the tracking server {uri} cannot be reached ({first_line(error)}). Start it with "
            f"'mlflow server --port {port}', name another by tracking.uri=..., or say tracking=off."
        ) from error


def _sqlite_path(uri: str) -> Path | None:
    if not uri.startswith("sqlite:///"):
        return None
    path = Path(uri.removeprefix("sqlite:///"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(path)) as database:  # MLflow would try for a minute
            database.execute("pragma schema_version")
    except OSError as error:
        raise UserError(f"tracking.uri={uri}: {path.parent} cannot be made: {error}.") from error
    except sqlite3.Error as error:
        raise UserError(
            f"the tracking store {uri} does not work: {error}. "
            "Name another by tracking.uri=..., or say tracking=off."
        ) from error
    return path


def first_line(error: Exception) -> str:
    """Return what an error says first, without the full stop."""
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def experiment_id(client: MlflowClient, uri: str, name: str) -> str:
    """Return the id of the experiment, made where it is missing."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        path = _sqlite_path(uri)
        # Beside the database, not wherever the process was started.
        artifacts = (path.parent / "mlartifacts" / name).absolute().as_uri() if path else None
        try:
            return str(client.create_experiment(name, artifact_location=artifacts))
        except MlflowException:  # another process was faster
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        raise UserError(
            f"the MLflow experiment '{name}' is deleted; restore it in the UI, or name another by "
            "tracking.experiment=..."
        )
    return str(found.experiment_id)
