"""Many runs side by side: a row a run, and a paired test of each against the reference."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.files import write, write_json
from pipeline.statistics import holm, paired

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

_NAMELESS = {"vectors", "arm"}  # whose choice alone names an arm: "glove", not "vectors=glove"


def compare(folders: Iterable[Path], overrides: dict[Path, list[str]] | None = None) -> Comparison:
    """Read the runs in `folders` and compare them on test.

    Each run is tested against a reference: a run with ``vectors=glove``, or where there is none
    with the vectors of the first run; of several the one that was asked for most alike, so that
    seed 2 meets seed 2. Where all have the same vectors, the first is the reference of the others.

    Parameters
    ----------
    folders
        A run's folder each; one without ``result.json`` counts as failed.
    overrides
        What each was asked for; runs are named by what is not the same for all.
    """
    folders = list(folders)
    asked = [(overrides or {}).get(folder, []) for folder in folders]
    rows = [
        _row(folder, name, items)
        for folder, name, items in zip(folders, arm_names(asked), asked, strict=True)
    ]
    done = [row for row in rows if row["status"] == "done"]
    if done:
        found = {row["vectors"] for row in done}
        base = "glove" if "glove" in found else done[0]["vectors"]
        bases = [row for row in done if row["vectors"] == base]
        others = [row for row in done if row["vectors"] != base]
        if not others:
            bases, others = bases[:1], bases[1:]
        _test([(row, max(bases, key=partial(_alike, row))) for row in others])
    return Comparison(rows)


def _alike(row: dict[str, Any], reference: dict[str, Any]) -> int:
    """Count what both were asked for; max() takes the first of those that tie."""
    return len(set(row["overrides"].split()) & set(reference["overrides"].split()))


def arm_names(overrides: list[list[str]]) -> list[str]:
    """Name each run by those of its overrides that not all have."""
    common = set.intersection(*map(set, overrides)) if len(overrides) > 1 else set()
    names = []
    for row in overrides:
        own = [item for item in row if item not in common]
        pairs = [item.lstrip("+").partition("=") for item in own]
        named = [value if key in _NAMELESS else f"{key}={value}" for key, _, value in pairs]
        names.append(" ".join(named))
    return names


def _row(folder: Path, name: str, overrides: list[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"arm": name, "status": "done", "reference": False}
    row["overrides"] = " ".join(overrides)
    path, error = folder / "result.json", folder / "error.json"
    if error.exists() or not path.exists():
        text = json.loads(error.read_text("utf-8"))["error"] if error.exists() else "did not end"
        return {**row, "status": "failed", "error": text, "folder": str(folder)}
    result = json.loads(path.read_text("utf-8"))
    row["arm"] = name or result["name"]
    row |= {key: result[key] for key in ("corpus", "vectors", "seed", "dim", "strength")}
    row["tokens"] = result["tokens"] if result["provenance"].get("source") == "trained" else None
    row["coverage"] = result["coverage"]["test"]
    for split in ("train", "dev", "test"):
        row[f"{split}_accuracy"] = result[split]["accuracy"]
    row["test_low"] = result["test"]["accuracy_low"]
    row["test_high"] = result["test"]["accuracy_high"]
    row["test_macro_f1"] = result["test"]["macro_f1"]
    row["seconds"] = sum(result["seconds"].values())
    row["mlflow_run_id"] = result["mlflow_run_id"]
    row["test_digest"] = result["digests"]["test"]
    row["note"] = result["provenance"].get("note")
    return {**row, "folder": str(folder)}


def _test(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Add to each row the paired comparison with its reference on the same test sentences."""
    tested = []
    for row, reference in pairs:
        reference["reference"] = True
        row["against"] = reference["arm"]
        if row["test_digest"] == reference["test_digest"]:
            tested.append((row, paired(_correct(row), _correct(reference))))
    adjusted = holm([result.p for _, result in tested])
    for (row, result), p in zip(tested, adjusted, strict=True):
        row["difference"], row["difference_low"], row["difference_high"], _ = result
        row["p_holm"] = p


def _correct(row: dict[str, Any]) -> np.ndarray:
    import pandas as pd

    table = pd.read_csv(Path(row["folder"]) / "best" / "predictions.csv", keep_default_na=False)
    return table.loc[table["split"] == "test", "correct"].to_numpy(bool)


class Comparison:
    """Runs side by side.

    Parameters
    ----------
    rows
        A dictionary of plain values a run. One that was tested has the arm it was tested `against`,
        the `difference` in test accuracy with its 95 % interval, and `p_holm`, the exact McNemar
        test's p adjusted for the number of tests.
    """

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    @property
    def failed(self) -> list[dict[str, Any]]:
        """The rows of runs that failed."""
        return [row for row in self.rows if row["status"] != "done"]

    def table(self) -> pd.DataFrame:
        """Return the rows as a data frame."""
        import pandas as pd

        return pd.DataFrame(self.rows).drop(columns=["test_digest", "note"], errors="ignore")

    def save(self, folder: Path) -> None:
        """Write ``comparison.csv``, ``comparison.json`` and ``comparison.png``."""
        from pipeline import plots

        table = self.table()
        write(folder / "comparison.csv", lambda file: table.to_csv(file, index=False))
        rows = json.loads(table.to_json(orient="records"))
        write_json(folder / "comparison.json", rows)
        done = table[table["status"] == "done"]
        if len(done):
            columns = {"test_accuracy": "accuracy", "test_low": "low", "test_high": "high"}
            figure = plots.arms(done.rename(columns=columns))
            write(folder / "comparison.png", figure.savefig)

    def sentences(self) -> list[str]:
        """Say of each arm in words how it compares with its reference."""
        tests = sum("p_holm" in row for row in self.rows)
        adjusted = f", adjusted for {tests} tests" if tests > 1 else ""
        said = []
        for row in (row for row in self.rows if "against" in row):
            arm, against = row["arm"], row["against"]
            if "p_holm" not in row:
                said.append(f"{arm} and {against} were scored on different test sentences.")
                continue
            points, low, high = (
                100 * row[k] for k in ("difference", "difference_low", "difference_high")
            )
            inside = f"95 % interval {low:+.1f} to {high:+.1f}, {_p(row['p_holm'])}{adjusted}"
            if row["p_holm"] < 0.05:
                verdict = "better" if points > 0 else "worse"
                said.append(
                    f"{arm} is {verdict} than {against} by {abs(points):.1f} points on test "
                    f"({inside})."
                )
            else:
                said.append(
                    f"{arm} against {against}: {points:+.1f} points on test; no difference can be "
                    f"claimed ({inside})."
                )
        notes = dict.fromkeys(row["note"] for row in self.rows if row.get("note"))
        return [*said, *notes]

    def rich(self) -> Table:
        """Return the table for a terminal."""
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
        best = max((r["dev_accuracy"] for r in self.rows if r["status"] == "done"), default=0)
        for row in self.rows:
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


def _p(p: float) -> str:
    return f"p = {p:.2g}" if p >= 1e-4 else "p < 0.0001"
