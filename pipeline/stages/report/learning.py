"""The learning curve: what more labelled sentences would bring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.core.progress import progress
from pipeline.stages.best.best import Best, choose_row
from pipeline.stages.features.features import Features
from pipeline.stages.sweep.sweep import StrengthRow, Sweep, evaluated, fit

if TYPE_CHECKING:
    import pandas as pd


def learning_curve(
    features: Features, swept: Sweep, best: Best, shares: list[float], draws: int
) -> pd.DataFrame:
    """Fit the sweep's classifiers on parts of train; test is not used.

    At every size the strength is chosen on dev again: few sentences need a stronger penalty than
    many. Phrases are left out.

    Parameters
    ----------
    features, swept, best
        The results of the run's stages.
    shares
        The parts of train.
    draws
        How many times each part is drawn; a larger part contains the smaller ones of its draw.

    Returns
    -------
    table
        For every part and draw ``sentences``, ``draw``, ``strength``, ``train_accuracy`` and
        ``dev_accuracy``; a part with one class only is left out.
    """
    import pandas as pd

    n = len(features.y["train"])
    orders = [np.random.default_rng(draw).permutation(n) for draw in range(draws)]
    parts = [
        (draw, order[:size])
        for size in sorted({max(1, int(share * n)) for share in shares})
        for draw, order in enumerate(orders)
    ]
    rows = []
    whole: StrengthRow | None = None  # the same in every draw
    with threadpool_limits(1):
        for draw, part in progress(parts, "fitting on parts of train", "parts", len(parts)):
            if len(np.unique(features.y["train"][part])) > 1:
                chosen = whole or _chosen(features, swept, best, np.sort(part))
                whole = chosen if len(part) == n else None
                rows.append({"sentences": len(part), "draw": draw, **chosen})
    columns = ["sentences", "draw", "strength", "train_accuracy", "dev_accuracy"]
    return pd.DataFrame(rows, columns=columns)


def _chosen(features: Features, swept: Sweep, best: Best, part: np.ndarray) -> StrengthRow:
    """Fit at every strength on a part of train; return the row that is best on dev."""
    from sklearn.base import clone

    features = features.learned_from(part)
    X, y = features.X["train"][part], features.y["train"][part]
    rows: list[StrengthRow] = []
    model: Any = None
    for tried, classifier in reversed(list(zip(swept.rows, swept.classifiers, strict=True))):
        stronger, model = model, clone(classifier)
        if stronger is not None and getattr(model, "warm_start", False):
            learned = {name: value for name, value in vars(stronger).items() if name[-1] == "_"}
            vars(model).update(learned)  # where the fit starts
        model = fit(model, X, y)
        rows.append(evaluated(model, features, tried["strength"], part=part)[0])
    rows.reverse()
    return rows[choose_row(rows, best.config)]
