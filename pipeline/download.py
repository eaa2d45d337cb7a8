"""Downloads: checked by sha256, resumable by simply asking again, never half there."""

from __future__ import annotations

import logging
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from filelock import FileLock

from pipeline.errors import UserError
from pipeline.files import atomic

log = logging.getLogger(__name__)

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
    whatever folders the archive claims for it.

    Raises
    ------
    UserError
        If the archive cannot be fetched, is not the one expected, or lacks a member.
    """
    wanted = {member: folder / PurePosixPath(member).name for member in members}
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):  # of many jobs that need it, one fetches
        missing = {member: path for member, path in wanted.items() if not path.is_file()}
        if missing:
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
            downloader=pooch.HTTPDownloader(progressbar=True, timeout=30),
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


def _unpack(path: Path, members: dict[str, Path]) -> None:
    try:
        with zipfile.ZipFile(path) as file:
            for member, target in members.items():
                with atomic(target) as temporary, temporary.open("wb") as sink:
                    shutil.copyfileobj(file.open(member), sink, 1 << 20)
    except (zipfile.BadZipFile, KeyError) as error:
        path.unlink()
        raise UserError(
            f"the archive lacks what is needed: {error.args[0]}. Check its address, {_REMEDY}"
        ) from error
