"""Compute every number of RESULTS.md: run what is missing, then write tables and figures.

    python benchmarks/results.py --trees trees --imdb aclImdb_v1.tar.gz --reviews reviews.txt.gz \
        --glove50 glove.6B.50d.txt --glove100 glove.6B.100d.txt
    python benchmarks/results.py ... --part treebank     # or reviews, phrases, bag, binary, ...

Each row is one multirun in its own folder under ``outputs/results``. A script that was stopped
continues when it is started again. ``docs/results-arms.csv`` has a line per arm and reference,
``docs/results.csv`` a line per run of the figure of factors. All rows give the same bits again on
the same machine.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from ablation import ablation
from matplotlib.figure import Figure
from result_tables import CHANGE, Row, filled, read_csv, tables, write_csv
from sentence_groups import changes_of, group_changes, groups_of

from pipeline.comparison import compare
from pipeline.render import plots
from pipeline.stages.report.finished_run import FinishedRun, in_order, read_overrides

SEEDS = "seed=1,2,3,4,5"
AMOUNTS = (60_000, 200_000, 600_000, 2_000_000)
"""Words of own text, of film reviews."""
SWEPT_AMOUNTS = f"corpus.unlabelled_words={','.join(map(str, AMOUNTS))} seed=1,2,3"


def of(*names: str, **more: str) -> dict[str, str]:
    """Return the overrides of rows: an experiment each, and more for some, by default five seeds.

    GloVe has no seed.
    """
    seeds = {name: "" if re.search(r"\bglove", name) else SEEDS for name in names} | more
    return {name: f"experiment={name} {seeds[name]}".strip() for name in names}


POOLED = {
    "assignment": of("assignment-glove", "assignment-own"),
    "treebank": of(
        *("glove50", "glove100", "random100", "skipgram50", "own50", "own100", "init100"),
        *("both200", "treebank50", "treebank100", "treebank300", "treebank300-100"),
    ),
    "reviews": of("glove50", "glove100", "reviews300", "reviews300-100"),
    "phrases": of(
        *("glove50_phrases", "glove100_phrases", "treebank300_phrases", "reviews300_phrases")
    ),
    "bag": of(
        *("glove100", "glove100_bag", "glove100_bag-ratio", "random100_bag", "treebank100_bag"),
        *("both200_bag", "reviews300_bag"),
    ),
    "binary": of(
        *("binary-glove100", "binary-own100", "binary-reviews300", "binary-glove100_bag"),
        *("binary-treebank100_bag", "binary-both200_bag", "binary-reviews300_bag"),
    ),
    "imdb": of(
        *("imdb-glove100", "imdb-own50", "imdb-train50"),
        **{"imdb-own50": SWEPT_AMOUNTS, "imdb-train50": "seed=1,2,3"},
    ),
}
"""The overrides of each row, by table."""
REFERENCES = {
    "assignment": ("assignment-glove",),
    "treebank": ("glove50", "glove100"),
    "reviews": ("glove50", "glove100"),
    "phrases": ("glove50_phrases", "glove100_phrases"),
    "bag": ("glove100", "glove100_bag"),
    "binary": ("binary-glove100", "binary-glove100_bag"),
    "imdb": ("imdb-glove100",),
}
ASIDE = {"glove100_bag-ratio"}
"""Rows with GloVe that are no reference: they have no verdict."""
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
    "experiment=reviews300 vectors.dim=100 seed=1,2",
    # The full softmax takes minutes per epoch and needs smaller steps.
    "loss, 5 epochs": "vectors.loss=negative experiment=treebank50 vectors.epochs=5 seed=1,2",
}
MORE = {
    "trainer": f"vectors=glove_train {TRAINERS}",
    "loss, 5 epochs": "vectors.loss=softmax vectors.learning_rate=0.005 "
    "experiment=treebank50 vectors.epochs=5 seed=1,2",
}
PARTS = [*POOLED, "factors", "groups"]
GROUPED = ("glove100", "treebank300", "reviews300", "reviews300_bag")
SCORES = (
    *("test_accuracy", "test_accuracy_deviation", "test_low", "test_high"),
    *("test_macro_f1", "test_macro_f1_deviation"),
)
DOCS = Path(__file__).parents[1] / "docs"
FILES = {  # as the page names them
    "trees": "trees",
    "imdb": "aclImdb_v1.tar.gz",
    "reviews": "reviews.txt.gz",
    "glove50": "glove.6B.50d.txt",
    "glove100": "glove.6B.100d.txt",
}


def inputs(overrides: str, files: dict[str, str]) -> list[str]:
    """Return the overrides that name a row's files; a file that is not given is downloaded."""
    named = {"corpus.path": "imdb" if "=imdb" in overrides else "trees"}
    if re.search(r"glove|both|init", overrides):
        named["glove"] = "glove100" if re.search(r"100|both", overrides) else "glove50"
    if re.search(r"reviews|imdb-own", overrides):
        named["unlabelled"] = "reviews"
    found = {key: files[name] for key, name in named.items() if name in files}
    return [f"{key}=[{v}]" if key == "unlabelled" else f"{key}={v}" for key, v in found.items()]


