"""``mlflow.json``: the records of a folder's runs in MLflow, to upload them later."""

from __future__ import annotations

import contextlib
import json
import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.files import write_json
from pipeline.core.secrets import hide
from pipeline.stages.report.result import dev_score, read_result

log = logging.getLogger(__name__)

FILE = "mlflow.json"
PARENT = "mlflow.parentRunId"  # MLflow's own tag: the UI nests runs by it
NOTE = "mlflow.note.content"  # shown on top of the run's page
KEY = "creation_key"
LONGEST_NAME = 60


def new_key() -> str:
    """Return a key that no other run has."""
    return uuid.uuid4().hex


@dataclass
class Record:
    """One run in MLflow.

    Parameters
    ----------
    uri, experiment, name, tags
        Where the run is tracked, and what it starts with. `uri` has no password.
    largest_mb
        Larger files are not uploaded.
    key
        A tag of the run in the store. It is written here before the run is created, so that the run
        can be found even if its id was never noted.
    run_id, experiment_id
        Unset until a store has created the run.
    given
        Whether someone else created the run and named it by ``MLFLOW_RUN_ID``.
    began
        Start time in milliseconds since 1970. All metrics are sent with it: a metric that is sent
        twice is stored once.
    status, error
        How the run ended; unset until it has.
    jobs
        A parent's only: the folders of its jobs, relative to its own.
    sent
        Whether the store has everything.
    """

    uri: str
    experiment: str
    name: str
    tags: dict[str, str]
    largest_mb: float = 100.0
    key: str = field(default_factory=new_key)
    run_id: str | None = None
    experiment_id: str | None = None
    given: bool = False
    began: int = field(default_factory=lambda: int(time.time() * 1000))
    status: str | None = None
    error: str | None = None
    jobs: list[str] = field(default_factory=list)
    sent: bool = False

    @property
    def parent(self) -> str | None:
        """The id of a job's parent run."""
        return self.tags.get(PARENT)


def short_name(swept: Sequence[str]) -> str:
    """Name a multirun by what it sweeps, in at most about 60 characters.

    >>> short_name(["vectors=skipgram,glove", "seed=1,2"])
    'vectors=skipgram,glove seed=1,2'
    >>> short_name(["vectors.path=" + ",".join(["a/long/name.txt"] * 9), "seed=1,2"])
    'vectors.path (9 values) seed=1,2'
    """
    items = list(swept)
    for long in sorted(swept, key=len, reverse=True):
        if len(" ".join(items)) <= LONGEST_NAME:
            break
        key, _, values = long.partition("=")
        items[items.index(long)] = f"{key} ({values.count(',') + 1} values)"
    return " ".join(items) or "multirun"


def read(folder: Path) -> list[Record]:
    """Return a folder's records: one of a run, one per experiment of a multirun, or none."""
    path = folder / FILE
    if not path.exists():
        return []
    known = {item.name for item in fields(Record)}
    try:
        found = json.loads(path.read_text("utf-8"))
        records = [Record(**{k: v for k, v in values.items() if k in known}) for values in found]
    except (ValueError, TypeError, AttributeError) as error:
        log.warning("%s is damaged and not used: %s", path, error)
        return []
    for record in records:
        record.uri = hide(record.uri)  # older versions stored passwords
    return records


def write(folder: Path, *records: Record) -> None:
    """Write ``mlflow.json``."""
    write_json(folder / FILE, [asdict(record) for record in records])


def winner(folder: Path, record: Record) -> Path | None:
    """Return the folder of a parent's best job on dev by `best.metric`; of a run, its own folder.

    None if no run of the record's experiment has finished.
    """
    scores = {}
    for job in [folder / job for job in record.jobs] or [folder]:
        runs = [one for one in read(job) if one.tags["role"] != "parent"]
        if any((one.status, one.experiment) == ("FINISHED", record.experiment) for one in runs):
            with contextlib.suppress(UserError):  # damaged since; the comparison says so
                scores[job] = dev_score(read_result(job))
    return max(scores, key=lambda job: scores[job]) if scores else None
