"""`TextClassifier`: what a run found, as one object from raw text to label and probabilities."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.core.arrays import read_array, write_array
from pipeline.core.errors import UserError
from pipeline.core.files import write_json
from pipeline.stages.corpus import sentences
from pipeline.stages.features.features import Mean, Weighting, average, word_counts
from pipeline.stages.sweep.persistence import Classifier, load_classifier, save_classifier
from pipeline.stages.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    import pandas as pd

_AVERAGING = {field.name for field in fields(Mean)}


@dataclass(frozen=True, eq=False)
class TextClassifier:
    """Word vectors, how to average them, and the chosen classifier.

    Parameters
    ----------
    vectors, mean, classifier
        What the run used.
    classes
        Class names in order.
    lower, brackets
        How the run's corpus was written: lower-cased; ``(`` rather than ``-LRB-``.
    weights
        (V,) what each word's vector is multiplied by; None: nothing.
    """

    vectors: WordVectors
    mean: Mean
    classifier: Classifier
    classes: tuple[str, ...]
    lower: bool = True
    brackets: bool = True
    weights: NDArray[np.float64] | None = None

    def features(self, tokens: Sequence[Sequence[str]]) -> NDArray[np.float64]:
        """Return the (n, D) features of tokenised texts, as the run made them."""
        return average(*word_counts(tokens, self.vectors), self.vectors, self.mean, self.weights)

    def predict(self, texts: Sequence[str]) -> pd.DataFrame:
        """Return a row a text: its ``label``, and ``p(CLASS)`` for every class."""
        import pandas as pd

        if isinstance(texts, str):
            raise TypeError("texts is a single text; give a list of texts.")
        if not len(texts):
            return pd.DataFrame(columns=["label", *(f"p({name})" for name in self.classes)])
        tokens = [self._tokenize(text) for text in texts]
        probabilities = self.classifier.predict_proba(self.features(tokens))
        names = np.array(self.classes, dtype=object)
        table = pd.DataFrame({"label": names[probabilities.argmax(axis=1)]})
        for i, name in enumerate(self.classes):
            table[f"p({name})"] = probabilities[:, i]
        return table

    def _tokenize(self, text: str) -> list[str]:
        tokens = [token for s in sentences(text, brackets=self.brackets) for token in s]
        return [token.lower() for token in tokens] if self.lower else tokens

    def save(self, folder: Path) -> None:
        """Write ``vectors/`` and, under ``best``, ``classifier.skops`` and ``classifier.json``.

        Where words are weighted, ``weights.npy`` too.

        No pickle: skops holds scikit-learn's classifiers without running code on loading.

        Raises
        ------
        UserError
            If skops cannot hold a classifier of one's own.
        """
        # Of an earlier run here: without it, no other's stands for one that cannot be saved.
        (folder / "best" / "classifier.skops").unlink(missing_ok=True)
        self.vectors.save(folder / "vectors")
        settings = {
            "classes": list(self.classes),
            "lower": self.lower,
            "brackets": self.brackets,
            **asdict(self.mean),
        }
        write_json(folder / "best" / "classifier.json", settings)
        if self.weights is not None:
            write_array(folder / "best" / "weights.npy", self.weights)
        save_classifier(folder / "best" / "classifier.skops", self.classifier)

    @classmethod
    def load(cls, folder: Path) -> TextClassifier:
        """Read what `save` wrote, or what a run left in its folder.

        Raises
        ------
        UserError
            If the folder is not a run's, or its classifier is of a type that is not trusted.
        """
        try:
            settings = json.loads((folder / "best" / "classifier.json").read_text("utf-8"))
            mean = Mean(**{key: settings[key] for key in settings if key in _AVERAGING})
            weighted = mean.weighting is not Weighting.none
            weights = read_array(folder / "best" / "weights.npy") if weighted else None
            classifier = load_classifier(folder / "best" / "classifier.skops")
        except FileNotFoundError as error:
            raise UserError(f"{folder} is not the folder of a finished run: {error}.") from error
        return cls(
            vectors=WordVectors.load(folder / "vectors"),
            mean=mean,
            weights=weights,
            classifier=classifier,
            classes=tuple(settings["classes"]),
            lower=settings["lower"],
            brackets=settings["brackets"],
        )
