"""Runs in MLflow. Only this module imports mlflow, and only when a run is tracked.

All that is sent stands in the run's folder first, so a server that dies costs nothing but to send
it again.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pipeline.errors import UserError, require
from pipeline.journal import read_metrics

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

DEFAULT_URI = "sqlite:///outputs/mlflow.db"
_BATCH = 1000  # metrics and 100 parameters are what MLflow takes in one call
_LONGEST = 6000  # characters of a parameter; longer ones are in params.json alone


@dataclass
class Tracking:
    """Where runs are tracked.

    Parameters
    ----------
    uri
        The tracking server: ``sqlite:///FILE``, ``http://HOST:PORT``, or ``file:FOLDER``.
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
        require(self.uri, "tracking.uri is empty; give an address, or say tracking=off.")
        require(self.largest_mb > 0, f"tracking.largest_mb must be above 0, not {self.largest_mb}.")


def connect(tracking: Tracking) -> MlflowClient:
    """Return a client of a tracking store that answers; a file store is made where it is missing.

    Raises
    ------
    UserError
        If the store cannot be reached, in seconds rather than minutes.
    """
    _knock(tracking.uri)
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from filelock import FileLock
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    path = _sqlite_path(tracking.uri)
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
    port = address.port or (443 if address.scheme == "https" else 80)
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
    except OSError as error:
        raise UserError(f"tracking.uri={uri}: {path.parent} cannot be made: {error}.") from error
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

        try:
            if (folder / "result.json").exists():
                send(self.client, self.id, folder, self.tracking)
            for path in sorted(folder.glob("comparison.*")):
                self.client.log_artifact(self.id, str(path))
            self.client.set_terminated(self.id, status)
        except (MlflowException, OSError) as error:
            raise UserError(
                f"the run is complete in {folder}, but the tracking store {self.tracking.uri} "
                f"did not take it: {_first_line(error)}."
            ) from error


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
    except KeyboardInterrupt:
        run.finish(folder, "KILLED")
        raise
    except BaseException:
        with contextlib.suppress(UserError):  # the first error is the one to tell of
            run.finish(folder, "FAILED")
        raise
    run.finish(folder, "FINISHED")


def send(client: MlflowClient, run_id: str, folder: Path, tracking: Tracking) -> None:
    """Send parameters, metrics, datasets, tables and files of a finished run's folder."""
    import pandas as pd
    from mlflow.entities import Metric, Param

    result = json.loads((folder / "result.json").read_text("utf-8"))
    now = int(time.time() * 1000)
    metrics = [Metric(m.name, m.value, now, m.step) for m in read_metrics(folder)]
    for begin in range(0, len(metrics), _BATCH):
        client.log_batch(run_id, metrics=metrics[begin : begin + _BATCH])
    params = [
        Param(name, str(value))
        for name, value in {"seed": result["seed"], **result["settings"]}.items()
        if len(str(value)) <= _LONGEST
    ]
    for begin in range(0, len(params), 100):
        client.log_batch(run_id, params=params[begin : begin + 100])
    client.log_dict(run_id, result["settings"], "params.json")
    client.set_tag(run_id, "settings_hash", result["settings_hash"])
    client.set_tag(run_id, "corpus_digest", result["digests"]["corpus"])
    client.set_tag(run_id, "vectors_digest", result["digests"]["vectors"])
    client.set_tag(run_id, "vectors", result["vectors"])
    _send_datasets(client, run_id, folder, result)
    results = pd.read_csv(folder / "sweep" / "results.csv")
    client.log_table(run_id, results, "sweep/results.json")
    _send_files(client, run_id, folder, tracking.largest_mb)
    _send_model(run_id, folder, tracking, result)


def _send_datasets(client: MlflowClient, run_id: str, folder: Path, result: dict[str, Any]) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    summary = json.loads((folder / "corpus" / "summary.json").read_text("utf-8"))
    inputs = []
    for split, facts in summary["splits"].items():
        profile = {"num_rows": facts["sentences"], "num_tokens": facts["tokens"]}
        dataset = Dataset(
            name=f"{result['task']} {split}",
            digest=facts["digest"][:36],
            source_type="local",
            source=json.dumps({"corpus": result["settings"].get("corpus.path") or summary["task"]}),
            profile=json.dumps(profile | {"labels": facts["labels"]}),
        )
        inputs.append(DatasetInput(dataset, [InputTag("mlflow.data.context", split)]))
    client.log_inputs(run_id, datasets=inputs)


def _send_files(client: MlflowClient, run_id: str, folder: Path, largest_mb: float) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "run.log":
            if path.stat().st_size <= largest_mb * 1e6:
                below = path.parent.relative_to(folder)
                client.log_artifact(run_id, str(path), str(below) if below.parts else None)
            else:
                log.info("%s is not sent: larger than tracking.largest_mb", path)


def _send_model(run_id: str, folder: Path, tracking: Tracking, result: dict[str, Any]) -> None:
    """Log the chosen classifier: raw text in, label and probabilities out."""
    import mlflow
    import pandas as pd
    from mlflow.models import infer_signature

    from pipeline.classify import TextClassifier

    parts = [folder / "vectors", folder / "best"]
    size = sum(path.stat().st_size for part in parts for path in part.iterdir())
    if size > tracking.largest_mb * 1e6:
        log.info("the model is not sent: larger than tracking.largest_mb")
        return
    example = pd.DataFrame({"text": ["a sweet, funny film", "a waste of two good actors"]})
    signature = infer_signature(example, TextClassifier.load(folder).predict(list(example["text"])))
    with tempfile.TemporaryDirectory() as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow asks for type hints that would say less
        run = Path(temporary) / "run"
        for part in parts:
            shutil.copytree(part, run / part.name)
        mlflow.set_tracking_uri(tracking.uri)
        with mlflow.start_run(run_id=run_id, log_system_metrics=False):
            mlflow.pyfunc.log_model(
                name="model",
                python_model=str(Path(__file__).with_name("serving.py")),
                artifacts={"run": str(run)},
                signature=signature,
                input_example=example,
                # Named, or MLflow loads the model in a process of its own to find them out.
                pip_requirements=[f"yourvectors=={result['versions']['yourvectors']}"],
            )


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