def command(overrides: str) -> str:
    """Return the command line of a row, with the file names of the page."""
    parts = [*shlex.split(overrides), *inputs(overrides, FILES)]
    many = any("," in part for part in parts)
    return f"yourvectors {'-m ' if many else ''}{shlex.join(parts)}"


def run(folder: Path, overrides: str, files: dict[str, str]) -> list[Path]:
    """Run the missing jobs of a multirun; return the folders of all jobs."""
    words = [*shlex.split(overrides), *inputs(overrides, files)]
    words += [f"hydra.sweep.dir={folder}", "tracking=off"]
    subprocess.run([sys.executable, "-m", "pipeline", "-m", *words], check=True)
    return in_order(path.parent for path in folder.glob("*/result.json"))


def pooled(task: str, jobs: dict[str, list[Path]]) -> Iterator[Row]:
    """Yield a row per reference, and one per other arm and reference."""
    references = REFERENCES[task]
    alone = ASIDE & jobs.keys()
    arms = [name for name in jobs if name not in references and name not in alone]
    others = [job for name in arms for job in jobs[name]]
    for reference in (*references, *alone):
        comparison = compare([*jobs[reference], *(() if reference in alone else others)])
        for arm, found in zip(comparison.arms, comparison.over_seeds(), strict=True):
            folder = Path(arm.rows[0]["folder"])
            row = {"task": task, "arm": folder.parent.name}
            row["own_words"] = arm.rows[0]["tokens"] or ""
            row["seeds"] = len(found["seeds"])
            for key in ("features", "coverage", "dev_accuracy", *SCORES):
                row[key] = found[key]
            tests = {test["metric"]: test for test in found["tests"]}
            row["against"] = reference if tests else ""
            row["arms"] = len(comparison.verdicts) if tests else ""
            row["agreeing"] = found["agreeing"] if tests else ""
            for metric in ("accuracy", "macro_f1"):
                for key in ("difference", "low", "high", "p_holm", "kind"):
                    row[f"{metric}_{key}"] = tests[metric][key] if tests else ""
            yield row


def run_pooled(task: str, output: Path, files: dict[str, str]) -> list[Row]:
    """Run what is missing of a task; return its rows, references first."""
    jobs = {name: run(output / name, row, files) for name, row in POOLED[task].items()}
    order = list(jobs)
    # Amounts of own text are arms of one multirun.
    return sorted(
        pooled(task, jobs),
        key=lambda row: (row["against"] != "", order.index(row["arm"]), row["own_words"] or 0),
    )


def value_of(job: Path, factor: str) -> str:
    """Return the value that a job had for the swept override."""
    key = factor.partition("=")[0]
    asked = dict(item.split("=", 1) for item in read_overrides(job))
    return asked.get(key, "")


