"""The model as MLflow serves it; MLflow runs this file when it loads one. Nothing else imports it.

`mlflow models serve` answers ``{"dataframe_records": [{"text": "..."}]}`` with a label and the
probability of every class.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from pipeline import TextClassifier


class Served(PythonModel):
    """A `TextClassifier` behind MLflow's interface."""

    def load_context(self, context: Any) -> None:
        """Load the classifier of the run."""
        self.classifier = TextClassifier.load(Path(context.artifacts["run"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:  # noqa: ARG002
        """Classify the texts of the column ``text``."""
        return self.classifier.predict([str(text) for text in model_input["text"]])


set_model(Served())
