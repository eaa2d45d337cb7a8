"""`Comparison`: finished runs side by side, on disk, in words and as a table."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from pipeline.comparison.arms import MEASURES, Arm, Baseline, group
from pipeline.comparison.in_memory import Bests, compare_results
from pipeline.comparison.page import write_page
from pipeline.comparison.rows import INNER, Row, read_rows
from pipeline.comparison.table import arms_table
from pipeline.comparison.verdicts import Verdict, baseline_doubt, judge, note
from pipeline.core.files import write, write_json, write_table
from pipeline.core.notebook import displayed

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console


@overload
def compare(
    runs: Bests, overrides: None = None, *, reference: str | None = None
) -> pd.DataFrame: ...


@overload
def compare(runs: Iterable[Path], overrides: dict[Path, list[str]] | None = None) -> Comparison: ...


def compare(
    runs: Bests | Iterable[Path],
    overrides: dict[Path, list[str]] | None = None,
    *,
    reference: str | None = None,
) -> Comparison | pd.DataFrame:
    """Compare finished runs by their folders, or results in memory by their names.

    ``compare({"own": best, "glove": other})`` returns a data frame with a verdict for each name:
    see `compare_results`. For folders it returns a `Comparison`.

    Runs that differ in nothing but the seed are one arm. Each arm is tested against a reference:
    see `judge`.

    Parameters
    ----------
    runs
        A run's folder each; one without ``result.json`` counts as failed. Or a dictionary: what
        `pick_best` returned, by name.
    overrides
        The command line of each folder, by default what Hydra noted in it; runs are named by what
        is not the same for all.
    reference
        Of a dictionary: the name that the others are compared with.
    """
    if isinstance(runs, Mapping):
        return compare_results(runs, reference)
    return Comparison(read_rows([Path(folder) for folder in runs], overrides))


@displayed
@dataclass
class Comparison:
    """Runs side by side.

    Parameters
    ----------
    rows
        A row a run, in the order they were given.
    """

    rows: list[Row]

    def facts(self) -> dict[str, Any]:
        """Return what a notebook shows."""
        return {"runs": len(self.rows), "arms": [arm.name for arm in self.arms]}

    def __post_init__(self) -> None:
        """Collect the runs into arms, and compare these."""
        self.arms: list[Arm] = group(self.rows)
        self.verdicts: list[Verdict] = judge(self.arms)
        note(self.verdicts)

    @property
    def failed(self) -> list[Row]:
        """The rows of runs that failed."""
        return [row for row in self.rows if row["status"] != "done"]

    @cached_property
    def baselines(self) -> dict[str, Baseline]:
        """Always answering the most frequent class, by the digest of the test sentences."""
        return {arm.test_digest: Baseline(arm.runs[0]) for arm in reversed(self.arms)}

    def table(self) -> pd.DataFrame:
        """Return the rows as a data frame, overrides as they would be typed."""
        import pandas as pd

        rows = [{**row, "overrides": shlex.join(row["overrides"])} for row in self.rows]
        return pd.DataFrame(rows).drop(columns=list(INNER), errors="ignore")

    def over_seeds(self) -> list[dict[str, Any]]:
        """Return a row an arm: means and deviations over its seeds, interval and verdict."""
        verdicts = {id(verdict.arm): verdict for verdict in self.verdicts}
        return [_arm_row(arm, verdicts.get(id(arm))) for arm in self.arms]

    def save(self, folder: Path) -> None:
        """Write ``comparison.csv``, ``.json``, ``.png``, ``.html``; tables in ``comparison/``."""
        from pipeline.render import plots

        write_table(folder / "comparison.csv", self.table())
        keys = [key for key in Row.__annotations__ if key not in INNER]
        write_json(folder / "comparison.json", [{k: row.get(k) for k in keys} for row in self.rows])
        if self.arms:
            figure = plots.arms(self.drawn(), self.majority())
            write(folder / "comparison.png", figure.savefig)
        write_page(folder, self)

    def drawn(self) -> pd.DataFrame:
        """Return what the figure of the arms shows, a row an arm."""
        import pandas as pd

        kinds = {id(verdict.arm): verdict.kind for verdict in self.verdicts}
        references = {id(verdict.against) for verdict in self.verdicts}
        rows = []
        for arm in self.arms:
            low, high = arm.interval(arm.metrics[0])
            kind = "reference" if id(arm) in references else kinds.get(id(arm), "open")
            accuracy = arm.spread("test_accuracy").mean
            rows.append({"arm": arm.name, "accuracy": accuracy, "low": low, "high": high})
            rows[-1] |= {"kind": kind, "seeds": [row["test_accuracy"] for row in arm.rows]}
        return pd.DataFrame(rows)

    def majority(self) -> float | None:
        """Return the accuracy of the most frequent class; None for several test sets."""
        found = {baseline.accuracy for baseline in self.baselines.values()}
        return found.pop() if len(self.baselines) == 1 else None

    def sentences(self) -> list[str]:
        """Return the verdicts, each followed by its doubts, and notes on the vectors."""
        said = []
        for verdict in self.verdicts:
            said += [verdict.text(), *verdict.doubts()]
        return list(dict.fromkeys([*said, *self.baseline_doubts(), *self.notes()]))

    def baseline_doubts(self) -> list[str]:
        """Name the arms that are no better than always giving the same answer."""
        doubts = (baseline_doubt(arm, self.baselines[arm.test_digest]) for arm in self.arms)
        return [doubt for doubt in doubts if doubt]

    def notes(self) -> list[str]:
        """Return what is to be known of the vectors, each once."""
        return list(dict.fromkeys(row["note"] for row in self.rows if row.get("note")))  # type: ignore[misc]

    def show(self) -> Console:
        """Print the verdicts, the table and what failed; return the console, to say more."""
        from rich.console import Console

        console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
        styles = {"better": "bold green", "worse": "bold red", "open": "bold yellow"}
        for verdict in self.verdicts:
            style = styles.get(verdict.kind)
            console.print(verdict.text(), markup=False, style=style, soft_wrap=True)
            for doubt in verdict.doubts():
                console.print(f"  {doubt}", markup=False, soft_wrap=True)
        for said in (*self.baseline_doubts(), *self.notes()):
            console.print(said, markup=False, soft_wrap=True)
        if self.arms:
            console.print(arms_table(self.arms, list(self.baselines.values()), console))
        for row in self.failed:
            console.print(f"{row['arm']} failed: {row['error']}", markup=False, soft_wrap=True)
        return console


def _arm_row(arm: Arm, verdict: Verdict | None) -> dict[str, Any]:
    low, high = arm.interval(arm.metrics[0])
    row: dict[str, Any] = {
        "arm": arm.name,
        "runs": len(arm.rows),
        "seeds": arm.seeds,
        "features": arm.features,
        "coverage": arm.coverage,
    }
    for name in MEASURES:
        row[name], row[f"{name}_deviation"], _ = arm.spread(name)
    row |= {"test_low": low, "test_high": high}
    for metric in arm.metrics[2:]:
        row[f"test_{metric.name}"] = arm.measured(metric).mean
    row |= {"against": None, "kind": None, "agreeing": None, "tests": []}
    if verdict is not None:
        row |= {"against": verdict.against.name, "kind": verdict.kind}
    if verdict is not None and verdict.tests:
        row["agreeing"] = verdict.agreeing
        row["detectable"] = verdict.main.test.detectable(0.05 / verdict.family)
        row["tests"] = [
            {
                "metric": test.metric.name,
                "difference": test.test.difference,
                "low": test.interval.low,
                "high": test.interval.high,
                "p": test.test.p,
                "p_holm": test.p,
                "kind": test.kind,
            }
            for test in verdict.tests
        ]
    return row
