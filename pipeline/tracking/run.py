"""Runs in MLflow: begun before any work, ended and sent from the run's folder when it is done.

All that is sent stands in the folder first: a server that dies takes nothing with it. When it is
back, one command sends what it has not got::

    python -m pipeline upload outputs/runs/2026-01-01_12-00-00_1a2b3c4d
"""

from __future__ import annotations

import contextlib
import logging
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.tracking.client import Tracking, connect, first_line, store_errors
from pipeline.tracking.records import PARENT, Record, read, write
from pipeline.tracking.upload import create, find, upload

log = logging.getLogger(__name__)


def start(
    tracking: Tracking, folder: Path, experiments: Sequence[str], name: str, tags: dict[str, str]
) -> list[Record]:
    """Begin a run an experiment, before any work, so that a store that does not work costs nothing.

    In a folder that was used before, a parent goes on if it asks for the same, and a job of the
    same parent takes the place of the one that failed.

    Raises
    ------
    UserError
        If the store does not work.
    """
    before = {(record.uri, record.experiment): record for record in read(folder)}
    records = [
        Record(tracking.uri, name_, name, {**_git_tags(), **tags}, tracking.largest_mb)
        for name_ in experiments
    ]
    write(folder, *records)
    client = connect(tracking.uri)
    try:
        for record in records:
            old = before.get((record.uri, record.experiment))
            run = find(client, old) if old else None
            if not old or not run:
                pass
            elif old.tags["role"] == "parent" and old.tags["asked"] == tags.get("asked"):
                record.run_id, record.began = run.info.run_id, old.began
                client.update_run(run.info.run_id, status="RUNNING")
                if "error" in run.data.tags:
                    client.delete_tag(run.info.run_id, "error")
            elif old.parent and old.parent == record.parent:
                client.delete_run(run.info.run_id)
            record.run_id = record.run_id or create(client, record)
    except store_errors() as error:
        raise UserError(f"the tracking store {tracking.uri}: {first_line(error)}.") from error
    write(folder, *records)
    return records


@contextlib.contextmanager
def tracked(
    tracking: Tracking, folder: Path, task: str, name: str, tags: dict[str, str]
) -> Iterator[str | None]:
    """Give the id of a run that ends with the block; None if there is none.

    Raises
    ------
    NotSentError
        At the end, if the store did not take what the block left in `folder`.
    UserError
        At the beginning, if the store does not work. The job of a parent, whose store did work,
        goes on without.
    """
    if not tracking.enabled:
        yield None
        return
    try:
        (record,) = start(tracking, folder, [tracking.experiment or task], name, tags)
    except UserError as error:
        if PARENT not in tags:
            raise
        (record,) = read(folder)
        log.warning("goes on untracked: %s", error)
    with _system_metrics(tracking, record.run_id):
        try:
            yield record.run_id
        except BaseException as error:
            killed = isinstance(error, KeyboardInterrupt | SystemExit)
            with contextlib.suppress(UserError):  # the first error is the one to tell of
                finish(folder, "KILLED" if killed else "FAILED", str(error))
            raise
    finish(folder, "FINISHED")


@contextlib.contextmanager
def _system_metrics(tracking: Tracking, run_id: str | None) -> Iterator[None]:
    if not tracking.system_metrics or run_id is None:
        yield
        return
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    try:
        monitor = SystemMetricsMonitor(  # type: ignore[no-untyped-call]
            run_id, sampling_interval=5, tracking_uri=tracking.uri
        )
    except Exception as error:  # MLflow's own class, when psutil is not there
        raise UserError(
            f"tracking.system_metrics: {first_line(error)}. Is psutil installed?"
        ) from error
    monitor.start()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        monitor.finish()  # type: ignore[no-untyped-call]


def finish(
    folder: Path,
    status: str,
    error: str = "",
    *,
    note: str = "",
    jobs: Sequence[Path] = (),
) -> None:
    """Note how the runs of a folder ended, and send all that stands there.

    Raises
    ------
    NotSentError
        If the store did not take it; `upload` tries again.
    """
    records = read(folder)
    for record in records:
        record.status, record.error = status, error or None
        record.jobs = [str(job.relative_to(folder)) for job in jobs]
        if note:
            record.tags["mlflow.note.content"] = note
    write(folder, *records)
    upload(folder)


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
