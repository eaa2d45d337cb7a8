"""NumPy's .npz: `words`, all words' UTF-8 bytes joined; `ends`, where each ends; `matrix`.

Any word can be expressed, and there is no pickle. Read with NumPy alone::

    file = np.load("vectors.npz")
    text, ends = file["words"].tobytes(), file["ends"]
    words = [text[a:b].decode() for a, b in zip([0, *ends], ends)]
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Collection
from itertools import pairwise
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError, require
from pipeline.stages.vectors.formats.rows import (
    DAMAGED,
    decoded,
    replacing,
    require_expressible,
    require_finite,
    select,
)
from pipeline.stages.vectors.word_vectors import WordVectors

MAGIC = b"PK\x03\x04"
NAMES = ("words", "ends", "matrix")
# What reading raises. RuntimeError: encrypted, or an array's header is of brackets too deep, for
# which there is MemoryError too; TokenError: NumPy's second attempt at a header failed.
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    MemoryError,
    TokenError,
)
DEFLATE = 1100  # times: more than deflate can ever pack


def read_npz(path: Path, words: Collection[str] | None = None) -> WordVectors:
    """Read what `write_npz` wrote, or of it only some words.

    Raises
    ------
    UserError
        If the file is damaged, or an archive of something else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = [_array(path, archive, name) for name in NAMES]
    except DAMAGE as error:
        raise UserError(
            f"{path} cannot be read as .npz: {error}. Fetch or make it again."
        ) from error
    texts, matrix = _checked(path, *arrays)
    require_finite(path, matrix, lambda i: f"row {i + 1:,}")
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


def _array(path: Path, archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """Read an array, once its header has proved to be no larger than what follows."""
    names = archive.namelist()
    if f"{name}.npy" not in names:
        raise UserError(
            f"{path} is an archive of {', '.join(n[-40:] for n in names[:4]) or 'nothing'} and has "
            f"no '{name}.npy'. If it holds other vectors, rename it to {path.stem}.zip."
        )
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ValueError(f"{name}.npy is packed in a way that NumPy never does")
    if info.file_size > DEFLATE * min(info.compress_size, path.stat().st_size):
        raise ValueError(f"{name}.npy claims to be of {info.file_size:,} bytes")
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if header is None:
            raise ValueError(f"{name}.npy is of version {version}")
        shape, _, dtype = header(file)
        claimed = dtype.itemsize
        for length in shape:
            claimed *= length
        if dtype.hasobject or claimed != info.file_size - file.tell():
            raise ValueError(
                f"{name}.npy promises {claimed:,} bytes, {info.file_size - file.tell():,} follow"
            )
    with archive.open(info) as file:
        return np.lib.format.read_array(file)


def _checked(
    path: Path, joined: NDArray[Any], ends: NDArray[Any], matrix: NDArray[Any]
) -> tuple[list[str], NDArray[np.float32]]:
    """Cut the words apart, if the arrays are what they should be."""
    require(
        joined.dtype == np.uint8
        and joined.ndim == 1
        and ends.dtype.kind in "iu"
        and ends.ndim == 1,
        f"{path}: 'words' must be bytes and 'ends' integers. {DAMAGED}",
    )
    require(
        matrix.ndim == 2 and matrix.dtype.kind == "f" and len(matrix) == len(ends),
        f"{path}: {len(ends):,} words need a matrix of as many rows of numbers, not {matrix.dtype} "
        f"of shape {matrix.shape}. {DAMAGED}",
    )
    lengths = np.diff(ends.astype(np.int64), prepend=0)
    require(
        (lengths >= 0).all() and lengths.sum() == len(joined),
        f"{path}: 'ends' does not cut 'words' into words. {DAMAGED}",
    )
    text, bounds = joined.tobytes(), [0, *ends.tolist()]
    words = [text[a:b] for a, b in pairwise(bounds)]
    with np.errstate(over="ignore"):  # what becomes infinite is found afterwards
        single = matrix.astype(np.float32)
    return decoded(path, words), single
