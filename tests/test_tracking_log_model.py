"""The chosen classifier as an MLflow model."""

from __future__ import annotations

from mlflow.utils import environment

from pipeline.tracking.log_model import _requirements_unchecked


def test_mlflow_checks_requirements_again_afterwards():
    check = environment.warn_dependency_requirement_mismatches
    with _requirements_unchecked():
        assert environment.warn_dependency_requirement_mismatches is not check
    assert environment.warn_dependency_requirement_mismatches is check
