"""Finished runs for tests: small, and of a corpus that tries to break what shows it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from pipeline.cache.store import Cache
from pipeline.experiment import Experiment
from pipeline.stages.corpus import Table
from pipeline.stages.features.features import Mean
from pipeline.stages.report.report import Report
from pipeline.stages.sweep.sweep import Logistic
from pipeline.stages.vectors.word_vectors import WordVectors

# Under two labels each, so that one of the two is a mistake, which the page shows.
_BRACES = "'quoted' {{ 7 * 7 }} {% raw %} nothing"
_SCRIPT = "<script>alert(1)</script> was dull"
_LONG = "w" * 300
_IMAGE = "</p><img src=x onerror=alert(1)> film"
HOSTILE = {
    "<b>bad</b>": [_SCRIPT, _IMAGE, 'it is "not" & never &amp; good', _BRACES],
    'so "so"': [_IMAGE, _BRACES, _SCRIPT, f"</script><svg onload=alert(1)> \x1b[31mred {_LONG}"],
    "טוב 👍": ["סרט טוב מאוד but long", "👍🏽 🎬 brilliant \N{RIGHT-TO-LEFT OVERRIDE}txt"],
}


class Vectors:
    """Vectors for most words of a corpus, whose numbers follow the word."""

    def __init__(self, seed: int = 1, dim: int = 4, share: float = 0.8) -> None:
        self.seed, self.dim, self.share = seed, dim, share

    def make(self, corpus, _):
        words = sorted(corpus.words())
        rng = np.random.default_rng(self.seed)
        words = words[: max(1, int(self.share * len(words)))]
        matrix = rng.normal(size=(len(words), self.dim)).astype(np.float32)
        return WordVectors(words, matrix, {"source": "test"})


def table(path: Path, texts: dict[str, list[str]], copies: int = 20) -> Table:
    """Write every text under its label, with numbers, and every fifth to each of test and dev."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "split"])
        for i in range(copies):
            split = {0: "test", 1: "dev"}.get(i % 5, "train")
            for label, sentences in texts.items():
                writer.writerows([f"{text} {i}", label, split] for text in sentences)
    return Table(path=str(path), split="split")


def hostile(folder: Path, name: str = "own", **settings) -> Path:
    """Run an experiment on the hostile corpus; return the run's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        "corpus": table(folder.parent / "table.csv", HOSTILE),
        "vectors": Vectors(),
        "features": Mean(),
        "sweep": Logistic([0.1, 10.0]),
        "report": Report(words=["<", "film", "טוב", "👍🏽"], examples=2),
        "choices": {"vectors": name},
        "cache": Cache(enabled=False),
    }
    Experiment(**made | settings).run(folder)
    return folder
