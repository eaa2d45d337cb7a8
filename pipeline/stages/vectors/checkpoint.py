"""Checkpoints: the state of a training on disk, so that a killed training can continue.

The state of a training between two steps is small: some arrays, changed in place, and some numbers.
A `Checkpoint` saves it to a folder of its own::

    checkpoint = Checkpoint(folder, {"trainer": "SkipGram", "dim": 50, "text": digest})
    values = checkpoint.load(arrays)  # fills the arrays; None: there is no state to continue from
    with checkpoint:  # Ctrl-C waits for the end of a step
        for step in steps_after(values):
            work(step)
            checkpoint.after_step(arrays, {"done": step})  # saves when due or asked to stop
    checkpoint.remove()

The folder holds ``state.json`` and the arrays it names, as ``.npy``. A new state is written beside
the old one and replaces it when ``state.json`` is renamed, so there is a complete state at all
times, whenever the process or the machine stops. Digests show if a file is damaged.
"""

from __future__ import annotations

import json
import logging
import shutil
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from filelock import Timeout
from numpy.typing import NDArray

from pipeline.core.files import file_digest, write_array, write_json
from pipeline.core.locks import acquire, lock_of
from pipeline.core.plain import json_digest

log = logging.getLogger(__name__)

STATE = "state.json"
MINUTES = 5.0  # a state of 250 MB is written in about a second

Arrays = Mapping[str, NDArray[Any]]


class State(NamedTuple):
    """The state of a training between two steps."""

    arrays: Arrays
    values: dict[str, Any]


