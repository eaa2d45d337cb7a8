"""gensim's own files (``.kv``, ``.model``): pickles, read by gensim and only when asked."""

from __future__ import annotations

from collections.abc import Collection
from glob import escape
from pathlib import Path

import numpy as np

from pipeline.core.errors import UserError
from pipeline.stages.vectors.formats.rows import select
from pipeline.stages.vectors.word_vectors import WordVectors


def files(path: Path) -> list[Path]:
    """Return the pickle and the arrays that gensim keeps beside it."""
    return [path, *sorted(path.parent.glob(f"{escape(path.name)}.*.npy"))]


def read_gensim(path: Path, words: Collection[str] | None = None) -> WordVectors:
    """Read `KeyedVectors`, or the vectors of a model. This runs what code the pickle holds.

    Raises
    ------
    UserError
        If gensim is not installed, or finds something else.
    """
    try:
        from gensim.models import KeyedVectors
    except ImportError as error:
        raise UserError(
            f"{path} is gensim's; reading it needs: pip install 'yourvectors[gensim]'."
        ) from error
    try:
        loaded = KeyedVectors.load(str(path))
        keyed = getattr(loaded, "wv", loaded)
        texts, matrix = list(map(str, keyed.index_to_key)), np.asarray(keyed.vectors)
    except Exception as error:
        raise UserError(
            f"{path}: gensim cannot read it as vectors ({str(error)[:120]}). Is it a .kv or .model?"
        ) from error
    return select(path, texts, matrix, words)
