"""Start a training from pretrained vectors instead of random ones."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SettingError, UserError
from pipeline.stages.vectors import keys
from pipeline.stages.vectors.loop import Combine, EncodedText

log = logging.getLogger(__name__)


class Known(NamedTuple):
    """The words of a text that have a pretrained vector."""

    ids: NDArray[np.int64]  # (n,)
    vectors: NDArray[np.float32]  # (n, dim)


def read_known(init: str, text: EncodedText, dim: int) -> Known:
    """Read the vectors of those words of a text that a file has.

    Raises
    ------
    UserError
        If the file cannot be read, has none of the words or other dimensions.
    """
    path = Path(init).expanduser()
    counts = dict(zip(text.words, text.counts.tolist(), strict=True))
    found = keys.find(path, counts)
    if found.vectors.dim != dim:
        raise UserError(
            f"vectors.init: {path} has {found.vectors.dim} dimensions, the training {dim}; set "
            f"vectors.dim={found.vectors.dim}, or name another file."
        )
    log.info(
        "%s of %s words, %.1f %% of the text, start from %s",
        *(f"{len(found.vectors):,}", f"{len(counts):,}", 100 * found.coverage, path),
    )
    order = {word: i for i, word in enumerate(text.words)}
    ids = np.array([order[word] for word in found.vectors.words], np.int64)
    return Known(ids, found.vectors.matrix)


def check_init(init: str | None, freeze: bool, combine: Combine, wanted: Combine) -> None:
    """Refuse settings by which known words could not keep their vectors.

    Raises
    ------
    UserError
        If there is no file to freeze the vectors of, or `combine` adds others to them.
    """
    if freeze and init is None:
        raise SettingError("freeze=true needs init=FILE.")
    if freeze and combine is not wanted:
        raise SettingError(
            f"freeze=true needs combine={wanted.value}: with {combine.value}, vectors that are "
            "still trained become part of the word's."
        )
