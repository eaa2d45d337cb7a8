"""Read compressed files: gzip, bzip2, xz, zstandard and zip, in bounded memory.

The suffix of the name decides: ``.gz``, ``.bz2``, ``.xz``, ``.zst``, ``.zip``. A file inside a zip
archive is named as if the archive were a folder, ``glove.6B.zip/glove.6B.50d.txt``; the archive
alone will do where only one file can be meant.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from pipeline.core.errors import UserError
from pipeline.core.settings import Settings, bounded

KINDS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstandard", ".zip": "zip"}
UNSUSPICIOUS = 1 << 26  # bytes that may be unpacked before the ratio counts
_NO_CONTENT = re.compile(r"(?i)(^|/)(__MACOSX/|\.[^./]|(readme|licen[cs]e|copying|notice)[^/]*$)")
# What reading a damaged file raises. RuntimeError: encrypted members of a zip archive; its child
# NotImplementedError: an unknown kind of compression; IndexError: a member without a name.
DAMAGE = (
    EOFError,
    IndexError,
    OSError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass
class Limits(Settings):
    """What a file may cost, so that a hostile or broken one cannot fill memory or run for hours.

    Parameters
    ----------
    line_mb
        The longest line, in MB.
    unpacked_gb
        The most that is unpacked from one compressed file, in GB.
    ratio
        How many times larger than the compressed file its content may be. Text seldom reaches 20.
    """

    line_mb: int = bounded(64, least=1)
    unpacked_gb: int = bounded(100, least=1)
    ratio: int = bounded(200, least=1)

    @property
    def line(self) -> int:
        """The longest line, in bytes."""
        return self.line_mb << 20


LIMITS: ContextVar[Limits] = ContextVar("limits", default=Limits())  # noqa: B039 - never changed


def suffix(path: Path) -> str:
    """Return the suffix of a compressed file, in lower case; empty if it is not compressed."""
    found = path.suffix.lower()
    return found if found in KINDS else ""


def inner_name(path: Path) -> str:
    """Return the file name without the suffix of its compression."""
    return path.name[: -len(suffix(path))] if suffix(path) else path.name


def inner_suffix(path: Path) -> str:
    """Return the suffix of a file before that of its compression, in lower case."""
    return Path(inner_name(path)).suffix.lower()


def archive_of(path: Path) -> tuple[Path, str | None]:
    """Split ``a.zip/b.txt`` into the archive and the member; any other path stays whole."""
    for parent in path.parents:
        if parent.suffix.lower() == ".zip" and parent.is_file():
            return parent, path.relative_to(parent).as_posix()
    return path, None


def unpack(path: Path, raw: IO[bytes], member: str | None = None) -> IO[bytes]:
    """Return the unpacked content of an open compressed file; closing it closes `raw` too.

    Parameters
    ----------
    path
        Names the file in messages; its suffix says how it is compressed.
    raw
        The file, open for reading bytes.
    member
        The name of the file in a zip archive. Unset: the only one there is.

    Raises
    ------
    UserError
        If the file is broken, the member is missing or not the only one; while it is read, if it
        exceeds `Limits`.
    """
    stream = _unpacked(path, raw, suffix(path), member)
    return cast("IO[bytes]", io.BufferedReader(stream, 1 << 16))


def position(file: IO[bytes]) -> int:
    """Return how many bytes of the file on disk have been read, to compare with its size."""
    inner = getattr(file, "raw", None)
    return inner.source.tell() if isinstance(inner, _Unpacked) else file.tell()


def _unpacked(path: Path, raw: IO[bytes], kind: str, member: str | None) -> _Unpacked:
    try:
        stream = _OPENERS[kind](raw) if kind != ".zip" else _member(path, raw, member)
    except DAMAGE as error:
        raise broken(path, error) from error
    return _Unpacked(path, raw, stream)


def _zstandard(raw: IO[bytes]) -> Any:
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd")


_OPENERS: dict[str, Callable[[IO[bytes]], Any]] = {
    ".gz": lambda raw: gzip.GzipFile(fileobj=raw),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".zst": _zstandard,
}


def _member(path: Path, raw: IO[bytes], member: str | None) -> IO[bytes]:
    archive = zipfile.ZipFile(raw)
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
    if member is None:
        content = [name for name in names if not _NO_CONTENT.search(name)]
        if len(content) != 1:
            some = ", ".join(name[-40:] for name in content[:4]) + ", ..." * (len(content) > 4)
            raise UserError(
                f"{path} holds {len(content)} files"
                + (f": {some}. Name one, as in {path.name}/{content[0][-60:]}" if content else "")
                + "."
            )
        member = content[0]
    if member not in names:
        some = ", ".join(name[-40:] for name in names[:4]) + ", ..." * (len(names) > 4)
        raise UserError(f"{path} has no {member[-60:]}; it holds {some or 'nothing'}.")
    return archive.open(member)


def broken(path: Path, error: Exception) -> UserError:
    """Return the error that says a compressed file is damaged."""
    why = str(error)[:100] or type(error).__name__
    return UserError(
        f"{path}: the {KINDS[suffix(path)]} archive is broken ({why}). Fetch or compress it again."
    )


class _Unpacked(io.RawIOBase):
    """Unpacks as it is read, within `Limits`."""

    def __init__(self, path: Path, source: IO[bytes], stream: Any) -> None:
        self.path, self.source, self.stream = path, source, stream
        self.begin = source.tell()
        self.size = 0
        self.limits = LIMITS.get()

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Unpack as many bytes as fit, or fewer."""
        try:
            count: int = self.stream.readinto(buffer)
        except DAMAGE as error:
            raise broken(self.path, error) from error
        self.size += count
        if self.size > UNSUSPICIOUS:
            self._check()
        return count

    def _check(self) -> None:
        packed = max(1, self.source.tell() - self.begin)
        what, limit = "", self.limits
        if self.size > limit.unpacked_gb << 30:
            what = f"{limit.unpacked_gb} GB (limits.unpacked_gb)"
        elif self.size > limit.ratio * packed:
            what = f"{limit.ratio} times its size (limits.ratio)"
        if what:
            raise UserError(
                f"{self.path} unpacks to more than {what}. It is damaged or hostile; if you trust "
                "it, raise the limit."
            )

    def close(self) -> None:
        """Close the file too."""
        if not self.closed:
            self.stream.close()
            self.source.close()
        super().close()
