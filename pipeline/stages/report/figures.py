"""The figures of a run, drawn from the tables in its folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.stages.report.finished_run import FinishedRun

if TYPE_CHECKING:
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
    words = run.table("report/words.csv", "x", "y", word=str)
    if words is not None and len(words):
        alt = "Map of words by their two principal directions: " + " ".join(words["word"])
        figure = plots.word_map(words["word"].tolist(), words[["x", "y"]].to_numpy())
        drawn["words"] = figure, alt
    loss = run.table("vectors/loss.csv", "words_seen", "loss")
    if loss is not None and len(loss) > 1:
        first, last = loss["loss"].iloc[[0, -1]]
        alt = f"Mean loss a pair during training, from {first:.3f} down to {last:.3f}."
        drawn["loss"] = plots.loss_curve(loss.to_numpy()), alt
    learning = run.learning_curve
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
