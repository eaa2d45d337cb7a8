"""Send the content of a run's folder to MLflow, nothing twice: ``yourvectors upload FOLDER``."""

from __future__ import annotations

import argparse
import contextlib
import logging
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from pipeline.core.errors import UserError, require
from pipeline.core.secrets import MaskingFormatter, hide, mask
from pipeline.stages.report.result import read_result
from pipeline.tracking.client import Tracking, connect, experiment_id
from pipeline.tracking.errors import StoreError, store
from pipeline.tracking.log_run import log_parent, log_run, log_tags
from pipeline.tracking.records import KEY, PARENT, Record, read, write
from pipeline.tracking.running import end_orphans, is_running

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


class NotUploadedError(UserError):
    """The run is complete on disk, but not in the store."""

    def __init__(self, folder: Path, why: Exception) -> None:
        super().__init__(
            f"the run is complete in {folder}, but not uploaded: {why} "
            f"To upload it later: yourvectors upload {folder}"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Send everything in the folder of a run or multirun that the tracking store lacks."""
    parser = argparse.ArgumentParser("yourvectors upload", description=main.__doc__)
    parser.add_argument("folder", type=Path, help="folder of a run or a multirun")
    parser.add_argument("--uri", help="the tracking store; unset: that of the run")
    given = parser.parse_args(arguments)
    console = logging.StreamHandler()
    console.setFormatter(MaskingFormatter("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[console])
    try:
        upload(given.folder, given.uri)
    except UserError as error:
        sys.exit(f"error: {error}")
    for record in read(given.folder):
        print(f"{record.name}: {record.experiment} on {record.uri}, run {record.run_id}")  # noqa: T201


def find(client: MlflowClient, record: Record) -> list[Run]:
    """Return the runs in the store with a record's id, which is the first, or its key.

    There is more than one if a run was created and its id lost. Deleted runs are left out.
    """
    from mlflow.exceptions import MlflowException

    runs = []
    if record.run_id:
        try:
            runs = [client.get_run(record.run_id)]
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
    if experiment := client.get_experiment_by_name(record.experiment):
        found = client.search_runs([experiment.experiment_id], f"tags.{KEY} = '{record.key}'")
        runs += [run for run in found if run.info.run_id != record.run_id]
    return [run for run in runs if run.info.lifecycle_stage == "active"]


def find_or_create(client: MlflowClient, record: Record, uri: str) -> None:
    """Make sure that the store at `uri` has one run of a record, and note its id."""
    if record.uri != uri:
        record.uri, record.run_id = uri, None
    found = find(client, record)
    for copy in found[1:]:
        client.delete_run(copy.info.run_id)
    if found:
        run = found[0]
    else:
        experiment = experiment_id(client, uri, record.experiment)
        tags = record.tags | {KEY: record.key}
        run = client.create_run(experiment, record.began, tags, record.name)
        record.sent = False
    record.run_id, record.experiment_id = run.info.run_id, run.info.experiment_id


def keep_uploaded(tracking: Tracking, folder: Path, name: str, tags: Mapping[str, str]) -> None:
    """Make sure that a job which was done before is in the store, below its present parent."""
    if not tracking.enabled:
        return
    record = _record(folder, tracking.uri)
    if record.uri != tracking.uri or not record.sent or record.parent != tags.get(PARENT):
        record.name = name
        record.tags |= tags
        record.sent = False
        write(folder, record)
        upload(folder, tracking.uri)


def upload(folder: Path, uri: str | None = None) -> None:
    """Send everything in the folder of a run or multirun that the store lacks.

    Parameters
    ----------
    uri
        Another store than the one where the run was tracked.

    Raises
    ------
    NotUploadedError
        If the store does not take it.
    UserError
        If there is nothing to send, or a file of the run is damaged.
    """
    jobs = _jobs(folder)
    where = hide(uri) if uri else Tracking().uri  # of a folder that was not tracked
    records = read(folder) or _records(folder, jobs, where)
    uri = where if uri else records[0].uri
    try:
        client = connect(uri)
        with store(uri):
            for record in records:
                find_or_create(client, record, uri)
            write(folder, *records)
            parents = {record.experiment: str(record.run_id) for record in records}
            for job in jobs:
                _upload_job(client, job, uri, parents)
            for record in records:
                if jobs:
                    end_orphans(client, str(record.experiment_id), record.run_id)
                _send(client, folder, record)
                write(folder, *records)
    except StoreError as error:
        raise NotUploadedError(folder, error) from error


def _jobs(folder: Path) -> list[Path]:
    """Return the folders of a multirun's jobs, without those of an earlier multirun in it."""
    if not (folder / "multirun.yaml").exists():
        return []
    named = [folder / job for record in read(folder)[:1] for job in record.jobs]
    inside = folder.resolve()
    for job in named:
        require(job.resolve().is_relative_to(inside), f"{job} is not a folder in {folder}.")
    return named or sorted(path.parent for path in folder.rglob("result.json"))


def _records(folder: Path, jobs: Sequence[Path], uri: str) -> list[Record]:
    """Return records for a folder whose runs were not tracked."""
    if not jobs:
        return [_record(folder, uri)]
    asked = _asked(folder / "multirun.yaml")
    swept = [item for item in asked if re.search(r"=[^\[{(]*,", item)]
    name = " ".join(swept) or folder.name
    tags = {"role": "parent", "asked": mask(" ".join(asked))}
    experiments = dict.fromkeys(_record(job, uri).experiment for job in jobs)
    names = [str(job.relative_to(folder)) for job in jobs]
    return [Record(uri, item, name, tags, status="FINISHED", jobs=names) for item in experiments]


def _asked(path: Path) -> list[str]:
    """Return the overrides of a multirun; none if its file is damaged: they only give it a name."""
    try:
        return list(yaml.safe_load(path.read_text("utf-8"))["hydra"]["overrides"]["task"])
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError):
        return []


