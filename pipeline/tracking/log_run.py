"""Send the parts of a finished run to MLflow; all are read from the run's folder."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipeline.core.metrics import read_metrics
from pipeline.core.secrets import mask_files
from pipeline.stages.report.finished_run import FinishedRun
from pipeline.stages.report.result import Result, Summary, read_result, set_mlflow_run_id
from pipeline.tracking.log_model import log_model
from pipeline.tracking.records import FILE, NOTE, Record, read, winner

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

T = TypeVar("T")

# MLflow's limits: metrics and parameters or tags in a call, characters of a name and of a value.
_METRICS, _PARAMS, _NAME, _PARAM, _TAG = 1000, 100, 250, 6000, 8000

# MLflow's UI lists the metrics of a run in the order in which they were sent, and its comparison of
# runs starts with the first.
_FIRST = ("test/accuracy", "test/macro_f1", "dev/accuracy", "dev/macro_f1")
# Facts about the data and the vectors, and the chosen strength: sent as parameters, not as metrics.
_FACTS = (
    *("corpus/", "vocab/", "vectors/words", "vectors/dim"),
    *("test/majority_accuracy", "best/strength"),
)
# Metrics that are not sent, and exceptions: so a person sees about ten numbers to compare, none
# twice. All are in result.json and metrics.csv, which are sent too.
_LEFT_OUT = ("train/", "dev/", "best/", "test/coverage", "time/")
_KEPT = ("dev/accuracy", "dev/macro_f1", "time/vectors_s")

# Files of a run that the UI shows as tables, too.
_TABLES = ("sweep/results", "report/confusion", "report/classes")


def log_tags(client: MlflowClient, record: Record, tags: Mapping[str, str] | None = None) -> None:
    """Send tags of a run; unset: those of its record, and the error it ended with."""
    from mlflow.entities import RunTag

    if tags is None:
        tags = record.tags | ({"error": record.error} if record.error else {})
    sent = [RunTag(name, value[:_TAG]) for name, value in tags.items()]
    client.log_batch(str(record.run_id), tags=sent)


def log_run(client: MlflowClient, record: Record, folder: Path) -> None:
    """Send parameters, metrics, datasets, tables, files and the model of a finished run.

    `UserError` if a file of the run is missing or damaged.
    """
    from mlflow.entities import Param

    run_id = str(record.run_id)
    set_mlflow_run_id(folder, run_id)  # unknown, if the store was not there when the run started
    run = FinishedRun.read(folder)
    run.check()
    _log_metrics(client, record, folder)
    facts = {m.name: m.value for m in read_metrics(folder) if m.name.startswith(_FACTS)}
    params = {"seed": run.result["seed"], **run.result["settings"], **facts}
    texts = {name: str(value) for name, value in params.items()}
    short = {k: v for k, v in texts.items() if len(k) <= _NAME and len(v) <= _PARAM}
    for batch in _batches(list(short.items()), _PARAMS):
        client.log_batch(run_id, params=[Param(*item) for item in batch])
    client.log_dict(run_id, params, "params.json")
    tables = _log_tables(client, run_id, folder)
    too_long = [name for name in texts if name not in short]
    log_tags(client, record, _tags(record, run.result, tables, too_long))
    _log_datasets(client, run_id, run.result, run.summary)
    _log_files(client, run_id, folder, record.largest_mb)
    log_model(client, record, folder, partial(_log_metrics, client, record, folder))


def _log_metrics(
    client: MlflowClient, record: Record, folder: Path, model_id: str | None = None
) -> None:
    """Send the metrics of a run, or those of its model, which has only the ones without steps."""
    from mlflow.entities import Metric

    run_id = str(record.run_id)
    order = {name: number for number, name in enumerate(_FIRST)}
    metrics = [
        Metric(m.name, m.value, record.began, m.step, model_id=model_id, run_id=run_id)
        for m in sorted(read_metrics(folder), key=lambda m: order.get(m.name, len(order)))
        if _is_compared(m.name) and not (model_id and m.step)
    ]
    for batch in _batches(metrics, _METRICS):
        client.log_batch(run_id, metrics=batch)


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]


def _is_compared(name: str) -> bool:
    if name in _KEPT:
        return True
    return not name.startswith((*_FACTS, *_LEFT_OUT)) and not name.endswith(("_low", "_high"))


def _tags(record: Record, result: Result, tables: list[str], too_long: list[str]) -> dict[str, str]:
    shown = [{"path": path, "type": "table"} for path in tables]
    tags = {
        "settings_hash": result["settings_hash"],
        "corpus_digest": result["digests"]["corpus"],
        "vectors_digest": result["digests"]["vectors"],
        "vectors": result["vectors"],
        "mlflow.loggedArtifacts": json.dumps(shown),
    }
    if NOTE not in record.tags:
        tags[NOTE] = describe(result)
    if too_long:
        tags["params_too_long"] = f"in params.json alone: {', '.join(too_long)}"
    return tags


def describe(result: Result) -> str:
    """Say in a sentence how good a run is."""
    test, dev = result["test"], result["dev"]
    return (
        f"Test accuracy {test['accuracy']:.1%} (95 % interval {test['accuracy_low']:.1%} to "
        f"{test['accuracy_high']:.1%}), macro-F1 {test['macro_f1']:.3f}; "
        f"dev accuracy {dev['accuracy']:.1%} at strength {result['strength']:.4g}."
    )


def log_parent(client: MlflowClient, record: Record, folder: Path) -> None:
    """Send the comparison, and the scores of the job that is best on dev."""
    from mlflow.entities import Metric

    run_id = str(record.run_id)
    for path in own_files(folder):
        if path.relative_to(folder).parts[0].startswith("comparison"):
            _log_file(client, run_id, folder, path)
    records = [one for job in record.jobs for one in read(folder / job)]
    mine = [one for one in records if one.experiment == record.experiment]
    done = sum(one.status == "FINISHED" for one in mine)
    numbers: dict[str, float] = {}
    if best := winner(folder, record):
        (one,) = read(best)
        result = read_result(best)
        log_tags(client, record, {"best_run_id": str(one.run_id), "best_name": one.name})
        numbers = {
            "best/test_accuracy": result["test"]["accuracy"],
            "best/dev_accuracy": result["dev"]["accuracy"],
            "best/strength": result["strength"],
        }
    numbers |= {"jobs/done": done, "jobs/failed": len(mine) - done}
    now = int(time.time() * 1000)  # a resumed parent gets later numbers
    metrics = [Metric(name, float(value), now, 0) for name, value in numbers.items()]
    client.log_batch(run_id, metrics=metrics)


def _log_datasets(client: MlflowClient, run_id: str, result: Result, summary: Summary) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    inputs = []
    parts: dict[str, Any] = dict(summary["splits"])
    if phrases := summary.get("phrases"):
        parts["phrases"] = phrases
    path = result["settings"].get("corpus.path") or result["task"]
    for split, facts in parts.items():
        profile = {"num_rows": facts["sentences"], "num_tokens": facts["tokens"]}
        dataset = Dataset(
            name=f"{result['task']} {split}",
            digest=facts["digest"][:36],
            source_type="local",
            source=json.dumps({"corpus": path}),
            profile=json.dumps(profile | {"labels": facts["labels"]}),
        )
        inputs.append(DatasetInput(dataset, [InputTag("mlflow.data.context", split)]))
    client.log_inputs(run_id, datasets=inputs)


def _log_tables(client: MlflowClient, run_id: str, folder: Path) -> list[str]:
    """Send the tables that the UI shows; MLflow's `log_table` would append to those sent before."""
    import pandas as pd

    sent = []
    for name in _TABLES:
        path = folder / f"{name}.csv"
        if path.is_file() and not path.is_symlink():
            table: pd.DataFrame = pd.read_csv(path, keep_default_na=False)
            client.log_dict(run_id, table.to_dict("split", index=False), f"{name}.json")
            sent.append(f"{name}.json")
    return sent


def _log_files(client: MlflowClient, run_id: str, folder: Path, largest_mb: float) -> None:
    mask_files(folder / ".hydra", "*.yaml")  # of a run made by an older version
    for path in own_files(folder):
        if path.name in {"run.log", FILE, "lock"} or path.suffix == ".lock":
            continue
        if path.stat().st_size <= largest_mb * 1e6:
            _log_file(client, run_id, folder, path)
        else:
            log.info("%s is not uploaded: larger than tracking.largest_mb", path)


def _log_file(client: MlflowClient, run_id: str, folder: Path, path: Path) -> None:
    below = path.relative_to(folder).parent
    client.log_artifact(run_id, str(path), below.as_posix() if below.parts else None)


def own_files(folder: Path) -> Iterator[Path]:
    """Yield the regular files below a folder; links are named in the log and not followed."""
    for root, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted([*folders, *files]):
            path = Path(root, name)
            if path.is_symlink():
                log.warning("%s is a link and not uploaded", path)
            elif path.is_file():
                yield path
