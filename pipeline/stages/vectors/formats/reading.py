"""Read a vectors file from begin to end, compressed or not, with a progress bar."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from pipeline.core.files import open_bytes
from pipeline.core.packed import archive_of, position
from pipeline.core.progress import bar

HEAD = 1 << 16  # bytes that tell the format


class Reading:
    """An open vectors file that moves a progress bar as it is read."""

    def __init__(self, file: IO[bytes], shown: Any) -> None:
        self._file, self._bar = file, shown
        self._rest = b""

    def read(self, size: int) -> bytes:
        """Read up to so many bytes."""
        if self._rest:
            data, self._rest = self._rest[:size], self._rest[size:]
            return data
        data = self._file.read(size)
        self._bar.update(position(self._file) - self._bar.n)
        return data

    def readline(self, size: int) -> bytes:
        """Read a line of up to so many bytes."""
        return self._file.readline(size)

    def exactly(self, size: int) -> bytes:
        """Read so many bytes, in pieces: a size that is a lie must cost no memory.

        Raises
        ------
        EOFError
            If there are fewer.
        """
        pieces = []
        while size and (piece := self.read(min(size, 1 << 24))):
            pieces.append(piece)
            size -= len(piece)
        if size:
            raise EOFError(f"{size:,} bytes are missing")
        return b"".join(pieces)

    def left(self) -> int | None:
        """Return how many bytes are left; None if the file is compressed."""
        if not self._file.seekable():
            return None
        size: int = self._bar.total
        return size - self._file.tell() + len(self._rest)

    def unread(self, data: bytes) -> None:
        """Give back what was read last, to be read again."""
        self._rest = data + self._rest

    def skip(self, size: int) -> None:
        """Go on so many bytes later."""
        skipped, self._rest = self._rest[:size], self._rest[size:]
        size -= len(skipped)
        if self._file.seekable():
            self._file.seek(size, io.SEEK_CUR)
        else:
            while size and (piece := self.read(min(size, 1 << 20))):
                size -= len(piece)


def head(path: Path) -> bytes:
    """Return the first bytes of a file, unpacked."""
    with open_bytes(path) as file:
        return file.read(HEAD)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Reading]:
    """Open a vectors file, compressed or not, with a progress bar."""
    with (
        open_bytes(path) as file,
        bar(f"reading {path.name}", "B", archive_of(path)[0].stat().st_size) as shown,
    ):
        yield Reading(file, shown)
