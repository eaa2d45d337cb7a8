"""`Row`: a run as one row of a comparison, read from its folder."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any

from typing_extensions import TypedDict

from pipeline.stages.report.finished_run import FinishedRun, read_overrides

_NO_NUMBERS = {"report", "tracking", "cache", "hydra", "registry"}  # they change no result
# The choice alone names an arm: "glove", not "vectors=glove".
_VALUE_ONLY = {"vectors", "arm", "experiment", "glove", "vectors.path", "vectors.name"}
_ENDINGS = {".txt", ".vec", ".bin", ".gz", ".zip", ".bz2", ".xz", ".zst", ".npz", ".tsv", ".kv"}


class _Asked(TypedDict):
    arm: str
    status: str
    reference: bool
    overrides: list[str]
    folder: str


class Row(_Asked, total=False):
    """A run of a comparison; all after ``error`` is there if the run is done.

    ``against`` and what follows it describe the arm that the run belongs to: one verdict an arm,
    the same in the rows of all its seeds. ``p`` and its interval are for this arm alone,
    ``p_holm`` and ``adjusted_low`` to ``adjusted_high`` account for all arms (Holm 1979).
    """

    error: str

    corpus: str
    task: str
    vectors: str
    seed: int
    dim: int
    features: int
    strength: float
    tokens: int | None
    coverage: float
    train_accuracy: float
    dev_accuracy: float
    test_accuracy: float
    test_low: float
    test_high: float
    test_macro_f1: float
    seconds: float
    mlflow_run_id: str | None

    against: str
    only_this: int
    only_reference: int
    mcnemar_p: float
    difference: float
    difference_low: float
    difference_high: float
    p: float
    bootstrap_low: float
    bootstrap_high: float
    p_holm: float
    adjusted_low: float
    adjusted_high: float

    # Not shown: what arms are made of.
    test_digest: str
    settings: dict[str, Any]
    without_seed: str
    file: str | None
    note: str | None


INNER = ("test_digest", "settings", "without_seed", "file", "note")
"""Columns of no use to a reader."""


def read_rows(folders: Iterable[Path], overrides: dict[Path, list[str]] | None = None) -> list[Row]:
    """Read a row a folder; one without ``result.json`` is a run that failed."""
    folders = list(folders)
    asked = [(overrides or {}).get(folder) or read_overrides(folder) for folder in folders]
    rows = [
        _row(folder, name, items)
        for folder, name, items in zip(folders, arm_names(asked), asked, strict=True)
    ]
    many = {arm for arm, n in Counter(row["arm"] for row in rows).items() if n > 1}
    for row in rows:
        if row["arm"] in many:
            row["arm"] = f"{row['arm']} ({Path(row['folder']).name})".strip()
    return rows


def arm_names(overrides: list[list[str]]) -> list[str]:
    """Name each run by those of its overrides that not all have, and that change its numbers.

    Vector files are named without folder and ending: ``glove.6B.50d``.
    """
    common = set.intersection(*map(set, overrides)) if len(overrides) > 1 else set()
    names = []
    for row in overrides:
        own = [item for item in row if item not in common]
        pairs = [item.lstrip("+").partition("=") for item in own]
        named = [
            _file_name(value) if key in _VALUE_ONLY else f"{key}={_file_name(value)}"
            for key, _, value in pairs
            if not _changes_no_number(key) and not (key == "glove" and _reads_no_file(row))
        ]
        names.append(" ".join(named))
    return names


def _file_name(value: str) -> str:
    path = PurePath(value.strip("'\""))
    if path.suffix not in _ENDINGS:
        return path.name if path.is_absolute() else value
    while path.suffix in _ENDINGS:
        path = path.with_suffix("")
    return path.name


def _changes_no_number(key: str) -> bool:
    return key.partition(".")[0] in _NO_NUMBERS


def _reads_no_file(overrides: list[str]) -> bool:
    """Tell whether a run names vectors for which ``glove=FILE`` means nothing."""
    named = [item.partition("=")[2] for item in overrides if item.startswith("vectors=")]
    return bool(named) and named[-1] not in {"glove", "pretrained", "both"}


def is_seed(key: str) -> bool:
    """Tell whether a setting is a seed of training; the corpus's seed draws other sentences."""
    return key.rpartition(".")[2] == "seed" and not key.startswith("corpus.")


def without_seed(arm: str) -> str:
    """Return a run's name without its seed."""
    return " ".join(part for part in arm.split(" ") if not is_seed(part.partition("=")[0]))


def _row(folder: Path, name: str, overrides: list[str]) -> Row:
    path, error = folder / "result.json", folder / "error.json"
    row: Row = {
        "arm": name,
        "status": "done",
        "reference": False,
        "overrides": overrides,
        "folder": str(folder),
    }
    if error.exists() or not path.exists():
        text = json.loads(error.read_text("utf-8"))["error"] if error.exists() else "did not end"
        row.update({"status": "failed", "error": text})
        return row
    result = FinishedRun.read(folder).result
    settings = {k: v for k, v in result["settings"].items() if not _changes_no_number(k)}
    rest = {key: value for key, value in settings.items() if not is_seed(key)}
    provenance = result["provenance"]
    done: Row = {
        **row,
        "arm": name or result["name"],
        "corpus": result["corpus"],
        "task": result["task"],
        "vectors": result["vectors"],
        "seed": result["seed"],
        "dim": result["dim"],
        "features": result.get("features", result["dim"]),
        "strength": result["strength"],
        "tokens": result["tokens"] if provenance.get("source") == "trained" else None,
        "coverage": result["coverage"]["test"],
        "train_accuracy": result["train"]["accuracy"],
        "dev_accuracy": result["dev"]["accuracy"],
        "test_accuracy": result["test"]["accuracy"],
        "test_low": result["test"]["accuracy_low"],
        "test_high": result["test"]["accuracy_high"],
        "test_macro_f1": result["test"]["macro_f1"],
        "seconds": sum(result["seconds"].values()),
        "mlflow_run_id": result["mlflow_run_id"],
        "test_digest": result["digests"]["test"],
        "settings": {k: v for k, v in settings.items() if k.partition(".")[0] != "vectors"},
        "without_seed": hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest(),
        "file": provenance.get("file"),
        "note": provenance.get("note"),
    }
    return done
