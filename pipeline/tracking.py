"""Runs in MLflow. Only this module imports mlflow, and only when a run is tracked.

All that is sent stands in the run's folder first: a server that dies takes nothing with it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline.errors import UserError, require

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

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
    """

    uri: str = DEFAULT_URI
    enabled: bool = True
    experiment: str | None = None
    largest_mb: float = 100.0

    def __post_init__(self) -> None:
        """Check values."""
        require(
            "://" in self.uri and not self.uri.startswith("file:"),
            f"tracking.uri={self.uri}: give sqlite:///FILE, http://HOST:PORT, or tracking=off.",
        )
        require(self.largest_mb > 0, f"tracking.largest_mb must be above 0, not {self.largest_mb}.")


def connect(tracking: Tracking) -> MlflowClient:
    """Return a client of a tracking store that answers; a file store is made where it is missing.

    Raises
    ------
    UserError
        If the store cannot be reached, in seconds rather than minutes.
    """
    _knock(tracking.uri)
    path = _sqlite_path(tracking.uri)
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from filelock import FileLock
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    try:
        # Of many processes that find no store, one makes it.
        with FileLock(f"{path}.lock") if path else contextlib.nullcontext():
            client = MlflowClient(tracking.uri)
            client.search_experiments(max_results=1)
    except (MlflowException, SQLAlchemyError, OSError) as error:
        raise UserError(
            f"the tracking store {tracking.uri} does not work: {_first_line(error)}. "
            "Name another by tracking.uri=..., or say tracking=off."
        ) from error
    return client


def _knock(uri: str) -> None:
    """Make sure that a server listens: MLflow itself would try for minutes."""
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
            f"the tracking server {uri} cannot be reached ({_first_line(error)}). Start it with "
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


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def experiment_id(client: MlflowClient, tracking: Tracking, name: str) -> str:
    """Return the id of the experiment, made where it is missing."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        path = _sqlite_path(tracking.uri)
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


@dataclass(frozen=True)
class Run:
    """A run in MLflow that has begun."""

    client: MlflowClient
    tracking: Tracking
    id: str

    def finish(self, folder: Path, status: str) -> None:
        """Send all that stands in the run's folder, and end the run."""
        from mlflow.exceptions import MlflowException

        from pipeline.sending import send

        end = "FAILED"
        try:
            if (folder / "result.json").exists():
                send(self.client, self.id, folder, self.tracking.uri, self.tracking.largest_mb)
            for path in sorted(folder.glob("comparison.*")):
                self.client.log_artifact(self.id, str(path))
            end = status
        except (MlflowException, OSError) as error:
            raise UserError(
                f"the run is complete in {folder}, but the tracking store {self.tracking.uri} "
                f"did not take it: {_first_line(error)}."
            ) from error
        except (KeyboardInterrupt, SystemExit):
            end = "KILLED"
            raise
        finally:
            with contextlib.suppress(MlflowException):  # a store that is gone is told of above
                self.client.set_terminated(self.id, end)


def start(tracking: Tracking, task: str, name: str, tags: dict[str, str]) -> Run:
    """Begin a run, before any work is done, so that a store that does not work costs nothing."""
    client = connect(tracking)
    experiment = experiment_id(client, tracking, tracking.experiment or task)
    run = client.create_run(experiment, run_name=name, tags={**_git_tags(), **tags})
    return Run(client, tracking, run.info.run_id)


@contextlib.contextmanager
def tracked(
    tracking: Tracking, folder: Path, task: str, name: str, tags: dict[str, str]
) -> Iterator[str | None]:
    """Give the id of a run that ends FINISHED or FAILED with the block; None if not tracked."""
    if not tracking.enabled:
        yield None
        return
    run = start(tracking, task, name, tags)
    try:
        yield run.id
    except BaseException as error:
        killed = isinstance(error, KeyboardInterrupt | SystemExit)
        with contextlib.suppress(UserError):  # the first error is the one to tell of
            run.finish(folder, "KILLED" if killed else "FAILED")
        raise
    run.finish(folder, "FINISHED")


def _git_tags() -> dict[str, str]:
    """Return the commit of the working folder, and whether files differ from it."""

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        dirty = bool(git("status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {"mlflow.source.git.commit": commit, "dirty": str(dirty).lower()}
