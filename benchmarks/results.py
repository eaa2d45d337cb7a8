"""Compute every number of RESULTS.md: run what is missing, then write tables and figure.

    python benchmarks/results.py --trees trees --glove glove.6B.50d.txt --reviews reviews.txt.gz

Each row is one multirun in its own folder under ``outputs/results``. A script that was stopped
continues when it is started again. ``docs/results.csv`` has a line per run; the tables are made
from it. Rows with one thread give the same bits again on the same machine; the rows with reviews
use two threads.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from ablation import ablation
from numpy.typing import NDArray

from pipeline.comparison import compare
from pipeline.core.statistics import accuracy_interval, spread
from pipeline.stages.report.finished_run import FinishedRun, in_order

ROWS = {
    "glove50": "experiment=glove50",
    "glove50_phrases": "experiment=glove50_phrases",
    "assignment-glove": "experiment=assignment corpus=sst vectors=glove",
    "assignment-own": "experiment=assignment corpus=sst seed=1,2,3",
    "treebank50": "experiment=treebank50 seed=1,2,3",
    "treebank100": "experiment=treebank100 seed=1,2,3",
    "treebank300": "experiment=treebank300 seed=1,2,3",
    "treebank300_phrases": "experiment=treebank300_phrases seed=1,2,3",
    "reviews300": "experiment=reviews300 vectors.threads=2 seed=1,2,3",
    "reviews300_phrases": "experiment=reviews300_phrases vectors.threads=2 seed=1,2,3",
}
BASE = "experiment=treebank50 seed=1,2"
# GloVe has no such threshold, and its learning rate means something else: a separate multirun.
TRAINERS = (
    "corpus=sst vectors.dim=50 vectors.window=15 vectors.combine=concat vectors.subword=10 "
    "seed=1,2 sweep.strengths=[0.1,1,10,100]"
)
FACTORS = {  # the first override is the one that is swept
    "dimension": f"vectors.dim=10,25,50,100,300 {BASE}",
    "window": f"vectors.window=2,5,15,25 {BASE}",
    "epochs": f"vectors.epochs=5,10,20,40 {BASE}",
    "threshold of frequent words": f"vectors.subsample=0,1e-4,1e-3 {BASE}",
    "negatives": f"vectors.negative=2,5,10 {BASE}",
    "trainer": f"vectors=skipgram,cbow vectors.subsample=0 vectors.learning_rate=0.025 {TRAINERS}",
    "vectors of a word": f"vectors.combine=input,sum,concat {BASE}",
    "unknown words": f"features.unknown=skip,zero {BASE}",
    "spelling of rare words": f"vectors.subword=0,3,10,30 {BASE}",
    "weighting": f"features.weighting=none,idf,sif {BASE}",
    "labels of phrases": f"corpus.phrases=null,16,12,8 {BASE}",
    "words of reviews": "corpus.unlabelled_words=100000,300000,1000000,3000000,null "
    "experiment=reviews300 vectors.dim=100 vectors.threads=2 seed=1,2",
    # The full softmax takes minutes per epoch and needs smaller steps.
    "loss, 5 epochs": "vectors.loss=negative experiment=treebank50 vectors.epochs=5 seed=1,2",
}
MORE = {
    "trainer": f"vectors=glove_train {TRAINERS}",
    "loss, 5 epochs": "vectors.loss=softmax vectors.learning_rate=0.005 "
    "experiment=treebank50 vectors.epochs=5 seed=1,2",
}
LENGTHS = (1, 10, 20, 30, 1000)  # sentence lengths in words
UNKNOWN = {  # shares of unknown words in a sentence: (above, at most)
    "every word known": (-1.0, 0.0),
    "unknown words, up to 5 %": (0.0, 0.05),
    "5 to 10 %": (0.05, 0.1),
    "more than 10 %": (0.1, 1.0),
}

Row = dict[str, Any]


def command(overrides: str) -> str:
    """Return the command line of a row, with the file names of the README."""
    parts = [*shlex.split(overrides), "corpus.path=trees"]
    if "glove" in overrides:
        parts.append("glove=glove.6B.50d.txt")
    if "reviews" in overrides:
        parts.append("'unlabelled=[reviews.txt.gz]'")
    many = any("," in part for part in parts)
    return f"python -m pipeline {'-m ' if many else ''}{' '.join(parts)}"


def run(folder: Path, overrides: str, files: list[str]) -> list[Path]:
    """Run the missing jobs of a multirun; return the folders of all jobs."""
    words = [*shlex.split(overrides), *files, f"hydra.sweep.dir={folder}", "tracking=off"]
    if "threads" not in overrides:  # the others already use all cores
        words += ["hydra/launcher=joblib", "hydra.launcher.n_jobs=-1"]
    subprocess.run([sys.executable, "-m", "pipeline", "-m", *words], check=True)
    return in_order(path.parent for path in folder.glob("*/result.json"))


def value_of(job: Path, factor: str) -> str:
    """Return the value that a job had for the swept override."""
    key = factor.partition("=")[0]
    asked = dict(item.split("=", 1) for item in FinishedRun.read(job).overrides())
    return asked.get(key, "")


def run_rows(part: str, jobs: list[Path], reference: Path, factor: str = "") -> Iterator[Row]:
    """Yield a row per run, tested against the reference only."""
    for job in jobs:
        result = FinishedRun.read(job).result
        tested = compare([reference, job]).rows[1] if job != reference else {}
        yield {
            "part": part,
            "value": value_of(job, factor),
            "seed": result["seed"],
            "dim": result["dim"],
            "strength": result["strength"],
            **{
                f"{split}_accuracy": result[split]["accuracy"] for split in ("train", "dev", "test")
            },
            "test_low": result["test"]["accuracy_low"],
            "test_high": result["test"]["accuracy_high"],
            "test_macro_f1": result["test"]["macro_f1"],
            "coverage": result["coverage"]["test"],
            **{key: tested.get(key) for key in ("difference", "difference_low", "difference_high")},
            "p": tested.get("p"),
        }


def everything(folder: Path, files: list[str]) -> tuple[list[Row], list[Row]]:
    """Run everything; return a row per run, and the accuracy of groups of test sentences."""
    found, groups = [], []
    plain, with_phrases = (
        run(folder / name, ROWS[name], files)[0] for name in ("glove50", "glove50_phrases")
    )
    for name, overrides in [*ROWS.items(), *FACTORS.items(), *MORE.items()]:
        place = name if overrides != MORE.get(name) else f"{name} more"
        jobs = run(folder / re.sub(r"\W+", "-", place), overrides, files)
        reference = (
            with_phrases if name.endswith("300_phrases") else plain
        )  # compare with the reference that has the same phrases
        found += run_rows(name, jobs, reference, "" if name in ROWS else overrides)
        if name in {"glove50", "treebank300", "reviews300"}:
            groups += [{"part": name, **row} for row in groups_of(jobs[0])]
    return found, groups


def groups_of(job: Path) -> Iterator[Row]:
    """Yield the accuracy of groups of test sentences, by content, unknown words and length."""
    page = json.loads((job / "report" / "page.json").read_text("utf-8"))
    for row in page["groups"]:
        if row["name"] not in {"unknown words", "every word known"}:
            yield {key: row[key] for key in ("name", "sentences", "accuracy", "low", "high")}
    run = FinishedRun.read(job)
    test, unknown = run.test, run.unknown()
    words = np.array([len(tokens) for tokens in test.sentences])
    for name, (low, high) in UNKNOWN.items() if unknown is not None else ():
        yield group_of(name, test.wrong[(unknown > low * words) & (unknown <= high * words)])
    for low, high in pairwise(LENGTHS):
        name = f"{low} to {high - 1} words" if high < LENGTHS[-1] else f"{low} words and more"
        yield group_of(name, test.wrong[(words >= low) & (words < high)])


def group_of(name: str, wrong: NDArray[np.bool_]) -> Row:
    """Return the accuracy of a group of sentences; `wrong` (n,) says which are mistakes."""
    right, n = int((~wrong).sum()), len(wrong)
    interval = accuracy_interval(right, n)
    row = {"name": name, "sentences": n, "accuracy": right / n}
    return row | {"low": interval.low, "high": interval.high}


def write_csv(path: Path, rows: list[Row]) -> None:
    """Write rows, floats with six digits."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {key: f"{v:.6g}" if isinstance(v, float) else v for key, v in row.items()}
            )


