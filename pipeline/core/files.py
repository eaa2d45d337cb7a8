"""Read text that may be broken or compressed; write files and arrays whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.core import packed
from pipeline.core.errors import UserError
from pipeline.core.packed import LIMITS

if TYPE_CHECKING:
    import pandas as pd


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end) of a UTF-8 text file, which may be packed.

    Raises
    ------
    UserError
        If the file is missing, unreadable or a broken archive, holds bytes that are not UTF-8, or a
        line exceeds ``limits.line_mb``.
    """
    with open_bytes(path) as file:
        for number, raw in enumerate(_raw_lines(path, file), 1):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise UserError(
                    f"{path}, line {number}: byte {error.object[error.start]:#04x} is not UTF-8. "
                    "Convert the file, e.g. iconv -f latin1 -t utf-8."
                ) from error
            yield number, line.rstrip("\r\n")


def count_lines(path: Path) -> int:
    """Count the lines of a file, which may be packed; `UserError` where it cannot be read."""
    with open_bytes(path) as file:
        return sum(1 for _ in _raw_lines(path, file))


def _raw_lines(path: Path, file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines, none longer than the limit: a file without any ends would fill memory."""
    longest = LIMITS.get().line
    number = 0
    while line := file.readline(longest + 1):
        number += 1
        if len(line) > longest:
            raise UserError(
                f"{path}, line {number}: longer than {longest >> 20} MB. It is not text, or raise "
                "the limit, limits.line_mb."
            )
        yield line


@contextlib.contextmanager
def open_bytes(path: Path, *, unpack: bool = True) -> Iterator[IO[bytes]]:
    """Open a file for reading bytes, compressed ones unpacked; see `core.packed`.

    Raises
    ------
    UserError
        If the file cannot be opened; within the ``with``, if the archive proves to be broken.
    """
    archive, member = packed.archive_of(path)
    with _opened(archive) as file:
        if unpack and packed.suffix(archive):
            with packed.unpack(archive, file, member) as unpacked:
                yield unpacked
        else:
            yield file


def _opened(path: Path) -> IO[bytes]:
    try:
        file: Any = path.open("rb")
        # fsspec's files lack readline(size).
        return file if hasattr(file, "peek") else cast("IO[bytes]", io.BufferedReader(file))
    except FileNotFoundError as error:
        raise UserError(missing(path)) from error
    except IsADirectoryError as error:
        raise UserError(f"{path} is a folder; name a file in it.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def missing(path: Path) -> str:
    """Say that a file is not there, and which part of the way to it is."""
    return f"{path}: no such file.{_nearest_parent(path)}"


def _nearest_parent(path: Path) -> str:
    """Say which part of the way to a missing file does exist."""
    parent = path.absolute().parent
    if parent.is_dir():
        return f" Its folder {parent} exists; check the name."
    return f" Its folder {parent} does not exist either."


@contextlib.contextmanager
def atomic(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; it takes `path`'s place at a clean end.

    ``durable``: only when its content is on disk, so that it survives a loss of power. Meant for
    the files that declare a result complete.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes it private
        if durable:
            sync(temporary)
        temporary.replace(path)
        if durable:
            sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file's content, or the names in a folder, are on disk (fsync)."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:  # a file system that cannot do that
            raise
    finally:
        os.close(handle)


def sync_all(folder: Path) -> None:
    """Wait until everything in a folder and below is on disk."""
    for path in folder.rglob("*"):
        if path.is_dir() or path.is_file():
            sync(path)
    sync(folder)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write(path: Path, writer: Callable[[Path], Any], *, durable: bool = False) -> None:
    """Let `writer` fill a temporary file which then takes `path`'s place; see `atomic`."""
    with atomic(path, durable=durable) as temporary:
        writer(temporary)


def write_json(path: Path, value: object, *, durable: bool = False) -> None:
    """Write `value` as indented JSON, whole or not at all; see `atomic`."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write(path, lambda file: file.write_text(text, encoding="utf-8"), durable=durable)


def write_table(path: Path, table: pd.DataFrame | list[dict[str, Any]]) -> None:
    """Write a data frame or a list of rows as CSV, whole or not at all; see `atomic`."""
    import pandas as pd

    write(path, lambda file: pd.DataFrame(table).to_csv(file, index=False))


def file_digest(path: Path) -> str:
    """Return the sha256 of a file's bytes as hex."""
    with open_bytes(path, unpack=False) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def write_array(path: Path, array: NDArray[Any], *, durable: bool = False) -> None:
    """Write an array as ``.npy``; see `atomic`."""

    def save(file: Path) -> None:
        try:
            np.save(file, array, allow_pickle=False)
        except OSError as error:
            if error.errno is None:  # NumPy's "1000 requested and 200 written"
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
            raise

    write(path, save, durable=durable)


def read_array(path: Path) -> NDArray[Any]:
    """Return the array of an ``.npy`` file, memory-mapped: only what is used is read."""
    # "c" (copy on write) rather than "r": to compiled code a read-only array has another type.
    return np.asarray(np.load(path, mmap_mode="c", allow_pickle=False))
