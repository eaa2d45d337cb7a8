"""The table of arms for a terminal; narrow terminals get fewer columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.comparison.arms import Arm, Baseline, best_on_dev

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

COLUMNS = ("features", "coverage", "strength", "train", "dev", "test", "macro-F1", "seconds")
FOLDED = 16  # a name keeps so many characters a line
DROPPED_FIRST = ("seconds", "strength", "train", "coverage", "features", "dev", "macro-F1")


def arms_table(arms: Sequence[Arm], baselines: Sequence[Baseline], console: Console) -> Table:
    """Return a row an arm and one for always answering the most frequent class.

    Columns are left out until the table fits the console; the test accuracy always stays.
    """
    from rich.measure import Measurement

    wide = console.options.update(width=10_000)
    columns = list(COLUMNS)
    table = _table(arms, baselines, columns)
    # Long names are folded.
    folded = max(0, max((len(arm.name) for arm in arms), default=0) - FOLDED)
    for name in DROPPED_FIRST:
        if Measurement.get(console, wide, table).maximum - folded <= console.width:
            break
        columns.remove(name)
        table = _table(arms, baselines, columns)
    return table


def _table(arms: Sequence[Arm], baselines: Sequence[Baseline], columns: Sequence[str]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    several = any(len(arm.seeds) > 1 for arm in arms)
    title = "Accuracy in %, on test with its 95 % interval; bold: the best on dev"
    table = Table(title=title, title_justify="left")
    table.add_column("vectors", overflow="fold", min_width=9)
    if several:
        table.add_column("seeds", justify="right", no_wrap=True)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    best = best_on_dev(arms)
    for arm in arms:
        low, high = arm.interval(arm.metrics[0])
        test = f"{_percent(arm, 'test_accuracy')} ({100 * low:.1f}-{100 * high:.1f})"
        strengths = sorted({row["strength"] for row in arm.rows})
        strength = f"{strengths[0]:.4g}" + (f"-{strengths[-1]:.4g}" if strengths[1:] else "")
        cells = {
            "features": f"{arm.features:,}",
            "coverage": f"{arm.coverage:.1%}",
            "strength": strength,
            "train": _percent(arm, "train_accuracy"),
            "dev": _percent(arm, "dev_accuracy"),
            "test": f"[bold]{test}[/]" if arm.name in best else test,
            "macro-F1": f"{arm.spread('test_macro_f1').mean:.3f}",
            "seconds": f"{arm.spread('seconds').mean:.1f}",
        }
        seeds = [str(len(arm.seeds))] if several else []
        table.add_row(escape(arm.name), *seeds, *(cells[name] for name in columns))
    for baseline in baselines:
        cells = dict.fromkeys(columns, "")
        cells["test"] = f"{100 * baseline.accuracy:.1f}" + " " * 12
        cells["macro-F1"] = f"{baseline.scores['macro_f1']:.3f}"
        name = escape(f"always '{baseline.label}'")
        seeds = [""] if several else []
        table.add_row(name, *seeds, *(cells[name] for name in columns), style="dim")
    return table


def _percent(arm: Arm, measure: str) -> str:
    return f"{100 * arm.spread(measure).mean:.1f}"
