"""Words that several vector files have, so that vectors are compared on the same words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError, require
from pipeline.stages.vectors.formats import read_vectors
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocabulary

VOCAB = "vocab"
"""In a list of files, it stands for the words of stage `vocab`."""


def in_common(
    vectors: WordVectors, files: Sequence[str], setting: str, vocabulary: Vocabulary | None = None
) -> NDArray[np.bool_] | None:
    """Return (V,) which words of `vectors` all of `files` have; None where no file is named.

    Parameters
    ----------
    vectors
        The vectors in use.
    files
        Vector files, or ``vocab``.
    setting
        The setting that names them, for messages.
    vocabulary
        What ``vocab`` stands for.

    Raises
    ------
    UserError
        If a file cannot be read, or no word is left.
    """
    if not files:
        return None
    common = set(vectors.words)
    for name in files:
        if name == VOCAB:
            if vocabulary is None:
                raise UserError(
                    f"{setting}={files}: give the vocabulary that '{VOCAB}' stands for."
                )
            common &= set(vocabulary.words)
        else:
            common &= set(read_vectors(Path(name).expanduser(), vectors.words).words)
    require(common, f"{setting}: no word is in the vectors and all of {files}.")
    return np.array([word in common for word in vectors.words], bool)
