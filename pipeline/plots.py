"""The figures. Only this module imports matplotlib, without its global state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from adjustText import adjust_text
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

INK, FAINT, GRID = "#222831", "#6b7280", "#e5e7eb"
TRAIN, DEV, CHOSEN = "#9aa5b1", "#1f6feb", "#d9480f"
DPI = 160


def strength_curve(results: pd.DataFrame, row: int, test_accuracy: float) -> Figure:
    """Draw accuracy on train and dev against the strength, the chosen one marked."""
    figure, axes = _axes(6.4, 4.2)
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
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], min_n_ticks=3))
    axes.margins(y=0.12)
    axes.legend(frameon=False, fontsize=9, loc="best")
    return figure


def confusion(matrix: NDArray[np.int64], classes: Sequence[str]) -> Figure:
    """Draw the (C, C) confusion matrix: counts, coloured by their share of the true class."""
    n = len(classes)
    side = max(4.4, 1.6 + 0.72 * n)
    figure, axes = _axes(side + 0.6, side)
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
    figure, axes = _axes(7.2, 5.4)
    axes.scatter(points[:, 0], points[:, 1], s=16, color=DEV, linewidths=0, zorder=3)
    axes.margins(0.12)
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
            arrowprops={"arrowstyle": "-", "color": FAINT, "lw": 0.5},
        )
    axes.set_aspect("equal", "datalim")  # or distances would lie
    axes.set_xlabel("first principal direction")
    axes.set_ylabel("second principal direction")
    return figure


def loss_curve(curve: NDArray[np.float64]) -> Figure:
    """Draw the (n, 2) curve: mean loss a pair against the words seen."""
    figure, axes = _axes(6.4, 3.6)
    axes.plot(curve[:, 0] / 1e6, curve[:, 1], color=DEV, linewidth=1.8)
    axes.set_xlabel("words seen in training (millions)")
    axes.set_ylabel("mean loss a pair")
    axes.set_xlim(left=0)
    return figure


def arms(table: pd.DataFrame) -> Figure:
    """Draw test accuracy with its 95 % interval, an arm a line, the best on top.

    `table` has the columns ``arm``, ``accuracy``, ``low`` and ``high``.
    """
    table = table.sort_values("accuracy", kind="stable")
    figure, axes = _axes(6.8, 1.3 + 0.42 * len(table))
    rows = np.arange(len(table))
    axes.hlines(rows, table["low"], table["high"], color=DEV, linewidth=2.2, alpha=0.55)
    axes.plot(table["accuracy"], rows, "o", color=DEV, markersize=7)
    for row, accuracy in zip(rows, table["accuracy"], strict=True):
        axes.annotate(
            f"{100 * accuracy:.1f}",
            (accuracy, row),
            (0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            color=INK,
        )
    axes.set_yticks(rows, table["arm"], parse_math=False)
    axes.set_ylim(-0.6, len(table) - 0.3)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.set_xlabel("test accuracy, 95 % interval")
    axes.grid(visible=False, axis="y")
    return figure


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    """Return an empty figure, in inches, in the style of the house."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=9.5)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes
