"""Downloads: checked by sha256, resumed where they broke off, whole or not at all."""

from __future__ import annotations

import hashlib
import logging
import shutil
import time
import zipfile
import zlib
from contextlib import closing
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from filelock import FileLock

from pipeline.core.errors import UserError, require
from pipeline.core.files import atomic, file_digest, write
from pipeline.core.locks import held
from pipeline.core.progress import bar
from pipeline.core.secrets import mask, reveal

if TYPE_CHECKING:
    from requests import Response

log = logging.getLogger(__name__)

OFFLINE: ContextVar[bool] = ContextVar("offline", default=False)
TIMEOUT = 30.0  # seconds without a byte
ATTEMPTS = 5
CHUNK = 1 << 16  # bytes
PAUSE = 1.0  # seconds before the second attempt, and as much more before each further one
REDIRECTS = 10
LARGEST = 50 << 30  # bytes of a file of unknown size
_REMEDY = "name a mirror by its url, or fetch the file yourself and give its path."
_PAGE = (b"<!doctype", b"<html", b"<head", b"<?xml")


@dataclass(frozen=True)
class Archive:
    """A file on the web.

    Parameters
    ----------
    url
        Its address.
    sha256
        Of its content, in hex. Unset: the digest of the first download is recorded, and later
        downloads must have the same.
    size
        In bytes; unset: not known.
    md5
        Of its content, in hex, where the publisher names no sha256.
    """

    url: str
    sha256: str | None = None
    size: int | None = None
    md5: str | None = None


def fetch(archive: Archive, path: Path) -> Path:
    """Make sure that the file is at `path`, and return it.

    A file that is there is not fetched again. What a transfer that broke off has brought stays
    beside it, as ``.part``, for the next attempt.

    Raises
    ------
    UserError
        If it cannot be fetched, is not the one expected, or `OFFLINE` is set.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.parent / ".lock")
    with held(lock, f"a download to {path.parent}"):  # of many jobs that need it, one fetches
        if not path.is_file():
            _require_online(archive, [path.name], path.parent)
            _fetch(archive, path)
    return path


def download(archive: Archive, members: list[str], folder: Path) -> Path:
    """Make sure that the named members of a zip archive are in `folder`, and return it.

    Members that are there are not fetched again. Each is written under its bare file name, whatever
    folders the archive claims for it.

    Raises
    ------
    UserError
        If the archive cannot be fetched, is not the one expected, or lacks a member; if it is
        needed and `OFFLINE` is set.
    """
    wanted = {member: folder / PurePosixPath(member).name for member in members}
    folder.mkdir(parents=True, exist_ok=True)
    with held(FileLock(folder / ".lock"), f"a download to {folder}"):
        missing = {member: path for member, path in wanted.items() if not path.is_file()}
        if missing:
            _require_online(archive, [path.name for path in missing.values()], folder)
            path = folder / "archive.zip"
            if not path.is_file() or file_digest(path) != archive.sha256:
                _fetch(archive, path)
            _unpack(path, missing)
            path.unlink()
    return folder


def _require_online(archive: Archive, names: list[str], folder: Path) -> None:
    require(
        not OFFLINE.get(),
        f"{', '.join(names)} must be downloaded, and offline=true forbids it: put them into "
        f"{folder.absolute()}, where downloads are looked for, or give the path of those you have. "
        f"They are in {archive.url}.",
    )


def _fetch(archive: Archive, path: Path) -> None:
    from requests import RequestException

    size = f"{archive.size / 1e6:.1f} MB" if archive.size else "of unknown size"
    log.info("downloading %s (%s) to %s", archive.url, size, path.parent)
    part = _part(archive, path.parent)
    try:
        _transfer(archive, part)
    except (RequestException, OSError, ValueError) as error:
        raise UserError(
            f"cannot download {archive.url}: {mask(str(error))[:160]}. Check the network, {_REMEDY}"
        ) from error
    record = path.with_name(f"{path.name}.sha256")
    recorded = record.read_text("utf-8").partition(" ")[0] if record.is_file() else None
    expected = archive.sha256 or recorded
    with part.open("rb") as file:
        is_page = file.read(64).lstrip().lower().startswith(_PAGE)
        file.seek(0)
        md5 = hashlib.file_digest(file, "md5").hexdigest() if archive.md5 else None
    digest = file_digest(part)
    if digest != expected and (expected or is_page):
        part.unlink()
        why = "it is a web page" if is_page else f"its sha256 is {digest}, not {expected}"
        raise _unexpected(
            archive, why if archive.sha256 or not recorded else f"{why} (recorded in {record})"
        )
    if md5 != archive.md5:
        part.unlink()
        raise _unexpected(archive, f"its md5 is {md5}, not {archive.md5}")
    if expected is None:
        log.info("no sha256 is published for %s; recorded in %s", path.name, record)
        write(record, lambda file: file.write_text(f"{digest}  {path.name}\n", encoding="utf-8"))
    part.replace(path)


def _unexpected(archive: Archive, why: str) -> UserError:
    return UserError(f"{archive.url} is not the file expected: {why}. Check the address, {_REMEDY}")


def _part(archive: Archive, folder: Path) -> Path:
    """Return where an unfinished transfer is kept; remove those of other addresses."""
    key = hashlib.sha256(f"{archive.url} {archive.sha256}".encode()).hexdigest()[:8]
    part = folder / f"{key}.part"
    for other in folder.glob("*.part"):
        if other != part:
            other.unlink()
    return part


def _transfer(archive: Archive, part: Path) -> None:
    """Download into `part`; try again when the transfer breaks off."""
    from requests import ConnectionError as NoConnectionError
    from requests import Timeout
    from requests.exceptions import ChunkedEncodingError

    for attempt in range(1, ATTEMPTS + 1):
        try:
            with part.open("ab") as file:
                _resume(archive, file)
            break
        except (NoConnectionError, Timeout, ChunkedEncodingError):
            there = part.stat().st_size
            if attempt == ATTEMPTS or there == 0:
                raise
            log.info("the transfer broke off after %.1f MB; resuming", there / 1e6)
            time.sleep(attempt * PAUSE)
        finally:
            if part.exists() and not part.stat().st_size:
                part.unlink()


def _resume(archive: Archive, file: IO[bytes]) -> None:
    """Ask for what is missing; a server that cannot do that sends all again."""
    begin = file.tell()
    if begin and begin == archive.size:
        return
    asked = {"Accept-Encoding": "identity"}
    if begin:
        asked["Range"] = f"bytes={begin}-"
    with closing(_open(archive.url, asked)) as response:
        response.raise_for_status()
        resumed = response.headers.get("Content-Range", "").startswith(f"bytes {begin}-")
        if not resumed:
            file.truncate(0)
        there = file.seek(0, 2)
        length = response.headers.get("Content-Length", "")
        promised = there + (int(length) if length.isdecimal() else 0)
        with bar(archive.url.rpartition("/")[2], "B", archive.size or promised) as shown:
            shown.update(there)
            for chunk in response.iter_content(CHUNK):
                if file.tell() + len(chunk) > (most := archive.size or LARGEST):
                    file.truncate(0)
                    raise _unexpected(archive, f"it is longer than {most:,} bytes")
                file.write(chunk)
                shown.update(len(chunk))


def _open(url: str, headers: dict[str, str]) -> Response:
    """Send the request, and follow redirects that are as safe as the address itself."""
    import requests

    begin, url = url, reveal(url) or url
    for _ in range(REDIRECTS):
        response = requests.get(
            url, headers=headers, stream=True, timeout=TIMEOUT, allow_redirects=False
        )
        if not response.is_redirect:
            return response
        response.close()
        url = redirected(url, response.headers["Location"])
    raise UserError(f"cannot download {begin}: more than {REDIRECTS} redirects. Instead, {_REMEDY}")


def redirected(url: str, location: str) -> str:
    """Return the address that a redirect leads to.

    Raises
    ------
    UserError
        If it leads from https to anything else, or from http to anything but the web.
    """
    allowed = {"https"} if urlsplit(url).scheme == "https" else {"http", "https"}
    try:
        target = urljoin(url, location)
        is_safe = urlsplit(target).scheme in allowed
    except ValueError:  # no address at all
        is_safe = False
    require(
        is_safe,
        f"cannot download {mask(url)}: it redirects to {mask(location)[:80]}, which is not safe. "
        f"Instead, {_REMEDY}",
    )
    return target


def _unpack(path: Path, members: dict[str, Path]) -> None:
    try:
        with zipfile.ZipFile(path) as file:
            for member, target in members.items():
                with atomic(target) as temporary, temporary.open("wb") as sink:
                    shutil.copyfileobj(file.open(member), sink, 1 << 20)
    # RuntimeError: encrypted; its child NotImplementedError: an unknown kind of compression.
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError) as error:
        path.unlink()
        raise UserError(
            f"the archive lacks what is needed: {error.args[0]}. Check its address, {_REMEDY}"
        ) from error
