"""The chosen classifier as an MLflow model: raw text in, label and probabilities out."""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import UserError
from pipeline.stages.report.result import Summary, read_checked, read_result
from pipeline.stages.sweep.persistence import load_classifier
from pipeline.tracking.records import Record

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel
    from mlflow.models import ModelSignature

log = logging.getLogger(__name__)

EXAMPLE = ["a sweet, funny film", "a waste of two good actors"]

_PARTS = ("vectors", "best")  # the folders of a run that `TextClassifier.load` reads


def log_model(
    client: MlflowClient, record: Record, folder: Path, log_metrics: Callable[[str], None]
) -> None:
    """Send the classifier of a finished run, unless the run has it already.

    It does not call `pyfunc.log_model`, which needs a global tracking address, and loads the model
    once more to try its input example (2.6 seconds instead of 1.3).

    Parameters
    ----------
    log_metrics
        Sends the metrics of the model with this id.
    """
    from mlflow.entities import LoggedModelOutput

    files = [path for part in _PARTS for path in (folder / part).glob("*")]
    size = sum(path.stat().st_size for path in files)
    if size > record.largest_mb * 1e6:
        log.info("the model is not uploaded: larger than tracking.largest_mb")
        return
    if any(path.is_symlink() for path in (*files, *(folder / part for part in _PARTS))):
        log.warning("the model is not uploaded: its files are links")
        return
    found = models_of(client, record)
    for one in found:
        if one.status != "READY":  # it was not sent completely
            client.delete_logged_model(one.model_id)
    if any(one.status == "READY" for one in found):
        return
    try:
        load_classifier(folder / "best" / "classifier.skops")
    except (UserError, OSError) as error:  # a class of the user's that skops cannot store or trust
        log.warning("the model is not uploaded: %s", error)
        return
    run_id = str(record.run_id)
    run = client.get_run(run_id)
    name = re.sub(r"[/:.%\"']+", "-", record.name)  # MLflow refuses these characters
    model = client.create_logged_model(
        run.info.experiment_id, name, run_id, params=run.data.params, model_type="pyfunc"
    )
    log_metrics(model.model_id)
    with tempfile.TemporaryDirectory() as temporary:
        _save(Path(temporary), folder, model.artifact_location, model.model_id, run_id)
        client.log_model_artifacts(model.model_id, f"{temporary}/model")
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    client.finalize_logged_model(model.model_id, "READY")


def _save(temporary: Path, folder: Path, location: str, model_id: str, run_id: str) -> None:
    import pandas as pd
    from mlflow import pyfunc
    from mlflow.models import Model

    copy = temporary / "run"
    for part in _PARTS:
        shutil.copytree(folder / part, copy / part)
    version = read_result(folder)["versions"]["yourvectors"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow asks for type hints that would say less
        pyfunc.save_model(
            temporary / "model",
            mlflow_model=Model(location, run_id, model_uuid=model_id, model_id=model_id),
            python_model=Path(__file__).with_name("served_model.py"),
            artifacts={"run": str(copy)},
            signature=_signature(folder),
            input_example=pd.DataFrame({"text": EXAMPLE}),
            # Unset, MLflow would load the model in another process to find them out: 10 seconds.
            pip_requirements=[f"yourvectors=={version}"],
        )


def _signature(folder: Path) -> ModelSignature:
    """Return the types that `TextClassifier.predict` takes and returns, without loading it."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    classes = read_checked(folder / "corpus" / "summary.json", Summary)["classes"]
    probabilities = [ColSpec("double", f"p({name})") for name in classes]
    return ModelSignature(
        Schema([ColSpec("string", "text")]), Schema([ColSpec("string", "label"), *probabilities])
    )


def models_of(client: MlflowClient, record: Record) -> list[LoggedModel]:
    """Return the models of a run."""
    of_the_run = f"source_run_id = '{record.run_id}'"
    return list(client.search_logged_models([str(record.experiment_id)], of_the_run))