def _record(folder: Path, uri: str) -> Record:
    """Return the record of a run, or a new one if it was not tracked."""
    if records := read(folder):
        return records[0]
    missing = f"{folder}: no result.json; name the folder of a run or multirun."
    require((folder / "result.json").exists(), missing)
    result = read_result(folder)
    return Record(uri, result["task"], result["name"], {"role": "run"}, status="FINISHED")


def _upload_job(client: MlflowClient, folder: Path, uri: str, parents: dict[str, str]) -> None:
    try:
        record = _record(folder, uri)
    except UserError:  # the job never started
        return
    if record.status is None and is_running(folder):
        return
    parent = parents.get(record.experiment)
    if parent and record.parent != parent:
        record.tags |= {PARENT: parent, "role": "job"}
        record.sent = False
    find_or_create(client, record, uri)
    write(folder, record)
    if record.sent:
        log_tags(client, record)  # the note has changed, when all jobs are compared
    _send(client, folder, record)
    write(folder, record)


def _send(client: MlflowClient, folder: Path, record: Record) -> None:
    """Send everything of a run that has ended, even what was sent before."""
    if record.sent:
        return
    run_id = str(record.run_id)
    if record.status is None:  # it was killed; a result is written last, so that run is complete
        record.status = "FINISHED" if (folder / "result.json").exists() else "KILLED"
    try:
        log_tags(client, record)
        if record.tags["role"] == "parent":
            log_parent(client, record, folder)
        elif (folder / "result.json").exists():
            log_run(client, record, folder)
    except BaseException as error:
        killed = isinstance(error, KeyboardInterrupt | SystemExit)
        with contextlib.suppress(Exception):  # the first error is the one to report
            client.set_terminated(run_id, "KILLED" if killed else "FAILED")
        raise
    client.set_terminated(run_id, record.status)
    record.sent = True
