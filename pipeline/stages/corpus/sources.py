"""The files that unlabelled text comes from: named one by one, by folder, pattern or address."""

from __future__ import annotations

import glob
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast

from pipeline.core.errors import UserError, require
from pipeline.core.files import count_lines, file_digest, read_lines
from pipeline.core.packed import inner_suffix
from pipeline.stages.corpus.formats.frames import arrow_batches, parquet_batches
from pipeline.stages.corpus.formats.rows import listed

TABLES = {".parquet": parquet_batches, ".arrow": arrow_batches, ".feather": arrow_batches}
JSON_LINES = (".jsonl", ".ndjson")
_ABOUT = {"dataset_info.json", "state.json", "dataset_dict.json"}  # `datasets` writes these
_VERSIONS = {  # what storages say that changes when a file does
    *("etag", "content-md5", "content_md5", "md5", "md5hash", "checksum", "digest", "generation"),
    *("last-modified", "last_modified", "lastmodified", "mtime", "modified", "created", "updated"),
}
_PATTERN = re.compile(r"[*?\[]")


def files_of(names: Iterable[str]) -> tuple[Path, ...]:
    """Return the files that names stand for, in order.

    A name is a file; a folder, which stands for all files in and below it, sorted; a pattern like
    ``texts/*.gz``; or any of them at an address like ``s3://bucket/texts/``, which `fsspec` reads.
    `UserError` is raised for a folder or pattern without files, or an unreadable address.
    """
    return tuple(path for name in names for path in _files_of(name))


def _files_of(name: str) -> list[Path]:
    path = Path(name).expanduser()
    if is_remote(name):
        with _far(name):
            found = _remote_files(name)
        none = f"{name} has no files"
    elif path.is_dir():
        below = (p for p in path.rglob("*") if p.is_file())
        found = sorted(p for p in below if _is_text(p.relative_to(path).as_posix()))
        none = f"the folder {path} has no files"
    elif _PATTERN.search(name) and not path.exists():
        matching = map(Path, sorted(glob.glob(str(path), recursive=True)))  # noqa: PTH207
        found = [p for p in matching if p.is_file()]
        none = f"no file matches {name}"
    else:
        return [path]
    require(found, f"corpus.unlabelled: {none}.")
    return found


def _is_text(name: str) -> bool:
    """Return whether a file in a folder counts: neither hidden nor about the others."""
    parts = name.split("/")
    return not any(part.startswith((".", "_")) for part in parts) and parts[-1] not in _ABOUT


def is_remote(name: object) -> bool:
    """Return whether a name is an address, such as ``s3://bucket/text.gz``."""
    return "://" in str(name)


def _remote_files(name: str) -> list[Path]:
    import fsspec
    from upath import UPath

    files, path = fsspec.core.url_to_fs(name)
    if _PATTERN.search(path):
        found = sorted(p for p in files.glob(path) if files.isfile(p))
    elif files.isdir(path):
        found = sorted(p for p in files.find(path) if _is_text(p[len(path) :].lstrip("/")))
    else:
        found = [path]
    return [cast("Path", UPath(files.unstrip_protocol(p))) for p in found]


@contextmanager
def _far(name: object) -> Iterator[None]:
    """Turn any error about an address into a `UserError`."""
    try:
        yield
    except UserError:
        raise
    except ImportError as error:
        raise UserError(
            f"{name}: addresses need the extra 'remote': pip install 'yourvectors[remote]', and "
            f"what reads this kind ({str(error)[:80]})."
        ) from error
    except Exception as error:  # each kind of storage has its own
        said = (str(error) or type(error).__name__)[:150]
        raise UserError(f"{name} cannot be read: {said}. Check address and credentials.") from error


def digest_of(path: Path) -> str:
    """Return the sha256 of a file; for a remote one, of what its storage says about this version.

    That is size, time and ETag, as far as the storage has them, so nothing is downloaded. Where
    the storage knows no version, as for some web pages, the file is read.
    """
    if not is_remote(path):
        return file_digest(path)
    far: Any = path
    with _far(path):
        far.fs.invalidate_cache()  # which may know an older version
        about = far.fs.info(far.path)
        version = {name: str(value) for name, value in about.items() if name.lower() in _VERSIONS}
        if not version:
            with far.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    text = f"{path} {about.get('size')} {sorted(version.items())}"
    return hashlib.sha256(text.encode()).hexdigest()


def lines_of(path: Path, column: str | None = None) -> Iterator[str]:
    """Yield the lines of text of a file; `UserError` if it cannot be read.

    It is plain text, which may be compressed, JSON lines, Parquet, Arrow or Feather. `column` is
    the one of a table that has the text; unset: ``text``, or the only column of text. A document
    of a table may have several lines.
    """
    with _far(path) if is_remote(path) else nullcontext():
        suffix = inner_suffix(path)
        if suffix in TABLES:
            for document in _documents(path, suffix, column):
                yield from document.splitlines()
        elif suffix in JSON_LINES:
            for number, line in read_lines(path):
                if line.strip():
                    yield from _document(path, number, line, column or "text").splitlines()
        else:
            for _, line in read_lines(path):
                yield line


def count(path: Path) -> int | None:
    """Count the lines of a file of text on this machine; None for any other."""
    return None if inner_suffix(path) in TABLES or is_remote(path) else count_lines(path)


def _documents(path: Path, suffix: str, column: str | None) -> Iterator[str]:
    import pyarrow as pa

    with TABLES[suffix](path) as (schema, batches):
        texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
        candidates = [field.name for field in schema if any(is_(field.type) for is_ in texts)]
        only = candidates[0] if len(candidates) == 1 else None
        wanted = column or ("text" if "text" in candidates else only)
        missing = f"no column of text named {wanted}" if wanted else "no single column of text"
        require(
            wanted in candidates,
            f"{path}: {missing}; set corpus.unlabelled_column. It has: "
            f"{listed(candidates) or 'none'}.",
        )
        for batch in batches:
            batch.validate(full=True)  # what a damaged file claims could be read out of bounds
            yield from filter(None, batch.column(wanted).to_pylist())


def _document(path: Path, number: int, line: str, column: str) -> str:
    try:
        text = json.loads(line)[column]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(
            f"{path}, line {number}: no JSON object with the text under '{column}'; set "
            "corpus.unlabelled_column."
        ) from error
    return text if isinstance(text, str) else ""
