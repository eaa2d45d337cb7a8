"""What stands in a run's folder is brought to MLflow, once, however often it is tried."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from pipeline.core.errors import UserError
from pipeline.stages.report.result import read_result
from pipeline.tracking.client import (
    DEFAULT_URI,
    Tracking,
    connect,
    experiment_id,
    first_line,
    knock,
    store_errors,
)
from pipeline.tracking.records import PARENT, Record, read, write

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


class NotSentError(UserError):
    """What was run is complete on disk, but the store did not take it."""

    def __init__(self, folder: Path, uri: str, reason: Exception) -> None:
        super().__init__(
            f"the tracking store {uri} did not take the run ({first_line(reason)}); it is complete "
            f"in {folder}. To send it later: python -m pipeline upload {folder}"
        )


def create(client: MlflowClient, record: Record) -> str:
    """Create a run, and its experiment where it is missing; return its id."""
    experiment = experiment_id(client, record.uri, record.experiment)
    run = client.create_run(experiment, record.began, record.tags, record.name)
    return str(run.info.run_id)


def find(client: MlflowClient, record: Record) -> Run | None:
    """Return the run as the store has it; None where it has not, or where it was deleted."""
    from mlflow.exceptions import MlflowException

    if not record.run_id:
        return None
    try:
        run = client.get_run(record.run_id)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    return run if run.info.lifecycle_stage == "active" else None


def keep(tracking: Tracking, folder: Path, name: str, tags: dict[str, str]) -> None:
    """See to it that a job that was done before is in the store, below its parent of now."""
    if not tracking.enabled:
        return
    (record,) = read(folder) or [_recall(folder)]
    if record.uri != tracking.uri or not record.sent or record.parent != tags.get(PARENT):
        record.name = name
        record.tags |= tags
        record.sent = False
        write(folder, record)
        upload(folder, tracking.uri)


def upload(folder: Path, uri: str | None = None) -> None:
    """Send what the folder of a run or multirun holds and the store has not got.

    Raises
    ------
    NotSentError
        If the store did not take it.
    UserError
        If there is nothing to send.
    """
    jobs = _jobs(folder)
    records = read(folder) or _recall_all(folder, jobs)
    uri = uri or records[0].uri
    try:
        client = connect(uri)
        for record in records:
            _present(client, record, uri)
        write(folder, *records)
        parents = {record.experiment: str(record.run_id) for record in records}
        for job in jobs:
            _upload_job(client, job, uri, parents)
        for record in records:
            _complete(client, folder, record)
        write(folder, *records)
    except UserError as error:
        raise NotSentError(folder, uri, error) from error
    except store_errors() as error:
        raise NotSentError(folder, uri, error) from error


def _jobs(folder: Path) -> list[Path]:
    """Return the folders of a multirun's jobs, without those of an older one."""
    if not (folder / "multirun.yaml").exists():
        return []
    named = [folder / job for record in read(folder)[:1] for job in record.jobs]
    return named or sorted(path.parent for path in folder.rglob("result.json"))


def _recall_all(folder: Path, jobs: Sequence[Path]) -> list[Record]:
    """Make the records of a folder whose runs were not tracked."""
    if not jobs:
        return [_recall(folder)]
    overrides = yaml.safe_load((folder / "multirun.yaml").read_text("utf-8"))["hydra"]["overrides"]
    swept = [item for item in overrides["task"] if re.search(r"=[^\[{(]*,", item)]
    name = " ".join(swept) or folder.name
    tags = {"role": "parent", "asked": " ".join(overrides["task"])}
    experiments = dict.fromkeys((read(job) or [_recall(job)])[0].experiment for job in jobs)
    names = [str(job.relative_to(folder)) for job in jobs]
    return [
        Record(DEFAULT_URI, item, name, tags, status="FINISHED", jobs=names) for item in experiments
    ]


def _recall(folder: Path) -> Record:
    if not (folder / "result.json").exists():
        raise UserError(f"{folder}: no result.json; name the folder of a run or multirun.")
    result = read_result(folder)
    tags = {"role": "run"}
    return Record(DEFAULT_URI, result["task"], result["name"], tags, status="FINISHED")


def _present(client: MlflowClient, record: Record, uri: str) -> None:
    """Make sure that the store has the run, whole or not."""
    if record.uri != uri:
        record.uri, record.run_id = uri, None
    if find(client, record) is None:
        record.run_id, record.sent = create(client, record), False


def _upload_job(client: MlflowClient, folder: Path, uri: str, parents: dict[str, str]) -> None:
    try:
        (record,) = read(folder) or [_recall(folder)]
    except UserError:  # it never began
        return
    parent = parents.get(record.experiment)
    if parent and record.parent != parent:
        record.tags |= {PARENT: parent, "role": "job"}
        record.sent = False
    _present(client, record, uri)
    write(folder, record)
    _complete(client, folder, record)
    write(folder, record)


def _complete(client: MlflowClient, folder: Path, record: Record) -> None:
    """Send all of a run that has ended, whatever part of it was sent before."""
    from pipeline.tracking.log_run import send, send_parent, send_tags

    if record.sent:
        return
    run_id = str(record.run_id)
    try:
        send_tags(client, record)
        if record.tags["role"] == "parent":
            send_parent(client, record, folder)
        elif (folder / "result.json").exists():
            send(client, record, folder)
    except BaseException as error:
        killed = isinstance(error, KeyboardInterrupt | SystemExit)
        with contextlib.suppress(Exception):  # the first error is the one to tell of
            knock(record.uri)
            client.set_terminated(run_id, "KILLED" if killed else "FAILED")
        raise
    client.set_terminated(run_id, record.status or "KILLED")
    record.sent = True
