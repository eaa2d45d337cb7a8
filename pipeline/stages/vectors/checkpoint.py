"""Checkpoints: what a training has learnt so far, on disk, so that a killed one can go on.

A training that is a sequence of steps between which all is at rest has a small state: some arrays,
changed in place, and some numbers. A `Checkpoint` keeps it in a folder of its own::

    checkpoint = Checkpoint.of({"trainer": "SkipGram", "dim": 50, "text": digest})
    values = checkpoint.load(arrays)  # fills the arrays; None: nothing there to go on from
    with checkpoint:  # Ctrl-C waits for the next rest
        for step in steps_after(values):
            work(step)
            checkpoint.rest(arrays, {"done": step})  # now and then, or when asked to stop: saves
    checkpoint.remove()

In the folder are ``state.json`` and the arrays it names, as ``.npy``. A new state is written beside
the old one and takes its place by a single renaming of ``state.json``, so there is a whole state at
all times, whenever the process dies. Digests tell when what is read is not what was written.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from pipeline.core.files import file_digest, write, write_json

log = logging.getLogger(__name__)

CACHE = Path("outputs") / "cache" / "training"
STATE = "state.json"
MINUTES = 5.0  # a state of 250 MB is written in about a second

Arrays = Mapping[str, NDArray[Any]]


@dataclass
class Checkpoint:
    """Where the state of one training is kept, and how often.

    Nothing is written before the first state is saved. Two processes at the same training do not
    disturb each other: the folder belongs to the one that saved or loaded first, by a lock that
    ends with its process, and the other trains without. It does not wait: the checkpoint is gone
    when the first is done, so that after waiting it would have to begin at the beginning all the
    same.

    Parameters
    ----------
    folder
        For the state of this training alone.
    what
        All that determines the result, as plain JSON values. A state of anything else is ignored.
    minutes
        Between two states; 0 saves at every rest.
    """

    folder: Path
    what: dict[str, Any]
    minutes: float = MINUTES

    def __post_init__(self) -> None:
        """Begin to count the minutes."""
        self.what = json.loads(json.dumps(self.what))  # as it will be read again
        self.lock = FileLock(self.folder.with_name(f"{self.folder.name}.lock"))
        self.usable = True
        self.saved = time.monotonic()
        self.asked: tuple[int, FrameType | None] | None = None  # the signal that waits
        self.handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}

    @classmethod
    def of(
        cls, what: dict[str, Any], folder: Path | None = None, minutes: float = MINUTES
    ) -> Checkpoint:
        """Name the folder after all that determines the result, this package's version included."""
        try:
            version = metadata.version("yourvectors")
        except metadata.PackageNotFoundError:  # used without having been installed
            version = "unknown"
        what = {"version": version, **what}
        key = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]
        return cls((folder or CACHE) / key, what, minutes)

    # the state --------------------------------------------------------------------------------

    def load(self, arrays: Arrays) -> dict[str, Any] | None:
        """Fill the arrays with the state on disk and return its numbers; None if there is none."""
        try:
            if not (self.folder / STATE).exists() or not self._mine():
                return None
            values, kept = self._read(arrays)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, we can begin anew
            log.warning("%s: the checkpoint is broken, so not used (%s)", self.folder, error)
            return None
        for name, array in arrays.items():
            array[...] = kept[name]
        return values

    def _read(self, arrays: Arrays) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        state = json.loads((self.folder / STATE).read_text("utf-8"))
        if state.pop("digest") != digest(state):
            raise ValueError("state.json is not as it was written")
        if state["what"] != self.what:
            raise ValueError("it is of another training")
        kept = {}
        for name, array in arrays.items():
            file = state["arrays"][name]
            path = self.folder / file["file"]
            if file_digest(path) != file["sha256"]:
                raise ValueError(f"{path.name} is not as it was written")
            kept[name] = np.load(path, mmap_mode="r", allow_pickle=False)
            if (kept[name].shape, kept[name].dtype) != (array.shape, array.dtype):
                raise ValueError(f"{path.name} has another shape")
        values: dict[str, Any] = state["values"]
        return values, kept

    def save(self, arrays: Arrays, values: dict[str, Any]) -> bool:
        """Write the state; return whether that went well. If not, say so, and keep the old one."""
        self.saved = time.monotonic()
        try:
            if not self._mine():
                return False
            self._write(arrays, values)
        except OSError as error:
            why = error.strerror or error
            log.warning("%s: no checkpoint saved (%s); training goes on", self.folder, why)
            return False
        finally:
            self._tidy()
        self.saved = time.monotonic()  # a slow disk must not take all the time
        return True

    def _write(self, arrays: Arrays, values: dict[str, Any]) -> None:
        named = self._named()
        turn = next(turn for turn in ("a", "b") if f"{next(iter(arrays))}.{turn}.npy" not in named)
        files = {}
        for name, array in arrays.items():
            path = self.folder / f"{name}.{turn}.npy"
            write(path, lambda file, array=array: np.save(file, array))  # type: ignore[misc]
            files[name] = {"file": path.name, "sha256": file_digest(path)}
        state = {"what": self.what, "values": values, "arrays": files}
        write_json(self.folder / STATE, state | {"digest": digest(state)})

    def _named(self) -> set[str]:
        """Return the files that the state on disk consists of."""
        try:
            state = json.loads((self.folder / STATE).read_text("utf-8"))
            return {file["file"] for file in state["arrays"].values()} | {STATE}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return set()

    def _tidy(self) -> None:
        """Remove what is of no state, or of one that was being written when the process died."""
        if self.lock.is_locked and self.folder.is_dir():
            named = self._named()
            for path in self.folder.iterdir():
                if path.name not in named:
                    path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Forget the state: the training is done."""
        if self.lock.is_locked:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.lock.release()

    def _mine(self) -> bool:
        """Take the folder; tell whether it is ours."""
        if self.usable and not self.lock.is_locked:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                self.lock.acquire(timeout=0)
            except Timeout:
                self.usable = False
                log.info("another process is at the same training; this one keeps no checkpoint")
        return self.usable

    # between two steps ------------------------------------------------------------------------

    def due(self) -> bool:
        """Tell whether a rest is wanted: it is time to save, or somebody asked to stop."""
        return self.asked is not None or time.monotonic() - self.saved >= 60 * self.minutes

    def rest(self, arrays: Arrays, values: dict[str, Any]) -> None:
        """Save if it is time; if somebody asked to stop, save and do that."""
        if self.asked is None:
            if self.due():
                self.save(arrays, values)
            return
        number, frame = self.asked
        self.asked = None
        self.stopped(arrays, values)
        self.handlers[number](number, frame)

    def stopped(self, arrays: Arrays, values: dict[str, Any]) -> None:
        """Save because the training is stopped, and say so."""
        if self.save(arrays, values):
            log.info("training stopped; the same command goes on from here (%s)", self.folder)

    def __enter__(self) -> Self:
        """Let SIGINT and SIGTERM, where Python handles them, wait for the next rest."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                handler = signal.getsignal(number)
                if callable(handler):  # otherwise the process just ends, as it would without us
                    self.handlers[number] = handler
                    signal.signal(number, self._wait)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Handle signals as before; let others have the folder."""
        handlers, self.handlers = self.handlers, {}
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if kind is not None:
            self.lock.release()
        if self.asked is not None and kind is None:  # too late for a rest: the training is done
            number, frame = self.asked
            self.asked = None
            handlers[number](number, frame)

    def _wait(self, number: int, frame: FrameType | None) -> None:
        if self.asked is None:
            self.asked = number, frame
        else:  # asked twice: then at once, and what was saved last will have to do
            self.asked = None
            self.handlers[number](number, frame)


def digest(state: dict[str, Any]) -> str:
    """Return the sha256 of JSON values."""
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()
