"""The figures of a run, drawn from the tables in its folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.stages.report.finished_run import FinishedRun

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.render.plots import Drawing


def figures(run: FinishedRun) -> dict[str, Drawing]:
    """Draw what there is to draw of a run: by name a figure, and what is to be seen in it."""
    from pipeline.render import plots

    result, curve = run.result, run.strengths
    chosen = curve.iloc[run.chosen]
    alt = (
        f"Accuracy against regularisation strength. The chosen strength {chosen['strength']:.3g} "
        f"has {chosen['train_accuracy']:.1%} on train and {chosen['dev_accuracy']:.1%} on dev."
    )
    figure = plots.strength_curve(curve, run.chosen, result["test"]["accuracy"])
    drawn: dict[str, Drawing] = {"strength": (figure, alt)}
    alt = "Confusion matrix of the test sentences."
    drawn["confusion"] = plots.confusion(confusion(run), run.classes), alt
    words = read_table(run.folder / "report" / "words.csv", word=str)
    if words is not None and len(words):
        alt = "Map of words by their two principal directions: " + " ".join(words["word"])
        figure = plots.word_map(words["word"].tolist(), words[["x", "y"]].to_numpy())
        drawn["words"] = figure, alt
    loss = read_table(run.folder / "vectors" / "loss.csv")
    if loss is not None and len(loss) > 1:
        first, last = loss["loss"].iloc[[0, -1]]
        alt = f"Mean loss a pair during training, from {first:.3f} down to {last:.3f}."
        drawn["loss"] = plots.loss_curve(loss.to_numpy()), alt
    learning = learning_curve(run.folder)
    if learning is not None:
        end = learning.iloc[-1]
        alt = (
            f"Accuracy on dev against the number of training sentences, up to "
            f"{end['dev_accuracy']:.1%} at {end['sentences']:,.0f}."
        )
        drawn["learning"] = plots.learning_curves({result["name"]: learning}), alt
    return drawn


def confusion(run: FinishedRun) -> np.ndarray:
    """Count test sentences by true class, a row each, and predicted class: (C, C)."""
    matrix = np.zeros((len(run.classes), len(run.classes)), np.int64)
    np.add.at(matrix, (run.test.true, run.test.predicted), 1)
    return matrix


def learning_curve(folder: Path) -> pd.DataFrame | None:
    """Return the mean and deviation over draws at every size; None where there is no curve."""
    table = read_table(folder / "report" / "learning_curve.csv")
    if table is None:
        return None
    grouped = table.groupby("sentences")
    means = grouped[["train_accuracy", "dev_accuracy"]].mean()
    # One draw has no deviation, and the whole of train is always the same.
    means["dev_deviation"] = grouped["dev_accuracy"].std().fillna(0.0)
    return means.reset_index()


def read_table(path: Path, **text: type) -> pd.DataFrame | None:
    """Read a CSV with its numbers as they were written, columns named in `text` as text."""
    import pandas as pd

    if not path.exists():
        return None
    return pd.read_csv(path, dtype=text, keep_default_na=False)
