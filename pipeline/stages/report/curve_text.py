"""What a curve of accuracy against strength says, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def read_strengths(results: pd.DataFrame, row: int) -> list[str]:
    """Read the curve: over-fit to the left of the chosen strength, under-fit to its right.

    Parameters
    ----------
    results
        The sweep's, a row a strength, rising.
    row
        The chosen one.
    """
    rows = results[["strength", "train_accuracy", "dev_accuracy"]].to_numpy(float)
    strength, train, dev = (100 * rows[row]).tolist()
    strength /= 100
    first = (
        f"At the chosen strength {strength:.4g} train has {train:.1f} % and dev {dev:.1f} %, "
        f"{abs(train - dev):.1f} points apart."
    )
    if len(rows) == 1:
        return [first, "It is the only strength that was tried."]
    said = [first]
    weakest, strongest = rows[0], rows[-1]
    if row > 0:
        gap = 100 * (weakest[1] - weakest[2])
        lost = dev - 100 * weakest[2]
        if gap > train - dev and lost > 0:
            said.append(
                f"To its left the classifier over-fits: at {weakest[0]:.4g} train has "
                f"{100 * weakest[1]:.1f} %, {gap:.1f} points more than dev, and dev loses "
                f"{lost:.1f} points."
            )
        else:
            said.append(
                f"To its left there is little over-fitting to prevent: at {weakest[0]:.4g} train "
                f"has {100 * weakest[1]:.1f} % and dev {100 * weakest[2]:.1f} %."
            )
    else:
        said.append("It is the weakest that was tried: a weaker one might do better still.")
    if row < len(rows) - 1:
        lost = train - 100 * strongest[1]
        if lost > 0:
            said.append(
                f"To its right it under-fits: at {strongest[0]:.4g} train itself falls by "
                f"{lost:.1f} points to {100 * strongest[1]:.1f} %, and dev to "
                f"{100 * strongest[2]:.1f} %."
            )
        else:
            said.append(
                f"To its right nothing is lost on train: at {strongest[0]:.4g} it has "
                f"{100 * strongest[1]:.1f} %."
            )
    else:
        said.append("It is the strongest that was tried: a stronger one might do better still.")
    return said
