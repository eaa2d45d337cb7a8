"""The cache on disk: results in entries that are locked, written atomically and checked.

An entry is a folder, ``<cache>/<stage>/<digest of its key>/``, with the files of a result and
``manifest.json``: the key, who made it and when, how long that took, and a sha256 of every file.
It is written beside its place and renamed, so a reader sees all of it or nothing. If several
processes need the same result, one makes it and the others wait. A damaged entry is made again. If
the cache cannot be read or written, the log says so and the result is computed.
"""

from __future__ import annotations

import contextlib
import getpass
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
from logging.handlers import BufferingHandler
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from pipeline.cache.inputs import UnknownError
from pipeline.cache.observe import Observed, changed, observing
from pipeline.core.errors import SettingError, UserError
from pipeline.core.files import file_digest, sync, sync_all, write_json
from pipeline.core.locks import locked
from pipeline.core.notebook import displayed
from pipeline.core.plain import json_digest
from pipeline.core.secrets import mask
from pipeline.core.settings import Settings, bounded

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"

# Their warnings are about this run, not about the result.
_OF_THE_RUN = {log.name, "pipeline.core.locks", "pipeline.stages.vectors.checkpoint"}

T = TypeVar("T")
Plain = dict[str, Any]


@displayed
@dataclass
class Cache(Settings):
    """Whether and where results are cached.

    Parameters
    ----------
    path
        The folder of the cache. Many runs can share it, also at the same time.
    enabled
        ``cache=off`` sets it to false: nothing is read or written, not even checkpoints.
    checkpoint_minutes
        Minutes between two checkpoints of a training; 0 saves as often as possible.
    """

    path: str = "outputs/cache"
    enabled: bool = True
    checkpoint_minutes: float = bounded(5.0, least=0)

    def __post_init__(self) -> None:
        """Check values."""
        super().__post_init__()
        if not self.path:
            raise SettingError("path is empty: name a folder, or say cache=off.")


class DamagedError(Exception):
    """An entry has changed since it was written."""


class Outcome(NamedTuple, Generic[T]):
    """The result of a stage.

    Parameters
    ----------
    value
        What the stage returns.
    how
        ``made`` now, ``reused`` from the cache, or ``loaded`` from the user's data.
    seconds
        How long it took to make, even if that was in an earlier run.
    """

    value: T
    how: Literal["made", "reused", "loaded"]
    seconds: float


def timed(make: Callable[[], T], how: Literal["made", "loaded"] = "made") -> Outcome[T]:
    """Call `make` and measure how long it takes."""
    began = time.perf_counter()
    value = make()
    return Outcome(value, how, time.perf_counter() - began)


@dataclass(frozen=True)
class Store:
    """The entries in a folder.

    Parameters
    ----------
    folder
        Created when the first entry is written. None: nothing is read or written.
    """

    folder: Path | None

    def entry(self, stage: str, key: Callable[[], Plain]) -> tuple[Path, Plain] | None:
        """Return the folder of an entry, and its key; None if nothing may be stored."""
        if self.folder is None or (wanted := _known(stage, key)) is None:
            return None
        return self.folder / stage / json_digest(wanted)[:32], wanted

    def has(self, stage: str, key: Callable[[], Plain]) -> bool:
        """Return whether there is an entry with this key, intact or not."""
        found = self.entry(stage, key)
        return found is not None and (found[0] / MANIFEST).exists()

    def get(
        self,
        stage: str,
        key: Callable[[], Plain],
        make: Callable[[], T],
        save: Callable[[T, Path], object],
        load: Callable[[Path], T],
    ) -> Outcome[T]:
        """Return a result from the cache; make and save it if it is not there.

        Parameters
        ----------
        stage
            The folder of the entry in the cache.
        key
            Returns everything the result depends on, as plain JSON values. It is called again
            after `make`: if a file changed meanwhile, the result is not saved.
        make, save, load
            Make the result; write it to an empty folder; read it from a folder.
        """
        if (found := self.entry(stage, key)) is None:
            return timed(make)
        entry, wanted = found
        if (reused := _read(entry, wanted, load)) is not None:
            return reused
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(entry, f"{stage}, which is needed here too"))
            except OSError as error:
                log.warning("  %-9s is not stored in %s: %s", stage, self.folder, _why(error))
                return timed(make)
            # Another process may have made it meanwhile.
            if (reused := _read(entry, wanted, load, last_try=True)) is not None:
                return reused
            is_own = any(wanted.get("own_code", []))
            watch = observing(self.folder) if is_own else contextlib.nullcontext(Observed())
            with _recorded() as records, watch as observed:
                made = timed(make)
            try:
                if _known(stage, key) == wanted:  # no input was edited meanwhile
                    warnings = [r.getMessage() for r in records if r.name not in _OF_THE_RUN]
                    about = {"key": wanted, "warnings": warnings, "read": observed.digests()}
                    _write(entry, made, about, save)
                else:
                    log.warning("  %-9s is not stored: a file changed while it was made", stage)
            except UnknownError as error:
                log.info("  %-9s is not stored: %s", stage, error)
            except (OSError, ValueError, TypeError, UserError) as error:
                log.warning("  %-9s is not stored in %s: %s", stage, self.folder, _why(error))
        return made


