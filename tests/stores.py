"""What a tracking store holds, for tests."""

from __future__ import annotations

from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run


def runs(uri: str, experiment: str = "sample-5") -> list[Run]:
    """Return the runs of an experiment that were not deleted."""
    client = MlflowClient(uri)
    return list(client.search_runs([client.get_experiment_by_name(experiment).experiment_id]))


def facts(uri: str, experiment: str = "sample-5") -> tuple[dict[str, Any], int]:
    """Return all that a store has of its runs, by name and in numbers, and how many there are."""
    client = MlflowClient(uri)
    found = runs(uri, experiment)
    experiments = [run.info.experiment_id for run in found[:1]]
    return {
        run.info.run_name: (
            run.info.status,
            run.data.params,
            [len(client.get_metric_history(run.info.run_id, name)) for name in run.data.metrics],
            len(run.inputs.dataset_inputs),
            [item.path for item in client.list_artifacts(run.info.run_id)],
            len(client.search_logged_models(experiments, f"source_run_id='{run.info.run_id}'")),
        )
        for run in found
    }, len(found)
