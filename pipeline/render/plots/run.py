"""The figures of one run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from adjustText import adjust_text
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from pipeline.render.html import shortened
from pipeline.render.plots.style import (
    ARMS,
    CHOSEN,
    DEV,
    FAINT,
    INK,
    TRAIN,
    any_script,
    empty,
    percent,
)

_QUOTES = {"\u201c", "\u201d", '"', "'", "``", "''"}
NUMBERED = 20
"""Classes up to which each cell of a confusion matrix shows its numbers."""


def strength_curve(results: pd.DataFrame, row: int, test_accuracy: float) -> Figure:
    """Draw accuracy on train and dev against the strength, with the chosen one marked.

    Where `results` has ``dev_low`` and ``dev_high``, the interval of each strength's difference to
    the chosen one, it is shaded around the dev curve.
    """
    figure, axes = empty(5.6, 4.3)
    strength, best = results["strength"].to_numpy(), results.iloc[row]
    if len(results) > 1 and {"dev_low", "dev_high"} <= set(results):
        axes.fill_between(
            strength,
            best["dev_accuracy"] + results["dev_low"],
            best["dev_accuracy"] + results["dev_high"],
            color=DEV,
            alpha=0.15,
            linewidth=0,
            label="dev against the chosen, 95 % interval",
        )
        axes.axhline(best["dev_accuracy"], color=CHOSEN, linewidth=0.8, alpha=0.6, zorder=0)
    _draw_accuracies(axes, results)
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
    _scale_strengths(figure, axes, strength)
    return figure


def sweep_curve(results: pd.DataFrame) -> Figure:
    """Draw accuracy on train and dev against the strength."""
    figure, axes = empty(5.6, 3.9)
    _draw_accuracies(axes, results)
    _scale_strengths(figure, axes, results["strength"].to_numpy())
    return figure


def _draw_accuracies(axes: Axes, results: pd.DataFrame) -> None:
    for split, colour in (("train", TRAIN), ("dev", DEV)):
        accuracy = results[f"{split}_accuracy"].to_numpy()
        strength = results["strength"].to_numpy()
        axes.plot(strength, accuracy, "-o", color=colour, markersize=4.5, label=split)


def _scale_strengths(figure: Figure, axes: Axes, strength: NDArray[np.float64]) -> None:
    """Finish axes on which accuracies are drawn: a logarithmic scale, labels and a legend."""
    if strength.min() > 0:
        axes.set_xscale("log")
    elif strength.max() > 0:  # 0 itself has no logarithm
        axes.set_xscale("symlog", linthresh=strength[strength > 0].min())
    axes.set_xlabel("regularisation strength")
    axes.set_ylabel("accuracy")
    percent(axes)
    axes.margins(y=0.08)
    figure.legend(
        loc="outside upper left", ncols=2, frameon=False, fontsize=9.5, labelcolor=INK
    )  # within the axes it would cover a curve


def confusion(matrix: NDArray[np.int64], classes: Sequence[str]) -> Figure:
    """Draw the (C, C) confusion matrix, coloured by the share of the true class.

    Up to `NUMBERED` classes every cell has its numbers; with more the figure does not grow, and
    names only as many classes as there is room for.
    """
    n = len(classes)
    numbered = n <= NUMBERED
    side = max(4.4, 1.6 + 0.72 * n) if numbered else 8.0
    figure, axes = empty(side + 0.6, side)
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=max(0.5, share.max()))
    if numbered:
        _write_numbers(axes, matrix, share, max(0.5, share.max()))
    step = 1 if numbered else -(-n // 30)
    named = range(0, n, step)
    names = [shortened(classes[i], 24) for i in named]
    size = 9.5 if numbered else 7
    axes.set_xticks(named, names, parse_math=False, fontsize=size)
    axes.set_yticks(named, names, parse_math=False, fontsize=size)
    if not numbered:
        axes.tick_params(axis="x", rotation=90)
    elif max(map(len, names)) > 8:
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


def _write_numbers(
    axes: Axes, matrix: NDArray[np.int64], share: NDArray[np.float64], most: float
) -> None:
    blues = colormaps["Blues"]
    for (true, predicted), count in np.ndenumerate(matrix):
        part = share[true, predicted]
        light = np.dot(blues(part / most)[:3], (0.3, 0.59, 0.11))
        axes.text(
            predicted,
            true,
            f"{count:,}\n{part:.0%}",
            ha="center",
            va="center",
            fontsize=9,
            color="white" if light < 0.55 else INK,
        )


def word_map(
    words: Sequence[str],
    points: NDArray[np.float64],
    shares: tuple[float, float] | None = None,
    classes: Sequence[str] = (),
    speaks_for: Sequence[int] = (),
) -> Figure:
    """Draw words at their (n, 2) points.

    Parameters
    ----------
    words, points
        The words and where they lie.
    shares
        The share of the words' variance along each of the two axes.
    classes, speaks_for
        Class names, and for each word the index of the class that colours its point; empty: one
        colour for all.
    """
    figure, axes = empty(6.2, 5.0)
    used = sorted(set(speaks_for))
    if used and len(classes) <= len(ARMS):
        for index in used:
            mine = np.array(speaks_for) == index
            axes.scatter(
                points[mine, 0],
                points[mine, 1],
                s=20,
                color=ARMS[index],
                linewidths=0,
                zorder=3,
                label=shortened(classes[index], 24).replace("$", r"\$"),
            )
        figure.legend(loc="outside upper left", ncols=5, frameon=False, fontsize=9, labelcolor=INK)
    else:
        axes.scatter(points[:, 0], points[:, 1], s=16, color=DEV, linewidths=0, zorder=3)
    axes.margins(0.12)
    axes.set_aspect("equal", "datalim")  # or distances would lie
    for axis, name, share in zip(
        (axes.xaxis, axes.yaxis), ("first", "second"), shares or (None, None), strict=True
    ):
        said = "" if share is None else f", {share:.0%} of the variance"
        axis.set_label_text(f"{name} principal direction{said}")
    short = [shortened(word, 24) for word in words]  # a "word" can be a sentence without spaces
    labels = [
        # A bare comma would be lost on the map.
        axes.text(
            x,
            y,
            word if word.isalnum() or word in _QUOTES else f"\u201c{word}\u201d",
            fontsize=10,
            color=INK,
            parse_math=False,
        )
        for word, (x, y) in zip(short, points, strict=True)
    ]
    with any_script():
        _place(figure, axes, labels, points)
    return figure


def _place(figure: Figure, axes: Axes, labels: list[Text], points: NDArray[np.float64]) -> None:
    """Move labels apart, and give the axes room for all of them."""
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()  # labels have a size only once they are laid out
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
    for _ in range(3):  # with more room, labels are larger in the units of the axes
        boxes = [
            label.get_window_extent().transformed(axes.transData.inverted()) for label in labels
        ]
        x = [*axes.get_xlim(), *(edge for box in boxes for edge in (box.x0, box.x1))]
        y = [*axes.get_ylim(), *(edge for box in boxes for edge in (box.y0, box.y1))]
        area = axes.get_window_extent()
        half = max(max(x) - min(x), (max(y) - min(y)) * area.width / area.height) / 2
        middle, centre = (max(x) + min(x)) / 2, (max(y) + min(y)) / 2
        axes.set_xlim(middle - half, middle + half, auto=True)  # else it is said to be changed
        half *= area.height / area.width
        axes.set_ylim(centre - half, centre + half, auto=True)
        figure.draw_without_rendering()


def loss_curve(curve: NDArray[np.float64]) -> Figure:
    """Draw the (n, 2) curve: mean loss of a pair against the words seen."""
    figure, axes = empty(5.6, 3.3)
    axes.plot(curve[:, 0] / 1e6, curve[:, 1], color=DEV, linewidth=1.8)
    axes.set_xlabel("words seen in training (millions)")
    axes.set_ylabel("mean loss of a pair")
    axes.set_xlim(left=0)
    return figure
