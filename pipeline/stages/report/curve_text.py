"""What the curve of accuracy against strength shows, in words, and where it shows nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.core.statistics import paired
from pipeline.render.html import signed
from pipeline.stages.best.best import Best
from pipeline.stages.features.features import Features
from pipeline.stages.sweep.sweep import Sweep

if TYPE_CHECKING:
    import pandas as pd

DIFFERENCE = ["dev_difference", "dev_low", "dev_high"]


def with_differences(swept: Sweep, features: Features, best: Best) -> pd.DataFrame:
    """Return the sweep's results with the difference of each strength to the chosen one.

    ``dev_difference`` is the accuracy on dev minus that of the chosen strength, ``dev_low`` and
    ``dev_high`` its 95 % interval: the same sentences are compared, so it is far narrower than the
    interval of either accuracy.
    """
    unordered = [] if features.ordinal else ["dev_mean_absolute_error"]
    table = swept.results.drop(columns=unordered, errors="ignore")
    if swept.dev_predicted is not None:
        right = np.asarray(swept.dev_predicted) == features.y["dev"]
        found = [paired(row, right[best.row]) for row in right]
        table[DIFFERENCE] = [(each.difference, each.low, each.high) for each in found]
        table.loc[best.row, DIFFERENCE] = 0.0  # it is the same classifier
    return table


def read_strengths(results: pd.DataFrame, row: int) -> list[str]:
    """Describe the curve left and right of the chosen strength; noise is called noise.

    Parameters
    ----------
    results
        The table of `with_differences`, weakest strength first. Version 0.1.0 kept no differences:
        then the text has only the accuracies.
    row
        The chosen strength.
    """
    chosen = results.iloc[row]
    train, dev = 100 * chosen["train_accuracy"], 100 * chosen["dev_accuracy"]
    at = f"At the chosen strength {chosen['strength']:.4g}"
    said = [f"{at} accuracy is {train:.1f} % on train and {dev:.1f} % on dev."]
    if len(results) == 1:
        return [*said, "No other strength was tried."]
    if row == 0:
        said.append("It is the weakest that was tried: a weaker one may do better.")
    else:
        said.append(_side(results.iloc[0], chosen, "Weaker penalties over-fit", "weaker"))
    if row == len(results) - 1:
        said.append("It is the strongest that was tried: a stronger one may do better.")
    else:
        said.append(_side(results.iloc[-1], chosen, "Stronger penalties under-fit", "stronger"))
    return said


def _side(end: pd.Series, chosen: pd.Series, story: str, side: str) -> str:
    """Compare the weakest or strongest penalty with the chosen one."""
    at = f"at {end['strength']:.4g}"
    train, dev = 100 * end["train_accuracy"], 100 * end["dev_accuracy"]
    if not set(DIFFERENCE) <= set(end.index):
        return f"{at.capitalize()} it is {train:.1f} % on train and {dev:.1f} % on dev."
    difference, low, high = (100 * end[name] for name in DIFFERENCE)
    interval = f"95 % interval {signed(low, 1)} to {signed(high, 1)}"
    on_train = f"train has {train:.1f} % ({signed(train - 100 * chosen['train_accuracy'], 1)})"
    if high < 0:
        return (
            f"{story}: {at} {on_train}, and dev has {dev:.1f} %, {abs(difference):.1f} points "
            f"fewer ({interval})."
        )
    return (
        f"{side.capitalize()} penalties make no difference that dev can show: {at} {on_train}, "
        f"and dev has {dev:.1f} % ({signed(difference, 1)}; {interval})."
    )
