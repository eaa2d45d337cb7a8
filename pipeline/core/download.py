"""Downloads: checked by sha256, gone on with where they broke off, never half there."""

from __future__ import annotations

import hashlib
import logging
import shutil
import time
import zipfile
import zlib
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock

from pipeline.core.errors import UserError, require
from pipeline.core.files import atomic
from pipeline.core.progress import bar
from pipeline.core.secrets import reveal

log = logging.getLogger(__name__)

OFFLINE: ContextVar[bool] = ContextVar("offline", default=False)
TIMEOUT = 30.0  # seconds without a byte
ATTEMPTS = 5
CHUNK = 1 << 16  # bytes
PAUSE = 1.0  # seconds, before the second; before each further one as much more
_REMEDY = "name a mirror by its url, or fetch the file yourself and give its path."


@dataclass(frozen=True)
class Archive:
    """A zip archive on the web: its address, sha256 (hex) and size in bytes."""

    url: str
    sha256: str
    size: int


def download(archive: Archive, members: list[str], folder: Path) -> Path:
    """Make sure that the named members of the archive stand in `folder`, and return it.

    What is there already is not fetched again. A member is written under its bare file name,
    whatever folders the archive claims for it. What a transfer that broke off has brought stays
    there, as ``.part``, for the next.

    Raises
    ------
    UserError
        If the archive cannot be fetched, is not the one expected, or lacks a member; if it is
        needed and `OFFLINE` is set.
    """
    wanted = {member: folder / PurePosixPath(member).name for member in members}
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):  # of many jobs that need it, one fetches
        missing = {member: path for member, path in wanted.items() if not path.is_file()}
        if missing:
            names = ", ".join(path.name for path in missing.values())
            require(
                not OFFLINE.get(),
                f"{names} must be downloaded, and offline=true forbids it: put them into "
                f"{folder.absolute()}, where downloads are looked for, or give the path of those "
                f"you have. They are in {archive.url}.",
            )
            path = _fetch(archive, folder)
            _unpack(path, missing)
            path.unlink()
    return folder


def _fetch(archive: Archive, folder: Path) -> Path:
    import pooch
    from requests import RequestException

    log.info("downloading %s (%.1f MB) to %s", archive.url, archive.size / 1e6, folder)
    pooch.get_logger().setLevel("WARNING")
    try:
        path = pooch.retrieve(
            archive.url,
            known_hash=f"sha256:{archive.sha256}",
            fname="archive.zip",
            path=folder,
            downloader=_Resuming(archive, folder),
        )
    except (RequestException, OSError) as error:
        raise UserError(
            f"cannot download {archive.url}: {error}. Check the network, {_REMEDY}"
        ) from error
    except ValueError as error:
        raise UserError(
            f"{archive.url} is not the file expected: {error} Check the address, {_REMEDY}"
        ) from error
    return Path(path)


class _Resuming:
    """Pooch's way to call a downloader; pooch's own cannot go on, and knows no bound."""

    def __init__(self, archive: Archive, folder: Path) -> None:
        self.archive = archive
        key = hashlib.sha256(f"{archive.url} {archive.sha256}".encode()).hexdigest()[:8]
        self.part = folder / f"{key}.part"
        for left in folder.glob("*.part"):
            if left != self.part:  # of another address
                left.unlink()

    def __call__(self, url: str, output: Any, _: object) -> None:
        """Download to a file."""
        from requests import ConnectionError as NoConnectionError
        from requests import Timeout
        from requests.exceptions import ChunkedEncodingError

        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._read_on(url)
                break
            except (NoConnectionError, Timeout, ChunkedEncodingError):
                there = self.part.stat().st_size
                if attempt == ATTEMPTS or there == 0:
                    raise
                log.info("the transfer broke off after %.1f MB; going on", there / 1e6)
                time.sleep(attempt * PAUSE)
            finally:
                if self.part.exists() and not self.part.stat().st_size:
                    self.part.unlink()
        self.part.replace(output)

    def _read_on(self, url: str) -> None:
        """Ask for what is missing; a server that does not know how to sends all again."""
        import requests

        size = self.archive.size
        with self.part.open("ab") as file:
            begin = file.tell()
            if begin and begin == size:
                return
            asked = {"Accept-Encoding": "identity"}
            if begin:
                asked["Range"] = f"bytes={begin}-"
            with (
                requests.get(
                    reveal(url) or url, headers=asked, stream=True, timeout=TIMEOUT
                ) as response,
                bar(url.rpartition("/")[2], "B", size) as shown,
            ):
                response.raise_for_status()
                if not response.headers.get("Content-Range", "").startswith(f"bytes {begin}-"):
                    file.truncate(0)
                shown.update(file.seek(0, 2))
                for chunk in response.iter_content(CHUNK):
                    if file.tell() + len(chunk) > size:
                        file.truncate(0)
                        raise ValueError(f"it is longer than {size:,} bytes.")
                    file.write(chunk)
                    shown.update(len(chunk))


def _unpack(path: Path, members: dict[str, Path]) -> None:
    try:
        with zipfile.ZipFile(path) as file:
            for member, target in members.items():
                with atomic(target) as temporary, temporary.open("wb") as sink:
                    shutil.copyfileobj(file.open(member), sink, 1 << 20)
    # RuntimeError: encrypted; its child NotImplementedError: packed in a way unknown here.
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError) as error:
        path.unlink()
        raise UserError(
            f"the archive lacks what is needed: {error.args[0]}. Check its address, {_REMEDY}"
        ) from error
