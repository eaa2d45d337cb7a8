"""Figures for a notebook."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["Axes", "in_notebook"]


def in_notebook(figure: Figure) -> Axes:
    """Hand a figure to pyplot, so that a notebook draws it; return its axes."""
    from matplotlib import pyplot as plt

    return plt.figure(figure).axes[0]
