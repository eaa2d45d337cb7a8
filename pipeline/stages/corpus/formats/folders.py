"""A folder per class with a text in each file, as a folder or straight from an archive.

``train/pos/1.txt`` has split, class and file; without a folder for each split, ``pos/1.txt``.
"""

from __future__ import annotations

import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pipeline.core import packed
from pipeline.core.errors import UserError, require
from pipeline.core.files import open_bytes
from pipeline.core.packed import LIMITS
from pipeline.core.progress import progress
from pipeline.stages.corpus.formats.encoding import known_encoding
from pipeline.stages.corpus.formats.rows import Columns, Rows, add_record, listed
from pipeline.stages.corpus.formats.splits import NAMES, UNLABELLED

_ARCHIVES = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip")
_TEXTS = (".txt", "")


class File(NamedTuple):
    """A text, with its split (may be empty) and class, and its name within the folder."""

    split: str
    label: str
    name: str
    text: str


def is_archive(path: Path) -> bool:
    """Return whether a name is that of an archive of many files."""
    return path.name.lower().endswith(_ARCHIVES)


def read_class_folders(path: Path, columns: Columns) -> Rows:
    """Read a folder, or an archive of one; the order of files does not matter."""
    given = columns.encoding and known_encoding(columns.encoding)
    found: list[File] = []
    unlabelled, encodings = 0, Counter[str]()
    contents = _archived(path) if path.is_file() else _on_disk(path)
    for name, content in progress(contents, f"reading {path.name}", "files"):
        place = _place(name)
        if place is None:
            continue
        split, label = place
        if label.lower() in UNLABELLED:
            unlabelled += 1
            continue
        text, encoding = _decoded(content, given)
        encodings[encoding] += 1
        found.append(File(split, label, str(name), text))
    if not found:
        names = sorted(entry.name for entry in path.iterdir()) if path.is_dir() else ["other files"]
        raise UserError(
            f"{path} holds {listed(names, 6)}: neither tables nor a folder of .txt files for each "
            "class (train/pos/1.txt or pos/1.txt)."
        )
    rows = Rows()
    for file in sorted(_without_outer_files(found)):
        values = (file.text, file.label, file.split)
        add_record(rows, f"{path}/{file.name}", values, columns)
    if unlabelled:
        rows.notes.append(f"{path.name}: {unlabelled:,} texts without labels are left out")
    if encodings["cp1252"]:
        rows.notes.append(f"{path.name}: {encodings['cp1252']:,} texts are read as CP1252")
    return rows


def _place(name: PurePosixPath) -> tuple[str, str] | None:
    """Return split and class of a file, by its folders; None: it is not a text of a class."""
    folders = name.parts[:-1]
    hidden = any(part.startswith((".", "__")) for part in name.parts)
    if hidden or name.suffix.lower() not in _TEXTS or not folders:
        return None
    for depth, folder in enumerate(folders):
        if split := NAMES.get(folder.lower()):
            return (split, folders[-1]) if len(folders) == depth + 2 else None
    return "", folders[-1]


def _without_outer_files(found: list[File]) -> list[File]:
    """Leave out files that are not texts of a class: those outside of splits, or less deep."""
    if any(file.split for file in found):
        return [file for file in found if file.split]
    depths = Counter(file.name.count("/") for file in found)
    usual = depths.most_common(1)[0][0]
    return [file for file in found if file.name.count("/") == usual]


def _on_disk(folder: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix.lower() in _TEXTS:
            _check_length(path, path.stat().st_size)
            with open_bytes(path, unpack=False) as file:
                yield PurePosixPath(path.relative_to(folder).as_posix()), file.read()


def _archived(path: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    try:
        yield from _zipped(path) if path.suffix.lower() == ".zip" else _tarred(path)
    except (tarfile.TarError, *packed.DAMAGE) as error:
        raise UserError(
            f"{path}: the archive is broken ({str(error)[:100]}). Fetch it again."
        ) from error


def _zipped(path: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                _check_length(path, max(info.file_size, info.compress_size))  # as it claims
                yield PurePosixPath(info.filename), archive.read(info)


def _tarred(path: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    named = path.with_suffix(".tar.gz") if path.suffix.lower() == ".tgz" else path
    with path.open("rb") as raw:
        source = packed.unpack(named, raw) if packed.suffix(named) else raw
        with tarfile.open(fileobj=source, mode="r|") as tar:
            for member in tar:
                if content := tar.extractfile(member) if member.isfile() else None:
                    _check_length(path, member.size)
                    yield PurePosixPath(member.name), content.read()


def _check_length(path: Path, size: int) -> None:
    longest = LIMITS.get().line
    require(
        size <= longest,
        f"{path}: a text longer than {longest >> 20} MB. It is not text, or raise the limit, "
        "limits.line_mb.",
    )


def _decoded(content: bytes, encoding: str | None) -> tuple[str, str]:
    """Return a text, and its encoding: the given one, UTF-8, or else cp1252."""
    if encoding:
        return content.decode(encoding, "replace"), encoding
    try:
        return content.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace"), "cp1252"
