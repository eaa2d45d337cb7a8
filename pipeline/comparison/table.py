"""`Comparison`: the rows of many runs as a table, in words, and on disk."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.comparison.page import write_page
from pipeline.comparison.seeds import over_seeds
from pipeline.core.files import write, write_json
from pipeline.render.html import p_value, signed

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console, RenderableType
    from rich.table import Table

_TESTED = (
    "against",
    "only_this",
    "only_reference",
    "difference",
    "difference_low",
    "difference_high",
    "p",
    "bootstrap_low",
    "bootstrap_high",
    "p_holm",
)
# Columns that are of no use to a reader.
_INNER = ("test_digest", "settings", "without_seed", "note")


class Comparison:
    """Runs side by side.

    Parameters
    ----------
    rows
        A dictionary of plain values a run. One that was tested has the arm it was tested `against`,
        the `difference` in test accuracy with its 95 % interval, the paired bootstrap's interval,
        the exact McNemar test's `p`, and `p_holm`, the same adjusted for the number of tests.
    """

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    @property
    def failed(self) -> list[dict[str, Any]]:
        """The rows of runs that failed."""
        return [row for row in self.rows if row["status"] != "done"]

    def seeds(self) -> list[dict[str, Any]]:
        """Mean and deviation over seeds, a row an arm; empty where no arm has several."""
        return over_seeds(self.rows)

    def table(self) -> pd.DataFrame:
        """Return the rows as a data frame, overrides as they would be typed."""
        import pandas as pd

        rows = [{**row, "overrides": shlex.join(row["overrides"])} for row in self.rows]
        return pd.DataFrame(rows).drop(columns=list(_INNER), errors="ignore")

    def save(self, folder: Path) -> None:
        """Write ``comparison.csv``, ``.json``, ``.png``, ``.html``; tables in ``comparison/``."""
        from pipeline.render import plots

        table = self.table()
        write(folder / "comparison.csv", lambda file: table.to_csv(file, index=False))
        keys = dict.fromkeys([*(key for row in self.rows for key in row), *_TESTED])
        rows = [{k: row.get(k) for k in keys if k not in _INNER} for row in self.rows]
        write_json(folder / "comparison.json", rows)
        done = table[table["status"] == "done"]
        if len(done):
            columns = {"test_accuracy": "accuracy", "test_low": "low", "test_high": "high"}
            figure = plots.arms(done.rename(columns=columns))
            write(folder / "comparison.png", figure.savefig)
        write_page(folder, rows, self.seeds(), self.verdicts(), self.notes())

    def verdicts(self) -> list[dict[str, str]]:
        """Say of each arm in words how it compares with its reference.

        Each has a ``text`` and a ``kind``: better, worse, open (no difference can be claimed) or
        apart (not the same sentences).
        """
        tests = sum("p_holm" in row for row in self.rows)
        adjusted = f", adjusted for {tests} tests" if tests > 1 else ""
        return [_verdict(row, adjusted) for row in self.rows if "against" in row]

    def notes(self) -> list[str]:
        """Return what is to be known of the vectors, each once."""
        return list(dict.fromkeys(row["note"] for row in self.rows if row.get("note")))

    def sentences(self) -> list[str]:
        """Return verdicts and notes as sentences."""
        return [*(verdict["text"] for verdict in self.verdicts()), *self.notes()]

    def show(self) -> Console:
        """Print the tables, the sentences and what failed; return where, to say more."""
        from rich.console import Console

        console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
        console.print(self.rich())
        for sentence in self.sentences():
            console.print(sentence, markup=False)
        for row in self.failed:
            console.print(f"{row['arm']} failed: {row['error']}", markup=False)
        return console

    def rich(self) -> RenderableType:
        """Return the table for a terminal, and that of means over seeds where there are several."""
        from rich.console import Group

        seeds = self.seeds()
        return Group(_arms(self.rows), *([_over_seeds(seeds)] if seeds else []))


def _verdict(row: dict[str, Any], adjusted: str) -> dict[str, str]:
    arm, against = row["arm"], row["against"]
    if "p_holm" not in row:
        text = f"{arm} and {against} were scored on different test sentences."
        return {"kind": "apart", "text": text}
    points, low, high = (100 * row[k] for k in ("difference", "difference_low", "difference_high"))
    between = f"{signed(low, 1)} to {signed(high, 1)}"
    inside = f"95 % interval {between}, p {p_value(row['p_holm'])}{adjusted}"
    if row["p_holm"] < 0.05:
        kind = "better" if points > 0 else "worse"
        text = f"{arm} is {kind} than {against} by {abs(points):.1f} points on test ({inside})."
        return {"kind": kind, "text": text}
    text = (
        f"{arm} against {against}: {signed(points, 1)} points on test; no difference can be "
        f"claimed ({inside})."
    )
    return {"kind": "open", "text": text}


def _arms(rows: list[dict[str, Any]]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        title="Accuracy in %, on test with its 95 % interval; bold: the best on dev",
        title_justify="left",
    )
    table.add_column("vectors")
    for name in ("dim", "coverage", "strength", "train", "dev", "test", "macro-F1", "seconds"):
        table.add_column(name, justify="right")
    # The best on dev: to pick by test would be to peek.
    best = max((r["dev_accuracy"] for r in rows if r["status"] == "done"), default=0)
    for row in rows:
        if row["status"] != "done":
            table.add_row(escape(row["arm"]), "[red]failed[/]")
            continue
        low, high = 100 * row["test_low"], 100 * row["test_high"]
        test = f"{100 * row['test_accuracy']:.1f} ({low:.1f}-{high:.1f})"
        table.add_row(
            escape(row["arm"]),
            str(row["dim"]),
            f"{row['coverage']:.1%}",
            f"{row['strength']:.4g}",
            f"{100 * row['train_accuracy']:.1f}",
            f"{100 * row['dev_accuracy']:.1f}",
            f"[bold]{test}[/]" if row["dev_accuracy"] == best else test,
            f"{row['test_macro_f1']:.3f}",
            f"{row['seconds']:.1f}",
        )
    return table


def _over_seeds(rows: list[dict[str, Any]]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title="Mean and standard deviation over seeds", title_justify="left")
    table.add_column("vectors")
    for name in ("seeds", "train", "dev", "test", "macro-F1", "seconds"):
        table.add_column(name, justify="right")
    for row in rows:

        def both(measure: str, scale: float, decimals: int, row: dict[str, Any] = row) -> str:
            mean, deviation = row[measure], row[f"{measure}_deviation"]
            text = f"{scale * mean:.{decimals}f}"
            return text if deviation is None else f"{text} ± {scale * deviation:.{decimals}f}"

        table.add_row(
            escape(row["arm"]),
            str(row["runs"]),
            *(both(f"{split}_accuracy", 100, 1) for split in ("train", "dev", "test")),
            both("test_macro_f1", 1, 3),
            both("seconds", 1, 1),
        )
    return table
