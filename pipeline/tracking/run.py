"""Start and finish runs in MLflow.

A run is created before any work, so that a store that does not work is noticed at once. Its results
are sent from its folder when it ends: if the server is gone by then, nothing is lost, and
``yourvectors upload FOLDER`` sends them later.
"""

from __future__ import annotations

import contextlib
import getpass
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import UserError, require
from pipeline.core.secrets import mask
from pipeline.stages.report.result import read_result
from pipeline.tracking.client import Tracking, connect, whole_address
from pipeline.tracking.errors import named_by, store
from pipeline.tracking.log_run import describe, log_tags
from pipeline.tracking.records import NOTE, PARENT, Record, new_key, read, write
from pipeline.tracking.running import FOLDER, end_orphans, hold, release
from pipeline.tracking.upload import find, find_or_create, upload

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)


def start(
    tracking: Tracking, folder: Path, experiments: Sequence[str], name: str, tags: Mapping[str, str]
) -> list[Record]:
    """Start a run per experiment, before any work.

    In a folder that was used before, a parent continues if the same is asked for. Replaced are runs
    that did not finish or were not sent completely, and an earlier run of the same job. Runs of
    other folders that were killed are ended. ``MLFLOW_RUN_ID`` names an existing run, to be used
    instead of a new one.

    Parameters
    ----------
    tags
        ``role`` is run, parent or job.

    Raises
    ------
    UserError
        If the store does not work.
    """
    before = {(record.uri, record.experiment): record for record in read(folder)}
    about = {FOLDER: str(folder.absolute()), **_source_tags(), **tags}
    records = [
        Record(tracking.uri, experiment, name, dict(about), tracking.largest_mb)
        for experiment in experiments
    ]
    olds = [before.get((record.uri, record.experiment)) for record in records]
    for record, old in zip(records, olds, strict=True):
        if old:  # noted before the run is created, so that it is found again if it is killed then
            record.key = old.key
    if tags["role"] != "job":
        log.info("MLflow: %s, experiment %s", tracking.describe(), ", ".join(experiments))
    hold(folder)
    try:
        if "mlflow" not in sys.modules:  # its import and the store's take some seconds
            log.info("starting MLflow")
        client = connect(tracking.uri)
        with store(tracking.uri):
            for record, old in zip(records, olds, strict=True):
                _replace(client, record, old)
            write(folder, *records)
            given = os.environ.get("MLFLOW_RUN_ID") if tags["role"] != "job" else None
            for record in records:
                if given:
                    _adopt(client, record, given, len(records))
                else:
                    find_or_create(client, record, tracking.uri)
                if tags["role"] != "job":
                    end_orphans(client, str(record.experiment_id))
    except BaseException:
        release(folder)
        raise
    finally:
        write(folder, *records)
    return records


def _replace(client: MlflowClient, record: Record, old: Record | None) -> None:
    """Make way for a run in a folder that had one: continue the old one, delete it, or keep it."""
    if old is None or old.given:
        return
    was, now = ((one.tags["role"], one.tags.get("asked")) for one in (old, record))
    for run in find(client, old):
        run_id, complete = run.info.run_id, run.info.status == "FINISHED" and old.sent
        if was == now and now[0] == "parent":
            record.run_id, record.began = run_id, old.began
            record.experiment_id = run.info.experiment_id
            client.update_run(run_id, status="RUNNING")
            if "error" in run.data.tags:
                client.delete_tag(run_id, "error")
            return
        if was[0] != "parent" and (not complete or (old.parent and old.parent == record.parent)):
            client.delete_run(run_id)
            continue
        record.key = new_key()  # the old run keeps its own
        if run.info.status == "RUNNING":
            client.set_terminated(run_id, "KILLED")


