"""Stage `report`: tables in the run's folder, and what ``result.json`` says."""

from __future__ import annotations

import importlib.metadata
import logging
import platform
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from pipeline.core.errors import UserError, require
from pipeline.core.files import write, write_json
from pipeline.core.metrics import Metric
from pipeline.stages.best.best import Best
from pipeline.stages.best.text_classifier import TextClassifier
from pipeline.stages.corpus import Corpus
from pipeline.stages.features.features import Features, Mean
from pipeline.stages.report.result import Numbers
from pipeline.stages.sweep.sweep import Sweep
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocabulary

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


def default_negations() -> list[str]:
    """Return words that turn a statement round, as English tokens."""
    listed = (
        "not n't no never none nobody nothing nor neither nowhere without cannot hardly barely "
        "scarcely"
    )
    return listed.split()


def default_contrasts() -> list[str]:
    """Return words that set one half of a sentence against the other, in English."""
    return ["but", "although", "though", "however", "yet", "despite"]


@dataclass
class Report:
    """What to write.

    Parameters
    ----------
    words
        The words on the map, those that have a vector.
    neighbours
        How many nearest neighbours of each of these to list.
    examples
        How many mistakes of each kind the page shows, explained word by word.
    negations, contrasts
        Words by which sentences with a negation, and those with a "but", are known.
    learning_curve
        Shares of the training sentences, each above 0 and at most 1, to fit the chosen classifier
        on: what more labelled sentences would bring, phrases left out. Empty: none.
    draws
        How many times each share is drawn.
    """

    words: list[str] = field(default_factory=default_words)
    neighbours: int = 10
    examples: int = 3
    negations: list[str] = field(default_factory=default_negations)
    contrasts: list[str] = field(default_factory=default_contrasts)
    learning_curve: list[float] = field(default_factory=list)
    draws: int = 5

    def __post_init__(self) -> None:
        """Check values."""
        for name, least in (("neighbours", 0), ("examples", 0), ("draws", 1)):
            value = getattr(self, name)
            require(value >= least, f"report.{name} must be at least {least}, not {value}.")
        wrong = [share for share in self.learning_curve if not 0 < share <= 1]
        require(not wrong, f"report.learning_curve: shares are above 0 and at most 1, not {wrong}.")

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Report:
        """Return the report settings of a finished run; what an older run lacks has its default.

        Raises
        ------
        UserError
            If a setting has another type.
        """
        from pydantic import TypeAdapter, ValidationError

        named = {field.name: settings.get(f"report.{field.name}") for field in fields(cls)}
        given = {name: value for name, value in named.items() if value is not None}
        try:
            return TypeAdapter(cls).validate_python(given)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise UserError(f"settings in result.json: report.{where}: {first['msg']}.") from error


@dataclass(frozen=True)
class ReportFolder:
    """Where the report stands."""

    folder: Path

    def describe(self) -> str:
        """Return one line for the person at the terminal."""
        return str(self.folder / "report" / "index.html")

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
) -> ReportFolder:
    """Write what each stage gave, under the stage's name.

    ``corpus/summary.json``, ``vocab/vocabulary.tsv``, ``vectors/``, ``sweep/results.csv``,
    ``best/predictions.csv`` and what `TextClassifier.load` needs, and tables under ``report``.
    Figures and page, drawn by `write_page`, need the run's result too.
    """
    config = config or Report()
    mean = mean or Mean()
    write_json(folder / "corpus" / "summary.json", corpus.summary())
    vocabulary.write_table(folder / "vocab")
    _csv(folder / "sweep" / "results.csv", swept.results)
    sentences = {name: split.sentences for name, split in corpus.splits.items()}
    best.write_predictions(folder / "best", features, sentences)
    model = TextClassifier(
        *(vectors, mean, best.classifier, corpus.classes),
        tokenizer=corpus.unlabelled.tokenizer,
        fitted=features.fitted,
    )
    try:
        model.save(folder)
    except UserError as error:  # one's own classifier may be such: the numbers stand all the same
        log.warning("%s", error)
    _words(folder / "report", vectors, config)
    _confusion(folder / "report", features, best)
    if config.learning_curve:
        _learning_curve(folder / "report", features, best, config)
    return ReportFolder(folder)


def _words(folder: Path, vectors: WordVectors, config: Report) -> None:
    """Write where the chosen words lie, and what is nearest to them."""
    import pandas as pd

    words, points = vectors.project(config.words)
    _csv(folder / "words.csv", pd.DataFrame({"word": words, "x": points[:, 0], "y": points[:, 1]}))
    rows = [
        {"word": word, "rank": rank, "neighbour": neighbour, "cosine": cosine}
        for word in words
        for rank, (neighbour, cosine) in enumerate(vectors.nearest(word, config.neighbours), 1)
    ]
    columns = ["word", "rank", "neighbour", "cosine"]
    _csv(folder / "neighbours.csv", pd.DataFrame(rows, columns=columns))


def _confusion(folder: Path, features: Features, best: Best) -> None:
    import pandas as pd
    from sklearn.metrics import confusion_matrix

    names = list(features.classes)
    labels = range(len(names))
    matrix = confusion_matrix(features.y["test"], best.predicted["test"], labels=labels)
    table = pd.DataFrame(matrix, pd.Index(names, name="true \\ predicted"), names)
    write(folder / "confusion.csv", table.to_csv)


def _learning_curve(folder: Path, features: Features, best: Best, config: Report) -> None:
    """Fit the chosen classifier on shares of train; test is left alone."""
    import pandas as pd
    from sklearn.model_selection import learning_curve

    train, dev = len(features.y["train"]), len(features.y["dev"])
    rows = np.arange(train + dev)
    with threadpool_limits(1):
        sizes, on_train, on_dev = learning_curve(
            best.classifier,
            np.concatenate([features.X["train"], features.X["dev"]]),
            np.concatenate([features.y["train"], features.y["dev"]]),
            cv=[(rows[:train], rows[train:])] * config.draws,
            train_sizes=sorted(config.learning_curve),
            shuffle=True,  # each draw by itself; a larger share holds the smaller ones
            random_state=0,
        )
    table = pd.DataFrame(
        {
            "sentences": np.repeat(sizes, config.draws),
            "draw": np.tile(np.arange(config.draws), len(sizes)),
            "train_accuracy": on_train.ravel(),
            "dev_accuracy": on_dev.ravel(),
        }
    )
    _csv(folder / "learning_curve.csv", table.dropna())  # where a draw had but one class


def _csv(path: Path, table: pd.DataFrame) -> None:
    write(path, lambda file: table.to_csv(file, index=False))


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
) -> Numbers:
    """Return the numbers of a run, as plain JSON values, accuracies as fractions of 1."""
    return {
        "task": corpus.task,
        "strength": best.strength,
        "train": best.scores["train"],
        "dev": best.scores["dev"],
        "test": best.scores["test"],
        "coverage": features.coverage,
        "dim": vectors.dim,
        "features": features.number,
        "without_words": features.without_words,
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
