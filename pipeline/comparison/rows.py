"""A row a run, read from its folder, and a paired test of each against its reference."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.comparison.table import Comparison
from pipeline.core.statistics import bootstrap, holm, paired
from pipeline.stages.report.finished_run import FinishedRun, read_overrides
from pipeline.stages.report.result import SPLIT_NAMES, read_result

_ASIDE = {"report", "tracking", "cache", "hydra"}  # what they say changes no number
# Whose choice alone names an arm: "glove", not "vectors=glove".
_NAMELESS = {"vectors", "arm", "experiment"}


def compare(folders: Iterable[Path], overrides: dict[Path, list[str]] | None = None) -> Comparison:
    """Read the runs in `folders` and compare them on test.

    Each run is tested against a reference: a run with ``vectors=glove``, or where there is none
    with the vectors of the first run. Of several it is the one whose other settings are most alike,
    and then what was asked for, so that seed 2 meets seed 2. Where all have the same vectors, the
    first is the reference of the others.

    Parameters
    ----------
    folders
        A run's folder each; one without ``result.json`` counts as failed.
    overrides
        What each was asked for, by default what Hydra noted in the folder; runs are named by what
        is not the same for all.
    """
    folders = list(folders)
    asked = [(overrides or {}).get(folder) or read_overrides(folder) for folder in folders]
    rows = [
        _row(folder, name, items)
        for folder, name, items in zip(folders, arm_names(asked), asked, strict=True)
    ]
    _tell_apart(rows)
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


def _alike(row: dict[str, Any], reference: dict[str, Any]) -> tuple[int, int]:
    """Count settings that are the same, and what both were asked for; max() takes the first."""
    theirs = reference["settings"]
    same = sum(key in theirs and theirs[key] == value for key, value in row["settings"].items())
    return same, len(set(row["overrides"]) & set(reference["overrides"]))


def arm_names(overrides: list[list[str]]) -> list[str]:
    """Name each run by those of its overrides that not all have, and that change its numbers."""
    common = set.intersection(*map(set, overrides)) if len(overrides) > 1 else set()
    names = []
    for row in overrides:
        own = [item for item in row if item not in common]
        pairs = [item.lstrip("+").partition("=") for item in own]
        named = [
            value if key in _NAMELESS else f"{key}={value}"
            for key, _, value in pairs
            if not _aside(key)
        ]
        names.append(" ".join(named))
    return names


def _aside(key: str) -> bool:
    return key.partition(".")[0] in _ASIDE


def _tell_apart(rows: list[dict[str, Any]]) -> None:
    """Add the folder to names that several runs have."""
    many = {arm for arm, n in Counter(row["arm"] for row in rows).items() if n > 1}
    for row in rows:
        if row["arm"] in many:
            row["arm"] = f"{row['arm']} ({Path(row['folder']).name})".strip()


def _row(folder: Path, name: str, overrides: list[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"arm": name, "status": "done", "reference": False}
    row["overrides"] = overrides
    path, error = folder / "result.json", folder / "error.json"
    if error.exists() or not path.exists():
        text = json.loads(error.read_text("utf-8"))["error"] if error.exists() else "did not end"
        return {**row, "status": "failed", "error": text, "folder": str(folder)}
    result = read_result(folder)
    row["arm"] = name or result["name"]
    row |= {"corpus": result["corpus"], "vectors": result["vectors"], "seed": result["seed"]}
    row |= {"dim": result["dim"], "strength": result["strength"], "task": result["task"]}
    row["tokens"] = result["tokens"] if result["provenance"].get("source") == "trained" else None
    row["coverage"] = result["coverage"]["test"]
    for split in SPLIT_NAMES:
        row[f"{split}_accuracy"] = result[split]["accuracy"]
    row["test_low"] = result["test"]["accuracy_low"]
    row["test_high"] = result["test"]["accuracy_high"]
    row["test_macro_f1"] = result["test"]["macro_f1"]
    row["seconds"] = sum(result["seconds"].values())
    row["mlflow_run_id"] = result["mlflow_run_id"]
    row["test_digest"] = result["digests"]["test"]
    row["settings"] = {
        key: value
        for key, value in result["settings"].items()
        if not _aside(key) and key.partition(".")[0] != "vectors"
    }
    row["without_seed"] = _without_seed(result["settings"])
    row["note"] = result["provenance"].get("note")
    return {**row, "folder": str(folder)}


def _without_seed(settings: dict[str, Any]) -> str:
    """Digest the settings but for the seeds: the same for runs that differ in nothing else."""
    rest = {
        key: value
        for key, value in settings.items()
        if key.split(".")[-1] != "seed" and not _aside(key)
    }
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _test(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Add to each row the paired comparison with its reference on the same test sentences."""
    tested = []
    for row, reference in pairs:
        reference["reference"] = True
        row["against"] = reference["arm"]
        if row["test_digest"] == reference["test_digest"]:
            own, other = (~FinishedRun.read(Path(r["folder"])).test.wrong for r in (row, reference))
            row["only_this"], row["only_reference"] = (
                int((own & ~other).sum()),
                int((other & ~own).sum()),
            )
            tested.append((row, paired(own, other), bootstrap(own, other)))
    adjusted = holm([result.p for _, result, _ in tested])
    for (row, result, drawn), p in zip(tested, adjusted, strict=True):
        row["difference"], row["difference_low"], row["difference_high"], row["p"] = result
        row["bootstrap_low"], row["bootstrap_high"] = drawn
        row["p_holm"] = p
