"""Processes for tests, forked from one that has imported already what takes seconds to import."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from front import Done

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        "mlflow.store.tracking.sqlalchemy_store",
        "pipeline.cli.run",
        "pipeline.stages.vectors.word2vec",
        "pipeline.tracking.run",
        "sklearn.linear_model",
    ]
)


class Forked:
    """A process in a group of its own that calls a function in `folder`."""

    def __init__(self, folder: Path, function: Callable[..., Any], *arguments: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.out, self.err = (folder.parent / f"{folder.name}.{end}" for end in ("out", "err"))
        for path in (self.out, self.err):
            path.touch()
        to = (str(folder), str(self.out), str(self.err))
        self.process = _context.Process(target=_child, args=(to, function, arguments))
        self.process.start()

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is so, while the process lives."""
        end = time.monotonic() + 120
        while not condition():
            assert self.process.is_alive(), self.err.read_text()
            assert time.monotonic() < end
            time.sleep(0.005)

    def send(self, number: int) -> None:
        assert self.process.pid
        os.kill(self.process.pid, number)

    def kill(self) -> Done:
        """Kill it and all that it started, as a crash of the machine would."""
        assert self.process.pid
        os.killpg(self.process.pid, signal.SIGKILL)
        done = self.done()
        assert done.returncode == -signal.SIGKILL, "too fast to be killed"
        return done

    def done(self) -> Done:
        """Wait for its end."""
        self.process.join(120)
        code = self.process.exitcode
        assert code is not None
        return Done(code, self.out.read_text("utf-8"), self.err.read_text("utf-8"))


def command(*arguments: str) -> None:
    """Do what ``python -m pipeline`` does."""
    sys.argv = ["pipeline", *arguments]
    from pipeline.__main__ import main

    main()


def command_in(env: dict[str, str], *arguments: str) -> None:
    """Do the same in an environment with these variables, too."""
    os.environ.update(env)
    command(*arguments)


def _child(to: tuple[str, str, str], function: Callable[..., Any], arguments: tuple[Any]) -> None:
    folder, *files = to
    os.setsid()
    for number, file in enumerate(files, 1):
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    function(*arguments)
