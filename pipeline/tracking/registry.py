"""The winner in MLflow's model registry, where `mlflow models serve` finds it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import UserError, require
from pipeline.stages.report.result import Summary, criterion, dev_score, read_checked, read_result
from pipeline.tracking.client import connect, global_address
from pipeline.tracking.errors import store
from pipeline.tracking.log_model import models_of
from pipeline.tracking.records import Record, read, winner

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

log = logging.getLogger(__name__)

CHAMPION = "champion"
# A version's tag: whether it was compared with the champion. If a process was killed before that,
# the next run compares its version.
_COMPARED = "compared"
_LONGEST = 256  # characters; MLflow's tables hold no more


@dataclass
class Registry:
    """Whether to register the winner.

    Parameters
    ----------
    name
        Of the registered model; unset: nothing is registered. The alias ``champion`` is given to a
        run, or to a multirun's best on dev, that beats the present champion on the same dev set.
    """

    name: str | None = None

    def __post_init__(self) -> None:
        """Check values, before anything is trained."""
        if self.name is None:
            return
        refused = set(self.name) & set("/:@'\"`%\\") or not self.name.isprintable()
        require(
            self.name and not refused and self.name == self.name.strip(" ."),
            f"registry.name={self.name}: give a name without / : @ % \\ and quotation marks, and "
            "without blanks or full stops at its ends.",
        )
        require(
            len(self.name) <= _LONGEST,
            f"registry.name has {len(self.name)} characters; at most {_LONGEST} are possible.",
        )


class NotRegisteredError(UserError):
    """The run is complete and in the store, but is not registered."""


def register(name: str, folder: Path) -> None:
    """Register the winner of the run or multirun in a folder; log whether it is champion now.

    A run that is registered already is not registered again. `NotRegisteredError` if the store does
    not take it.
    """
    for record in read(folder):
        if (best := winner(folder, record)) is None:
            continue
        try:
            with store(record.uri), global_address(record.uri):
                _register(connect(record.uri), name, best, read(best)[0])
        except UserError as error:
            raise NotRegisteredError(f"{best} is not registered as {name}: {error}") from error


def _register(client: MlflowClient, name: str, folder: Path, record: Record) -> None:
    models = [model for model in models_of(client, record) if model.status == "READY"]
    require(models, "the run has no model; its log says why.")
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name)
    versions = list(client.search_model_versions(f"name = '{name}'"))
    mine = next((one for one in versions if one.run_id == record.run_id), None)
    if mine is None:
        result = read_result(folder)
        summary = read_checked(folder / "corpus" / "summary.json", Summary)
        mine = client.create_model_version(
            name,
            f"models:/{models[0].model_id}",
            record.run_id,
            tags={
                "dev_accuracy": repr(result["dev"]["accuracy"]),
                "dev_metric": criterion(result),
                "dev_score": repr(dev_score(result)),
                "dev_digest": summary["splits"]["dev"]["digest"],
                "run": record.name,
                _COMPARED: "no",
            },
            model_id=models[0].model_id,
        )
        versions = [*versions, mine]
    else:
        log.info("%s is version %s of %s already", record.name, mine.version, name)
    _choose_champion(client, name, versions)


def _choose_champion(client: MlflowClient, name: str, versions: list[ModelVersion]) -> None:
    """Compare each version that was not compared yet with the champion, the oldest first."""
    aliases = client.get_registered_model(name).aliases
    by_number = {str(one.version): one for one in versions}
    champion = by_number.get(str(aliases.get(CHAMPION)))
    waiting = [one for one in versions if one.tags.get(_COMPARED) == "no"]
    if champion is None:  # also versions that version 0.1.0 registered
        waiting = [one for one in versions if "dev_accuracy" in one.tags]
    for one in sorted(waiting, key=lambda one: int(one.version)):
        wins, why = _compare(one, champion)
        if wins:
            client.set_registered_model_alias(name, CHAMPION, one.version)
            champion = one
        client.set_model_version_tag(name, one.version, _COMPARED, "yes")
        log.info("%s is version %s of %s; %s", one.tags.get("run"), one.version, name, why)


def _compare(one: ModelVersion, champion: ModelVersion | None) -> tuple[bool, str]:
    """Return whether a version is to be champion, and why in words."""
    if champion is None:
        return True, "it is the first champion."
    if one.tags["dev_digest"] != champion.tags.get("dev_digest"):
        why = "it was tested on other dev sentences"
        return False, f"version {champion.version} stays champion: {why}."
    (metric, ours), (other, theirs) = _standing(one), _standing(champion)
    if metric != other:
        return False, f"version {champion.version} stays champion: it was chosen by {other} on dev."
    numbers = f"{metric} on dev {abs(ours):.3f} against {abs(theirs):.3f}"
    if ours > theirs:
        return True, f"it is champion now, {numbers} of version {champion.version}."
    return False, f"version {champion.version} stays champion, {numbers}."


def _standing(version: ModelVersion) -> tuple[str, float]:
    """Return the metric by which a version was chosen, and its score; version 0.1.0: accuracy."""
    tags = version.tags
    return tags.get("dev_metric", "accuracy"), float(tags.get("dev_score", tags["dev_accuracy"]))
