"""Name the formats that are not read by their first bytes, and say how to convert them."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import NamedTuple

from pipeline.core.errors import UserError
from pipeline.stages.vectors.formats.lines import fields_of, is_number, numbers_columns


class Format(NamedTuple):
    """A format of other programs: how it begins, what it is, and what to do."""

    start: bytes
    name: str
    cure: str


_GENSIM = "KeyedVectors.load('{name}').save_word2vec_format('vectors.bin', binary=True)"
_UNPACK = "Unpack it and name the file of vectors in it."
_NUMPY = "np.savez('vectors.npz', words=np.array(words, dtype=str), matrix=matrix) keeps both."
FORMATS = (
    Format(b"\x1f\x8b", "packed by gzip; rename it to {name}.gz", ""),
    Format(b"BZh", "packed by bzip2; rename it to {name}.bz2", ""),
    Format(b"\xfd7zXZ\x00", "packed by xz; rename it to {name}.xz", ""),
    Format(b"\x28\xb5\x2f\xfd", "packed by zstandard; rename it to {name}.zst", ""),
    Format(b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    Format(b"Rar!", "a RAR archive", _UNPACK),
    Format(b"\x89HDF\r\n\x1a\n", "an HDF5 file", f"Read words and matrix with h5py, then {_NUMPY}"),
    Format(
        b"SQLite format 3\x00",
        "an SQLite database (a Magnitude file?)",
        "Take the text or binary file it was made from, or export its words and vectors as text.",
    ),
    Format(
        b"version https://git-lfs",
        "a git-lfs pointer, not the file itself",
        "Fetch the file: git lfs pull.",
    ),
    Format(b"PAR1", "a Parquet file", f"Read it with pandas, then {_NUMPY}"),
    Format(b"ARROW1", "an Arrow file", f"Read it with pandas, then {_NUMPY}"),
    Format(b"\x93NUMPY", "a NumPy array without words", _NUMPY),
    Format(b"GGUF", "a language model (GGUF)", "Word vectors are needed, one a word."),
    Format(b"%PDF", "a PDF document", "Name a file of vectors."),
    *(
        Format(mark, "UTF-16 text", "Convert it: iconv -f utf-16 -t utf-8 FILE > vectors.txt")
        for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    ),
)
_PICKLE = re.compile(rb"\x80[\x02-\x05]|c(copy_?reg|numpy|gensim|__builtin__|builtins)")
_HTML = re.compile(rb"(?i)\s*(<!doctype|<html|<head|<\?xml|<body)")
_JSON = re.compile(rb'\s*([{]\s*["}]|\[\s*["\[{])')
_SPARSE = re.compile(rb"\S+([ \t]+\d+:[-+.\deE]+)+[ \t\r]*")
_DECIMAL_COMMA = re.compile(rb"(?<=[\s;+-])(\d+),(\d+)(?=[\s;eE]|$)")


def refuse(path: Path, start: bytes) -> None:
    """Raise `UserError` if a file, by its first bytes, is of a format that is not read."""
    line = start.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0]
    if _is_row(line):
        return
    if is_pickle(start):
        raise _error(
            path,
            "a Python pickle (gensim's .kv or .model?), which can run code when it is opened",
            "If you trust it: vectors.unpickle=true, or convert it: " + _GENSIM,
        )
    for form in FORMATS:
        if start.startswith(form.start):
            raise _error(path, form.name, form.cure)
    if _HTML.match(start):
        raise UserError(
            f"{path}, line 1: no vector here, but a web page. The address or the login of the "
            "download was wrong; fetch the file again."
        )
    if start[257:262] == b"ustar":
        raise _error(path, "a tar archive", _UNPACK)
    _refuse_table(path, start)
    if _JSON.match(start):
        raise _error(path, "JSON", "Write a line for each word: the word and its numbers.")
    if _SPARSE.fullmatch(line):
        cure = "Write every number of a row, also the zeros."
        raise _error(path, "text with sparse rows (index:value)", cure)


def _is_row(line: bytes) -> bool:
    """Tell whether a line is text, some word with numbers; the word may look like a signature."""
    fields = fields_of(line)
    try:
        text = b" ".join(fields).decode()
    except UnicodeDecodeError:
        return False
    return len(fields) > 1 and is_number(fields[-1]) and all(c >= " " for c in text)


def _refuse_table(path: Path, start: bytes) -> None:
    """Raise the error that names a table which is separated otherwise than by spaces."""
    first, second, *_ = [line.strip(b"\r") for line in start.split(b"\n", 2)] + [b""]
    if b"," in first and _is_row(_DECIMAL_COMMA.sub(rb"\1.\2", first.replace(b";", b" "))):
        spaces = "; s/;/ /g" if b";" in first else ""
        cure = f"Put points there: sed -E 's/([0-9]),([0-9])/\\1.\\2/g{spaces}' FILE > vectors.txt"
        raise _error(path, "text with decimal commas", cure)
    separator = _separator_of(first)
    mark = separator.encode() or None
    header = numbers_columns(first.split(mark), [second.split(mark)])
    if separator and not header and not first.startswith(separator.encode()):
        cure = f"Put spaces there: tr '{separator}' ' ' < FILE > vectors.txt"
        raise _error(path, f"a table separated by '{separator}'", cure)
    if separator := _separator_of(second.replace(b'"', b"")):
        cure = f"tail -n +2 FILE | tr -d '\"' | tr '{separator}' ' ' > vectors.txt"
        what = f"a table separated by '{separator}' with a header"
        raise _error(path, what, f"Put spaces there: {cure}")


def _separator_of(line: bytes) -> str:
    """Return what a table puts between a word and its numbers in place of spaces, or nothing."""
    for separator in (b",", b";"):
        if line.count(separator) > 1 and _is_row(line.replace(separator, b" ")):
            return separator.decode()
    return ""


def is_pickle(start: bytes) -> bool:
    """Tell by the first bytes whether a file is a pickle."""
    return _PICKLE.match(start) is not None


def _error(path: Path, name: str, cure: str) -> UserError:
    text = f"{name}. {cure}".rstrip().replace("{name}", path.name[-40:])
    return UserError(f"{path} is {text}")
