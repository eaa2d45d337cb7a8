"""Choose a tracking store, connect to it, and find or create its experiments."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from pipeline.core.errors import require
from pipeline.core.secrets import MASK, hide, reveal
from pipeline.tracking import sqlite
from pipeline.tracking.errors import StoreError, named_by, reason, store

if TYPE_CHECKING:
    from mlflow import MlflowClient

DEFAULT_URI = "sqlite:///outputs/mlflow.db"

# How often and how long to try, unless the environment says otherwise: usually, and when it is not
# known yet whether there is a server.
_USUAL = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}
_FIRST = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


@dataclass
class Tracking:
    """Where runs are tracked.

    Parameters
    ----------
    uri
        The tracking store: ``sqlite:///FILE``, another database that MLflow knows, a server's
        ``http://HOST:PORT``, or ``databricks``. Empty: ``MLFLOW_TRACKING_URI`` of the environment,
        or else a file in ``outputs/``. A password or token in it is masked everywhere.
    enabled
        Whether to track at all; ``tracking=off`` sets it to false.
    experiment
        Name of the MLflow experiment. Unset: ``MLFLOW_EXPERIMENT_NAME`` or ``MLFLOW_EXPERIMENT_ID``
        of the environment, or else the task, e.g. ``sst-5``. Own vectors and GloVe belong in the
        same one.
    largest_mb
        Larger files stay in the run's folder and are not uploaded.
    system_metrics
        Whether to track processor, memory, disk and network, every 5 seconds or every
        ``MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL``. Needs the package psutil.
    """

    uri: str = ""
    enabled: bool = True
    experiment: str | None = None
    largest_mb: float = 100.0
    system_metrics: bool = False

    def __post_init__(self) -> None:
        """Check values; take from the environment what is not set."""
        require(self.largest_mb > 0, f"tracking.largest_mb must be above 0, not {self.largest_mb}.")
        given, environment = self.uri, os.environ.get("MLFLOW_TRACKING_URI", "")
        self.uri = hide(given or environment or DEFAULT_URI)
        self._setting = "tracking.uri" if given else "MLFLOW_TRACKING_URI" if environment else ""
        if not self.enabled:
            return
        known = "://" in self.uri or self.uri == "databricks"
        require(
            known and not self.uri.startswith("file:"),
            f"{self._setting}={self.uri}: give sqlite:///FILE, http://HOST:PORT or databricks, or "
            "tracking=off. MLflow no longer writes folders; mlflow migrate-filestore converts one.",
        )
        require(self.experiment != "", "tracking.experiment is empty: give a name, or null.")
        require(
            not self.system_metrics or importlib.util.find_spec("psutil"),
            "tracking.system_metrics=true needs psutil: pip install psutil.",
        )

    def experiment_for(self, task: str) -> str:
        """Return the name of the experiment that a run on `task` belongs to.

        `UserError` if the environment names an experiment or run that the store does not have.
        """
        if self.experiment:
            return self.experiment
        if name := os.environ.get("MLFLOW_EXPERIMENT_NAME"):
            return name
        experiment, run = (os.environ.get(f"MLFLOW_{name}_ID") for name in ("EXPERIMENT", "RUN"))
        if not experiment and not run:
            return task
        client = connect(self.uri)
        with store(self.uri):
            if not experiment:
                with named_by("MLFLOW_RUN_ID", self.uri):
                    experiment = client.get_run(str(run)).info.experiment_id
            with named_by("MLFLOW_EXPERIMENT_ID", self.uri):
                name = str(client.get_experiment(experiment).name)
        # For jobs: the server may be gone when they start.
        os.environ["MLFLOW_EXPERIMENT_NAME"] = name
        return name

    def describe(self) -> str:
        """Return the store, and where it was set."""
        return f"{self.uri} (set by {self._setting})" if self._setting else self.uri


def connect(uri: str) -> MlflowClient:
    """Return a client of a tracking store that answers; create an SQLite store that is missing.

    Parameters
    ----------
    uri
        May be masked, if this process or its environment knows the whole address.

    Raises
    ------
    StoreError
        If the store cannot be reached, within seconds.
    """
    address = whole_address(uri)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # or every call is reported
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"  # with the password
    for name, value in _USUAL.items():
        os.environ.setdefault(name, value)
    logging.getLogger("alembic").setLevel(logging.ERROR)
    with _collector_off_while_importing(), store(uri):
        from mlflow import MlflowClient

        logging.getLogger("mlflow").setLevel(logging.ERROR)  # `store` says the same in one line
        if path := sqlite.path_of(uri):
            sqlite.create(path)
        elif address.startswith(("postgresql", "mysql", "mssql")):
            _try_database(address)
        client = MlflowClient(address)
        with _impatient():
            client.search_experiments(max_results=1)
    return client


def whole_address(uri: str) -> str:
    """Return the address behind a masked one.

    `StoreError` if neither this process nor its environment knows it.
    """
    hide(os.environ.get("MLFLOW_TRACKING_URI", ""))
    if address := reveal(uri):
        return address
    user = "MLFLOW_TRACKING_TOKEN" in os.environ or "MLFLOW_TRACKING_USERNAME" in os.environ
    bare = uri.replace(f"{MASK}@", "")
    if uri.startswith("http") and user and MASK not in bare:
        return bare
    raise StoreError(
        f"{uri}: passwords and tokens are not stored. Set MLFLOW_TRACKING_URI to the whole address "
        "and try again."
    )


@contextlib.contextmanager
def global_address(uri: str) -> Iterator[None]:
    """Set MLflow's global address: the registry looks for a model there, not at its client's."""
    import mlflow

    before = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(whole_address(uri))
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)  # type: ignore[arg-type] # it takes None


@contextlib.contextmanager
def _impatient() -> Iterator[None]:
    """Try only once, unless the user's environment says how often."""
    ours = [name for name, value in _USUAL.items() if os.environ.get(name) == value]
    os.environ.update({name: _FIRST[name] for name in ours})
    try:
        yield
    finally:
        os.environ.update({name: _USUAL[name] for name in ours})


@contextlib.contextmanager
def _collector_off_while_importing() -> Iterator[None]:
    """Leave out garbage collection: 0.8 instead of 1.35 CPU seconds for MLflow and its store."""
    if "mlflow" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _try_database(address: str) -> None:
    """Connect once: MLflow would try for two minutes, and print each failure."""
    import sqlalchemy

    try:
        engine = sqlalchemy.create_engine(address)
        engine.connect().close()
        engine.dispose()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
        raise StoreError(f"the tracking store {hide(address)}: {reason(error)}") from error


def experiment_id(client: MlflowClient, uri: str, name: str) -> str:
    """Return the id of an experiment; create one that is missing."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        artifacts = None
        if path := sqlite.path_of(uri):  # beside the database, not where the process was started
            folder = path.parent / "mlartifacts" / quote(name, safe=" ")
            artifacts = folder.absolute().as_uri()
        try:
            return str(client.create_experiment(name, artifact_location=artifacts))
        except MlflowException:  # another process was faster
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        raise StoreError(
            f"the MLflow experiment '{name}' is deleted; restore it in the UI, or name another by "
            "tracking.experiment=..."
        )
    return str(found.experiment_id)
