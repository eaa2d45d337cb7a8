"""Classifiers in files: stored by skops, so that loading one runs no code from the file."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol, overload

from pipeline.core.errors import UserError
from pipeline.core.files import write

# What may be loaded besides scikit-learn's own types: it runs no code from the file.
TRUSTED = [
    "pipeline.stages.sweep.two_layer.TwoLayerClassifier",
    "pipeline.two_layer.TwoLayerClassifier",  # its name in files of version 0.1.0
]


class Classifier(Protocol):
    """A scikit-learn classifier, as far as it is used here."""

    def set_params(self, **params: Any) -> Any:
        """Set parameters; return the classifier."""
        ...

    def fit(self, X: Any, y: Any) -> Any:
        """Fit to (n, D) features and (n,) class indices."""
        ...

    def predict(self, X: Any) -> Any:
        """Return the (n,) class indices."""
        ...

    def predict_proba(self, X: Any) -> Any:
        """Return the (n, C) probabilities."""
        ...


class SavedClassifiers(Sequence[Classifier]):
    """Classifiers in files, each read when it is first used: most never are."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self._read = cache(load_classifier)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.paths)

    @overload
    def __getitem__(self, row: int) -> Classifier: ...
    @overload
    def __getitem__(self, row: slice) -> SavedClassifiers: ...
    def __getitem__(self, row: int | slice) -> Classifier | SavedClassifiers:
        """Return the classifier of a row."""
        if isinstance(row, slice):
            return SavedClassifiers(self.paths[row])
        return self._read(self.paths[row])


def save_classifier(path: Path, classifier: Classifier) -> None:
    """Write a classifier by skops, if it can be loaded again.

    Raises
    ------
    UserError
        If it is of a type that skops cannot store, or that `load_classifier` does not trust; then
        nothing is written.
    """
    import skops.io

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = skops.io.dumps(classifier)
        skops.io.loads(content, trusted=TRUSTED)
    except Exception as error:  # skops raises any error of the type
        name = type(classifier).__name__
        raise UserError(f"the classifier {name} cannot be saved by skops: {error}") from error
    write(path, lambda file: file.write_bytes(content))


def load_classifier(path: Path) -> Classifier:
    """Read what `save_classifier` wrote.

    Raises
    ------
    UserError
        If it is of a type that is not trusted, or damaged.
    """
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        classifier: Classifier = skops.io.load(path, trusted=TRUSTED)
    except UntrustedTypesFoundException as error:
        raise UserError(f"{path}: {error}") from error
    except FileNotFoundError:
        raise
    except Exception as error:  # skops expects a file to be whole
        raise UserError(f"{path} is damaged, or no classifier ({error!r}).") from error
    return classifier
