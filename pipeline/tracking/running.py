"""Which runs are running: each holds a lock in its folder, which is free once its process died."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from pipeline.tracking.records import PARENT

if TYPE_CHECKING:
    from mlflow import MlflowClient

FOLDER = "folder"  # a run's tag: where it runs

_held: dict[Path, FileLock] = {}


def hold(folder: Path) -> None:
    """Mark a folder's run as running, until `release` or the end of this process."""
    path = _lock(folder)
    if path not in _held:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        with contextlib.suppress(Timeout, OSError, NotImplementedError):  # no locks on this disk
            lock.acquire(timeout=1)  # `_claim` may hold it for a moment
        _held[path] = lock


def release(folder: Path) -> None:
    """Mark a folder's run as ended."""
    path = _lock(folder)
    if lock := _held.pop(path, None):
        path.unlink(missing_ok=True)
        lock.release()


def is_running(folder: Path) -> bool:
    """Return whether a process, here or on a machine with the same folder, runs a folder's run."""
    with _claim(folder) as free:
        return not free


@contextlib.contextmanager
def _claim(folder: Path) -> Iterator[bool]:
    """Yield whether no process runs a folder's run; while the block lasts, none can start."""
    path = _lock(folder)
    if path in _held:
        yield False
    elif not path.exists():
        yield True
    else:
        lock = FileLock(path)
        with contextlib.suppress(Timeout, OSError, NotImplementedError):  # no locks on this disk
            lock.acquire(timeout=0)
        try:
            yield lock.is_locked
        finally:
            lock.release()


def end_orphans(client: MlflowClient, experiment: str, parent: str | None = None) -> None:
    """Set the status KILLED for runs of an experiment, or a parent, whose process has ended."""
    within = f" and tags.`{PARENT}` = '{parent}'" if parent else ""
    for run in client.search_runs([experiment], f"attributes.status = 'RUNNING'{within}"):
        folder, run_id = run.data.tags.get(FOLDER), run.info.run_id
        if folder and Path(folder).is_dir():
            with _claim(Path(folder)) as free:
                # Asked again: it may have ended since the search.
                if free and client.get_run(run_id).info.status == "RUNNING":
                    client.set_terminated(run_id, "KILLED")


def _lock(folder: Path) -> Path:
    return folder.absolute() / ".hydra" / "running.lock"
