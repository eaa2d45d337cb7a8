"""Locks between processes: files that one process at a time may hold."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

log = logging.getLogger(__name__)

# Said in our own words below.
warnings.filterwarnings("ignore", "flock not supported", module="filelock|pipeline")

PATIENCE = 3.0  # seconds of waiting that need no message


def lock_of(path: Path) -> FileLock:
    """Return the lock of a file or folder, a file beside it."""
    return FileLock(path.with_name(f"{path.name}.lock"))


def acquire(lock: BaseFileLock, timeout: float = -1) -> None:
    """Acquire a lock; a negative timeout waits as long as it takes.

    Where the file system has no locks, the existence of the file serves as one. If its process is
    killed, such a file stays; a warning says so.

    Raises
    ------
    Timeout
        If another process still holds it after so many seconds.
    OSError
        If the lock's file cannot be written or locked.
    """
    try:
        lock.acquire(timeout=timeout)
    except NotImplementedError as error:  # older versions of filelock
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK), lock.lock_file) from error
    finally:
        if isinstance(lock, SoftFileLock):
            log.warning(
                "%s: no file locks on this file system; remove the file if its process was killed",
                lock.lock_file,
            )


@contextlib.contextmanager
def held(lock: BaseFileLock, what: str) -> Iterator[None]:
    """Hold a lock; if that takes long, say what is waited for and how to end it.

    Parameters
    ----------
    lock
        The lock.
    what
        What the other process does, for the message.
    """
    try:
        acquire(lock, PATIENCE)
    except Timeout:
        log.info(
            "waiting for another process: %s (if no such process runs, remove %s)",
            what,
            lock.lock_file,
        )
        acquire(lock)
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold the lock of a file or folder that only one process may write; see `held`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with held(lock_of(path), what):
        yield