def read_csv(path: Path) -> list[Row]:
    """Read what `write_csv` wrote; numbers become floats."""

    def plain(key: str, text: str) -> Any:
        if key in {"part", "value", "name"} or not text:
            return text
        return float(text)

    with path.open(encoding="utf-8") as file:
        return [{k: plain(k, v) for k, v in row.items()} for row in csv.DictReader(file)]


def percent(rows: list[Row], key: str) -> str:
    """Return the mean and, for several values, the standard deviation."""
    mean, deviation, _ = spread([100 * row[key] for row in rows])
    return f"{mean:.2f}" if not deviation else f"{mean:.2f} ± {deviation:.2f}"


def main_table(rows: list[Row]) -> str:
    """Return the main table in Markdown."""
    lines = [
        "| row | features | train | dev | test | seed 1: 95 % interval | against GloVe 50-d |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in ROWS:
        own = [row for row in rows if row["part"] == name]
        first = own[0]
        against = ""
        if first["p"] != "":
            low, high = (100 * first[f"difference_{end}"] for end in ("low", "high"))
            p = "p < .0001" if first["p"] < 1e-4 else f"p = {first['p']:.2g}"
            against = f"{100 * first['difference']:+.1f} ({low:+.1f} to {high:+.1f}), {p}"
        interval = f"{100 * first['test_low']:.1f} to {100 * first['test_high']:.1f}"
        splits = (percent(own, f"{split}_accuracy") for split in ("train", "dev", "test"))
        cells = [name, f"{first['dim']:.0f}", *splits, interval, against]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def group_table(groups: list[Row]) -> str:
    """Return the table of sentence groups in Markdown."""
    parts = list(dict.fromkeys(row["part"] for row in groups))
    lines = [f"| test sentences | n | {' | '.join(parts)} |", "|---" * (2 + len(parts)) + "|"]
    for name in dict.fromkeys(row["name"] for row in groups):
        rows = {row["part"]: row for row in groups if row["name"] == name}
        cells = [f"{100 * rows[part]['accuracy']:.1f}" if part in rows else "" for part in parts]
        sizes = {f"{row['sentences']:.0f}" for row in rows.values()}
        n = sizes.pop() if len(sizes) == 1 else "differs"
        lines.append(f"| {name} | {n} | {' | '.join(cells)} |")
    return "\n".join(lines)


def command_table() -> str:
    """Return the table of commands in Markdown."""
    lines = [f"| {name} | `{command(overrides)}` |" for name, overrides in ROWS.items()]
    return "\n".join(["| row | command |", "|---|---|", *lines])


def filled(page: str, rows: list[Row], groups: list[Row]) -> str:
    """Return the page with its tables made from these rows."""
    tables = {"rows": main_table(rows), "commands": command_table(), "groups": group_table(groups)}
    for name, table in tables.items():
        pattern = f"(?s)<!-- {name} -->.*<!-- /{name} -->"
        page = re.sub(pattern, lambda _: f"<!-- {name} -->\n{table}\n<!-- /{name} -->", page)  # noqa: B023
    return page


def main() -> None:
    """Run what is missing; write the tables and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trees", help="folder of the treebank (default: download it)")
    parser.add_argument("--glove", help="glove.6B.50d.txt (default: download it)")
    parser.add_argument(
        "--reviews", required=True, help="file with one review per line, .txt or .gz"
    )
    parser.add_argument("--output", type=Path, default=Path("outputs") / "results")
    args = parser.parse_args()
    files = [f"unlabelled=[{args.reviews}]"]
    files += [f"corpus.path={args.trees}"] if args.trees else []
    files += [f"glove={args.glove}"] if args.glove else []
    rows, groups = everything(args.output, files)
    docs = Path(__file__).parents[1] / "docs"
    write_csv(docs / "results.csv", rows)
    write_csv(docs / "results-groups.csv", groups)
    rows, groups = read_csv(docs / "results.csv"), read_csv(docs / "results-groups.csv")
    ablation(rows, list(FACTORS), rows[0]["test_accuracy"]).savefig(docs / "results.png")
    page = docs.parent / "RESULTS.md"
    page.write_text(filled(page.read_text("utf-8"), rows, groups), encoding="utf-8")


if __name__ == "__main__":
    main()
