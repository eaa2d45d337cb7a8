"""Runs that differ in nothing but the seed, as one row: mean and standard deviation."""

from __future__ import annotations

from typing import Any

from pipeline.core.statistics import spread

MEASURES = (
    "train_accuracy",
    "dev_accuracy",
    "test_accuracy",
    "test_macro_f1",
    "coverage",
    "seconds",
)


def over_seeds(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row an arm, its seeds taken together; nothing if every arm has one seed.

    Parameters
    ----------
    rows
        Of a `Comparison`; those that failed are left out.

    Returns
    -------
    rows
        ``arm``, its ``seeds``, ``runs``, and of every measure the mean under the measure's name
        and the sample standard deviation as ``MEASURE_deviation``.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["status"] == "done":
            groups.setdefault(row["without_seed"], []).append(row)
    if all(len(group) == 1 for group in groups.values()):
        return []
    return [_together(group) for group in groups.values()]


def _together(group: list[dict[str, Any]]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "arm": _name(group[0]["arm"]) or group[0]["vectors"],
        "runs": len(group),
        "seeds": [member["seed"] for member in group],
    }
    for measure in MEASURES:
        row[measure], row[f"{measure}_deviation"], _ = spread([m[measure] for m in group])
    return row


def _name(arm: str) -> str:
    """Leave the seed out of an arm's name."""
    parts = (part for part in arm.split(" ") if part.partition("=")[0].split(".")[-1] != "seed")
    return " ".join(parts)
