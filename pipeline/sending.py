"""What MLflow is sent of a finished run: all of it is read from the run's folder."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UserError
from pipeline.journal import read_metrics

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

_BATCH = 1000  # metrics and 100 parameters are what MLflow takes in one call
_LONGEST = 6000  # characters of a parameter; longer ones are in params.json alone


def send(client: MlflowClient, run_id: str, folder: Path, uri: str, largest_mb: float) -> None:
    """Send parameters, metrics, datasets, tables and files of a finished run's folder."""
    import pandas as pd
    from mlflow.entities import Metric, Param

    result = json.loads((folder / "result.json").read_text("utf-8"))
    now = int(time.time() * 1000)
    metrics = [Metric(m.name, m.value, now, m.step) for m in read_metrics(folder)]
    for begin in range(0, len(metrics), _BATCH):
        client.log_batch(run_id, metrics=metrics[begin : begin + _BATCH])
    params = [
        Param(name, str(value))
        for name, value in {"seed": result["seed"], **result["settings"]}.items()
        if len(str(value)) <= _LONGEST
    ]
    for begin in range(0, len(params), 100):
        client.log_batch(run_id, params=params[begin : begin + 100])
    client.log_dict(run_id, result["settings"], "params.json")
    client.set_tag(run_id, "settings_hash", result["settings_hash"])
    client.set_tag(run_id, "corpus_digest", result["digests"]["corpus"])
    client.set_tag(run_id, "vectors_digest", result["digests"]["vectors"])
    client.set_tag(run_id, "vectors", result["vectors"])
    _send_datasets(client, run_id, folder, result)
    results = pd.read_csv(folder / "sweep" / "results.csv")
    client.log_table(run_id, results, "sweep/results.json")
    _send_files(client, run_id, folder, largest_mb)
    _send_model(run_id, folder, uri, largest_mb, result)


def _send_datasets(client: MlflowClient, run_id: str, folder: Path, result: dict[str, Any]) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    summary = json.loads((folder / "corpus" / "summary.json").read_text("utf-8"))
    inputs = []
    for split, facts in summary["splits"].items():
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
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "run.log":
            if path.stat().st_size <= largest_mb * 1e6:
                below = path.parent.relative_to(folder)
                client.log_artifact(run_id, str(path), str(below) if below.parts else None)
            else:
                log.info("%s is not sent: larger than tracking.largest_mb", path)


def _send_model(
    run_id: str, folder: Path, uri: str, largest_mb: float, result: dict[str, Any]
) -> None:
    """Log the chosen classifier: raw text in, label and probabilities out."""
    import mlflow
    import pandas as pd
    from mlflow.models import infer_signature

    from pipeline.classify import TextClassifier

    parts = [folder / "vectors", folder / "best"]
    size = sum(path.stat().st_size for part in parts for path in part.iterdir())
    if size > largest_mb * 1e6:
        log.info("the model is not sent: larger than tracking.largest_mb")
        return
    example = pd.DataFrame({"text": ["a sweet, funny film", "a waste of two good actors"]})
    try:
        answer = TextClassifier.load(folder).predict(list(example["text"]))
    except UserError as error:  # a classifier of one's own that cannot be stored without a pickle
        log.warning("the model is not sent: %s", error)
        return
    signature = infer_signature(example, answer)
    with tempfile.TemporaryDirectory() as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow asks for type hints that would say less
        run = Path(temporary) / "run"
        for part in parts:
            shutil.copytree(part, run / part.name)
        mlflow.set_tracking_uri(uri)
        with mlflow.start_run(run_id=run_id, log_system_metrics=False):
            mlflow.pyfunc.log_model(
                name="model",
                python_model=str(Path(__file__).with_name("serving.py")),
                artifacts={"run": str(run)},
                signature=signature,
                input_example=example,
                # Named, or MLflow loads the model in a process of its own to find them out.
                pip_requirements=[f"yourvectors=={result['versions']['yourvectors']}"],
            )
