"""`TextClassifier`: a run's vectors and classifier, from raw text to label and probabilities."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.core.errors import UserError
from pipeline.core.files import write_json
from pipeline.core.notebook import displayed
from pipeline.stages.corpus import Tokenizer
from pipeline.stages.features.averaging import Fitted, Matrix, Mean, Weighting, features_of
from pipeline.stages.sweep.persistence import Classifier, load_classifier, save_classifier
from pipeline.stages.vectors.word_vectors import WordVectors

if TYPE_CHECKING:
    import pandas as pd

_AVERAGING = {field.name for field in fields(Mean)}
_FOLDER = "best"


@displayed
@dataclass(frozen=True, eq=False)
class TextClassifier:
    """Word vectors, how to average them, and the chosen classifier.

    Parameters
    ----------
    vectors, mean, classifier
        Their values in the run.
    classes
        Class names in order.
    tokenizer
        How the run's corpus was tokenized.
    fitted
        What averaging learned from the run's training sentences.
    """

    vectors: WordVectors
    mean: Mean
    classifier: Classifier
    classes: tuple[str, ...]
    tokenizer: Tokenizer = field(default_factory=Tokenizer)
    fitted: Fitted = field(default_factory=Fitted)

    def facts(self) -> dict[str, Any]:
        """Return what a notebook shows."""
        classifier = type(self.classifier).__name__
        return {"classes": self.classes, "classifier": classifier, "vectors": self.vectors}

    def features(self, tokens: Sequence[Sequence[str]]) -> Matrix:
        """Return the (n, K) features of tokenized texts, computed as in the run."""
        return features_of(tokens, self.vectors, self.mean, self.fitted)

    def predict(self, texts: Sequence[str]) -> pd.DataFrame:
        """Return a table with a row for each text: ``label``, and ``p(CLASS)`` for every class."""
        import pandas as pd

        if isinstance(texts, str):
            raise TypeError("texts is a single text; give a list of texts.")
        if not len(texts):
            return pd.DataFrame(columns=["label", *(f"p({name})" for name in self.classes)])
        tokens = [self.tokenizer.tokens(text) for text in texts]
        probabilities = self.classifier.predict_proba(self.features(tokens))
        names = np.array(self.classes, dtype=object)
        columns = {f"p({name})": probabilities[:, i] for i, name in enumerate(self.classes)}
        return pd.DataFrame({"label": names[probabilities.argmax(axis=1)], **columns})

    def save(self, folder: Path) -> None:
        """Write ``vectors/`` and, under ``best``, the classifier and how to average.

        Nothing is pickled: the classifier is stored by skops, which runs no code when loading.

        Raises
        ------
        UserError
            If skops cannot store a classifier of the user's own type.
        """
        below = folder / _FOLDER
        # If this classifier cannot be saved, an earlier run's must not be taken for it.
        (below / "classifier.skops").unlink(missing_ok=True)
        self.vectors.save(folder / "vectors")
        settings = {
            "classes": list(self.classes),
            **self.tokenizer.settings(),
            **asdict(self.mean),
            "fitted": self.fitted.save(below),
        }
        write_json(below / "classifier.json", settings)
        save_classifier(below / "classifier.skops", self.classifier)

    @classmethod
    def load(cls, folder: Path) -> TextClassifier:
        """Read what `save` wrote, for instance in the folder of a finished run.

        Raises
        ------
        UserError
            If the folder is not a run's, or its classifier is of a type that is not trusted.
        """
        below = folder / _FOLDER
        try:
            settings = json.loads((below / "classifier.json").read_text("utf-8"))
            if "unit" in settings and "normalize" not in settings:  # version 0.1.0
                settings["normalize"] = settings.pop("unit")
            mean = Mean(**{key: settings[key] for key in settings if key in _AVERAGING})
            weighted = mean.weighting is not Weighting.none
            fitted = settings.get("fitted", ["weights"] if weighted else [])
            return cls(
                vectors=WordVectors.load(folder / "vectors"),
                mean=mean,
                classifier=load_classifier(below / "classifier.skops"),
                classes=tuple(settings["classes"]),
                tokenizer=Tokenizer.of(settings),
                fitted=Fitted.load(below, fitted),
            )
        except FileNotFoundError as error:
            raise UserError(f"{folder} is not the folder of a finished run: {error}.") from error
