"""What a classifier is to us, and how one is kept: by skops, so that loading runs no code."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol, overload
from zipfile import ZipFile

from pipeline.core.errors import UserError
from pipeline.core.files import write

# What may be loaded beside scikit-learn's own types: nothing that runs code of its own.
TRUSTED = ["pipeline.stages.sweep.two_layer.TwoLayerClassifier"]

# What the classifiers of this project's sweeps consist of.
USUAL = {
    *TRUSTED,
    "builtins.dict",
    "builtins.list",
    "builtins.str",
    "numpy.ndarray",
    "sklearn.linear_model._logistic.LogisticRegression",
    "sklearn.multiclass.OneVsRestClassifier",
    "sklearn.preprocessing._label.LabelBinarizer",
}


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


class Saved(Sequence[Classifier]):
    """Classifiers in files, each read when it is first asked for, for most never are."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self._read = cache(load_classifier)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.paths)

    @overload
    def __getitem__(self, row: int) -> Classifier: ...
    @overload
    def __getitem__(self, row: slice) -> Saved: ...
    def __getitem__(self, row: int | slice) -> Classifier | Saved:
        """Return the classifier of a row."""
        return Saved(self.paths[row]) if isinstance(row, slice) else self._read(self.paths[row])


def save_classifier(path: Path, classifier: Classifier) -> None:
    """Write a classifier by skops, which runs no code on loading.

    Raises
    ------
    UserError
        If skops cannot hold it: it is of one's own type.
    """
    import skops.io

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = skops.io.dumps(classifier)
    except Exception as error:  # it has no type of its own for what it cannot hold
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
    except Exception as error:  # skops trusts a file to be whole
        raise UserError(f"{path} is damaged, or no classifier ({error!r}).") from error
    return classifier


def check_loadable(path: Path) -> None:
    """Raise `UserError` for a file that `load_classifier` would refuse for its types or its bytes.

    Nothing is trusted for it: whoever loads the file has skops look at it again.
    """
    with contextlib.suppress(Exception):  # what is wrong with a file, `load_classifier` tells
        if (found := _types(path)) and found <= USUAL:
            return  # without skops: it imports all of scikit-learn, for three seconds
    load_classifier(path)


def _types(path: Path) -> set[str]:
    """Return the types that a file names; none of a damaged one."""
    found: set[str] = set()
    files: set[str] = set()

    def note(node: dict[str, Any]) -> None:
        if "__class__" in node:
            found.add(f"{node['__module__']}.{node['__class__']}")
        if "file" in node:
            files.add(node["file"])

    with ZipFile(path) as archive:
        if archive.testzip() is not None:
            return set()
        json.loads(archive.read("schema.json"), object_hook=note)
        return found if files <= set(archive.namelist()) else set()
