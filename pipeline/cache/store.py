"""The stage store: what was made once is kept on disk, under all that it depends on.

A result is an entry, ``<store>/<stage>/<key>/``: the files it is kept in, and ``manifest.json``,
which says what it was made of, by whom and when, with a digest of every file. The key is the digest
of what it was made of. An entry is written beside its place and renamed, so nobody ever sees half
of one; of all who need the same at the same time one makes it and the others wait, by a lock that
ends with its process. What is read is checked: what is not as it was written is thrown away and
made again. A store that cannot be read or written costs a warning, and the work.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import logging
import os
import platform
import secrets
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from filelock import FileLock, Timeout

from pipeline.core.errors import UserError, require
from pipeline.core.files import file_digest, write_json
from pipeline.core.secrets import mask

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
PATIENCE = 3.0  # seconds of waiting that need no word

T = TypeVar("T")


@dataclass
class Cache:
    """The stage store: what was made before is not made again.

    Parameters
    ----------
    path
        Its folder. Many runs, also at the same time, can share one.
    enabled
        Whether to use it at all; ``cache=off`` says no.
    checkpoint_minutes
        How often training saves its state there, to go on from if it is stopped. 0: as often as
        possible.
    """

    path: str = "outputs/cache"
    enabled: bool = True
    checkpoint_minutes: float = 5.0

    def __post_init__(self) -> None:
        """Check values."""
        require(self.path, "cache.path is empty: name a folder, or say cache=off.")
        minutes = self.checkpoint_minutes
        require(minutes >= 0, f"cache.checkpoint_minutes must be at least 0, not {minutes}.")


class BrokenError(Exception):
    """An entry is not as it was written."""


class Kept(NamedTuple, Generic[T]):
    """A result, whether it was there before, and the digest of its files; None if not stored."""

    value: T
    reused: bool
    digest: str | None


@dataclass(frozen=True)
class Store:
    """Entries in a folder.

    Parameters
    ----------
    folder
        Made where it is missing.
    """

    folder: Path

    def get(
        self,
        stage: str,
        what: dict[str, Any],
        make: Callable[[], T],
        save: Callable[[T, Path], object],
        load: Callable[[Path], T],
    ) -> Kept[T]:
        """Load what is there; otherwise make it, and keep it.

        Parameters
        ----------
        stage
            Whose result it is.
        what
            All that determines the result, as plain JSON values.
        make, save, load
            Make the result; write it to an empty folder; read it from one.
        """
        what = json.loads(json.dumps(what))  # as it will be read again
        entry = self.folder / stage / digest_of(what)[:32]
        if (kept := self._read(entry, what, load)) is not None:
            return kept
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(_alone(entry))
            except OSError as error:
                log.warning("  %-9s is not stored in %s: %s", stage, self.folder, _why(error))
                return Kept(make(), reused=False, digest=None)
            # Another may have made it meanwhile.
            if (kept := self._read(entry, what, load, last=True)) is not None:
                return kept
            began = time.perf_counter()
            with _listening() as warnings:
                value = make()
            about = {"seconds": time.perf_counter() - began, "warnings": warnings}
            try:
                digest = _write(entry, what | about, value, save)
            except (OSError, ValueError, TypeError, UserError) as error:
                log.warning("  %-9s is not stored in %s: %s", stage, self.folder, _why(error))
                digest = None
        return Kept(value, reused=False, digest=digest)

    def _read(
        self, entry: Path, what: dict[str, Any], load: Callable[[Path], T], *, last: bool = False
    ) -> Kept[T] | None:
        """Load an entry; one that is broken is thrown away if this is the last attempt."""
        try:
            if not entry.is_dir():
                return None
            manifest = verify(entry, what)
            value = load(entry)
        except OSError as error:  # whatever is wrong, it may not be the entry
            if last:
                log.warning("%s cannot be read: %s", entry, _why(error))
            return None
        except Exception as error:  # noqa: BLE001 - whatever a reader says of a file that looks whole
            if last:
                log.warning("%s is broken, so thrown away and made again: %s", entry, error)
                discard(entry)
            return None
        with contextlib.suppress(OSError):
            os.utime(entry / MANIFEST)  # when it was last used, for `prune`
        for said in manifest["warnings"]:
            log.warning("%s", said)
        if manifest["digest"] is not None:  # to read all again for it would take as long
            vars(value)["digest"] = manifest["digest"]
        return Kept(value, reused=True, digest=digest_of(manifest["files"]))


def _write(entry: Path, about: dict[str, Any], value: T, save: Callable[[T, Path], object]) -> str:
    """Write an entry beside its place, and rename it; return the digest of its files."""
    for left in entry.parent.glob(f".{entry.name}.*"):  # by one who died: the lock is ours
        shutil.rmtree(left, ignore_errors=True)
    temporary = _beside(entry)
    temporary.mkdir()
    try:
        save(value, temporary)
        files = {
            str(path.relative_to(temporary)): file_digest(path)
            for path in sorted(temporary.rglob("*"))
            if path.is_file()
        }
        manifest = {
            **about,
            "digest": getattr(value, "digest", None),
            "files": files,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "by": f"{_user()}@{platform.node()}",
            "command": mask(shlex.join(sys.argv)),
            "working_directory": str(Path.cwd()),
        }
        write_json(temporary / MANIFEST, manifest | {"sha256": digest_of(manifest)})
        temporary.rename(entry)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return digest_of(files)


def _why(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def verify(entry: Path, what: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the manifest of an entry of which every file is as it was written.

    Parameters
    ----------
    entry
        Its folder.
    what
        What the result must have been made of; unset: whatever.

    Raises
    ------
    BrokenError
        Otherwise; it says which file is not.
    """
    try:
        manifest: dict[str, Any] = json.loads((entry / MANIFEST).read_text("utf-8"))
        whole = manifest.pop("sha256") == digest_of(manifest) and _is_complete(manifest)
    except (FileNotFoundError, ValueError, KeyError, AttributeError, TypeError, RecursionError):
        whole = False
    if not whole:
        raise BrokenError(f"{MANIFEST} is not as it was written")
    for name, digest in manifest["files"].items():
        path = entry / name
        if not path.is_file() or file_digest(path) != digest:
            raise BrokenError(f"{name} is not as it was written")
    if any(manifest.get(name) != value for name, value in (what or {}).items()):
        raise BrokenError("it was made of something else")
    return manifest


