"""Digests of the files that a configuration names: a result is stale once one has changed."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.core.files import file_digest


class UnknownError(Exception):
    """What a result depends on cannot be known, so it must not be cached."""


MOST_FILES = 200_000  # in a folder; one with more is probably a whole disk, named by mistake
RACY = 2.0  # seconds in which a file can change twice without a change of its times

# Settings of our own classes that are text but never name a file.
_TEXTS = {
    *("text", "label", "split", "classes", "text_splits", "url"),
    *("format", "delimiter", "encoding", "drop_labels", "tokenizer", "pattern", "html"),
    *("words", "negations", "contrasts"),
}
_digests: dict[tuple[int, ...], str] = {}


def named_files(values: dict[str, Any], *, own: bool) -> dict[str, Any]:
    """Return name and digest of each file or folder that a setting names, by setting.

    Names are found in lists and dictionaries too, and may be patterns like ``texts/*.txt``.

    Parameters
    ----------
    values
        Plain settings by name.
    own
        Whether they belong to a user's own class, where any text may name a file.
    """
    found = {
        name: [[text, digest] for text in texts(value) for digest in _digest_of_name(text)]
        for name, value in values.items()
        if own or name not in _TEXTS
    }
    return {name: digests for name, digests in found.items() if digests}


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a plain value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def _digest_of_name(text: str) -> list[str]:
    """Return the digests of the files that a text names: none if it names no file."""
    name = os.path.expanduser(text)  # noqa: PTH111 - of any text, also "~nobody"
    try:
        if text and path_exists(Path(name)):
            found = [name]
        else:
            found = sorted(glob.glob(name, recursive=True)) if glob.has_magic(name) else []  # noqa: PTH207
        return [path_digest(Path(path)) for path in found]
    except OSError as error:
        raise UnknownError(f"{text} cannot be read: {error.strerror}") from error
    except ValueError:  # a pattern with a character that no file name can have
        return []


def path_exists(path: Path) -> bool:
    """Return whether there is a file or folder, maybe in an archive; false for any other text."""
    return os.path.exists(_archive(path))  # noqa: PTH110 - the method raises errors for some texts


def _archive(path: Path) -> Path:
    """Return the archive that a path leads into; the path itself if it does not."""
    if os.path.exists(path):  # noqa: PTH110 - false, not an error, for any text
        return path
    return next((parent for parent in path.parents if parent.is_file()), path)


def path_digest(path: str | Path) -> str:
    """Return the sha256 of a file, or of the names and contents of all files in a folder.

    For a file inside an archive, ``a.zip/b.txt``, the archive's. A file that was digested before is
    not read again while its size and times are the same. `UnknownError` if it is neither, or a
    folder with too many files.
    """
    try:
        about = os.stat(path)  # noqa: PTH116 - a hundred files of ours are asked for each key
    except OSError:
        path = _archive(Path(path))
        about = path.stat()
    if stat.S_ISDIR(about.st_mode):
        return files_digest(Path(path), _files_below(Path(path), set()))
    if not stat.S_ISREG(about.st_mode):
        raise UnknownError(f"{path} is neither a file nor a folder")
    times = about.st_mtime_ns, about.st_ctime_ns
    key = about.st_dev, about.st_ino, about.st_size, *times
    if (digest := _digests.get(key)) is None:
        began = time.time()
        digest = file_digest(Path(path))
        if max(about.st_mtime, about.st_ctime) < began - RACY:
            _digests[key] = digest
    return digest


def files_digest(folder: Path, files: Iterable[str | Path]) -> str:
    """Return the sha256 of the contents of files, and of their names in a folder."""
    lines = []
    for path in files:
        lines.append(f"{str(path).removeprefix(f'{folder}/')} {path_digest(path)}")
        if len(lines) > MOST_FILES:
            raise UnknownError(f"the folder {folder} has more than {MOST_FILES:,} files")
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def _files_below(folder: Path, seen: set[Path]) -> Iterator[Path]:
    """Yield the files in a folder and below, links followed, each folder once."""
    real = folder.resolve()
    if real not in seen:
        seen.add(real)
        for path in folder.iterdir():
            if path.is_dir():
                yield from _files_below(path, seen)
            elif path.exists():
                yield path


def digest_of(name: str) -> str:
    """Return the sha256 of a file, or a folder's list of names."""
    path = Path(name)
    if path.is_dir():
        return "names: " + " ".join(sorted(entry.name for entry in path.iterdir()))
    return path_digest(path)
