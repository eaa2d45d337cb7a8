"""Draw train, dev and test: every class alike in each, and copies of a text together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError, require
from pipeline.stages.corpus.duplicates import copies
from pipeline.stages.corpus.formats.rows import cut
from pipeline.stages.corpus.formats.splits import SPLITS


def draw_splits(
    where: str,
    sentences: Sequence[Sequence[str]],
    labels: NDArray[np.int64],
    given: Sequence[str],
    *,
    classes: Sequence[str],
    dev: float,
    test: float,
    seed: int,
) -> tuple[list[str], list[str]]:
    """Return the split of each row, and notes on what was drawn.

    Parameters
    ----------
    where
        The file, for messages.
    sentences, labels, given
        (n,) tokens, classes, and the splits that the file names, or empty texts. Without dev, dev
        is drawn from train; without test or train, `UserError` is raised.
    classes
        The names of the classes; each needs enough rows.
    dev, test, seed
        Shares to draw, and the seed of the draw; `dev` of train where test is given.
    """
    from sklearn.model_selection import train_test_split

    stated = set(given) - {""}
    missing = [name for name in SPLITS if name not in stated]
    if not missing:
        return list(given), []
    require(
        not stated or missing == ["dev"],
        f"{where}: no row is in {' or '.join(missing)}. Add some, or leave out corpus.split to "
        "have the splits drawn.",
    )
    shares = {"dev": dev} if stated else {"test": test, "dev": dev / (1 - test)}
    parts = np.array(given, dtype=object)
    rows = np.flatnonzero(parts == ("train" if stated else ""))
    _, near = copies([sentences[i] for i in rows.tolist()])
    first, member = np.unique(near, return_inverse=True)  # copies are drawn together
    kinds = labels[rows[first]]
    drawn = np.array(["train"] * len(first), dtype=object)
    rest = np.arange(len(first))
    for name, share in shares.items():
        try:
            rest, chosen = train_test_split(
                rest, test_size=share, stratify=kinds[rest], random_state=seed
            )
        except ValueError as error:
            size, kinds_left = math.ceil(share * len(rest)), len(np.unique(kinds[rest]))
            if len(rest) >= 3 * kinds_left > 3 * size:
                raise UserError(
                    f"{where}: {name} would have {size:,} texts for {kinds_left:,} classes. Raise "
                    f"corpus.{name}, or name a column of splits (corpus.split)."
                ) from error
            counts = np.bincount(kinds, minlength=len(classes))
            rarest = int(counts.argmin())
            raise UserError(
                f"{where}: too few rows to share out to train, dev and test: the rarest class, "
                f"{cut(classes[rarest])}, has {counts[rarest]} different. Add rows, leave rare "
                "classes out (corpus.drop_labels), or name a column of splits (corpus.split)."
            ) from error
        drawn[chosen] = name
    parts[rows] = drawn[member]
    count = (parts == "dev").sum()
    note = f"dev: {count:,} texts drawn from train, with corpus.seed={seed}"
    return parts.tolist(), [note] if stated else []
