"""The figures of a run, drawn from the tables in its folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.render.html import readable
from pipeline.stages.report.finished_run import FinishedRun
from pipeline.stages.report.words import variance_shares

if TYPE_CHECKING:
    from pipeline.render.plots import Drawing


def figures(run: FinishedRun, confusion: NDArray[np.int64]) -> Iterator[tuple[str, Drawing]]:
    """Draw the figures of a run: yield a name, and the figure with what it shows in words.

    `confusion` is the confusion matrix of the test sentences, (C, C).
    """
    from pipeline.render import plots

    result, curve = run.result, run.strengths
    chosen = curve.iloc[run.chosen]
    alt = (
        f"Accuracy against regularisation strength. The chosen strength {chosen['strength']:.3g} "
        f"has {chosen['train_accuracy']:.1%} on train and {chosen['dev_accuracy']:.1%} on dev."
    )
    figure = plots.strength_curve(curve, run.chosen, result["test"]["accuracy"])
    yield "strength", (figure, alt)
    alt = "Confusion matrix of the test sentences."
    yield "confusion", (plots.confusion(confusion, run.classes), alt)
    if (drawing := map_of(run)) is not None:
        yield "words", drawing
    loss = run.table("vectors/loss.csv", "words_seen", "loss")
    if loss is not None and len(loss) > 1:
        first, last = loss["loss"].iloc[[0, -1]]
        alt = f"Mean loss of a pair during training, from {first:.3f} down to {last:.3f}."
        yield "loss", (plots.loss_curve(loss.to_numpy()), alt)
    learning = run.learning_curve
    if learning is not None and len(learning):
        end = learning.iloc[-1]
        alt = (
            f"Accuracy on dev against the number of training sentences, up to "
            f"{end['dev_accuracy']:.1%} at {end['sentences']:,.0f}."
        )
        yield "learning", (plots.learning_curves({result["name"]: learning}), alt)


def map_of(run: FinishedRun) -> Drawing | None:
    """Draw the map of words, where possible by the class that each word speaks for."""
    from pipeline.render import plots

    words = run.table("report/words.csv", "x", "y", word=str)
    if words is None or not len(words):
        return None
    names = [readable(word) for word in words["word"]]
    points = words[["x", "y"]].to_numpy()
    alt = "Map of words by their two principal directions: " + " ".join(names)
    shares, speaks_for = None, []
    if run.model is not None and all(word in run.model.vectors for word in words["word"]):
        shares = variance_shares(run.model.vectors, words)
        speaks_for = run.speaks_for(words["word"].tolist())
    return plots.word_map(names, points, shares, run.classes, speaks_for), alt
