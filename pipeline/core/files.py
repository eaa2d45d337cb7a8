"""Reading text that may be broken, writing files that are never half there."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from pipeline.core.errors import UserError


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end) of a UTF-8 text file, ``.gz`` or plain.

    Raises
    ------
    UserError
        If the file is missing, unreadable, a broken archive, or holds bytes that are not UTF-8.
    """
    with open_bytes(path) as file:
        number = 0
        try:
            for number, raw in enumerate(file, 1):
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                yield number, line.rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise UserError(
                f"{path}, line {number}: byte {error.object[error.start]:#04x} is not UTF-8. "
                "Convert the file, e.g. iconv -f latin1 -t utf-8."
            ) from error


def count_lines(path: Path) -> int:
    """Count the lines of a file, ``.gz`` or plain; `UserError` where it cannot be read."""
    with open_bytes(path) as file:
        return sum(1 for _ in file)


@contextlib.contextmanager
def open_bytes(path: Path, *, unpack: bool = True) -> Iterator[IO[bytes]]:
    """Open a file for reading bytes, those in a ``.gz`` unpacked.

    Raises
    ------
    UserError
        If the file cannot be opened; within the ``with``, if the archive proves to be broken.
    """
    try:
        with _opened(path, unpack and path.suffix == ".gz") as file:
            yield file
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(
            f"{path}: the gzip archive is broken ({error}). Fetch or compress it again."
        ) from error


def _opened(path: Path, packed: bool) -> IO[bytes]:
    try:
        return cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb")
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file.{_nearest_parent(path)}") from error
    except IsADirectoryError as error:
        raise UserError(f"{path} is a folder; name a file in it.") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error


def _nearest_parent(path: Path) -> str:
    """Say which part of the way to a missing file does exist."""
    parent = path.absolute().parent
    if parent.is_dir():
        return f" Its folder {parent} exists; check the name."
    return f" Its folder {parent} does not exist either."


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; it takes `path`'s place at a clean end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes it private
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write(path: Path, writer: Callable[[Path], Any]) -> None:
    """Let `writer` fill a temporary file which then takes `path`'s place."""
    with atomic(path) as temporary:
        writer(temporary)


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write(path, lambda file: file.write_text(text + "\n", encoding="utf-8"))


def file_digest(path: Path) -> str:
    """Return the sha256 of a file's bytes as hex."""
    with open_bytes(path, unpack=False) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
