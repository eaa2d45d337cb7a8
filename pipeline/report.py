"""Stage `report`: tables, figures and ``result.json`` in the run's folder."""

from __future__ import annotations

import importlib.metadata
import logging
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.best import Best
from pipeline.classify import TextClassifier
from pipeline.corpus import Corpus
from pipeline.errors import UserError, require
from pipeline.features import Features, Mean
from pipeline.files import write, write_json
from pipeline.journal import Metric
from pipeline.sweep import Sweep
from pipeline.vocab import Vocabulary
from pipeline.wordvectors import WordVectors

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

_PACKAGES = ("yourvectors", "numpy", "numba", "scipy", "scikit-learn", "mlflow", "hydra-core")


def default_words() -> list[str]:
    """Return the words on the map unless others are named: function words and words of praise."""
    listed = (
        "the a an , . ? ! `` '' -- good great cool brilliant wonderful well amazing worth sweet "
        "enjoyable boring bad waste dumb annoying"
    )
    return listed.split()


@dataclass
class Report:
    """What to write.

    Parameters
    ----------
    words
        The words on the map, those that have a vector.
    neighbours
        How many nearest neighbours of each of these to list.
    """

    words: list[str] = field(default_factory=default_words)
    neighbours: int = 10

    def __post_init__(self) -> None:
        """Check values."""
        require(
            self.neighbours >= 0, f"report.neighbours must be at least 0, not {self.neighbours}."
        )


@dataclass(frozen=True)
class Written:
    """Where the report stands."""

    folder: Path

    def describe(self) -> str:
        """Return one line for the person at the terminal."""
        return str(self.folder)

    def metrics(self) -> tuple[Metric, ...]:
        """Return nothing: each stage has its own."""
        return ()


def write_report(
    folder: Path,
    corpus: Corpus,
    vocabulary: Vocabulary,
    vectors: WordVectors,
    features: Features,
    swept: Sweep,
    best: Best,
    mean: Mean | None = None,
    config: Report | None = None,
) -> Written:
    """Write what each stage gave, under the stage's name, and the figures under ``report``.

    ``corpus/summary.json``, ``vocab/vocabulary.tsv``, ``vectors/``, ``sweep/results.csv``,
    ``best/predictions.csv`` and what `TextClassifier.load` needs, ``report/*.png`` and their
    numbers as CSV.
    """
    config = config or Report()
    mean = mean or Mean()
    write_json(folder / "corpus" / "summary.json", corpus.summary())
    vocabulary.save(folder / "vocab")
    _csv(folder / "sweep" / "results.csv", swept.results)
    sentences = {name: split.sentences for name, split in corpus.splits.items()}
    best.save(folder / "best", features, sentences)
    text = corpus.unlabelled
    model = TextClassifier(
        *(vectors, mean, best.classifier, corpus.classes), lower=text.lower, brackets=text.brackets
    )
    try:
        model.save(folder)
    except UserError as error:  # one's own classifier may be such: the numbers stand all the same
        log.warning("%s", error)
    _figures(folder / "report", vectors, features, swept, best, config)
    return Written(folder)


def _figures(
    folder: Path,
    vectors: WordVectors,
    features: Features,
    swept: Sweep,
    best: Best,
    config: Report,
) -> None:
    import pandas as pd
    from sklearn.metrics import confusion_matrix

    from pipeline import plots

    matrix = confusion_matrix(
        features.y["test"], best.predicted["test"], labels=range(len(features.classes))
    )
    names = list(features.classes)
    table = pd.DataFrame(matrix, pd.Index(names, name="true \\ predicted"), names)
    _csv(folder / "confusion.csv", table, index=True)
    words, points = vectors.project(config.words)
    _csv(folder / "words.csv", pd.DataFrame({"word": words, "x": points[:, 0], "y": points[:, 1]}))
    rows = [
        {"word": word, "rank": rank, "neighbour": neighbour, "cosine": cosine}
        for word in words
        for rank, (neighbour, cosine) in enumerate(vectors.nearest(word, config.neighbours), 1)
    ]
    columns = ["word", "rank", "neighbour", "cosine"]
    _csv(folder / "neighbours.csv", pd.DataFrame(rows, columns=columns))

    test_accuracy = best.scores["test"]["accuracy"]
    figures = {
        "strength": plots.strength_curve(swept.results, best.row, test_accuracy),
        "confusion": plots.confusion(matrix, names),
    }
    if words:
        figures["words"] = plots.word_map(words, points)
    if len(vectors.curve) > 1:
        figures["loss"] = plots.loss_curve(vectors.curve)
    for name, figure in figures.items():
        write(folder / f"{name}.png", figure.savefig)


def _csv(path: Path, table: pd.DataFrame, *, index: bool = False) -> None:
    write(path, lambda file: table.to_csv(file, index=index))


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a number can depend on."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def result(
    corpus: Corpus, vocabulary: Vocabulary, vectors: WordVectors, features: Features, best: Best
) -> dict[str, Any]:
    """Return the numbers of a run, as plain JSON values, accuracies as fractions of 1."""
    return {
        "task": corpus.task,
        "strength": best.strength,
        **best.scores,
        "coverage": features.coverage,
        "dim": vectors.dim,
        "vocabulary": len(vocabulary),
        "tokens": len(vocabulary.tokens),
        "provenance": vectors.provenance,
        "digests": {
            "corpus": corpus.digest,
            "test": corpus.splits["test"].digest,
            "vocab": vocabulary.digest,
            "vectors": vectors.digest,
        },
        "versions": versions(),
    }
