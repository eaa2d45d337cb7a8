"""``mlflow.json``: what a folder knows of its run in MLflow, so that it can be sent later."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pipeline.core.files import write_json
from pipeline.stages.report.result import read_result

FILE = "mlflow.json"
PARENT = "mlflow.parentRunId"  # MLflow's own tag: the UI nests by it


@dataclass
class Record:
    """One run in MLflow.

    Parameters
    ----------
    uri, experiment, name, tags
        Where it is tracked, and what it began with.
    largest_mb
        Files larger than this are not sent.
    run_id
        Unset while no store has taken it.
    began
        When, in milliseconds since 1970; metrics are sent with it, so that one sent twice is one.
    status, error
        How it ended; unset while it has not.
    jobs
        Of a parent: the folders of its jobs, below its own.
    sent
        Whether the store has all of it.
    """

    uri: str
    experiment: str
    name: str
    tags: dict[str, str]
    largest_mb: float = 100.0
    run_id: str | None = None
    began: int = field(default_factory=lambda: int(time.time() * 1000))
    status: str | None = None
    error: str | None = None
    jobs: list[str] = field(default_factory=list)
    sent: bool = False

    @property
    def parent(self) -> str | None:
        """The id of the parent run, of a job."""
        return self.tags.get(PARENT)


def read(folder: Path) -> list[Record]:
    """Return a folder's records: one of a run, one an experiment of a multirun, or none."""
    path = folder / FILE
    if not path.exists():
        return []
    return [Record(**values) for values in json.loads(path.read_text("utf-8"))]


def write(folder: Path, *records: Record) -> None:
    """Write ``mlflow.json``."""
    write_json(folder / FILE, [asdict(record) for record in records])


def winner(folder: Path, record: Record) -> Path | None:
    """Return the folder of the best run on dev: of a parent's jobs, or its own."""
    folders = [folder / job for job in record.jobs] or [folder]
    accuracy = {
        job: read_result(job)["dev"]["accuracy"]
        for job in folders
        if any(_ended_well(one, record) for one in read(job))
    }
    return max(accuracy, key=lambda job: accuracy[job]) if accuracy else None


def _ended_well(one: Record, record: Record) -> bool:
    return (
        one.status == "FINISHED"
        and one.experiment == record.experiment
        and one.tags["role"] != "parent"
    )
