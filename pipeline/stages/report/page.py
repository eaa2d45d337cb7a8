"""The HTML page of a run, made from the files in its folder alone."""

from __future__ import annotations

import itertools
import shlex
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.files import write, write_json, write_table
from pipeline.core.progress import progress, working
from pipeline.core.scores import class_scores, confusion_matrix
from pipeline.render import html as pages
from pipeline.stages.report import mistakes
from pipeline.stages.report.curve_text import read_strengths
from pipeline.stages.report.explain import has_own_weights, shade
from pipeline.stages.report.figures import figures
from pipeline.stages.report.finished_run import PAGE_SOURCES, FinishedRun, read_overrides
from pipeline.stages.report.report import Report
from pipeline.stages.report.result import SPLIT_NAMES, Result, note_rewritten
from pipeline.stages.report.word_data import neighbour_table, word_data

COPIED = (
    *("name", "task", "vectors", "seed", "date", "mlflow_run_id"),
    *("strength", "coverage", "without_words", "majority", "dim", "vocabulary", "tokens"),
    *("settings", "provenance", "digests", "versions", "seconds"),
)
"""What the page says just as ``result.json`` does; older versions wrote not all of it."""
MANY_CLASSES = 20
"""With more, the confusion matrix is a picture, and only the rarest recalls are listed first."""
CONFUSIONS = 20
"""Pairs of classes whose mistakes the page explains."""
GROUP = (
    *("name", "sentences", "share", "accuracy", "others", "others_accuracy"),
    *("mistakes", "share_of_mistakes", "shown"),
)
"""What the page says of a group of sentences."""
LISTED = 2000
"""Mistakes in the table of all, so that the page stays small."""


def write_page(folder: Path, result: Result) -> Path:
    """Write ``report/index.html``, all it says as ``page.json``, its tables and its figures.

    Return the path of the page. The same folder and the same content of ``result.json`` give the
    same page, byte for byte.

    Raises
    ------
    UserError
        If a file of the run is missing or damaged.
    """
    from pipeline.render import plots

    run = FinishedRun(folder, result)
    target = folder / "report"
    confusion = confusion_matrix(run.test.true, run.test.predicted, len(run.classes))
    config = Report.of(result["settings"])
    with working("collecting mistakes and neighbours"):
        page = contents(run, confusion, config)
        words = word_data({page["name"]: run}, config.words, config.min_count)
        page["explored"] = neighbour_table(words, config.words)
    write_json(target / "page.json", page)
    _tables(target, page, confusion, run.classes)
    drawn = {}
    drawings = progress(figures(run, confusion), "drawing the page", "figures")
    for name, (figure, alt) in drawings:
        write(target / f"{name}.png", lambda path, figure=figure: plots.write_png(figure, path))  # type: ignore[misc]
        if name != "confusion" or page["confusion"] is None:  # else it is a table on the page
            drawn[name] = plots.svg(figure, name, alt)
    path = target / "index.html"
    pages.save(path, pages.render("run.html.j2", page, drawn, words or None))
    return path


def rebuild_page(folder: Path) -> Path:
    """Check the files of a finished run, and make its page again.

    Raises
    ------
    UserError
        If the folder is not a finished run's, or a file that the page is made from is missing or
        damaged.
    """
    run = FinishedRun.read(folder)
    run.check()
    path = write_page(folder, run.result)
    written = [f"report/{file.name}" for file in (folder / "report").iterdir()]
    note_rewritten(folder, [name for name in written if name not in PAGE_SOURCES])
    return path


def contents(run: FinishedRun, confusion: NDArray[np.int64], config: Report) -> dict[str, Any]:
    """Return what the page says, as plain JSON values."""
    result = run.result
    groups = mistakes.kinds(
        run.test, run.unknown(), config.negations, config.contrasts, config.examples
    )
    pairs = mistakes.confusions(run.test, config.examples, most=CONFUSIONS)
    is_job = (run.folder.parent / "jobs.json").exists()  # the run is one of a multirun
    learning, overrides = run.learning_curve, read_overrides(run.folder)
    phrases = run.summary.get("phrases")
    shown = [each.shown for each in groups] + [each.shown for each in pairs]
    wrong = np.flatnonzero(run.test.wrong)
    explained = {str(i): _mistake(run, i) for i in dict.fromkeys(itertools.chain(*shown))}
    glosses = [mistake["gloss"] for mistake in explained.values() if mistake["gloss"]]
    return {
        **{key: result.get(key) for key in COPIED},
        "headline": {split: result[split] for split in SPLIT_NAMES},
        "chosen_by": result["settings"].get("best.metric", "accuracy"),
        "features": result.get("features", result["dim"]),
        "splits": {name: run.summary["splits"][name]["sentences"] for name in SPLIT_NAMES},
        "phrases": phrases and phrases["sentences"],
        "checks": run.summary.get("checks", []),
        "changed": result["changed"] if "changed" in result else _asked(overrides),
        "reading": read_strengths(run.strengths, run.chosen),
        "strengths": run.strengths.to_dict("records"),
        "classes": _classes(run.classes, confusion),
        "confusion": _confusion(run.classes, confusion),
        "explained": _explained(run),
        "odds": run.scores is not None and run.scores.odds,
        "groups": [_group(group) for group in groups],
        "pairs": [_pair(pair, run.classes) for pair in pairs],
        "mistakes": explained,
        "mistaken": len(wrong),
        "all_mistakes": _all_mistakes(run, wrong, groups),
        "full_colour": shade(glosses),
        "own_weights": has_own_weights(glosses),
        "neighbours": _neighbours(run),
        "evaluation": _evaluation(run),
        "learning": None if learning is None else learning.to_dict("records"),
        "command": shlex.join(["yourvectors", *overrides]) if overrides else None,
        "comparison": "../../comparison.html" if is_job else None,
        "stages": result.get("stages", {}),
    }


