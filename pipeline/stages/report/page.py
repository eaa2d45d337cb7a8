"""The HTML page of a run, from its folder alone."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.core.files import write, write_json
from pipeline.render import html as pages
from pipeline.stages.report import mistakes
from pipeline.stages.report.curve_text import read_strengths
from pipeline.stages.report.figures import confusion, figures
from pipeline.stages.report.finished_run import PAGE_SOURCES, FinishedRun
from pipeline.stages.report.report import Report
from pipeline.stages.report.result import SPLIT_NAMES, Result, note_rewritten


@dataclass(frozen=True)
class PageContent:
    """What takes its time to draw, and tells no time.

    Parameters
    ----------
    folder
        The run's ``report``, with figures and tables in it.
    page
        What the page says, but for the seconds of this run.
    figures
        SVG by name.
    """

    folder: Path
    page: dict[str, Any]
    figures: dict[str, str]

    def save(self, folder: Path) -> None:
        """Copy figures and tables, and write the rest to ``drawn.json``."""
        shutil.copytree(self.folder, folder / "report")
        write_json(folder / "drawn.json", {"page": self.page, "figures": self.figures})

    @classmethod
    def load(cls, folder: Path, run: Path) -> PageContent:
        """Read what `save` wrote, for the report of another run."""
        shutil.copytree(folder / "report", run / "report", dirs_exist_ok=True)
        kept = json.loads((folder / "drawn.json").read_text("utf-8"))
        return cls(run / "report", kept["page"], kept["figures"])


def draw_page(folder: Path, result: Result) -> PageContent:
    """Write the figures under ``report`` and the numbers of the page as CSV.

    Parameters
    ----------
    folder
        The run's, where every stage has left its files.
    result
        The content of ``result.json``.

    Raises
    ------
    UserError
        If a file of the run is missing.
    """
    from pipeline.render import plots

    run = FinishedRun(folder, result)
    target = folder / "report"
    page = contents(run, Report.of(result["settings"]))
    _tables(target, page)
    drawn = {}
    for name, (figure, alt) in figures(run).items():
        write(target / f"{name}.png", figure.savefig)
        drawn[name] = plots.svg(figure, name, alt)
    return PageContent(target, page, drawn)


def write_page(folder: Path, result: Result, drawn: PageContent | None = None) -> Path:
    """Write ``report/index.html`` and, as ``page.json``, all it says.

    Parameters
    ----------
    folder, result
        As for `draw_page`.
    drawn
        What that gave; unset: it is drawn first.

    Returns
    -------
    path
        Of the page. From the same folder it is the same page, byte for byte.
    """
    drawn = drawn or draw_page(folder, result)
    times = {"seconds": result["seconds"], "stages": result.get("stages", {})}
    page = drawn.page | times
    write_json(drawn.folder / "page.json", page)
    path = drawn.folder / "index.html"
    pages.save(path, pages.render("run.html.j2", page, drawn.figures))
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


def contents(run: FinishedRun, config: Report) -> dict[str, Any]:
    """Return what the page says but for the seconds, as plain JSON values."""
    result = run.result
    groups = mistakes.kinds(
        run.test, run.unknown(), config.negations, config.contrasts, config.examples
    )
    pairs = mistakes.pairs(run.test, run.classes, config.examples)
    learning = run.learning_curve
    phrases = run.summary.get("phrases")
    shown = dict.fromkeys(i for group in [*groups, *pairs] for i in group.shown)
    return {
        "name": result["name"],
        "task": result["task"],
        "vectors": result["vectors"],
        "headline": {split: result[split] for split in SPLIT_NAMES},
        "strength": result["strength"],
        "coverage": result["coverage"],
        "dim": result["dim"],
        "vocabulary": result["vocabulary"],
        "tokens": result["tokens"],
        "provenance": result["provenance"],
        "splits": {name: run.summary["splits"][name]["sentences"] for name in SPLIT_NAMES},
        "phrases": phrases and phrases["sentences"],
        "changed": result["changed"] if "changed" in result else _asked(run.overrides()),
        "settings": result["settings"],
        "reading": read_strengths(run.strengths, run.chosen),
        "strengths": run.strengths.to_dict("records"),
        "classes": _classes(run),
        "confusion": _confusion(run),
        "explained": _explained(run),
        "groups": [_group(group) for group in groups],
        "pairs": [_pair(pair, run) for pair in pairs],
        "mistakes": {str(i): _mistake(run, i) for i in shown},
        "neighbours": _neighbours(run),
        "evaluation": _evaluation(run),
        "learning": None if learning is None else learning.to_dict("records"),
        "digests": result["digests"],
        "versions": result["versions"],
        "seed": result["seed"],
    }


def _asked(overrides: list[str]) -> dict[str, str]:
    """Take what was asked for as what was changed, in runs that did not note it."""
    parts = (item.lstrip("+").partition("=") for item in overrides)
    return {key: value for key, _, value in parts}


def _classes(run: FinishedRun) -> list[dict[str, Any]]:
    from sklearn.metrics import precision_recall_fscore_support

    names = run.classes
    scores = precision_recall_fscore_support(
        run.test.true, run.test.predicted, labels=range(len(names)), zero_division=0.0
    )
    keys = ("precision", "recall", "f1", "sentences")
    rows = np.array(scores).T.tolist()
    table = [
        {"class": name, **dict(zip(keys, row, strict=True))}
        for name, row in zip(names, rows, strict=True)
    ]
    return [{**row, "sentences": int(row["sentences"])} for row in table]


def _confusion(run: FinishedRun) -> list[dict[str, Any]]:
    matrix = confusion(run)
    shares = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    return [
        {"class": name, "counts": counts, "shares": row}
        for name, counts, row in zip(run.classes, matrix.tolist(), shares.tolist(), strict=True)
    ]


def _explained(run: FinishedRun) -> str:
    """Say how words are explained: exactly, by integrated gradients, or not at all."""
    if run.scores is None:
        return "not kept" if run.model is None else "no sum"
    return "exactly" if run.scores.exact else "integrated"


def _group(group: mistakes.Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "why": group.why,
        "sentences": group.sentences,
        "share": group.share,
        "accuracy": group.accuracy,
        "low": group.interval and group.interval.low,
        "high": group.interval and group.interval.high,
        "mistakes": group.mistakes,
        "share_of_mistakes": group.share_of_mistakes,
        "shown": group.shown,
    }


def _pair(pair: mistakes.Group, run: FinishedRun) -> dict[str, Any]:
    true, predicted = next(
        (true, predicted)
        for true in run.classes
        for predicted in run.classes
        if mistakes.pair_name(true, predicted) == pair.name
    )
    return {"true": true, "predicted": predicted, **_group(pair)}


def _mistake(run: FinishedRun, i: int) -> dict[str, Any]:
    true, predicted = int(run.test.true[i]), int(run.test.predicted[i])
    explanation = run.explain(i)
    tokens = run.test.sentences[i]
    return {
        "sentence": " ".join(tokens),
        "true": run.classes[true],
        "predicted": run.classes[predicted],
        "p_predicted": float(run.test.probabilities[i, predicted]),
        "p_true": float(run.test.probabilities[i, true]),
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
    names = ("analogies", "similarity")
    tables = {name: run.table(f"evaluation/{name}.csv") for name in names}
    return {
        name: [
            {str(key): value for key, value in row.items()}
            for row in table.astype(object).where(table.notna(), None).to_dict("records")
        ]
        for name, table in tables.items()
        if table is not None
    }


def _tables(folder: Path, page: dict[str, Any]) -> None:
    """Write the page's tables as CSV."""
    import pandas as pd

    def table(name: str, rows: list[dict[str, Any]]) -> None:
        write(folder / f"{name}.csv", lambda file: pd.DataFrame(rows).to_csv(file, index=False))

    table("classes", page["classes"])
    table("groups", [{**row, "shown": " ".join(map(str, row["shown"]))} for row in page["groups"]])
    table("pairs", [{**row, "shown": " ".join(map(str, row["shown"]))} for row in page["pairs"]])
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
