"""What MLflow is sent of a finished run: all of it is read from the run's folder."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from pipeline.core.errors import UserError
from pipeline.core.journal import read_metrics
from pipeline.stages.report.result import Result, read_result, set_mlflow_run_id
from pipeline.stages.sweep.persistence import check_loadable
from pipeline.tracking.records import FILE, Record, read, winner

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.models import ModelSignature

log = logging.getLogger(__name__)

# What MLflow takes: metrics and parameters or tags in one call, characters of a name and a value.
_METRICS, _PARAMS, _NAME, _PARAM, _TAG = 1000, 100, 250, 6000, 8000

EXAMPLE = ["a sweet, funny film", "a waste of two good actors"]


def send_tags(client: MlflowClient, record: Record) -> None:
    """Send the tags a run began with, and the error it ended with."""
    from mlflow.entities import RunTag

    tags = record.tags | ({"error": record.error} if record.error else {})
    client.log_batch(
        str(record.run_id), tags=[RunTag(name, value[:_TAG]) for name, value in tags.items()]
    )


def send(client: MlflowClient, record: Record, folder: Path) -> None:
    """Send parameters, metrics, datasets, tables and files of a finished run's folder."""
    from mlflow.entities import Param

    run_id = str(record.run_id)
    set_mlflow_run_id(folder, run_id)  # the store was not there when the run began
    result = read_result(folder)
    _send_metrics(client, record, folder)
    settings = {"seed": result["seed"], **result["settings"]}
    texts = {name: str(value) for name, value in settings.items()}
    short = {k: v for k, v in texts.items() if len(k) <= _NAME and len(v) <= _PARAM}
    params = [Param(name, value) for name, value in short.items()]
    for begin in range(0, len(params), _PARAMS):
        client.log_batch(run_id, params=params[begin : begin + _PARAMS])
    client.log_dict(run_id, settings, "params.json")
    _send_facts(client, run_id, result, [name for name in texts if name not in short])
    _send_datasets(client, run_id, folder, result)
    _send_files(client, run_id, folder, record.largest_mb)
    _send_model(client, record, folder, result)


def _send_metrics(
    client: MlflowClient, record: Record, folder: Path, model_id: str | None = None
) -> None:
    """Send all metrics of a run, or to its model those of step 0."""
    from mlflow.entities import Metric

    run_id = str(record.run_id)
    metrics = [
        Metric(m.name, m.value, record.began, m.step, model_id=model_id, run_id=run_id)
        for m in read_metrics(folder)
        if not (model_id and m.step)
    ]
    for begin in range(0, len(metrics), _METRICS):
        client.log_batch(run_id, metrics=metrics[begin : begin + _METRICS])


def _send_facts(client: MlflowClient, run_id: str, result: Result, too_long: list[str]) -> None:
    from mlflow.entities import RunTag

    tags = {
        "settings_hash": result["settings_hash"],
        "corpus_digest": result["digests"]["corpus"],
        "vectors_digest": result["digests"]["vectors"],
        "vectors": result["vectors"],
        # What the UI draws as tables.
        "mlflow.loggedArtifacts": json.dumps([{"path": "sweep/results.json", "type": "table"}]),
    }
    if too_long:
        tags["params_too_long"] = f"in params.json alone: {', '.join(too_long)}"[:_TAG]
    client.log_batch(run_id, tags=[RunTag(name, value) for name, value in tags.items()])


def send_parent(client: MlflowClient, record: Record, folder: Path) -> None:
    """Send the comparison, and what the best job on dev reached."""
    from mlflow.entities import Metric, RunTag

    run_id = str(record.run_id)
    for path in sorted(folder.glob("comparison*")):
        client.log_artifact(run_id, str(path))
    jobs = [one for job in record.jobs for one in read(folder / job)]
    mine = [one for one in jobs if one.experiment == record.experiment]
    done = [one for one in mine if one.status == "FINISHED"]
    numbers: dict[str, float] = {"jobs/done": len(done), "jobs/failed": len(mine) - len(done)}
    tags: dict[str, str] = {}
    if best := winner(folder, record):
        (one,) = read(best)
        tags = {"best_run_id": str(one.run_id), "best_name": one.name}
        result = read_result(best)
        numbers["best/dev_accuracy"] = result["dev"]["accuracy"]
        numbers["best/test_accuracy"] = result["test"]["accuracy"]
        numbers["best/strength"] = result["strength"]
    now = int(time.time() * 1000)  # a parent that goes on has later numbers
    client.log_batch(
        run_id,
        metrics=[Metric(name, float(value), now, 0) for name, value in numbers.items()],
        tags=[RunTag(name, value) for name, value in tags.items()],
    )


