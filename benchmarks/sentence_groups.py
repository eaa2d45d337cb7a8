"""The accuracy of groups of test sentences: by content, by unknown words, by length."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from result_tables import Row

from pipeline.comparison import compare
from pipeline.comparison.arms import Arm
from pipeline.comparison.metrics import LABELS, measure
from pipeline.comparison.tests import mean_interval, paired_test
from pipeline.render.plots.style import DEV, DPI, FAINT, GRID, INK
from pipeline.stages.report.finished_run import FinishedRun

LENGTHS = (1, 10, 20, 30, 1000)  # sentence lengths in words
UNKNOWN = {  # shares of unknown words in a sentence: (above, at most)
    "every word known": (-1.0, 0.0),
    "unknown words, up to 5 %": (0.0, 0.05),
    "5 to 10 %": (0.05, 0.1),
    "more than 10 %": (0.1, 1.0),
}


def groups_of(jobs: list[Path]) -> Iterator[Row]:
    """Yield the mean accuracy of the seeds on groups of test sentences."""
    arm = arm_of(jobs)
    for name, part in members(arm.runs[0]):
        measured = measure(LABELS["accuracy"], arm.true[part], arm.predicted[:, part], 2)
        low, high = mean_interval(measured)
        row = {"name": name, "sentences": int(part.sum()), "accuracy": measured.mean}
        yield row | {"low": low, "high": high}


def changes_of(first: list[Path], second: list[Path]) -> Iterator[Row]:
    """Yield how much more accurate the second arm is on each group, sentences and seeds crossed."""
    before, after = arm_of(first), arm_of(second)
    for name, part in members(before.runs[0]):
        both = (
            measure(LABELS["accuracy"], arm.true[part], arm.predicted[:, part], 2)
            for arm in (after, before)
        )
        found = paired_test(*both, same_seeds=True)
        low, high = found.interval()
        row = {"name": name, "sentences": int(part.sum()), "accuracy": found.difference}
        yield row | {"low": low, "high": high}


def arm_of(jobs: list[Path]) -> Arm:
    """Return finished runs as one arm."""
    return compare(jobs).arms[0]


def members(run: FinishedRun) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield the name of each group, and which of the n test sentences are in it."""
    test, unknown = run.test, run.unknown()
    settings = run.result["settings"]
    lists = {
        "negation": {*settings["report.negations"]},
        "contrast": {*settings["report.contrasts"]},
    }
    has = {
        name: np.array([not words.isdisjoint(map(str.lower, tokens)) for tokens in test.sentences])
        for name, words in lists.items()
    }
    yield "all sentences", np.ones(len(test.sentences), bool)
    yield from has.items()
    yield "neither of the two", ~(has["negation"] | has["contrast"])
    words = np.array([len(tokens) for tokens in test.sentences])
    for name, (low, high) in UNKNOWN.items() if unknown is not None else ():
        yield name, (unknown > low * words) & (unknown <= high * words)
    for low, high in pairwise(LENGTHS):
        name = f"{low} to {high - 1} words" if high < LENGTHS[-1] else f"{low} words and more"
        yield name, (words >= low) & (words < high)


def group_changes(rows: list[Row]) -> Figure:
    """Draw what changes in each group, with its 95 % interval."""
    figure = Figure(figsize=(7.2, 0.36 * len(rows) + 1.1), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(reversed(rows)):
        change, low, high = (100 * row[key] for key in ("accuracy", "low", "high"))
        claimed = low > 0 or high < 0
        color = DEV if claimed else FAINT
        axes.plot([low, high], [place, place], color=color, linewidth=2, solid_capstyle="butt")
        axes.plot(change, place, "o", color=color, markersize=6)
    axes.axvline(0, color=INK, linewidth=1)
    names = [f"{row['name']}  ({row['sentences']:,.0f})" for row in reversed(rows)]
    axes.set_yticks(range(len(rows)), names, color=INK)
    axes.set_xlabel("change of test accuracy in points, 95 % interval", color=INK)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(color=GRID, linewidth=0.8, axis="x")
    axes.tick_params(colors=INK, labelsize=9, left=False)
    return figure
