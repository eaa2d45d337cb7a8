"""The figure of RESULTS.md: test accuracy as one factor at a time changes."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from pipeline.core.statistics import spread
from pipeline.render.plots.style import DEV, DPI, FAINT, GRID, INK


def ablation(rows: list[dict[str, Any]], factors: list[str], reference: float) -> Figure:
    """Draw a panel per factor: mean test accuracy over seeds and its standard deviation.

    `rows` has one entry per run, with its ``part`` (the factor) and its ``value``.
    """
    figure = Figure(figsize=(9.6, 11.4), dpi=DPI, layout="constrained")
    panels = figure.subplots(5, 3, sharey=True).ravel()
    for axes, name in zip(panels, factors, strict=False):
        own = [row for row in rows if row["part"] == name]
        values = list(dict.fromkeys(row["value"] for row in own))
        for i, value in enumerate(values):
            mean, deviation, _ = spread(
                [100 * row["test_accuracy"] for row in own if row["value"] == value]
            )
            axes.errorbar(i, mean, deviation or 0, fmt="o", color=DEV, markersize=5, capsize=3)
        axes.axhline(100 * reference, color=FAINT, linewidth=1, linestyle="--")
        axes.set_xticks(range(len(values)), [short(value, name) for value in values])
        axes.set_title(name, fontsize=10, color=INK, loc="left")
        axes.set_xlim(-0.5, len(values) - 0.5)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color=GRID, linewidth=0.8, axis="y")
        axes.tick_params(colors=INK, labelsize=8.5)
    for axes in panels[len(factors) :]:
        axes.set_axis_off()
    panels[0].set_ylabel("test accuracy, %", color=INK)
    figure.suptitle(
        "One factor at a time; mean and deviation over seeds; dashed: GloVe 50-d",
        fontsize=10.5,
        color=INK,
        x=0.01,
        ha="left",
    )
    return figure


def short(value: str, factor: str) -> str:
    """Abbreviate large numbers; write "no limit" and "none" as words."""
    if value == "null":
        return "all" if factor.startswith("words") else "none"
    if value.isdigit() and int(value) >= 10_000:
        n = int(value)
        return f"{n / 1e6:g} M" if n >= 1_000_000 else f"{n // 1000} k"
    return value
