"""A folder per class with a text in each file, as a folder or straight from an archive.

``train/pos/1.txt`` has split, class and file; without a folder for each split, ``pos/1.txt``.
"""

from __future__ import annotations

import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from pipeline.core import packed
from pipeline.core.errors import UserError, require
from pipeline.core.files import open_bytes
from pipeline.core.packed import LIMITS
from pipeline.core.progress import progress
from pipeline.stages.corpus.formats.rows import Columns, Rows, add_record, listed
from pipeline.stages.corpus.formats.splits import NAMES, UNLABELLED

_ARCHIVES = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip")
_NEEDED = "A folder of texts has a folder for each class, such as train/pos/1.txt or pos/1.txt."


def is_archive(path: Path) -> bool:
    """Return whether a name is that of an archive of many files."""
    return path.name.lower().endswith(_ARCHIVES)


def read_class_folders(path: Path, columns: Columns) -> Rows:
    """Read a folder, or an archive of one; the order of files does not matter.

    Raises
    ------
    UserError
        If there are no folders of classes, or the archive is broken.
    """
    found, unlabelled, encodings = [], 0, Counter[str]()
    contents = _archived(path) if path.is_file() else _on_disk(path)
    for name, content in progress(contents, f"reading {path.name}", "files"):
        place = _place(name)
        if place is None:
            continue
        split, label = place
        if label.lower() in UNLABELLED:
            unlabelled += 1
            continue
        text, encoding = _decoded(content, columns.encoding)
        encodings[encoding] += 1
        found.append((split, label, str(name), text))
    require(found, f"{path} holds no labelled texts. {_NEEDED}")
    found = _without_outer_files(found)
    rows = Rows()
    for split, label, file, text in sorted(found):
        add_record(rows, f"{path}/{file}", (text, label), columns)
        if len(rows.splits) and label not in columns.skip:
            rows.splits[-1] = split
    if unlabelled:
        rows.notes.append(f"{path.name}: {unlabelled:,} texts without labels are left out")
    if encodings["cp1252"]:
        rows.notes.append(f"{path.name}: {encodings['cp1252']:,} texts are read as CP1252")
    splits = Counter(rows.splits)
    if "" in splits and len(splits) > 1:
        raise UserError(
            f"{path}: some classes are in train, dev or test and some are not. {_NEEDED}"
        )
    return rows


def _place(name: PurePosixPath) -> tuple[str, str] | None:
    """Return split and class of a file, by its folders; None: it is no text of a class."""
    folders = name.parts[:-1]
    if name.suffix.lower() not in {".txt", ""} or any(
        p.startswith((".", "__")) for p in name.parts
    ):
        return None
    for depth, folder in enumerate(folders):
        if folder.lower() in NAMES:
            return (
                (NAMES[folder.lower()], folders[depth + 1]) if len(folders) == depth + 2 else None
            )
    return ("", folders[-1]) if folders else None


def _without_outer_files(
    found: list[tuple[str, str, str, str]],
) -> list[tuple[str, str, str, str]]:
    """Leave out files that are no texts of a class: those outside of splits, or less deep."""
    if any(split for split, *_ in found):
        return [row for row in found if row[0]]
    depths = Counter(name.count("/") for _, _, name, _ in found)
    usual = depths.most_common(1)[0][0]
    return [row for row in found if row[2].count("/") == usual]


def _on_disk(folder: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    longest = LIMITS.get().line
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix.lower() in {".txt", ""}:
            _check_length(path, path.stat().st_size, longest)
            with open_bytes(path, unpack=False) as file:
                yield PurePosixPath(path.relative_to(folder).as_posix()), file.read()


def _archived(path: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    longest = LIMITS.get().line
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                for info in archive.infolist():
                    if not info.is_dir():
                        size = max(info.file_size, info.compress_size)  # as the archive claims
                        _check_length(path, size, longest)
                        yield PurePosixPath(info.filename), archive.read(info)
            return
        unpack = path.suffix.lower() != ".tar"
        named = path.with_suffix(".tar.gz") if path.suffix.lower() == ".tgz" else path
        with path.open("rb") as raw:
            source = packed.unpack(named, raw) if unpack else raw
            with tarfile.open(fileobj=source, mode="r|") as tar:
                for member in tar:
                    if member.isfile():
                        _check_length(path, member.size, longest)
                        content = tar.extractfile(member)
                        yield PurePosixPath(member.name), content.read() if content else b""
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file.") from error
    except (tarfile.TarError, *packed.DAMAGE) as error:
        raise UserError(
            f"{path}: the archive is broken ({str(error)[:100]}). Fetch it again."
        ) from error


def _check_length(path: Path, size: int, longest: int) -> None:
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


def classes_of(path: Path) -> str:
    """Return what a folder holds, for messages."""
    return listed(sorted(entry.name for entry in path.iterdir()), 6)
