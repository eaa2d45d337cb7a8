"""The figures of one run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from adjustText import adjust_text
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from pipeline.render.plots.style import CHOSEN, DEV, FAINT, INK, TRAIN, empty, percent


def strength_curve(results: pd.DataFrame, row: int, test_accuracy: float) -> Figure:
    """Draw accuracy on train and dev against the strength, the chosen one marked."""
    figure, axes = empty(5.6, 3.9)
    strength = results["strength"].to_numpy()
    best = results.iloc[row]
    for split, colour in (("train", TRAIN), ("dev", DEV)):
        accuracy = results[f"{split}_accuracy"].to_numpy()
        axes.plot(strength, accuracy, "-o", color=colour, markersize=4.5, label=split)
    axes.axvline(best["strength"], color=CHOSEN, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    axes.plot(
        best["strength"],
        best["dev_accuracy"],
        "o",
        color=CHOSEN,
        markersize=10,
        markerfacecolor="none",
        markeredgewidth=2,
        label=f"chosen: {best['strength']:.3g} (dev {best['dev_accuracy']:.1%})",
    )
    axes.plot(
        best["strength"],
        test_accuracy,
        "D",
        color=CHOSEN,
        markersize=6,
        label=f"test, scored once: {test_accuracy:.1%}",
    )
    if strength.min() > 0:
        axes.set_xscale("log")
    elif strength.max() > 0:  # 0 itself has no logarithm
        axes.set_xscale("symlog", linthresh=strength[strength > 0].min())
    axes.set_xlabel("regularisation strength")
    axes.set_ylabel("accuracy")
    percent(axes)
    axes.margins(y=0.12)
    axes.legend(frameon=False, fontsize=9.5, loc="best", labelcolor=INK)
    return figure


def confusion(matrix: NDArray[np.int64], classes: Sequence[str]) -> Figure:
    """Draw the (C, C) confusion matrix: counts, coloured by their share of the true class."""
    n = len(classes)
    side = max(4.4, 1.6 + 0.72 * n)
    figure, axes = empty(side + 0.6, side)
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=max(0.5, share.max()))
    dark = colormaps["Blues"]
    for true in range(n):
        for predicted in range(n):
            shade = dark(share[true, predicted] / image.norm.vmax)[:3]
            axes.text(
                predicted,
                true,
                f"{matrix[true, predicted]:,}\n{share[true, predicted]:.0%}",
                ha="center",
                va="center",
                fontsize=9,
                color="white" if np.dot(shade, (0.3, 0.59, 0.11)) < 0.55 else INK,
            )
    axes.set_xticks(range(n), classes, parse_math=False)
    axes.set_yticks(range(n), classes, parse_math=False)
    longest = max(map(len, classes))
    if longest > 8:
        axes.tick_params(axis="x", rotation=45)
    axes.set_xlabel("predicted class of the test sentences")
    axes.set_ylabel("true class")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, format=PercentFormatter(1, decimals=0))
    bar.set_label("share of the true class", color=INK)
    bar.ax.tick_params(colors=INK, labelsize=9.5)
    bar.outline.set_visible(False)
    return figure


def word_map(words: Sequence[str], points: NDArray[np.float64]) -> Figure:
    """Draw words at their (n, 2) points."""
    figure, axes = empty(6.2, 5.0)
    axes.scatter(points[:, 0], points[:, 1], s=16, color=DEV, linewidths=0, zorder=3)
    axes.margins(0.12)
    axes.set_aspect("equal", "datalim")  # or distances would lie
    axes.set_xlabel("first principal direction")
    axes.set_ylabel("second principal direction")
    labels = [
        # A bare comma would be lost on the map.
        axes.text(
            x,
            y,
            word if word.isalnum() else f"\u201c{word}\u201d",
            fontsize=10,
            color=INK,
            parse_math=False,
        )
        for word, (x, y) in zip(words, points, strict=True)
    ]
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]  # labels have a size only once they are drawn
    if len(labels) > 1:
        adjust_text(
            labels,
            ax=axes,
            x=points[:, 0],
            y=points[:, 1],
            expand=(1.25, 1.5),
            iter_lim=200,  # a limit of time would give another picture on another day
            arrowprops={"arrowstyle": "-", "color": FAINT, "lw": 0.5},
        )
    return figure


def loss_curve(curve: NDArray[np.float64]) -> Figure:
    """Draw the (n, 2) curve: mean loss a pair against the words seen."""
    figure, axes = empty(5.6, 3.3)
    axes.plot(curve[:, 0] / 1e6, curve[:, 1], color=DEV, linewidth=1.8)
    axes.set_xlabel("words seen in training (millions)")
    axes.set_ylabel("mean loss a pair")
    axes.set_xlim(left=0)
    return figure