def _asked(overrides: list[str]) -> dict[str, str]:
    """Return the overrides of a run of an old version, which did not record what was changed."""
    parts = (item.lstrip("+").partition("=") for item in overrides)
    return {key: value for key, _, value in parts}


def _classes(names: list[str], confusion: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Return the scores of each class; one that does not exist is None."""
    scores = class_scores(confusion)
    return [
        {"class": name}
        | {key: None if np.isnan(values[i]) else values[i].item() for key, values in scores.items()}
        for i, name in enumerate(names)
    ]


def _confusion(names: list[str], confusion: NDArray[np.int64]) -> list[dict[str, Any]] | None:
    """Return the rows of the table; None where there are too many classes for one."""
    if len(names) > MANY_CLASSES:
        return None
    shares = confusion / np.maximum(1, confusion.sum(axis=1, keepdims=True))
    return [
        {"class": name, "counts": counts, "shares": row}
        for name, counts, row in zip(names, confusion.tolist(), shares.tolist(), strict=True)
    ]


def _explained(run: FinishedRun) -> str:
    """Say how words are explained: exactly, by integrated gradients, or not at all."""
    if run.scores is None:
        return "not kept" if run.model is None else "no sum"
    return "exactly" if run.scores.exact else "integrated"


def _group(group: mistakes.Group) -> dict[str, Any]:
    interval, difference = group.interval, group.difference
    return {
        **{key: getattr(group, key) for key in GROUP},
        "finding": group.finding(),
        "low": interval and interval.low,
        "high": interval and interval.high,
        "difference": difference and difference.difference,
        "difference_low": difference and difference.low,
        "difference_high": difference and difference.high,
        "claimed": difference is not None and difference.is_claimed,
    }


def _pair(pair: mistakes.Confusion, names: list[str]) -> dict[str, Any]:
    true, predicted = names[pair.true], names[pair.predicted]
    return {
        "name": f"{true} taken for {predicted}",
        "true": true,
        "predicted": predicted,
        "mistakes": pair.sentences,
        "share_of_true": pair.share_of_true,
        "share_of_mistakes": pair.share_of_mistakes,
        "shown": pair.shown,
    }


def _all_mistakes(
    run: FinishedRun, wrong: NDArray[np.int64], groups: list[mistakes.Group]
) -> list[dict[str, Any]]:
    """Return the wrongly predicted sentences, the most confident first, for a table."""
    test = run.test
    order = wrong[np.argsort(-test.p_predicted[wrong], kind="stable")]
    return [
        {
            "sentence": pages.shortened(" ".join(test.sentences[i])),
            "kinds": [group.name for group in groups[1:] if group.members[i]],
            "true": run.classes[test.true[i]],
            "predicted": run.classes[test.predicted[i]],
            "p_predicted": float(test.p_predicted[i]),
        }
        for i in order[:LISTED].tolist()
    ]


def _mistake(run: FinishedRun, i: int) -> dict[str, Any]:
    true, predicted = int(run.test.true[i]), int(run.test.predicted[i])
    explanation = run.explain(i)
    return {
        "sentence": " ".join(run.test.sentences[i]),
        "true": run.classes[true],
        "predicted": run.classes[predicted],
        "p_predicted": float(run.test.p_predicted[i]),
        "p_true": float(run.test.p_true[i]),
        "gloss": explanation and explanation.gloss(predicted, true),
    }


def _neighbours(run: FinishedRun) -> list[dict[str, Any]]:
    table = run.table("report/neighbours.csv", "cosine", word=str, neighbour=str)
    if table is None:
        return []
    return [
        {"word": word, "nearest": rows[["neighbour", "cosine"]].to_dict("records")}
        for word, rows in table.groupby("word", sort=False)
    ]


def _evaluation(run: FinishedRun) -> dict[str, list[dict[str, Any]]]:
    """Return the tables of the intrinsic evaluation, where there was one."""
    import pandas as pd

    found = {}
    for name in ("analogies", "similarity"):
        if (table := run.table(f"evaluation/{name}.csv")) is not None:
            for key in table.columns.difference(["name", "section"]):
                table[key] = pd.to_numeric(table[key])  # empty where there is no such number
            known = table.astype(object).where(table.notna(), None)
            found[name] = [{str(k): v for k, v in row.items()} for row in known.to_dict("records")]
    return found


def _tables(
    folder: Path, page: dict[str, Any], confusion: NDArray[np.int64], classes: list[str]
) -> None:
    """Write the page's tables as CSV."""
    import pandas as pd

    def table(name: str, rows: list[dict[str, Any]]) -> None:
        write_table(folder / f"{name}.csv", rows)

    named = pd.DataFrame(confusion, pd.Index(classes, name="true \\ predicted"), classes)
    write(folder / "confusion.csv", named.to_csv)
    table("classes", page["classes"])
    for name in ("groups", "pairs"):
        table(name, [{**row, "shown": " ".join(map(str, row["shown"]))} for row in page[name]])
    listed = [(i, mistake, mistake["gloss"] or {}) for i, mistake in page["mistakes"].items()]
    table(
        "mistakes",
        [
            {
                "test_sentence": i,
                **{key: value for key, value in mistake.items() if key != "gloss"},
                "base": gloss.get("base"),
                "total": gloss.get("total"),
            }
            for i, mistake, gloss in listed
        ],
    )
    table(
        "contributions",
        [
            {"test_sentence": i, "position": position, **word}
            for i, _, gloss in listed
            for position, word in enumerate(gloss.get("words", []))
        ],
    )
