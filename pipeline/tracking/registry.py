"""The winner in MLflow's model registry, where `mlflow models serve` finds it."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import UserError, require
from pipeline.stages.report.result import read_result
from pipeline.tracking.client import connect, first_line, store_errors
from pipeline.tracking.records import Record, read, winner

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

log = logging.getLogger(__name__)

CHAMPION = "champion"


@dataclass
class Registry:
    """Under which name the winner is registered.

    Parameters
    ----------
    name
        Of the registered model; unset: nothing is registered. The alias ``champion`` goes to a run,
        or to the best on dev of a multirun, that beats the present champion on the same dev set.
    """

    name: str | None = None

    def __post_init__(self) -> None:
        """Check values."""
        require(
            self.name is None or (self.name.strip() and not set(self.name) & set("/:@")),
            f"registry.name={self.name}: give a name without / : and @.",
        )


class NotRegisteredError(UserError):
    """The run is complete and in the store, but not in the registry."""


def enter(name: str, folder: Path) -> None:
    """Register the winner of the run or multirun in a folder; say whether it is champion now.

    A run is registered once, however often it is asked for.

    Raises
    ------
    NotRegisteredError
        If the store does not take it.
    """
    for record in read(folder):
        best = winner(folder, record)
        if best is None:
            continue
        try:
            _enter(connect(record.uri), name, best, read(best)[0])
        except store_errors() as error:
            raise NotRegisteredError(
                f"{best} could not be registered as {name}: {first_line(error)}."
            ) from error


def _enter(client: MlflowClient, name: str, folder: Path, record: Record) -> None:
    import mlflow
    from mlflow.entities import LoggedModelStatus

    mlflow.set_tracking_uri(record.uri)  # the registry looks for the model there, not by the client
    run = client.get_run(str(record.run_id))
    found = client.search_logged_models(
        [run.info.experiment_id], f"source_run_id = '{run.info.run_id}'"
    )
    models = [model for model in found if model.status == LoggedModelStatus.READY]
    if not models:
        raise NotRegisteredError(f"{folder}: the run has no model to register; its log says why.")
    if client.search_model_versions(f"name = '{name}' and run_id = '{run.info.run_id}'"):
        log.info("%s is registered as %s already", record.name, name)
        return
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    champion = _champion(client, name)
    result = read_result(folder)
    summary = json.loads((folder / "corpus" / "summary.json").read_text("utf-8"))
    tags = {
        "dev_accuracy": repr(result["dev"]["accuracy"]),
        "dev_digest": summary["splits"]["dev"]["digest"],
        "run": record.name,
    }
    model = f"models:/{models[0].model_id}"
    version = client.create_model_version(
        name, model, run.info.run_id, tags=tags, model_id=models[0].model_id
    )
    wins, why = _compare(tags, champion)
    if wins:
        client.set_registered_model_alias(name, CHAMPION, version.version)
    log.info("%s is version %s of %s; %s", record.name, version.version, name, why)


def _champion(client: MlflowClient, name: str) -> ModelVersion | None:
    aliases = client.get_registered_model(name).aliases
    return client.get_model_version(name, aliases[CHAMPION]) if CHAMPION in aliases else None


def _compare(tags: dict[str, str], champion: ModelVersion | None) -> tuple[bool, str]:
    """Return whether a model is to be champion, and why in words."""
    if champion is None:
        return True, "it is the first champion."
    if tags["dev_digest"] != champion.tags.get("dev_digest"):
        return False, f"version {champion.version} stays champion: it met other dev sentences."
    ours, theirs = float(tags["dev_accuracy"]), float(champion.tags["dev_accuracy"])
    numbers = f"on dev {ours:.1%} against {theirs:.1%}"
    if ours > theirs:
        return True, f"it is champion now, {numbers} of version {champion.version}."
    return False, f"version {champion.version} stays champion, {numbers}."