def _send_datasets(client: MlflowClient, run_id: str, folder: Path, result: Result) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    summary = json.loads((folder / "corpus" / "summary.json").read_text("utf-8"))
    inputs = []
    parts = summary["splits"]
    if summary.get("phrases"):
        parts = parts | {"phrases": summary["phrases"]}
    for split, facts in parts.items():
        profile = {"num_rows": facts["sentences"], "num_tokens": facts["tokens"]}
        dataset = Dataset(
            name=f"{result['task']} {split}",
            digest=facts["digest"][:36],
            source_type="local",
            source=json.dumps({"corpus": result["settings"].get("corpus.path") or summary["task"]}),
            profile=json.dumps(profile | {"labels": facts["labels"]}),
        )
        inputs.append(DatasetInput(dataset, [InputTag("mlflow.data.context", split)]))
    client.log_inputs(run_id, datasets=inputs)


def _send_files(client: MlflowClient, run_id: str, folder: Path, largest_mb: float) -> None:
    import pandas as pd

    results = pd.read_csv(folder / "sweep" / "results.csv")
    table = results.to_dict("split", index=False)
    client.log_dict(run_id, table, "sweep/results.json")
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in {"run.log", "lock", FILE}:
            if path.stat().st_size <= largest_mb * 1e6:
                below = path.parent.relative_to(folder)
                client.log_artifact(run_id, str(path), str(below) if below.parts else None)
            else:
                log.info("%s is not sent: larger than tracking.largest_mb", path)


def _send_model(client: MlflowClient, record: Record, folder: Path, result: Result) -> None:
    """Log the chosen classifier: raw text in, label and probabilities out."""
    import pandas as pd
    from mlflow import pyfunc
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model
    from mlflow.tracking.context.registry import resolve_tags

    run_id = str(record.run_id)
    parts = [folder / "vectors", folder / "best"]
    size = sum(path.stat().st_size for part in parts for path in part.iterdir())
    if size > record.largest_mb * 1e6:
        log.info("the model is not sent: larger than tracking.largest_mb")
        return
    if _model_is_there(client, run_id):
        return
    try:
        check_loadable(folder / "best" / "classifier.skops")
        signature = _signature(folder)
    except (UserError, FileNotFoundError) as error:  # one's own, that skops does not hold or trust
        log.warning("the model is not sent: %s", error)
        return
    run = client.get_run(run_id)
    # As `pyfunc.log_model` does, but without reading the metrics back and loading the model to try
    # it, and with it skops: three seconds.
    model = client.create_logged_model(
        run.info.experiment_id, "model", run_id, resolve_tags(), run.data.params
    )
    _send_metrics(client, record, folder, model.model_id)
    with (
        tempfile.TemporaryDirectory() as temporary,
        warnings.catch_warnings(),
        # MLflow would read the lists of files of all packages, to warn of versions that differ from
        # those it is given; they are those that are here.
        mock.patch("importlib_metadata.packages_distributions", dict),
    ):
        warnings.simplefilter("ignore")  # MLflow asks for type hints that would say less
        copy = Path(temporary) / "run"
        for part in parts:
            shutil.copytree(part, copy / part.name)
        pyfunc.save_model(
            Path(temporary) / "model",
            mlflow_model=Model(
                model.artifact_location, run_id, model_uuid=model.model_id, model_id=model.model_id
            ),
            python_model=Path(__file__).with_name("served_model.py"),
            artifacts={"run": str(copy)},
            signature=signature,
            input_example=pd.DataFrame({"text": EXAMPLE}),
            # Named, or MLflow loads the model in a process of its own to find them out.
            pip_requirements=[f"yourvectors=={result['versions']['yourvectors']}"],
        )
        client.log_model_artifacts(model.model_id, f"{temporary}/model")
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
    client.finalize_logged_model(model.model_id, "READY")


def _signature(folder: Path) -> ModelSignature:
    """Return what `TextClassifier.predict` takes and gives, without loading it."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    settings = json.loads((folder / "best" / "classifier.json").read_text("utf-8"))
    probabilities = [ColSpec("double", f"p({name})") for name in settings["classes"]]
    return ModelSignature(
        Schema([ColSpec("string", "text")]), Schema([ColSpec("string", "label"), *probabilities])
    )


def _model_is_there(client: MlflowClient, run_id: str) -> bool:
    """Return whether a run has its model; one that was sent in part is taken away."""
    experiment = client.get_run(run_id).info.experiment_id
    models = client.search_logged_models([experiment], f"source_run_id = '{run_id}'")
    for model in models:
        if model.status != "READY":
            client.delete_logged_model(model.model_id)
    return any(model.status == "READY" for model in models)
