"""The figures of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, PercentFormatter

from pipeline.render.html import distinct_labels
from pipeline.render.plots.style import (
    ARMS,
    BETTER,
    FAINT,
    INK,
    OPEN,
    WORSE,
    empty,
    percent,
)

KINDS = {"better": BETTER, "worse": WORSE, "open": OPEN, "reference": FAINT, "apart": OPEN}


def arms(table: pd.DataFrame, majority: float | None = None) -> Figure:
    """Draw test accuracy with its 95 % interval, an arm a line, the best on top.

    Parameters
    ----------
    table
        With the columns ``arm``, ``accuracy``, ``low``, ``high``; ``kind``, the verdict, which is
        the colour; and ``seeds``, the accuracy of each run, drawn as small dots if there are
        several.
    majority
        The accuracy of always answering the most frequent class, drawn as a line.
    """
    table = table.sort_values("accuracy", kind="stable")
    names = distinct_labels(table["arm"])
    # Long names are written above their line: beside it they would leave no room for it.
    above = max(map(len, names)) > 20
    figure, axes = empty(5.8, 1.3 + (0.55 if above else 0.42) * len(table))
    rows = np.arange(len(table))
    colours = [KINDS[kind] for kind in table["kind"]]
    axes.hlines(rows, table["low"], table["high"], color=colours, linewidth=2.2, alpha=0.55)
    axes.scatter(table["accuracy"], rows, s=49, color=colours, linewidths=0, zorder=3)
    for row, runs, colour in zip(rows, table["seeds"], colours, strict=True):
        if len(runs) > 1:
            heights = np.full(len(runs), row - 0.2)
            axes.scatter(runs, heights, s=9, color=colour, linewidths=0, alpha=0.7)
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
    if majority is not None:
        # This line has gaps for the names above the other lines.
        ends = (rows - 0.55, rows + 0.2) if above else (rows - 0.75, rows + 0.7)
        axes.vlines(
            np.full(len(rows), majority), *ends, color=FAINT, linewidth=1, linestyle=(0, (4, 3))
        )
        axes.annotate(
            "most frequent class",
            (majority, 0),
            (4, 4),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            fontsize=8,
            color=FAINT,
        )
    axes.set_ylim(-0.75, len(table) - (0.1 if above else 0.3))
    if above:
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        for row, arm in zip(rows, names, strict=True):
            axes.annotate(
                arm,
                (0, row + 0.3),
                xycoords=("axes fraction", "data"),
                fontsize=9.5,
                color=INK,
                parse_math=False,
            )
    else:
        axes.set_yticks(rows, names, parse_math=False)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    several = table["seeds"].str.len().max() > 1
    axes.set_xlabel("test accuracy, 95 % interval" + (", dots: seeds" if several else ""))
    axes.grid(visible=False, axis="y")
    return figure


def strength_curves(curves: Mapping[str, Sequence[tuple[pd.DataFrame, float]]]) -> Figure:
    """Draw dev accuracy against strength, a colour an arm and a line a run.

    `curves` has, by the arm's name, the sweep results and the chosen strength of each run. Where
    an arm has several runs, their lines are thin.
    """
    figure, axes = empty(5.6, 3.9 + 0.16 * len(curves))
    lowest, least = [], []
    labels = distinct_labels(curves)
    for runs, name, colour in zip(curves.values(), labels, _colours(curves), strict=True):
        for i, (results, chosen) in enumerate(runs):
            strength, accuracy = results["strength"].to_numpy(), results["dev_accuracy"].to_numpy()
            lowest.append(strength[strength > 0].min(initial=np.inf))
            least.append(float(strength.min()))
            width = 1.8 if len(runs) == 1 else 0.9
            label = _plain(name) if i == 0 else None
            axes.plot(strength, accuracy, color=colour, linewidth=width, label=label)
            at = int(np.abs(strength - chosen).argmin())
            axes.plot(strength[at], accuracy[at], "o", color=colour, markersize=4 * width)
    if np.isfinite(min(lowest)):
        axes.set_xscale("symlog", linthresh=min(lowest), linscale=0.3)
        axes.set_xlim(left=min(least))
    percent(axes)
    axes.set_xlabel("regularisation strength")
    axes.set_ylabel("accuracy on dev")
    _legend_above(figure, axes, len(curves))
    return figure


def learning_curves(curves: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw dev accuracy against the number of training sentences, a line an arm.

    `curves` has for each arm a table with ``sentences``, ``dev_accuracy`` and
    ``dev_deviation``, the standard deviation over draws, which is shaded.
    """
    figure, axes = empty(5.6, 3.7 + 0.16 * len(curves))
    labels = distinct_labels(curves)
    for table, name, colour in zip(curves.values(), labels, _colours(curves), strict=True):
        size, accuracy, deviation = (
            table[key].to_numpy(float) for key in ("sentences", "dev_accuracy", "dev_deviation")
        )
        axes.fill_between(
            size, accuracy - deviation, accuracy + deviation, color=colour, alpha=0.15
        )
        axes.plot(size, accuracy, "-o", color=colour, markersize=4.5, label=_plain(name))
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    sizes = sorted({int(n) for table in curves.values() for n in table["sentences"]})
    axes.set_xticks(sizes if len(sizes) <= 6 else [sizes[0], sizes[len(sizes) // 2], sizes[-1]])
    percent(axes)
    axes.set_xlabel("training sentences")
    axes.set_ylabel("accuracy on dev")
    if len(curves) > 1:
        _legend_above(figure, axes, len(curves))
    return figure


def _plain(name: str) -> str:
    """Keep matplotlib from hiding labels that begin with an underscore, or reading mathematics."""
    return ("\N{ZERO WIDTH SPACE}" if name.startswith("_") else "") + name.replace("$", r"\$")


def _colours(arms: Mapping[str, object]) -> list[str]:
    return [ARMS[i % len(ARMS)] for i in range(len(arms))]


def _legend_above(figure: Figure, axes: Axes, n: int) -> None:
    handles, labels = axes.get_legend_handles_labels()
    longest = max(map(len, labels))
    columns = min(n, 3 if longest <= 16 else 2 if longest <= 28 else 1)
    figure.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=columns,
        frameon=False,
        fontsize=9.5,
        labelcolor=INK,
    )
