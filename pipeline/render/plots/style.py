"""Colours, and empty axes in the style that all figures share."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

INK, FAINT, GRID = "#222831", "#6b7280", "#e5e7eb"
BETTER, WORSE, OPEN = "#1a7f37", "#b42318", "#9a6700"  # verdicts
TRAIN, DEV, CHOSEN = "#9aa5b1", "#1f6feb", "#d9480f"
# Okabe and Ito's colours, which the colour-blind tell apart, without yellow, and three more.
ARMS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#b8860b",
    "#56b4e9",
    "#7f4fc9",
    "#8a6d5b",
    "#5b6770",
)
DPI = 180

Drawing: TypeAlias = tuple[Figure, str]
"""A figure, and what it shows in words."""


def empty(width: float, height: float) -> tuple[Figure, Axes]:
    """Return an empty figure of this size in inches."""
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


@contextmanager
def any_script() -> Iterator[None]:
    """Do not warn of characters that matplotlib's own font lacks: `write_png` sees to them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")
        yield


def percent(axes: Axes) -> None:
    """Label the vertical axis in percent."""
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], min_n_ticks=3))