def _adopt(client: MlflowClient, record: Record, run_id: str, count: int) -> None:
    """Use the run that ``MLFLOW_RUN_ID`` names, as ``mlflow run`` sets it."""
    require(count == 1, "MLFLOW_RUN_ID names one run, but this multirun has several experiments.")
    with named_by("MLFLOW_RUN_ID", record.uri):
        run = client.get_run(run_id)
    experiment = client.get_experiment(run.info.experiment_id).name
    require(
        run.info.status == "RUNNING" and run.info.lifecycle_stage == "active",
        f"MLFLOW_RUN_ID={run_id}: this run has ended; unset it to start a new one.",
    )
    require(
        experiment == record.experiment,
        f"MLFLOW_RUN_ID={run_id}: this run is in the experiment {experiment}, not in "
        f"{record.experiment}. Unset it, or set tracking.experiment={experiment}.",
    )
    record.run_id, record.experiment_id, record.given = run_id, run.info.experiment_id, True
    ours = {name: value for name, value in record.tags.items() if not name.startswith("mlflow.")}
    log_tags(client, record, ours)


@contextlib.contextmanager
def tracked(
    tracking: Tracking, folder: Path, task: str, name: str, tags: Mapping[str, str]
) -> Iterator[str | None]:
    """Track what the block does as a run; yield the run's id, or None if there is none.

    Raises
    ------
    NotUploadedError
        At the end, if the store does not take what the block left in `folder`.
    UserError
        At the start, if the store does not work. A job continues untracked, because the store
        worked when its parent started.
    """
    if not tracking.enabled:
        yield None
        return
    try:
        (record,) = start(tracking, folder, [tracking.experiment_for(task)], name, tags)
    except UserError as error:
        if PARENT not in tags:
            raise
        (record,) = read(folder)
        log.warning("this run goes on untracked: %s", error)
    with _system_metrics(tracking, record.run_id):
        try:
            yield record.run_id
        except BaseException as error:
            killed = isinstance(error, KeyboardInterrupt | SystemExit)
            with contextlib.suppress(UserError):  # the first error is the one to report
                finish(folder, "KILLED" if killed else "FAILED", str(error))
            raise
    finish(folder, "FINISHED")


@contextlib.contextmanager
def _system_metrics(tracking: Tracking, run_id: str | None) -> Iterator[None]:
    with contextlib.ExitStack() as at_the_end:
        if tracking.system_metrics and run_id:
            from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

            try:
                monitor = SystemMetricsMonitor(  # type: ignore[no-untyped-call]
                    run_id, sampling_interval=5, tracking_uri=whole_address(tracking.uri)
                )
                monitor.start()  # type: ignore[no-untyped-call]
                at_the_end.callback(monitor.finish)
            except Exception as error:  # noqa: BLE001 - no reason to lose a run
                log.warning("system metrics are not tracked: %s", error)
        yield


def finish(
    folder: Path,
    status: str,
    error: str = "",
    *,
    note: str = "",
    jobs: Sequence[Path] = (),
    notes: Mapping[Path, str] | None = None,
) -> None:
    """Note how the runs of a folder ended, and upload its files.

    Parameters
    ----------
    status
        FINISHED, FAILED or KILLED.
    error
        Why it did not finish.
    note
        Shown at the top of the run's page in MLflow.
    jobs, notes
        A parent's only: the folders of its jobs, and the notes of their pages.

    Raises
    ------
    NotUploadedError
        If the store does not take it; `upload` tries again.
    """
    records = read(folder)
    for record in records:
        record.status, record.error = status, mask(error) or None
        record.jobs = [str(job.relative_to(folder)) for job in jobs]
        if note:
            record.tags[NOTE] = note
    write(folder, *records)
    for job, verdict in (notes or {}).items():
        scores = ""
        with contextlib.suppress(UserError):  # damaged; the comparison says so
            scores = describe(read_result(job))
        for record in read(job):
            record.tags[NOTE] = f"{verdict}\n\n{scores}".rstrip()
            write(job, record)
    try:
        log.info("  saving to MLflow")
        upload(folder)
    finally:
        release(folder)


def _source_tags() -> dict[str, str]:
    """Return MLflow's tags for user, program and commit, and whether files differ from it."""

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    tags = {"mlflow.source.name": "yourvectors", "mlflow.source.type": "LOCAL"}
    with contextlib.suppress(OSError, KeyError):  # a user id without a name
        tags["mlflow.user"] = getpass.getuser()
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        tags["mlflow.source.git.commit"] = git("rev-parse", "HEAD")
        tags["dirty"] = str(bool(git("status", "--porcelain", "--untracked-files=no"))).lower()
    return tags