def run_factors(output: Path, files: dict[str, str]) -> list[Row]:
    """Run the factors of the figure; return a row per run."""
    found = []
    for name, overrides in [*FACTORS.items(), *MORE.items()]:
        place = name if overrides != MORE.get(name) else f"{name} more"
        for job in run(output / re.sub(r"\W+", "-", place), overrides, files):
            result = FinishedRun.read(job).result
            row = {"part": name, "value": value_of(job, overrides), "seed": result["seed"]}
            row |= {f"{split}_accuracy": result[split]["accuracy"] for split in ("dev", "test")}
            found.append(row)
    return found


def run_groups(output: Path, files: dict[str, str]) -> list[Row]:
    """Return the accuracy of groups of test sentences, and what the bag changes in each."""
    rows = POOLED["treebank"] | POOLED["reviews"] | POOLED["bag"]
    jobs = {name: run(output / name, rows[name], files) for name in GROUPED}
    found = [{"part": name, **row} for name, of in jobs.items() for row in groups_of(of)]
    changes = changes_of(jobs["reviews300"], jobs["reviews300_bag"])
    return found + [{"part": CHANGE, **row} for row in changes]


def draw_arms(rows: list[Row]) -> Figure:
    """Draw the film reviews: GloVe 100-d, and own vectors by the amount of own text."""

    def name(words: float) -> str:
        return f"own, {float(f'{words:.2g}'):,.0f} words" if words else "GloVe 100-d"

    kinds = {row["own_words"]: row["accuracy_kind"] for row in rows if row["against"]}
    drawn = [
        {
            "arm": name(row["own_words"]),
            "accuracy": row["test_accuracy"],
            "low": row["test_low"],
            "high": row["test_high"],
            "kind": kinds.get(row["own_words"], "reference"),
            "seeds": [row["test_accuracy"]],
        }
        for row in rows
    ]
    return plots.arms(pd.DataFrame(drawn))


def main() -> None:
    """Run what is missing; write the tables and the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, what in FILES.items():
        parser.add_argument(f"--{name}", metavar="FILE", help=f"{what} (default: download it)")
    parser.add_argument("--output", type=Path, default=Path("outputs") / "results")
    parser.add_argument("--part", nargs="*", default=PARTS, choices=PARTS)
    args = parser.parse_args()
    files = {name: found for name in FILES if (found := getattr(args, name))}
    if "reviews" not in files and ({*PARTS} - {"treebank"}) & {*args.part}:
        parser.error("--reviews FILE: a film review per line, .txt or .gz")
    arms = DOCS / "results-arms.csv"
    for task in (task for task in POOLED if task in args.part):
        old = read_csv(arms) if arms.exists() else []
        rows = [row for row in old if row["task"] != task] + run_pooled(task, args.output, files)
        write_csv(arms, rows)
    if "factors" in args.part:
        write_csv(DOCS / "results.csv", run_factors(args.output, files))
    if "groups" in args.part:
        write_csv(DOCS / "results-groups.csv", run_groups(args.output, files))
    pages, runs, groups = (read_csv(DOCS / f"results{n}.csv") for n in ("-arms", "", "-groups"))
    draw_arms([row for row in pages if row["task"] == "imdb"]).savefig(DOCS / "arms.png")
    (glove,) = (row for row in pages if row["arm"] == "glove50" and row["task"] == "treebank")
    ablation(runs, list(FACTORS), glove["test_accuracy"]).savefig(DOCS / "results.png")
    group_changes([row for row in groups if row["part"] == CHANGE]).savefig(DOCS / "groups.png")
    page = DOCS.parent / "RESULTS.md"
    text = filled(page.read_text("utf-8"), command_tables() | tables(pages, groups))
    page.write_text(text, encoding="utf-8")


def command_tables() -> dict[str, str]:
    """Return the tables of commands in Markdown."""
    return {
        f"commands-{name}": "\n".join(
            ["| row | command |", "|---|---|"]
            + [f"| {row} | `{command(overrides)}` |" for row, overrides in rows.items()]
        )
        for name, rows in POOLED.items()
    }


if __name__ == "__main__":
    main()
