"""`FinishedRun`: a run read back from its folder, however old; nothing is trained again."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError
from pipeline.stages.best.text_classifier import TextClassifier
from pipeline.stages.report.explain import Explanation, Scores, explain, scores_of
from pipeline.stages.report.mistakes import Scored

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """What a run left in its folder.

    Parameters
    ----------
    folder
        The run's.
    result
        The content of ``result.json``.
    """

    folder: Path
    result: dict[str, Any] = field(repr=False)

    @classmethod
    def read(cls, folder: Path) -> FinishedRun:
        """Open a run's folder.

        Raises
        ------
        UserError
            If it holds no ``result.json``, or one that is no JSON.
        """
        path = folder / "result.json"
        try:
            return cls(folder, json.loads(path.read_text("utf-8")))
        except FileNotFoundError as error:
            raise UserError(f"{folder} is not the folder of a finished run: no {path}.") from error
        except json.JSONDecodeError as error:
            raise UserError(f"{path}, line {error.lineno}: not JSON ({error.msg}).") from error

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The content of ``corpus/summary.json``: classes, and the size of each split."""
        content: dict[str, Any] = json.loads(self._path("corpus/summary.json").read_text("utf-8"))
        return content

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in order."""
        return list(map(str, self.summary["classes"]))

    @cached_property
    def strengths(self) -> pd.DataFrame:
        """The sweep's results, a row a strength."""
        import pandas as pd

        return pd.read_csv(self._path("sweep/results.csv"))

    @property
    def chosen(self) -> int:
        """The row of the chosen strength."""
        return int((self.strengths["strength"] - self.result["strength"]).abs().argmin())

    @cached_property
    def test(self) -> Scored:
        """The test sentences with what was predicted of them."""
        import pandas as pd

        text = dict.fromkeys(("split", "sentence", "label", "predicted"), str)
        table = pd.read_csv(
            self._path("best/predictions.csv"),
            dtype=text,
            keep_default_na=False,
        )
        table = table[table["split"] == "test"]
        index = {name: i for i, name in enumerate(self.classes)}
        return Scored(
            sentences=[text.split(" ") for text in table["sentence"]],
            true=np.array([index[name] for name in table["label"]], np.int64),
            predicted=np.array([index[name] for name in table["predicted"]], np.int64),
            probabilities=table[[f"p({name})" for name in self.classes]].to_numpy(np.float64),
        )

    @cached_property
    def model(self) -> TextClassifier | None:
        """Vectors and classifier; None, said once, where they were not kept."""
        try:
            return TextClassifier.load(self.folder)
        except (UserError, OSError) as error:
            log.warning("%s: words are not explained: %s", self.folder, error)
            return None

    @cached_property
    def scores(self) -> Scores | None:
        """The classifier's scores; None where they are no sum over words."""
        if self.model is None:
            return None
        return scores_of(self.model.classifier, self.model.features(self.test.sentences))

    def explain(self, sentence: int) -> Explanation | None:
        """Decompose the scores of a test sentence; None where that cannot be done."""
        if self.model is None or self.scores is None:
            return None
        tokens = self.test.sentences[sentence]
        model = self.model
        return explain(tokens, model.vectors, self.scores, model.mean, model.weights)

    def unknown(self) -> NDArray[np.int64] | None:
        """Count each test sentence's words without a vector, (n,); None without the vectors."""
        if self.model is None:
            return None
        index = self.model.vectors.index
        counts = [sum(word not in index for word in words) for words in self.test.sentences]
        return np.array(counts, np.int64)

    def overrides(self) -> list[str]:
        """Return what the run was asked for at the command line."""
        import yaml

        path = self.folder / ".hydra" / "overrides.yaml"
        return list(yaml.safe_load(path.read_text("utf-8")) or []) if path.exists() else []

    def _path(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            raise UserError(f"{self.folder} is not whole: {path} is missing. Run it again.")
        return path


def in_order(jobs: Iterable[Path]) -> list[Path]:
    """Sort the folders of a multirun's jobs: by number, those with a name after them."""

    def place(job: Path) -> tuple[bool, int, str]:
        number = job.name.isdecimal()
        return not number, int(job.name) if number else 0, job.name

    return sorted(jobs, key=place)
