"""TensorBoard projector: vectors in one file of tab-separated values, their words in another.

``vectors.tsv`` goes with ``metadata.tsv``, any other ``name.tsv`` with ``name_metadata.tsv``. Also
read are gensim's ``name_tensor.tsv`` with ``name_metadata.tsv`` and TensorBoard's ``tensors.tsv``
with ``metadata.tsv``; each file may be compressed. https://projector.tensorflow.org shows both.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError, require
from pipeline.core.files import read_lines
from pipeline.core.packed import KINDS, inner_name
from pipeline.core.progress import progress
from pipeline.stages.vectors.formats.lines import parse_numbers
from pipeline.stages.vectors.formats.rows import (
    DAMAGED,
    Gathered,
    replacing,
    require_expressible,
    require_finite,
)
from pipeline.stages.vectors.word_vectors import WordVectors

BATCH = 4096  # rows


def is_pair(path: Path) -> bool:
    """Return whether a path is a folder, or tab-separated numbers with metadata beside them."""
    if path.is_dir():
        return True
    return inner_name(path).endswith(".tsv") and path.is_file() and _metadata(path).is_file()


def files(path: Path) -> list[Path]:
    """Return the pair, by its folder or by the file of vectors: the vectors, and their words."""
    if path.is_dir():
        there = [path / name for name in ("vectors.tsv", "tensors.tsv")]
        path = next((found for name in there for found in _compressed(name)), there[0])
    return [path, _metadata(path)]


def read_projector(path: Path, words: Collection[str] | None = None) -> WordVectors:
    """Read the pair, by its folder or by the file of vectors, or only some of its words.

    Raises
    ------
    UserError
        If one is missing, they differ in length, or a line is not of numbers.
    """
    folder = path
    path, metadata = files(path)
    require(
        path.is_file(),
        f"{folder} is a folder without vectors.tsv and metadata.tsv; name a file in it.",
    )
    wanted = None if words is None else set(words)
    texts = _words(metadata)
    gathered = Gathered(path, "line")
    dim, rows = 0, 0
    found: list[tuple[str, int, NDArray[np.float32]]] = []
    for number, line in progress(read_lines(path), f"reading {path.name}", "rows"):
        if not line.strip():
            continue
        fields = line.encode().split(b"\t")
        dim = dim or len(fields)
        if rows < len(texts) and (wanted is None or texts[rows] in wanted):
            if len(fields) != dim:
                raise UserError(
                    f"{path}, line {number}: {len(fields)} numbers where other rows have {dim}. "
                    f"{DAMAGED}"
                )
            found.append((texts[rows], number, parse_numbers(path, number, fields)))
        if len(found) == BATCH:
            _add(gathered, found)
            found = []
        rows += 1
    if rows != len(texts):
        raise UserError(
            f"{path} has {rows:,} rows, {metadata} has {len(texts):,} words; they do not belong "
            "together, or one is truncated. Make both again."
        )
    _add(gathered, found)
    return gathered.vectors(words)


def write_projector(vectors: WordVectors, path: Path) -> None:
    """Write the pair: into a folder, or ``name.tsv`` and ``name_metadata.tsv``.

    Raises
    ------
    UserError
        If a word holds a tab or the end of a line, or the disk is full.
    """
    if path.suffix != ".tsv":
        path = path / "vectors.tsv"
    require_expressible(vectors, path, "\t\n\r")
    with replacing(path, _metadata_name(path)) as (numbers, words):
        for word, row in zip(vectors.words, vectors.matrix.astype(np.float32), strict=True):
            numbers.write("\t".join(map(str, row)).encode() + b"\n")
            words.write(word.encode() + b"\n")


def _metadata_name(path: Path) -> Path:
    """Return where the words of a file of vectors are written."""
    stem = inner_name(path).removesuffix(".tsv").removesuffix("_tensor")
    named = "metadata.tsv" if stem in {"vectors", "tensors"} else f"{stem}_metadata.tsv"
    return path.with_name(named)


def _metadata(path: Path) -> Path:
    """Return where the words of a file of vectors are: beside it, in the file named after it."""
    names = (_metadata_name(path), path.with_name("metadata.tsv"))
    return next((found for name in names for found in _compressed(name)), names[-1])


def _compressed(path: Path) -> list[Path]:
    """Return the file and its compressed forms, those that are there."""
    names = [path, *(path.with_name(path.name + suffix) for suffix in KINDS)]
    return [name for name in names if name.is_file()]


def _words(path: Path) -> list[str]:
    """Read the words; of several columns, which have a header, word, label or the first."""
    lines = [line for _, line in read_lines(path)]
    if not lines or "\t" not in lines[0]:
        return lines
    header = [name.strip().lower() for name in lines[0].split("\t")]
    column = next((header.index(name) for name in ("word", "label") if name in header), 0)
    words = []
    for number, line in enumerate(islice(lines, 1, None), 2):
        fields = line.split("\t")
        require(
            len(fields) == len(header),
            f"{path}, line {number}: {len(fields)} columns where the header has {len(header)}.",
        )
        words.append(fields[column])
    return words


def _add(gathered: Gathered, found: list[tuple[str, int, NDArray[np.float32]]]) -> None:
    if found:
        words, lines, rows = zip(*found, strict=True)
        matrix = np.array(rows)
        require_finite(gathered.path, matrix, lambda i: f"line {lines[i]}")
        gathered.add([word.encode() for word in words], np.array(lines), matrix)