@dataclass
class Checkpoint:
    """Where and how often the state of one training is saved.

    Nothing is written before the first state is saved. Of two processes that run the same training,
    the one that saves or loads first has the folder, by a lock that ends with its process; the
    other trains without a checkpoint. Waiting would not help it: when the first is done, it removes
    the checkpoint.

    Parameters
    ----------
    folder
        For the state of this training alone.
    key
        Everything the result depends on, as plain JSON values. The state of another key is ignored.
    minutes
        Time between two saves; 0 saves after every step.
    """

    folder: Path
    key: dict[str, Any]
    minutes: float = MINUTES

    def __post_init__(self) -> None:
        """Start the clock."""
        self.key = json.loads(json.dumps(self.key))  # as it will be read again
        self.lock = lock_of(self.folder)
        self.usable = True
        self.saved_at = time.monotonic()
        self.pending: tuple[int, FrameType | None] | None = None  # the signal that waits
        self.handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}

    # Load and save ----------------------------------------------------------------------------

    def load(self, arrays: Arrays) -> dict[str, Any] | None:
        """Fill the arrays with the saved state and return its numbers; None if there is none."""
        if (state := self.read()) is None:
            return None
        kinds = {name: (array.shape, array.dtype) for name, array in arrays.items()}
        if kinds != {name: (array.shape, array.dtype) for name, array in state.arrays.items()}:
            self._warn("an array has another shape")
            return None
        for name, array in arrays.items():
            array[...] = state.arrays[name]
        return state.values

    def read(self) -> State | None:
        """Return the saved state, its arrays memory-mapped; None if there is none."""
        try:
            if not (self.folder / STATE).exists() or not self._acquire():
                return None
            return self._read()
        except Exception as error:  # noqa: BLE001 - whatever is wrong, training can start over
            self._warn(error)
            return None

    def _warn(self, why: object) -> None:
        log.warning("%s: the checkpoint is damaged and not used (%s)", self.folder, why)

    def _read(self) -> State:
        state = json.loads((self.folder / STATE).read_text("utf-8"))
        if state.pop("digest") != json_digest(state):
            raise ValueError("state.json has changed")
        if state["key"] != self.key:
            raise ValueError("it belongs to another training")
        loaded = {}
        for name, file in state["arrays"].items():
            path = self.folder / file["file"]
            if file_digest(path) != file["sha256"]:
                raise ValueError(f"{path.name} has changed")
            loaded[name] = np.load(path, mmap_mode="r", allow_pickle=False)
        return State(loaded, state["values"])

    def save(self, arrays: Arrays, values: dict[str, Any]) -> bool:
        """Save the state and return True; if it fails, warn and keep the last one."""
        self.saved_at = time.monotonic()
        try:
            if not self._acquire():
                return False
            self._write(arrays, values)
        except OSError as error:
            why = error.strerror or error
            log.warning("%s: no checkpoint saved (%s); training continues", self.folder, why)
            return False
        finally:
            self._remove_unused()
        self.saved_at = time.monotonic()  # a slow disk must not take all the time
        return True

    def _write(self, arrays: Arrays, values: dict[str, Any]) -> None:
        used = self._files_of_state()
        turn = next(turn for turn in ("a", "b") if f"{next(iter(arrays))}.{turn}.npy" not in used)
        files = {}
        for name, array in arrays.items():
            path = self.folder / f"{name}.{turn}.npy"
            write_array(path, array, durable=True)
            files[name] = {"file": path.name, "sha256": file_digest(path)}
        state = {"key": self.key, "values": values, "arrays": files}
        write_json(self.folder / STATE, state | {"digest": json_digest(state)}, durable=True)

    def _files_of_state(self) -> set[str]:
        """Return the names of the files that belong to the saved state."""
        try:
            state = json.loads((self.folder / STATE).read_text("utf-8"))
            return {file["file"] for file in state["arrays"].values()} | {STATE}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return set()

    def _remove_unused(self) -> None:
        """Remove files of an older state, or of one that was never completed."""
        if self.lock.is_locked and self.folder.is_dir():
            used = self._files_of_state()
            for path in self.folder.iterdir():
                if path.name not in used:
                    path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the state: the training is finished."""
        if self.lock.is_locked:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.lock.release()

    def _acquire(self) -> bool:
        """Take the folder if no other process has it, and return whether it is ours."""
        if self.usable and not self.lock.is_locked:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                acquire(self.lock, timeout=0)
            except Timeout:
                self.usable = False
                log.info("another process runs the same training; this one saves no checkpoint")
        return self.usable

    # Between two steps ------------------------------------------------------------------------

    def is_due(self) -> bool:
        """Return whether it is time to save, or somebody asked to stop."""
        return self.pending is not None or time.monotonic() - self.saved_at >= 60 * self.minutes

    def after_step(self, arrays: Arrays, values: dict[str, Any]) -> None:
        """Save if it is time; if somebody asked to stop, save and stop."""
        if self.pending is None:
            if self.is_due():
                self.save(arrays, values)
            return
        number, frame = self.pending
        self.pending = None
        self.save_and_say(arrays, values)
        self.handlers[number](number, frame)

    def save_and_say(self, arrays: Arrays, values: dict[str, Any]) -> None:
        """Save because the training is being stopped, and tell the user how to continue."""
        if self.save(arrays, values):
            log.info("training stopped; the same command continues from here (%s)", self.folder)

    def say_continuing(self, share: float) -> None:
        """Tell the user from where the training continues."""
        log.info("continuing where training stopped, at %.0f%% (%s)", 100 * share, self.folder)

    def __enter__(self) -> Self:
        """Make SIGINT and SIGTERM, where Python handles them, wait for the end of a step."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                handler = signal.getsignal(number)
                if callable(handler):  # otherwise the process just ends, as it would without us
                    self.handlers[number] = handler
                    signal.signal(number, self._postpone)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Restore the signal handlers; after an error let other processes have the folder."""
        handlers, self.handlers = self.handlers, {}
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if kind is not None:
            self.lock.release()
        if self.pending is not None and kind is None:  # it came after the last step
            number, frame = self.pending
            self.pending = None
            handlers[number](number, frame)

    def _postpone(self, number: int, frame: FrameType | None) -> None:
        if self.pending is None:
            self.pending = number, frame
        else:  # asked twice: stop at once; what was saved last has to do
            self.pending = None
            self.handlers[number](number, frame)


class Unsaved(Checkpoint):
    """A checkpoint that saves nothing and says nothing."""

    def __init__(self) -> None:
        """Have no folder."""

    def read(self) -> State | None:
        """Return no state."""
        return None

    def save(self, arrays: Arrays, values: dict[str, Any]) -> bool:  # noqa: ARG002
        """Save nothing."""
        return False

    def say_continuing(self, share: float) -> None:
        """Say nothing."""

    def after_step(self, arrays: Arrays, values: dict[str, Any]) -> None:
        """Do nothing."""

    def is_due(self) -> bool:
        """Return that it never is."""
        return False

    def remove(self) -> None:
        """Remove nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass
