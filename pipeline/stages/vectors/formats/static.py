"""Static embedding models: a folder of model2vec or sentence-transformers, or .safetensors.

Such a model has a vector for each token of a tokenizer (potion, for example). A word's vector is
the mean of its tokens' vectors, as model2vec has it, so nearly every word has one. Needs the extra
``static``.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError, require
from pipeline.core.files import read_lines
from pipeline.stages.vectors.formats.rows import DAMAGED, select
from pipeline.stages.vectors.word_vectors import WordVectors

MODEL, TOKENIZER, NESTED = "model.safetensors", "tokenizer.json", "0_StaticEmbedding"
LISTS = ("{stem}.txt", "vocab.txt", "words.txt")  # names of the words of a bare .safetensors
BATCH = 4096  # words


def is_model(path: Path) -> bool:
    """Tell whether a path is the folder of a static model, or a model file with its tokenizer."""
    return _files(path) is not None


def is_safetensors(start: bytes) -> bool:
    """Tell by the first bytes whether a file is .safetensors: a length, then JSON."""
    return start[8:10] == b'{"' and int.from_bytes(start[:8], "little") < 1 << 27


def files(path: Path) -> list[Path]:
    """Return the files that are read."""
    if (of_model := _files(path)) is not None:
        return of_model
    words = _word_list(path)
    return [path, words] if words else [path]


def _folder(path: Path) -> Path:
    return path.parent if path.name == MODEL else path


def _files(path: Path) -> list[Path] | None:
    """Return a model file and its tokenizer; None if the path is not that of a static model."""
    for folder in (_folder(path), _folder(path) / NESTED):
        found = [folder / MODEL, folder / TOKENIZER]
        if all(file.is_file() for file in found):
            return found
    return None


def read_static(path: Path, words: Collection[str] | None = None) -> WordVectors:
    """Read a static model's vectors of words; without `words`, of its tokens.

    Raises
    ------
    UserError
        If the model is broken, or the extra ``static`` is not installed.
    """
    try:
        from model2vec import StaticModel
    except ImportError as error:
        raise _missing(path) from error
    try:
        model = StaticModel.from_pretrained(_folder(path), normalize=False)
        return _encoded(path, model, words)
    except BaseException as error:
        # The tokenizer is written in Rust, whose panics are no Exception.
        expected = isinstance(error, Exception) or type(error).__name__ == "PanicException"
        if isinstance(error, UserError) or not expected:
            raise
        raise UserError(
            f"{path} is not a static model that can be read: {str(error)[:120]}. {DAMAGED}"
        ) from error


def _encoded(path: Path, model: Any, words: Collection[str] | None) -> WordVectors:
    if words is None:
        rows, mapping = model.embedding, model.token_mapping
        return select(path, list(model.tokens), rows if mapping is None else rows[mapping], None)
    asked = list(dict.fromkeys(words))
    known = [word for word, ids in zip(asked, model.tokenize(asked), strict=True) if ids]
    matrix = np.empty((len(known), model.dim), np.float32)
    for i in range(0, len(known), BATCH):
        matrix[i : i + BATCH] = model.encode(known[i : i + BATCH])
    return select(path, known, matrix, words)


def read_safetensors(path: Path, words: Collection[str] | None = None) -> WordVectors:
    """Read the one matrix of a .safetensors file; its words are in a text file beside it.

    Raises
    ------
    UserError
        If the file is damaged, has no list of words or not exactly one matrix, or the extra
        ``static`` is not installed.
    """
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise _missing(path) from error
    names = _word_list(path)
    if names is None:
        raise UserError(
            f"{path} has no words: put them beside it, a line each, in {path.stem[-40:]}.txt, or "
            f"its tokenizer as {TOKENIZER} (and name it {MODEL})."
        )
    try:
        with safe_open(path, framework="np") as tensors:
            names_there = list(tensors.keys())
            matrices = [n for n in names_there if len(tensors.get_slice(n).get_shape()) == 2]
            require(
                len(matrices) == 1,
                f"{path} holds {len(matrices)} matrices; one with a row for each word is needed.",
            )
            matrix: NDArray[Any] = tensors.get_tensor(matrices[0])
    except (SafetensorError, TypeError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {str(error)[:120]}. {DAMAGED}") from error
    texts = [line for _, line in read_lines(names)]
    require(
        len(texts) == len(matrix) and matrix.dtype.kind == "f",
        f"{path}: {len(texts):,} words in {names.name} need a matrix of as many rows of numbers, "
        f"not {matrix.dtype} of shape {matrix.shape}.",
    )
    return select(path, texts, matrix, words)


def _word_list(path: Path) -> Path | None:
    names = (path.with_name(name.format(stem=path.stem)) for name in LISTS)
    return next((name for name in names if name.is_file()), None)


def _missing(path: Path) -> UserError:
    return UserError(
        f"{path} is a static embedding model; reading it needs: pip install 'yourvectors[static]'."
    )
