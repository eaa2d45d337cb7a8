"""Stop in order: Ctrl-C and SIGTERM end a run and print the command that continues it."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs


class Terminated(KeyboardInterrupt):
    """SIGTERM was received."""


def _interrupt(*_: object) -> None:
    with contextlib.suppress(OSError):
        if os.isatty(2):
            os.write(2, b"\r\x1b[K")  # clear the ^C, so that the next line stands alone
    raise KeyboardInterrupt


def _terminate(*_: object) -> None:
    raise Terminated


def _not_ignored(unraisable: UnraisableHookArgs) -> None:
    """Send the signal again if it came where Python ignores exceptions, as in a destructor."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        again = signal.SIGTERM if issubclass(unraisable.exc_type, Terminated) else signal.SIGINT
        # A moment later: exceptions are still ignored here.
        threading.Timer(0.05, os.kill, (os.getpid(), again)).start()
    else:
        sys.__unraisablehook__(unraisable)


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Make Ctrl-C and SIGTERM raise `KeyboardInterrupt` wherever they come."""
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a background job ignores it
        signal.signal(signal.SIGINT, _interrupt)
    before, sys.unraisablehook = sys.unraisablehook, _not_ignored
    try:
        yield
    finally:
        sys.unraisablehook = before


def exit_code(stop: KeyboardInterrupt) -> int:
    """Return the exit code that a shell expects of a program ended by this signal."""
    return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)


def how_to_continue(words: Sequence[str], multirun: Path | None) -> str:
    """Return what to print when a run is stopped; the last line is the command that continues it.

    Parameters
    ----------
    words
        The command line as it was typed.
    multirun
        The folder of the multirun; None for a run, which continues from the cache.
    """
    again, same = ["yourvectors", *words], "the same command"
    if multirun is not None:
        same += f" with hydra.sweep.dir={multirun}"
        if not any(word.startswith("hydra.sweep.dir=") for word in words):
            again.append(f"hydra.sweep.dir={multirun}")
    return f"stopped; {same} continues:\n{shlex.join(again)}"
