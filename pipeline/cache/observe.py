"""Which files a user's own code reads: a result is stale once one of them has changed.

The files that our own code reads are named by settings. A user's class may read any file, so a
Python audit hook (PEP 578) observes what it reads while it runs.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from pipeline.cache import code
from pipeline.cache.inputs import UnknownError, digest_of
from pipeline.core.files import file_digest

State: TypeAlias = tuple[int, int, int]

_READING = {"open", "os.listdir", "os.scandir", "sqlite3.connect"}
_ELSEWHERE = {
    "subprocess.Popen": "starts another program",
    "os.fork": "starts another process",
    "os.posix_spawn": "starts another program",
    "os.system": "starts another program",
    "socket.connect": "connects to a server",
}
MISSING = "missing"  # in place of a digest, where there was no such file
_NO_FILES = ("/dev/", "/proc/", "/sys/")


class Observed:
    """The files that were read.

    Parameters
    ----------
    apart
        A folder whose files do not count.
    """

    def __init__(self, apart: Path | None = None) -> None:
        self.apart = str(apart.absolute()) if apart else None
        self.thread = threading.get_ident()
        self.read: dict[str, State | None] = {}
        self.written: set[str] = set()
        self.elsewhere = ""

    def note(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note an event of Python's audit hooks."""
        if event in _ELSEWHERE:
            if threading.get_ident() == self.thread:
                self.elsewhere = self.elsewhere or _ELSEWHERE[event]
            return
        path, *_ = arguments
        if isinstance(path, int):  # of a file that is open already
            return
        name = os.path.abspath(os.fsdecode(path or "."))  # noqa: PTH100
        state = _state(name)
        if event == "open" and _is_written(arguments[2], state) and not self.read.get(name):
            self.written.add(name)
        elif name not in self.read:
            self.read[name] = state

    def digests(self) -> dict[str, str]:
        """Return the sha256 of every file that was read, by its path.

        `UnknownError` if a file changed since, or something else was used than files.
        """
        if self.elsewhere:
            raise UnknownError(f"your code {self.elsewhere}")
        found = {}
        for name, state in self.read.items():
            if self._counts(name):
                if _state(name) != state:
                    raise UnknownError(f"{name} changed after your code read it")
                found[name] = digest_of(name) if state is not None else MISSING
        return found

    def _counts(self, name: str) -> bool:
        """Return whether a path is data: not code, not written here, not ours."""
        path = Path(name)
        return not (
            name in self.written
            or name.startswith(_NO_FILES)
            or (self.apart is not None and path.is_relative_to(self.apart))
            or path.is_relative_to(code.PACKAGE)
            or code.is_installed(path)
            or path.suffix in {".py", ".pyc", ".so"}
            or "__pycache__" in path.parts
        )


_observer: Observed | None = None
_installed = False


@contextlib.contextmanager
def observing(apart: Path | None = None) -> Iterator[Observed]:
    """Observe which files are read within."""
    global _observer, _installed  # noqa: PLW0603 - an audit hook belongs to the whole process
    if not _installed:
        sys.addaudithook(_hook)  # it cannot be removed
        _installed = True
    outer, _observer = _observer, Observed(apart)
    try:
        yield _observer
    finally:
        _observer = outer


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Note the source of every module that is imported within, and what it reads meanwhile.

    A later edit of these files is noticed by their digests. A module that was imported at another
    time counts as edited if its file is newer than this process.
    """
    before = set(sys.modules)
    with observing() as seen:
        yield
    for name in set(sys.modules) - before:
        path = Path(getattr(sys.modules.get(name), "__file__", None) or "").absolute()
        if path.suffix == ".py" and path.is_file() and not code.is_installed(path):
            code.LOADED[path] = file_digest(path)
            code.READ_AT_IMPORT[path] = seen.digests()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _observer is None or not (event in _READING or event in _ELSEWHERE):
        return
    by_import = sys._getframe(1).f_code.co_filename.startswith("<frozen importlib")  # noqa: SLF001
    if not by_import:  # `code.own_code` knows the code itself
        with contextlib.suppress(Exception):  # it must never disturb what is observed
            _observer.note(event, arguments)


def _is_written(flags: int, state: State | None) -> bool:
    """Return whether a file is opened to be written without use of its present content."""
    access = flags & os.O_ACCMODE
    is_new = state is None or flags & (os.O_TRUNC | os.O_EXCL)
    return access == os.O_WRONLY or (access == os.O_RDWR and bool(is_new))


def _state(name: str) -> State | None:
    """Return what changes when a file does; None if there is none."""
    try:
        about = os.stat(name)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return about.st_size, about.st_mtime_ns, about.st_ctime_ns


def changed(read: dict[str, str]) -> str | None:
    """Return the first of these files that has changed; None if none has."""
    for name, digest in read.items():
        try:
            now = digest_of(name) if os.path.lexists(name) else MISSING
        except (OSError, UnknownError):
            return name
        if now != digest:
            return name
    return None