def _is_complete(manifest: dict[str, Any]) -> bool:
    """Tell whether what is read of a manifest is there, and of its kind."""
    files, warnings, digest = manifest["files"], manifest["warnings"], manifest["digest"]
    digests = list(digest.values()) if isinstance(digest, dict) else [digest]
    if digest is None:  # of what has none
        digests = []
    texts = [*files.values(), *warnings, *digests]
    return isinstance(warnings, list) and all(isinstance(text, str) for text in texts)


def discard(entry: Path) -> None:
    """Remove an entry; others see the whole of it or nothing."""
    temporary = _beside(entry)
    with contextlib.suppress(OSError):
        entry.rename(temporary)
        shutil.rmtree(temporary, ignore_errors=True)


def _beside(entry: Path) -> Path:
    return entry.with_name(f".{entry.name}.{secrets.token_hex(4)}")


def lock_of(entry: Path) -> FileLock:
    """Return the lock that who makes an entry must have."""
    return FileLock(entry.with_name(f"{entry.name}.lock"))


@contextlib.contextmanager
def _alone(entry: Path) -> Iterator[None]:
    """Wait until nobody else makes the same."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    lock = lock_of(entry)
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        log.info("  %-9s another process makes the same: waiting for it", entry.parent.name)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _listening() -> Iterator[list[str]]:
    """Note the warnings that belong to what is made, to give them again with it."""
    heard: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name not in {log.name, "pipeline.stages.vectors.checkpoint"}:  # of this once
                heard.append(record.getMessage())

    ear = Ear(logging.WARNING)
    package = logging.getLogger(log.name.partition(".")[0])
    package.addHandler(ear)
    try:
        yield heard
    finally:
        package.removeHandler(ear)


def digest_of(values: Any) -> str:
    """Return the sha256 of plain JSON values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # one that the system has no name for
        return "unknown"
