"""NumPy's .npz: written as `words`, all words' UTF-8 bytes joined; `ends` of each; `matrix`.

Any word can be expressed, and nothing is pickled. Read with NumPy alone::

    file = np.load("vectors.npz")
    text, ends = file["words"].tobytes(), file["ends"]
    words = [text[a:b].decode() for a, b in zip([0, *ends], ends)]

Archives of others are read too if they hold one list of words, which is an array of text, and one
matrix with as many rows, under any names.
"""

from __future__ import annotations

import math
import warnings
import zipfile
import zlib
from collections.abc import Collection
from itertools import pairwise
from pathlib import Path
from tokenize import TokenError
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError, require
from pipeline.core.packed import LIMITS, UNSUSPICIOUS
from pipeline.stages.vectors.formats.rows import (
    DAMAGED,
    decoded,
    replacing,
    require_expressible,
    select,
)
from pipeline.stages.vectors.word_vectors import WordVectors

MAGIC = b"PK\x03\x04"
NAMES = ("words", "ends", "matrix")
MOST = 100  # arrays looked at
# What reading raises. RuntimeError: encrypted, or the brackets of an array's header are nested too
# deeply (or MemoryError); TokenError, SyntaxError, TypeError: a broken header; KeyError: a
# name is there twice.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    KeyError,
    SyntaxError,
    TypeError,
    ValueError,
    RuntimeError,
    MemoryError,
    TokenError,
)


def is_npz(start: bytes) -> bool:
    """Tell by the first bytes whether a file is a zip archive, as every .npz is."""
    return start.startswith(MAGIC)


def read_npz(path: Path, words: Collection[str] | None = None) -> WordVectors:
    """Read words and a matrix, or only some of the words.

    Raises
    ------
    UserError
        If the file is damaged, or an archive of something else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if {f"{name}.npy" for name in NAMES} <= set(archive.namelist()):
                joined, ends, matrix = (_array(path, archive, f"{name}.npy") for name in NAMES)
                texts = _cut(path, joined, ends)
            else:
                listed, matrix = _words_and_matrix(path, archive)
                texts = _listed(path, listed)
    except DAMAGE as error:
        raise UserError(
            f"{path} cannot be read as .npz: {str(error)[:100]}. Fetch or make it again."
        ) from error
    return select(path, texts, matrix, words)


def write_npz(vectors: WordVectors, path: Path) -> None:
    """Write the three arrays.

    Raises
    ------
    UserError
        If the disk is full.
    """
    require_expressible(vectors, path, "")
    encoded = [word.encode() for word in vectors.words]
    with replacing(path) as (file,):
        np.savez(
            file,
            words=np.frombuffer(b"".join(encoded), np.uint8),
            ends=np.cumsum([len(word) for word in encoded], dtype=np.int64),
            matrix=vectors.matrix.astype(np.float32),
        )


class _Header(NamedTuple):
    """What an array claims to be, and where its numbers begin."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    begin: int


def _header(archive: zipfile.ZipFile, name: str) -> _Header:
    with archive.open(name) as file:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise ValueError(f"{name} is of version {version}")
        with warnings.catch_warnings():  # Python's own parser comments on odd headers
            warnings.simplefilter("ignore")
            shape, _, dtype = read(file)
        return _Header(shape, dtype, file.tell())


def _words_and_matrix(path: Path, archive: zipfile.ZipFile) -> list[NDArray[Any]]:
    """Read the one array of text and the one matrix, under any names."""
    names = archive.namelist()
    arrays = {name: _header(archive, name) for name in names[:MOST] if name.endswith(".npy")}
    words = [name for name, header in arrays.items() if header.dtype.kind in "US"]
    matrices = [
        name
        for name, header in arrays.items()
        if header.dtype.kind in "fiu" and len(header.shape) == 2
    ]
    if not words and any(header.dtype.hasobject for header in arrays.values()):
        raise UserError(
            f"{path}: its words are a pickle, which can run code when it is read. Save them as "
            "text: np.savez(path, words=np.array(words, dtype=str), matrix=matrix)."
        )
    require(
        not any(name.endswith("data.pkl") for name in names),
        f"{path} is a PyTorch file, a pickle. Where it was made, save words and matrix: "
        "np.savez('vectors.npz', words=np.array(words, dtype=str), matrix=matrix.numpy()).",
    )
    if len(words) == 1 and len(matrices) > 1:
        some = ", ".join(name.removesuffix(".npy")[-30:] for name in matrices[:4])
        raise UserError(
            f"{path} holds {len(matrices)} matrices: {some}. Save the one you want with its words: "
            "np.savez('one.npz', words=words, matrix=matrix)."
        )
    if (len(words), len(matrices)) != (1, 1):
        some = ", ".join(name[-30:] for name in names[:4]) or "nothing"
        lacks = "no matrix of numbers" if words else "no 'words.npy'"
        raise UserError(
            f"{path} is an archive of {some} and has {lacks}. An .npz needs one array of "
            f"text and one matrix; if it holds other vectors, rename it to {path.stem[-40:]}.zip."
        )
    return [_array(path, archive, words[0]), _array(path, archive, matrices[0])]


def _array(path: Path, archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """Read an array after checking that it is no larger than its header and the file allow."""
    info = archive.getinfo(name)
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ValueError(f"{name} is packed in a way that NumPy never does")
    packed = max(1, min(info.compress_size, path.stat().st_size))
    if info.file_size > max(UNSUSPICIOUS, LIMITS.get().ratio * packed):
        raise ValueError(
            f"{name} claims to be of {info.file_size:,} bytes, {info.file_size // packed:,} times "
            "its size here; see limits.ratio"
        )
    header = _header(archive, name)
    claimed, there = header.dtype.itemsize * math.prod(header.shape), info.file_size - header.begin
    if header.dtype.hasobject or claimed != there:
        raise ValueError(f"{name} says {claimed:,} bytes, {there:,} follow")
    with archive.open(info) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.lib.format.read_array(file)


def _cut(path: Path, joined: NDArray[Any], ends: NDArray[Any]) -> list[str]:
    """Cut joined words apart, if the arrays are what they should be."""
    require(
        joined.dtype == np.uint8
        and joined.ndim == 1
        and ends.dtype.kind in "iu"
        and ends.ndim == 1,
        f"{path}: 'words' must be bytes and 'ends' integers. {DAMAGED}",
    )
    lengths = np.diff(ends.astype(np.int64), prepend=0)
    require(
        (lengths >= 0).all() and lengths.sum() == len(joined),
        f"{path}: 'ends' does not cut 'words' into words. {DAMAGED}",
    )
    text, bounds = joined.tobytes(), [0, *ends.tolist()]
    return decoded(path, [text[a:b] for a, b in pairwise(bounds)])


def _listed(path: Path, words: NDArray[Any]) -> list[str]:
    """Return the words of an array of text."""
    require(words.ndim == 1, f"{path}: its words are of shape {words.shape}, not a list. {DAMAGED}")
    if words.dtype.kind == "S":
        return decoded(path, words.tolist())
    codes = np.ascontiguousarray(words).view(words.dtype.byteorder.replace("|", "=") + "u4")
    require(
        ((codes < 0xD800) | (codes > 0xDFFF) & (codes < 0x110000)).all(),
        f"{path}: a word of its list is not text. {DAMAGED}",
    )
    texts: list[str] = words.tolist()
    return texts
