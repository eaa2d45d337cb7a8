"""`FinishedRun`: the files of a run, read back and checked; nothing is trained again."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError, require
from pipeline.stages.best.text_classifier import TextClassifier
from pipeline.stages.report.explain import Explanation, Scores, explain, scores_of, word_scores
from pipeline.stages.report.mistakes import Scored
from pipeline.stages.report.result import (
    Result,
    Summary,
    is_intact,
    read_checked,
    read_result,
)

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

# What the page is made from; all else in this folder is written with the page.
PAGE_SOURCES = frozenset({"report/words.csv", "report/neighbours.csv", "report/learning_curve.csv"})
_MODEL = ("vectors/", "best/classifier", "best/weights")
# A user may delete these to save space; the page then does without them.
_OPTIONAL = ("vectors/", "best/classifier.skops")


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """A finished run's folder.

    Every file is checked when it is read: its sha256 against ``result.json`` (version 0.1.0 wrote
    none there), and its columns and values. A missing or damaged file is a `UserError`.

    Parameters
    ----------
    folder
        The run's folder.
    result
        The content of ``result.json``.
    """

    folder: Path
    result: Result = field(repr=False)

    @classmethod
    def read(cls, folder: Path) -> FinishedRun:
        """Open a run's folder.

        Raises
        ------
        UserError
            If it has no ``result.json``, or a damaged one.
        """
        return cls(folder, read_result(folder))

    def check(self) -> None:
        """Raise `UserError` if a file that the page does not replace is damaged or missing."""
        for name in self.result.get("files", {}):
            replaced = name.startswith("report/") and name not in PAGE_SOURCES
            deleted = name.startswith(_OPTIONAL) and not (self.folder / name).exists()
            if not replaced and not deleted:
                self._intact(name)

    @cached_property
    def summary(self) -> Summary:
        """The content of ``corpus/summary.json``: classes, and the size of each split."""
        return read_checked(self._intact("corpus/summary.json"), Summary)

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in order."""
        return self.summary["classes"]

    @cached_property
    def strengths(self) -> pd.DataFrame:
        """The sweep's results, a row a strength."""
        import pandas as pd

        with self._reading("sweep/results.csv") as path:
            table = pd.read_csv(path)
            numbers = ["strength", "train_accuracy", "dev_accuracy"]
            table[numbers] = table[numbers].astype(float)
            _finite(table)
            table["strength"].iloc[0]  # there is at least one
        return table

    @property
    def chosen(self) -> int:
        """The row of the chosen strength."""
        return int((self.strengths["strength"] - self.result["strength"]).abs().argmin())

    @cached_property
    def test(self) -> Scored:
        """The test sentences with their predictions."""
        import pandas as pd

        index = {name: i for i, name in enumerate(self.classes)}
        expected = self.summary["splits"]["test"]["sentences"]
        text = dict.fromkeys(("split", "sentence", "label", "predicted"), str)
        with self._reading("best/predictions.csv") as path:
            table = pd.read_csv(path, dtype=text, keep_default_na=False)
            table = table[table["split"] == "test"]
            _finite(table)
            if len(table) != expected:
                raise ValueError(f"{len(table)} of the {expected} test sentences")
            true = np.array([index[name] for name in table["label"]], np.int64)
            predicted = np.array([index[name] for name in table["predicted"]], np.int64)
            if "p_label" in table and "p_predicted" in table:  # there are many classes
                p_true = table["p_label"].to_numpy(np.float64)
                p_predicted = table["p_predicted"].to_numpy(np.float64)
            else:
                p = table[[f"p({name})" for name in index]].to_numpy(np.float64)
                rows = np.arange(len(table))
                p_true, p_predicted = p[rows, true], p[rows, predicted]
            sentences = [text.split(" ") for text in table["sentence"]]
            return Scored(sentences, true, predicted, p_true, p_predicted)

    @cached_property
    def model(self) -> TextClassifier | None:
        """Vectors and classifier; None, with a warning, where they were deleted or not saved."""
        names = [name for name in self.result.get("files", {}) if name.startswith(_MODEL)]
        names += ["vectors/words.txt", "vectors/matrix.npy", "best/classifier.skops"]
        missing = next((name for name in names if not (self.folder / name).exists()), None)
        if missing is not None:
            log.warning("%s: words are not explained: %s is missing", self.folder, missing)
            return None
        for name in names:
            self._intact(name)
        with _readable(self.folder / "vectors or best"):
            try:
                return TextClassifier.load(self.folder)
            except UserError as error:  # such as a classifier of the user's own type
                log.warning("%s: words are not explained: %s", self.folder, error)
                return None

    @cached_property
    def scores(self) -> Scores | None:
        """The classifier's scores; None where they are not a sum over words."""
        if self.model is None:
            return None
        return scores_of(self.model.classifier, self.model.features(self.test.sentences))

    def explain(self, sentence: int) -> Explanation | None:
        """Decompose the scores of a test sentence; None where that cannot be done."""
        model, scores = self.model, self.scores
        if model is None or scores is None:
            return None
        tokens = self.test.sentences[sentence]
        return explain(tokens, model.vectors, scores, model.mean, model.fitted)

    def speaks_for(self, words: Sequence[str]) -> list[int]:
        """Return for each word the index of the class that it speaks for most.

        In a sentence by itself, it raises this class's score most, compared with the mean of all
        classes. Empty if words are not explained.
        """
        model, scores = self.model, self.scores
        if model is None or scores is None:
            return []
        added = word_scores(words, model.vectors, scores, model.mean, model.fitted)
        best: list[int] = (added - added.mean(axis=1, keepdims=True)).argmax(axis=1).tolist()
        return best

    def unknown(self) -> NDArray[np.int64] | None:
        """Count each test sentence's words without a vector, (n,); None without the vectors."""
        if self.model is None:
            return None
        index = self.model.fitted.index(self.model.vectors)
        counts = [sum(word not in index for word in words) for words in self.test.sentences]
        return np.array(counts, np.int64)

    @cached_property
    def learning_curve(self) -> pd.DataFrame | None:
        """Mean and deviation over draws at every number of sentences; None: it was not made."""
        accuracies = ["train_accuracy", "dev_accuracy"]
        table = self.table("report/learning_curve.csv", "sentences", *accuracies)
        if table is None:
            return None
        grouped = table.groupby("sentences")
        means = grouped[accuracies].mean()
        # One draw has no deviation, and the whole of train is always the same.
        means["dev_deviation"] = grouped["dev_accuracy"].std().fillna(0.0)
        return means.reset_index()

    def table(self, name: str, *columns: str, **text: type) -> pd.DataFrame | None:
        """Read a CSV file of the run; None if it has no such file.

        Parameters
        ----------
        name
            Its path below the run's folder.
        columns
            Columns of numbers that it must have.
        text
            Columns of text that it must have.
        """
        import pandas as pd

        if not (self.folder / name).exists():
            return None
        with self._reading(name) as path:
            table = pd.read_csv(path, dtype=text, keep_default_na=False)
            if columns:
                table = table[[*text, *columns]].astype(dict.fromkeys(columns, float))
            _finite(table)
            return table

    @contextlib.contextmanager
    def _reading(self, name: str) -> Iterator[Path]:
        """Give the path of a file that is intact; an error while it is read is a `UserError`."""
        path = self._intact(name)
        with _readable(path):
            yield path

    def _intact(self, name: str) -> Path:
        """Return the path of a file, or raise `UserError` if it is missing or damaged."""
        path = self.folder / name
        require(path.exists(), f"{self.folder}: {name} is missing. Run it again.")
        digest = self.result.get("files", {}).get(name)
        require(
            digest is None or is_intact(self.folder, name, digest),
            f"{path} is damaged: it is not as the run wrote it. Run it again.",
        )
        return path


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn any error in reading a damaged file into a `UserError`."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # every reader fails in its own way
        said = " ".join([type(error).__name__, *str(error).splitlines()[:1]])[:120]
        raise UserError(f"{path} is damaged ({said}). Run it again.") from error


def _finite(table: pd.DataFrame) -> None:
    """Raise `ValueError` where a number of a table is missing or not finite."""
    if not np.isfinite(table.select_dtypes("number")).all(axis=None) or table.isna().any(axis=None):
        raise ValueError("a number is missing")


def read_overrides(folder: Path) -> list[str]:
    """Return the overrides that a run had on the command line, whether or not it finished."""
    import yaml

    path = folder / ".hydra" / "overrides.yaml"
    if not path.exists():
        return []
    with _readable(path):
        return [str(item) for item in list(yaml.safe_load(path.read_text("utf-8")) or [])]


def in_order(jobs: Iterable[Path]) -> list[Path]:
    """Sort the folders of a multirun's jobs: by number, those with a name after them."""

    def place(job: Path) -> tuple[bool, int, str]:
        number = job.name.isdecimal()
        return not number, int(job.name) if number else 0, job.name

    return sorted(jobs, key=place)
