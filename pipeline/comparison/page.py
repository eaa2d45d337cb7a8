"""The HTML page of a comparison, from the folders of its runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.comparison.arms import best_on_dev
from pipeline.comparison.origin import origin
from pipeline.comparison.rows import INNER, Row
from pipeline.comparison.sentences import SHOWN, disagreements
from pipeline.core.files import write_json, write_table
from pipeline.core.progress import progress, working
from pipeline.render import html as pages
from pipeline.stages.report.explain import has_own_weights, shade
from pipeline.stages.report.figures import map_of
from pipeline.stages.report.finished_run import FinishedRun
from pipeline.stages.report.mistakes import only_first
from pipeline.stages.report.report import Report
from pipeline.stages.report.word_data import neighbour_table, word_data

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.comparison.arms import Arm
    from pipeline.comparison.comparison import Comparison
    from pipeline.comparison.verdicts import Verdict

LINKED = (
    "comparison.csv",
    "comparison.json",
    *(f"comparison/{name}.csv" for name in ("arms", "tests", "recall", "strengths", "sentences")),
)
SIDES = ("arm_only", "other_only")
GLOSSES = ("right_gloss", "wrong_gloss")
BETTER, WORSE = "better", "worse"
PLAIN = {BETTER: BETTER, WORSE: WORSE, "open": "cannot tell", "apart": "not comparable"}


def write_page(folder: Path, comparison: Comparison) -> Path:
    """Write ``comparison.html``, and the numbers on it as JSON and CSV under ``comparison/``."""
    with working("collecting sentences and words of all arms"):
        page = page_of(folder, comparison)
        words = _words(comparison, page)
    learning = {arm.name: arm.runs[0].learning_curve for arm in comparison.arms}
    curves = {name: curve for name, curve in learning.items() if curve is not None}
    page["learning"] = {name: curve.to_dict("records") for name, curve in curves.items()}
    _tables(folder / "comparison", page)
    page["sentences"] = [
        {**row, "sentence": pages.shortened(row["sentence"])} for row in page["sentences"][:SHOWN]
    ]
    page["files"] = [name for name in LINKED if (folder / name).exists()]
    write_json(folder / "comparison" / "page.json", page)
    path = folder / "comparison.html"
    drawings = _figures(comparison, curves) if comparison.arms else iter(())
    figures = dict(progress(drawings, "drawing the comparison", "figures"))
    pages.save(path, pages.render("comparison.html.j2", page, figures, words))
    return path


def _words(comparison: Comparison, page: dict[str, Any]) -> dict[str, Any] | None:
    """Return the data of the map of words; note the neighbours on the page."""
    page["neighbours"] = []
    if not comparison.arms:
        return None
    tested = [arm for verdict in comparison.verdicts for arm in (verdict.arm, verdict.against)]
    arms = {arm.name: arm.runs[0] for arm in (*tested, *comparison.arms)}
    config = Report.of(comparison.arms[0].runs[0].result["settings"])
    data = word_data(arms, config.words, config.min_count)
    page["neighbours"] = neighbour_table(data, config.words)
    page["mapped"] = [arm["name"] for arm in data.get("arms", [])]
    return data or None


def page_of(folder: Path, comparison: Comparison) -> dict[str, Any]:
    """Return what the page says, as plain values."""
    arms, verdicts = comparison.arms, comparison.verdicts
    first = arms[0].runs[0].result if arms else None
    same_classes = len({tuple(arm.classes) for arm in arms}) == 1
    differ = [_differ(verdict) for verdict in verdicts if verdict.tests]
    sentences = disagreements(arms)
    return {
        "tasks": list(dict.fromkeys(row["task"] for arm in arms for row in arm.rows)),
        "made_with": first["versions"].get("yourvectors", "") if first else "",
        "verdicts": [_verdict(verdict) for verdict in verdicts],
        "baseline_doubts": comparison.baseline_doubts(),
        "notes": comparison.notes(),
        "arms": comparison.over_seeds(),
        "baselines": [
            {"label": b.label, "accuracy": b.accuracy, "macro_f1": b.scores["macro_f1"]}
            for b in comparison.baselines.values()
        ],
        "metrics": [metric._asdict() for metric in arms[0].metrics] if arms else [],
        "family": max((verdict.family for verdict in verdicts), default=1),
        "runs": [_relative(row, folder) for row in comparison.rows],
        "best_on_dev": best_on_dev(arms),
        "classes": arms[0].classes if same_classes else [],
        "recall": {arm.name: arm.recall() for arm in arms} if same_classes else {},
        "strengths": {arm.name: _strengths(arm) for arm in arms},
        "differ": differ,
        "full_colour": shade(_glosses(differ)),
        "own_weights": has_own_weights(_glosses(differ)),
        "sentences": sentences,
        "disagreeing": len(sentences),
        "answering": list(sentences[0]["answers"]) if sentences else [],
        "mapped": [],
        "origin": origin(folder, comparison),
    }


def _glosses(differ: list[dict[str, Any]]) -> list[dict[str, Any]]:
    cases = [case for pair in differ for side in SIDES for case in pair[side]["cases"]]
    return [case[key] for case in cases for key in GLOSSES if case[key]]


def _verdict(verdict: Verdict) -> dict[str, Any]:
    said: dict[str, Any] = {"kind": verdict.kind, "text": verdict.text()}
    said |= {"doubts": verdict.doubts(), "plain": PLAIN[verdict.kind]}
    said |= {"arm": verdict.arm.name, "against": verdict.against.name}
    if verdict.single and verdict.kind in {BETTER, WORSE}:
        said["plain"] += " on this seed"
    return said | {"detectable": verdict.detectable() if verdict.tests else None}


def _relative(row: Row, folder: Path) -> dict[str, Any]:
    shown = {key: row.get(key) for key in Row.__annotations__ if key not in INNER}
    return {**shown, "folder": Path(os.path.relpath(row["folder"], folder)).as_posix()}


def _strengths(arm: Arm) -> list[dict[str, Any]]:
    return [
        {"seed": seed, **{str(key): value for key, value in row.items()}}
        for seed, run in zip(arm.seeds, arm.runs, strict=True)
        for row in run.strengths.to_dict("records")
    ]


def _differ(verdict: Verdict) -> dict[str, Any]:
    """Choose sentences that only one of two arms gets right, and explain both answers.

    Of arms with several seeds, the first run of each is shown.
    """
    run, reference = verdict.arm.runs[0], verdict.against.runs[0]
    n = max(Report.of(r.result["settings"]).examples for r in (run, reference))
    sides = []
    for winner, loser in ((run, reference), (reference, run)):
        rows = only_first(winner.test, loser.test)
        sides.append({"count": len(rows), "cases": [_case(i, winner, loser) for i in rows[:n]]})
    return {
        "arm": verdict.arm.name,
        "against": verdict.against.name,
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
        "p_right": float(winner.test.p_predicted[i]),
        "p_wrong": float(loser.test.p_predicted[i]),
        # The same two classes for both, so that words can be compared.
        "right_gloss": right and right.gloss(wrong, true),
        "wrong_gloss": mistaken and mistaken.gloss(wrong, true),
    }


def _figures(
    comparison: Comparison, learning: dict[str, pd.DataFrame]
) -> Iterator[tuple[str, str]]:
    """Yield the name of each figure and its SVG."""
    from pipeline.render import plots

    table = comparison.drawn()
    alt = "Test accuracy with its 95 % interval: " + "; ".join(
        f"{r['arm']} {r['accuracy']:.1%} ({r['low']:.1%} to {r['high']:.1%})"
        for r in table.to_dict("records")
    )
    figure = plots.arms(table, comparison.majority())
    yield "arms", plots.svg(figure, "arms", alt)
    curves = {
        arm.name: [(run.strengths, run.result["strength"]) for run in arm.runs]
        for arm in comparison.arms
    }
    tested = [arm for verdict in comparison.verdicts for arm in (verdict.arm, verdict.against)]
    for i, arm in enumerate(list(dict.fromkeys([*tested, *comparison.arms]))[:2]):
        if (drawing := map_of(arm.runs[0])) is not None:
            yield f"map{i}", plots.svg(drawing[0], f"map{i}", f"{arm.name}. {drawing[1]}")
    alt = "Accuracy on dev against regularisation strength, a line a run. Chosen: " + "; ".join(
        f"{arm} {', '.join(f'{chosen:.3g}' for _, chosen in runs)}" for arm, runs in curves.items()
    )
    yield "strengths", plots.svg(plots.strength_curves(curves), "strengths", alt)
    if learning:
        alt = "Accuracy on dev against the number of training sentences: " + "; ".join(
            f"{arm} up to {curve['dev_accuracy'].iloc[-1]:.1%}" for arm, curve in learning.items()
        )
        yield "learning", plots.svg(plots.learning_curves(learning), "learning", alt)


def _tables(folder: Path, page: dict[str, Any]) -> None:
    def table(name: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            write_table(folder / f"{name}.csv", rows)
        else:
            (folder / f"{name}.csv").unlink(missing_ok=True)  # of an earlier comparison here

    plain = [{key: arm[key] for key in arm if key != "tests"} for arm in page["arms"]]
    arms = [{**arm, "seeds": " ".join(map(str, arm["seeds"]))} for arm in plain]
    table("arms", arms)
    table("seeds", arms if any(arm["runs"] > 1 for arm in arms) else [])
    tests = [
        {"arm": arm["arm"], "against": arm["against"], **test}
        for arm in page["arms"]
        for test in arm["tests"]
    ]
    table("tests", tests)
    table(
        "recall",
        [
            {"arm": arm, **dict(zip(page["classes"], found, strict=True))}
            for arm, found in page["recall"].items()
        ],
    )
    for name in ("strengths", "learning"):
        table(name, [{"arm": arm, **row} for arm, rows in page[name].items() for row in rows])
    table(
        "sentences",
        [
            {
                **{key: row[key] for key in ("test_sentence", "sentence", "true")},
                "kinds": " ".join(row["kinds"]),
                **{
                    f"predicted({arm})": answer["predicted"]
                    for arm, answer in row["answers"].items()
                },
            }
            for row in page["sentences"]
        ],
    )
    cases = [
        ({"arm": pair["arm"], "against": pair["against"], "right": pair[winner]}, case)
        for pair in page["differ"]
        for side, winner in zip(SIDES, ("arm", "against"), strict=True)
        for case in pair[side]["cases"]
    ]
    table(
        "differ",
        [{**who, **{k: v for k, v in case.items() if k not in GLOSSES}} for who, case in cases],
    )
    table(
        "contributions",
        [
            {
                **who,
                "test_sentence": case["test_sentence"],
                "by": key.removesuffix("_gloss"),
                "position": position,
                **word,
            }
            for who, case in cases
            for key in GLOSSES
            for position, word in enumerate((case[key] or {}).get("words", []))
        ],
    )
