"""Where a comparison comes from: date, seeds, MLflow runs, and the command that repeats it."""

from __future__ import annotations

import itertools
import json
import logging
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.comparison.comparison import Comparison
    from pipeline.comparison.rows import Row

log = logging.getLogger(__name__)


def origin(folder: Path, comparison: Comparison) -> dict[str, Any]:
    """Return what is said below the page's numbers, from the runs alone."""
    runs = [run for arm in comparison.arms for run in arm.runs]
    dates = sorted({date for run in runs if (date := run.result.get("date"))})
    seeds = sorted({row["seed"] for row in comparison.rows if row["status"] == "done"})
    return {
        "date": dates[-1] if dates else None,
        "seeds": _ranges(seeds),
        "commands": commands(comparison.rows),
        "parents": _parents(folder),
        "test": len(runs[0].test.true) if runs else 0,
        "digest": comparison.arms[0].test_digest[:12] if runs else "",
    }


def commands(rows: Sequence[Row]) -> list[str]:
    """Return the command that makes these runs again, or a command a run where one does not do."""
    asked = [dict(item.partition("=")[::2] for item in row["overrides"]) for row in rows]
    values: dict[str, list[str]] = {}
    for run in asked:
        for key, value in run.items():
            if value not in values.setdefault(key, []):
                values[key].append(value)
    grid = [
        dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())
    ]
    if len(grid) == len(asked) and all(run in asked for run in grid):
        words = [f"{key}={','.join(options)}" for key, options in values.items()]
        multirun = ["-m"] if len(rows) > 1 else []
        return [shlex.join(["yourvectors", *multirun, *words])]
    lines = [shlex.join(["yourvectors", *row["overrides"]]) for row in rows]
    return list(dict.fromkeys(lines))


def _ranges(numbers: Sequence[int]) -> str:
    """Write 1, 2, 3 and 7 as "1-3, 7"."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    dash = "\N{EN DASH}"
    return ", ".join(f"{p[0]}{dash}{p[-1]}" if len(p) > 1 else str(p[0]) for p in parts)


def _parents(folder: Path) -> list[str]:
    """Return the ids of the multirun's parent runs in MLflow."""
    path = folder / "mlflow.json"
    if not path.exists():
        return []
    try:
        records = json.loads(path.read_text("utf-8"))
        return [str(record["run_id"]) for record in records if record.get("run_id")]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("%s is damaged, so the page names no parent run: %s", path, error)
        return []