def _known(stage: str, key: Callable[[], Plain]) -> Plain | None:
    """Return a key as it will be read again; None if it cannot be known."""
    try:
        known: Plain = json.loads(json.dumps(key()))
    except (UnknownError, OSError) as error:
        log.info("  %-9s is not stored: %s", stage, _why(error))
        return None
    except UserError:  # of a missing file: the stage itself explains it better
        return None
    return known


def _read(
    entry: Path, key: Plain, load: Callable[[Path], T], *, last_try: bool = False
) -> Outcome[T] | None:
    """Load an entry and repeat its warnings; on the last try, remove one that cannot be used."""
    if not os.path.lexists(entry):
        return None
    try:
        manifest = verify(entry, key)
        stale = changed(manifest["read"])
        reused = Outcome(load(entry), "reused", float(manifest["seconds"]))
        warnings = [str(text) for text in manifest["warnings"]]
    except OSError as error:  # the disk or the permissions, not the entry
        if last_try:
            log.warning("%s cannot be read: %s", entry, _why(error))
        return None
    except Exception as error:  # noqa: BLE001 - a damaged file can cause any error
        if last_try:
            log.warning("%s is damaged and made again: %s", entry, error)
            discard(entry)
        return None
    if stale is not None:
        if last_try:
            log.info("  %-9s is made again: %s has changed", entry.parent.name, stale)
            discard(entry)
        return None
    with contextlib.suppress(OSError):
        os.utime(entry / MANIFEST)  # when it was last used, for `prune`
    for warning in warnings:
        log.warning("%s", warning)
    return reused


def _write(entry: Path, made: Outcome[T], about: Plain, save: Callable[[T, Path], object]) -> None:
    """Write an entry beside its place and rename it when all of it is on disk."""
    for left in entry.parent.glob(f".{entry.name}.*"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    temporary = _beside(entry)
    temporary.mkdir()
    try:
        save(made.value, temporary)
        files = {
            str(path.relative_to(temporary)): file_digest(path)
            for path in sorted(temporary.rglob("*"))
            if path.is_file()
        }
        manifest = {
            **about,
            "seconds": made.seconds,
            "files": files,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "by": f"{_user()}@{platform.node()}",
            "command": mask(shlex.join(sys.argv)),
            "working_directory": str(Path.cwd()),
        }
        write_json(temporary / MANIFEST, manifest | {"sha256": json_digest(manifest)})
        sync_all(temporary)
        temporary.rename(entry)
        sync(entry.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def verify(entry: Path, key: Plain | None = None) -> Plain:
    """Return the manifest of an entry if every file is as it was written.

    Parameters
    ----------
    entry
        The folder of the entry.
    key
        The key it must have; unset: any.

    Raises
    ------
    DamagedError
        Otherwise; the message names the file.
    """
    try:
        manifest: Plain = json.loads((entry / MANIFEST).read_text("utf-8"))
        intact = manifest.pop("sha256") == json_digest(manifest)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        intact = False
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        intact = False
    if not intact:
        raise DamagedError(f"{MANIFEST} has changed")
    for name, digest in manifest["files"].items():
        path = entry / name
        if not path.is_file() or file_digest(path) != digest:
            raise DamagedError(f"{name} has changed")
    if key is not None and manifest["key"] != key:
        raise DamagedError("it has another key")
    return manifest


def discard(entry: Path) -> None:
    """Remove an entry; a reader sees all of it or nothing."""
    temporary = _beside(entry)
    with contextlib.suppress(OSError):
        entry.rename(temporary)
        if temporary.is_dir() and not temporary.is_symlink():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink()


def _beside(entry: Path) -> Path:
    return entry.with_name(f".{entry.name}.{secrets.token_hex(4)}")


def _why(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


@contextlib.contextmanager
def _recorded() -> Iterator[list[logging.LogRecord]]:
    """Record the warnings about a result, to repeat them when it is reused."""
    recorder = BufferingHandler(sys.maxsize)
    recorder.setLevel(logging.WARNING)
    package = logging.getLogger(log.name.partition(".")[0])
    package.addHandler(recorder)
    try:
        yield recorder.buffer
    finally:
        package.removeHandler(recorder)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name
        return "unknown"
