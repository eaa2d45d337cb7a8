"""Download runs from MLflow into folders, as they were uploaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import require
from pipeline.core.files import write_json
from pipeline.core.secrets import hide
from pipeline.stages.report.result import RUN_FILES, RUN_FOLDERS
from pipeline.tracking import sqlite
from pipeline.tracking.client import connect
from pipeline.tracking.errors import store
from pipeline.tracking.records import PARENT

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

# The files of a run. Its model, which is not downloaded, consists of the same files.
_PARTS = {*RUN_FOLDERS, *RUN_FILES, "result.json", ".hydra"}


def fetch(run_id: str, folder: Path, uri: str) -> list[Path]:
    """Download the files of a run, or of a parent's jobs, and return the folder of each.

    Parameters
    ----------
    run_id
        A run's id, or a parent's.
    folder
        Where to: each run gets a folder named by its id.
    uri
        The tracking store.

    Raises
    ------
    UserError
        If the store does not work, does not have the run, or has no files of it.
    """
    uri = hide(uri)
    database = sqlite.path_of(uri)
    require(
        database is None or database.exists(),
        f"{database}: no such tracking store; name another by --tracking-uri.",
    )
    client = connect(uri)
    with store(uri):
        run = client.get_run(run_id)
        jobs = client.search_runs(
            [run.info.experiment_id],
            f"tags.`{PARENT}` = '{run_id}'",
            order_by=["attributes.start_time ASC"],
        )
        return [_download(client, one, folder / one.info.run_id) for one in jobs or [run]]


def _download(client: MlflowClient, run: Run, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for item in client.list_artifacts(run.info.run_id):
        if item.path in _PARTS:
            client.download_artifacts(run.info.run_id, item.path, str(folder))
    if not (folder / "result.json").exists():
        said = run.data.tags.get("error", f"its status in MLflow is {run.info.status}")
        require(PARENT in run.data.tags, f"run {run.info.run_id} has no results: {said}.")
        write_json(folder / "error.json", {"error": said})
    return folder
