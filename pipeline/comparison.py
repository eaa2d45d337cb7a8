"""Many runs side by side: a row a run, and a paired test of each against the reference."""

from __future__ import annotations

import json
from collections.abc import Iterable
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

    The reference is the first run with ``vectors=glove``, otherwise the first one that succeeded.

    Parameters
    ----------
    folders
        A run's folder each; one without ``result.json`` counts as failed.
    overrides
        What each was asked for; runs are named by what is not the same for all.
    """
    folders = list(folders)
    asked = overrides or {}
    names = arm_names([asked.get(folder, []) for folder in folders])
    rows = [
        _row(folder, name, asked.get(folder, []))
        for folder, name in zip(folders, names, strict=True)
    ]
    done = [row for row in rows if row["status"] == "done"]
    reference = next((row for row in done if row["vectors"] == "glove"), done[0] if done else None)
    if reference is not None:
        reference["reference"] = True
        _test(done, reference)
    return Comparison(rows, reference["arm"] if reference else None)


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
    path = folder / "result.json"
    if not path.exists():
        error = folder / "error.json"
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
    return {**row, "folder": str(folder)}


def _test(rows: list[dict[str, Any]], reference: dict[str, Any]) -> None:
    """Add to each row the paired comparison with the reference on the same test sentences."""
    right = _correct(reference)
    others = [
        row
        for row in rows
        if row is not reference and row["test_digest"] == reference["test_digest"]
    ]
    results = [paired(_correct(row), right) for row in others]
    adjusted = holm([result.p for result in results])
    for row, result, p in zip(others, results, adjusted, strict=True):
        row["difference"], row["difference_low"], row["difference_high"], _ = result
        row["p"] = p


def _correct(row: dict[str, Any]) -> np.ndarray:
    import pandas as pd

    table = pd.read_csv(Path(row["folder"]) / "best" / "predictions.csv", keep_default_na=False)
    return table.loc[table["split"] == "test", "correct"].to_numpy(bool)


class Comparison:
    """Runs side by side.

    Parameters
    ----------
    rows
        A dictionary of plain values a run.
    reference
        The name of the arm the others are tested against.
    """

    def __init__(self, rows: list[dict[str, Any]], reference: str | None) -> None:
        self.rows = rows
        self.reference = reference

    @property
    def failed(self) -> list[dict[str, Any]]:
        """The rows of runs that failed."""
        return [row for row in self.rows if row["status"] != "done"]

    def table(self) -> pd.DataFrame:
        """Return the rows as a data frame."""
        import pandas as pd

        return pd.DataFrame(self.rows).drop(columns="test_digest", errors="ignore")

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
        """Say of each arm in words how it compares with the reference."""
        said = []
        for row in self.rows:
            if "difference" not in row:
                continue
            points, low, high = (
                100 * row[k] for k in ("difference", "difference_low", "difference_high")
            )
            inside = f"95 % interval {low:+.1f} to {high:+.1f}, p = {_p(row['p'])}"
            if row["p"] < 0.05:
                verdict = "better" if points > 0 else "worse"
                said.append(
                    f"{row['arm']} is {verdict} than {self.reference} by {abs(points):.1f} points "
                    f"on test ({inside})."
                )
            else:
                said.append(
                    f"{row['arm']} against {self.reference}: {points:+.1f} points on test; "
                    f"no difference can be claimed ({inside})."
                )
        return said

    def rich(self) -> Table:
        """Return the table for a terminal."""
        from rich.table import Table

        table = Table(title="Accuracy on test, with its 95 % interval", title_justify="left")
        table.add_column("vectors")
        for name in ("dim", "coverage", "strength", "train", "dev", "test", "macro-F1", "seconds"):
            table.add_column(name, justify="right")
        best = max((r["test_accuracy"] for r in self.rows if r["status"] == "done"), default=0)
        for row in self.rows:
            if row["status"] != "done":
                table.add_row(row["arm"], "[red]failed[/]")
                continue
            low, high = 100 * row["test_low"], 100 * row["test_high"]
            test = f"{100 * row['test_accuracy']:.1f} ({low:.1f}-{high:.1f})"
            table.add_row(
                row["arm"],
                str(row["dim"]),
                f"{row['coverage']:.1%}",
                f"{row['strength']:.4g}",
                f"{100 * row['train_accuracy']:.1f}",
                f"{100 * row['dev_accuracy']:.1f}",
                f"[bold]{test}[/]" if row["test_accuracy"] == best else test,
                f"{row['test_macro_f1']:.3f}",
                f"{row['seconds']:.1f}",
            )
        return table


def _p(p: float) -> str:
    return f"{p:.2g}" if p >= 1e-4 else "under 0.0001"
