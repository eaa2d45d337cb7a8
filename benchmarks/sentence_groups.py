"""The accuracy of groups of test sentences: by content, by unknown words, by length."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from result_tables import Row

from pipeline.core.statistics import accuracy_interval
from pipeline.stages.report.finished_run import FinishedRun

LENGTHS = (1, 10, 20, 30, 1000)  # sentence lengths in words
UNKNOWN = {  # shares of unknown words in a sentence: (above, at most)
    "every word known": (-1.0, 0.0),
    "unknown words, up to 5 %": (0.0, 0.05),
    "5 to 10 %": (0.05, 0.1),
    "more than 10 %": (0.1, 1.0),
}


def groups_of(job: Path) -> Iterator[Row]:
    """Yield the accuracy of groups of test sentences, by content, unknown words and length."""
    page = json.loads((job / "report" / "page.json").read_text("utf-8"))
    for row in page["groups"]:
        if row["name"] not in {"unknown words", "every word known"}:
            yield {key: row[key] for key in ("name", "sentences", "accuracy", "low", "high")}
    run = FinishedRun.read(job)
    test, unknown = run.test, run.unknown()
    settings = run.result["settings"]
    listed = {*settings["report.negations"], *settings["report.contrasts"]}
    plain = np.array([listed.isdisjoint(map(str.lower, tokens)) for tokens in test.sentences])
    yield group_of("neither of the two", test.wrong[plain])
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
