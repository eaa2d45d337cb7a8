"""Stage `report`: the tables in a run's folder, and the numbers in ``result.json``."""

from __future__ import annotations

import importlib.metadata
import logging
import platform
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.core.errors import SettingError, UserError
from pipeline.core.files import write_json, write_table
from pipeline.core.metrics import Metric
from pipeline.core.notebook import displayed
from pipeline.core.settings import Settings, bounded
from pipeline.stages.best.best import Best
from pipeline.stages.best.text_classifier import TextClassifier
from pipeline.stages.corpus import Corpus
from pipeline.stages.features.averaging import Mean
from pipeline.stages.features.features import Features
from pipeline.stages.report.curve_text import with_differences
from pipeline.stages.report.learning import learning_curve
from pipeline.stages.report.result import Numbers
from pipeline.stages.report.words import map_table, neighbour_table, words_to_show
from pipeline.stages.sweep.sweep import Sweep
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocabulary

log = logging.getLogger(__name__)

_PACKAGES = ("yourvectors", "numpy", "numba", "scipy", "scikit-learn", "mlflow", "hydra-core")


# Function words, and words of praise and blame.
_WORDS = (
    "the a an , . ? ! `` '' -- good great cool brilliant wonderful well amazing worth sweet "
    "enjoyable boring bad waste dumb annoying"
)
_NEGATIONS = (
    "not n't no never none nobody nothing nor neither nowhere without cannot hardly barely scarcely"
)
_CONTRASTS = "but although though however yet despite"


@displayed
@dataclass
class Report(Settings):
    """What the report of a run shows.

    Parameters
    ----------
    words
        Words to draw on the map if they have a vector. If few of them have one, frequent words of
        the text are added.
    neighbours
        How many nearest neighbours to list for each content word among these.
    examples
        How many mistakes of each kind the page explains word by word.
    negations, contrasts
        Words that make a sentence one with a negation, or one with a contrast such as "but".
    learning_curve
        Shares of the training sentences, each above 0 and at most 1, to fit the classifier on:
        what more labelled sentences would bring, phrases left out. Empty: none.
    draws
        How many times each share is drawn.
    min_count
        A neighbour must occur at least this often in the training text.
    """

    words: list[str] = field(default_factory=_WORDS.split)
    neighbours: int = bounded(10, least=0)
    examples: int = bounded(3, least=0)
    negations: list[str] = field(default_factory=_NEGATIONS.split)
    contrasts: list[str] = field(default_factory=_CONTRASTS.split)
    learning_curve: list[float] = field(
        default_factory=list, metadata={"bounds": {"above": 0, "most": 1}}
    )
    draws: int = bounded(5, least=1)
    min_count: int = bounded(5, least=0)

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Report:
        """Return the report settings of a finished run; what an older run lacks has its default.

        Raises
        ------
        UserError
            If a setting has another type.
        """
        named = {field.name: settings.get(f"report.{field.name}") for field in fields(cls)}
        given = {name: value for name, value in named.items() if value is not None}
        try:
            return cls(**given)
        except SettingError as error:
            raise UserError(f"settings in result.json: report.{error}") from error


@dataclass(frozen=True)
class ReportFolder:
    """The folder of a written report."""

    folder: Path

    def describe(self) -> str:
        """Return one line for the terminal."""
        return "tables, and words for the page"

    def metrics(self) -> tuple[Metric, ...]:
        """Return nothing: each stage has its own metrics."""
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
    """Write the results of each stage to the folder that has the stage's name.

    These are ``corpus/summary.json``, ``vocab/vocabulary.tsv``, ``vectors/``,
    ``sweep/results.csv``, ``best/predictions.csv``, what `TextClassifier.load` reads, and tables in
    ``report/``. Figures and page need the run's result too: `write_page` draws them.
    """
    config, mean = config or Report(), mean or Mean()
    write_json(folder / "corpus" / "summary.json", corpus.summary())
    vocabulary.write_table(folder / "vocab")
    write_table(folder / "sweep" / "results.csv", with_differences(swept, features, best))
    sentences = {name: split.sentences for name, split in corpus.splits.items()}
    best.write_predictions(folder / "best", sentences)
    model = TextClassifier(
        *(vectors, mean, best.classifier, corpus.classes),
        tokenizer=corpus.unlabelled.tokenizer,
        fitted=features.fitted,
    )
    try:
        model.save(folder)
    except UserError as error:  # a user's own classifier; the run goes on
        log.warning("%s", error)
    report = folder / "report"
    shown = words_to_show(config.words, vectors, vocabulary)
    write_table(report / "words.csv", map_table(vectors, shown))
    neighbours = neighbour_table(vectors, vocabulary, shown, config.neighbours, config.min_count)
    write_table(report / "neighbours.csv", neighbours)
    if config.learning_curve:
        shares, draws = config.learning_curve, config.draws
        write_table(
            report / "learning_curve.csv", learning_curve(features, swept, best, shares, draws)
        )
    return ReportFolder(folder)


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the main packages."""
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
        "majority": best.majority,
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
