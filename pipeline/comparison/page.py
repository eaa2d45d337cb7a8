"""The HTML page of a comparison, from the folders of its runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.files import write, write_json
from pipeline.render import html as pages
from pipeline.stages.report import Report
from pipeline.stages.report.finished_run import FinishedRun
from pipeline.stages.report.mistakes import only_first

if TYPE_CHECKING:
    import pandas as pd


def write_page(
    folder: Path,
    rows: list[dict[str, Any]],
    seeds: list[dict[str, Any]],
    verdicts: list[dict[str, str]],
    notes: list[str],
) -> Path:
    """Write ``comparison.html``, and the numbers on it as JSON and CSV under ``comparison/``.

    Parameters
    ----------
    folder
        Where to.
    rows, seeds, verdicts, notes
        Of a `Comparison`; every row has all the keys.
    """
    runs = {
        row["arm"]: FinishedRun.read(Path(row["folder"])) for row in rows if row["status"] == "done"
    }
    done = [row for row in rows if row["status"] == "done"]

    def relative(path: str, start: Path) -> str:
        return Path(os.path.relpath(path, start)).as_posix()

    page = {
        "tasks": list(dict.fromkeys(row["task"] for row in done)),
        "verdicts": verdicts,
        "notes": notes,
        "arms": [{**row, "folder": relative(row["folder"], folder)} for row in rows],
        "best_on_dev": max((row["dev_accuracy"] for row in done), default=None),
        "seeds": seeds,
        "strengths": {arm: run.strengths.to_dict("records") for arm, run in runs.items()},
        "differ": [
            _differ(row, runs[row["arm"]], runs[row["against"]])
            for row in done
            if row.get("p_holm") is not None
        ],
    }
    curves = {arm: run.learning_curve for arm, run in runs.items()}
    learning = {arm: curve for arm, curve in curves.items() if curve is not None}
    page["learning"] = {arm: curve.to_dict("records") for arm, curve in learning.items()}
    write_json(folder / "comparison" / "page.json", page)
    _tables(folder / "comparison", page)
    path = folder / "comparison.html"
    figures = _figures(done, runs, learning) if done else {}
    pages.save(path, pages.render("comparison.html.j2", page, figures))
    return path


def _differ(row: dict[str, Any], run: FinishedRun, reference: FinishedRun) -> dict[str, Any]:
    """Choose sentences that only one of two runs gets right, and explain both answers."""
    n = max(Report.of(r.result["settings"]).examples for r in (run, reference))
    sides = []
    for winner, loser in ((run, reference), (reference, run)):
        rows = only_first(winner.test, loser.test)
        sides.append({"count": len(rows), "cases": [_case(i, winner, loser) for i in rows[:n]]})
    return {
        "arm": row["arm"],
        "against": row["against"],
        "arm_only": sides[0],
        "other_only": sides[1],
    }


def _case(i: int, winner: FinishedRun, loser: FinishedRun) -> dict[str, Any]:
    true, wrong = int(winner.test.true[i]), int(loser.test.predicted[i])
    right, mistaken = winner.explain(i), loser.explain(i)
    return {
        "test_sentence": i,
        "sentence": " ".join(winner.test.sentences[i]),
        "true": winner.classes[true],
        "wrong": winner.classes[wrong],
        "p_right": float(winner.test.confidence[i]),
        "p_wrong": float(loser.test.confidence[i]),
        # The same two classes for both, so that words can be compared.
        "right_gloss": right and right.gloss(wrong, true),
        "wrong_gloss": mistaken and mistaken.gloss(wrong, true),
    }


def _figures(
    rows: list[dict[str, Any]], runs: dict[str, FinishedRun], learning: dict[str, pd.DataFrame]
) -> dict[str, str]:
    import pandas as pd

    from pipeline.render import plots

    columns = {"test_accuracy": "accuracy", "test_low": "low", "test_high": "high"}
    table = pd.DataFrame(rows).rename(columns=columns)
    alt = "Test accuracy with its 95 % interval: " + "; ".join(
        f"{r['arm']} {r['test_accuracy']:.1%} ({r['test_low']:.1%} to {r['test_high']:.1%})"
        for r in rows
    )
    drawn = {"arms": plots.svg(plots.arms(table), "arms", alt)}
    curves = {arm: (run.strengths, run.result["strength"]) for arm, run in runs.items()}
    alt = "Accuracy on dev against regularisation strength, a line an arm. Chosen: " + "; ".join(
        f"{arm} {chosen:.3g}" for arm, (_, chosen) in curves.items()
    )
    drawn["strengths"] = plots.svg(plots.strength_curves(curves), "strengths", alt)
    if learning:
        alt = "Accuracy on dev against the number of training sentences: " + "; ".join(
            f"{arm} up to {curve['dev_accuracy'].iloc[-1]:.1%}" for arm, curve in learning.items()
        )
        drawn["learning"] = plots.svg(plots.learning_curves(learning), "learning", alt)
    return drawn


def _tables(folder: Path, page: dict[str, Any]) -> None:
    import pandas as pd

    def table(name: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            write(folder / f"{name}.csv", lambda file: pd.DataFrame(rows).to_csv(file, index=False))
        else:
            (folder / f"{name}.csv").unlink(missing_ok=True)  # of an earlier comparison here

    table("seeds", [{**row, "seeds": " ".join(map(str, row["seeds"]))} for row in page["seeds"]])
    for name in ("strengths", "learning"):
        table(name, [{"arm": arm, **row} for arm, rows in page[name].items() for row in rows])
    cases = [
        (pair["arm"], pair["against"], winner, case)
        for pair in page["differ"]
        for side, winner in (("arm_only", pair["arm"]), ("other_only", pair["against"]))
        for case in pair[side]["cases"]
    ]
    table(
        "differ",
        [
            {
                "arm": arm,
                "against": against,
                "right": winner,
                **{key: value for key, value in case.items() if not key.endswith("gloss")},
            }
            for arm, against, winner, case in cases
        ],
    )
    table(
        "contributions",
        [
            {
                "arm": arm,
                "against": against,
                "right": winner,
                "test_sentence": case["test_sentence"],
                "by": key.removesuffix("_gloss"),
                "position": position,
                **word,
            }
            for arm, against, winner, case in cases
            for key in ("right_gloss", "wrong_gloss")
            for position, word in enumerate((case[key] or {}).get("words", []))
        ],
    )
