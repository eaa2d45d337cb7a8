"""The configuration: each dataclass of a stage is the schema of its YAML files."""

from __future__ import annotations

import glob
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, make_dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from pipeline.cache.inputs import path_exists
from pipeline.cache.observe import importing
from pipeline.cache.store import Cache
from pipeline.cli.explain import explain
from pipeline.cli.secrets import hide_secrets
from pipeline.core.download import OFFLINE
from pipeline.core.engine import Local, Ray
from pipeline.core.errors import SettingError, UserError, require
from pipeline.core.files import missing
from pipeline.core.packed import LIMITS, Limits
from pipeline.experiment import STAGES, Experiment
from pipeline.stages.corpus import Sample
from pipeline.stages.corpus.sources import is_remote
from pipeline.stages.vectors.both import Both
from pipeline.stages.vectors.in_common import VOCAB
from pipeline.stages.vectors.pretrained import Pretrained
from pipeline.tracking.client import Tracking
from pipeline.tracking.registry import Registry

SCHEMAS: dict[str, dict[str, type]] = {
    **STAGES,
    "cache": {"default": Cache},
    "engine": {"local": Local, "ray": Ray},
    "tracking": {"mlflow": Tracking},
    "registry": {"default": Registry},
}
"""The configuration groups, and the class of each choice that is not a variant of another."""

# Settings that name files, in the order in which they are read.
FILE_SETTINGS = {
    "corpus": ("path", "train_file", "dev_file", "test_file", "unlabelled"),
    "vectors": ("path", "init"),
    "evaluation": ("similarity", "analogies"),
    "features": ("vocabulary",),
}


class Match(Enum):
    """What all arms of a multirun have in common: the number of features, or the words."""

    none = "none"
    dim = "dim"
    words = "words"


@dataclass
class Shared:
    """What the stages of an experiment share."""

    seed: int = 1
    name: str | None = None
    glove: str | None = None
    unlabelled: list[str] = field(default_factory=list)
    offline: bool = False
    match: Match = Match.none
    limits: Limits = field(default_factory=Limits)


Config = make_dataclass("Config", [(group, Any, MISSING) for group in SCHEMAS], bases=(Shared,))
"""One experiment: a choice for each group, and what they share."""


class Plan(NamedTuple):
    """What one run does, where it is tracked and registered, and how it matches other arms."""

    experiment: Experiment
    tracking: Tracking
    registry: Registry
    match: Match = Match.none


def register() -> None:
    """Tell Hydra the schemas and the resolvers that the YAML files use."""
    store = ConfigStore.instance()
    store.store(group="schema", name="config", node=Config)
    for group, schemas in SCHEMAS.items():
        for name, schema in schemas.items():
            store.store(group=f"schema/{group}", name=name, node=schema)
    OmegaConf.register_new_resolver("stamp", stamp, use_cache=True, replace=True)
    OmegaConf.register_new_resolver("given", given, replace=True)
    OmegaConf.register_new_resolver(
        "logspace", lambda *arguments: np.logspace(*arguments).tolist(), replace=True
    )


def given(name: str, _root_: DictConfig) -> Any:
    """Return a value of the top level that the user has to give."""
    value = _root_[name]
    require(value is not None, f"{name} is not set; name a file: {name}=FILE.")
    require(value, f"{name} is empty; name files, e.g. '{name}=[FILE]'.")
    return value


def stamp() -> str:
    """Return a unique folder name; such names sort by time."""
    return f"{datetime.now(UTC):%Y-%m-%d_%H-%M-%S}_{secrets.token_hex(4)}"


def build(cfg: DictConfig, choices: Mapping[str, str]) -> Plan:
    """Turn a composed configuration, and the name chosen in each group, into checked objects.

    `UserError` for a value that is missing or out of range, or a `_target_` that cannot be made.
    """
    _refuse_unknown(cfg)
    hide_secrets(cfg)
    OFFLINE.set(bool(cfg.offline))  # results do not depend on it, so no stage has it as a setting
    try:
        made: dict[str, Any] = {name: _object(name, cfg[name]) for name in SCHEMAS}
        LIMITS.set(_object("limits", cfg.limits))
        shared = {"seed": cfg.seed, "name": cfg.name or choices.get("arm")}
    except OmegaConfBaseException as error:
        raise UserError(explain(error)) from error
    for group, value in made.items():
        if isinstance(value, dict):  # it has a class of the user's own
            made[group] = _instantiate(group, value)
    tracking, registry = made.pop("tracking"), made.pop("registry")
    if registry.name and not tracking.enabled:
        raise UserError("registry.name is part of tracking: leave out tracking=off.")
    experiment = Experiment(**made, **shared, choices={name: choices[name] for name in STAGES})
    return Plan(experiment, tracking, registry, cfg.match)


def _object(group: str, node: Any) -> Any:
    """Make the object that a part of the configuration describes; errors name the full key."""
    for name, part in node.items_ex(resolve=False):
        if isinstance(part, DictConfig) and is_dataclass(OmegaConf.get_type(part)):
            _object(f"{group}.{name}", part)
    try:
        return OmegaConf.to_object(node)
    except SettingError as error:
        raise UserError(f"{group}.{error}") from error


def check_files(experiment: Experiment) -> None:
    """Check that every file that is needed is there, before anything is read or trained.

    Published vectors are downloaded now, so that a failing download is noticed at once. `UserError`
    for the first file that is missing; it names the setting.
    """
    for stage, names in FILE_SETTINGS.items():
        chosen = getattr(experiment, stage)
        parts = {stage: chosen}
        if is_dataclass(chosen):  # vectors=both has vectors.own and vectors.pretrained
            parts |= {f"{stage}.{part.name}": getattr(chosen, part.name) for part in fields(chosen)}
        for where, part in parts.items():
            for name in names:
                _check_files_of(f"{where}.{name}", getattr(part, name, None))
    has_own, vectors = isinstance(experiment.corpus, Sample), experiment.vectors
    source = vectors.pretrained if isinstance(vectors, Both) else vectors
    if isinstance(source, Pretrained) and source.path is None and not source.is_of_corpus(has_own):
        source.files()  # downloaded if they are not there


def _check_files_of(setting: str, value: Any) -> None:
    for text in [value] if isinstance(value, str) else value or []:
        path = Path(text).expanduser()
        is_remote_text = setting == "corpus.unlabelled" and is_remote(text)
        is_no_path = text == VOCAB or glob.has_magic(str(text)) or is_remote_text
        require(is_no_path or path_exists(path), f"{setting}: {missing(path)}")


def _refuse_unknown(cfg: DictConfig) -> None:
    """Refuse keys that were added with ``+`` and that no field has for a name."""
    unknown = [str(key) for key in cfg if key not in {"hydra", *_names(Config)}]
    for group in SCHEMAS:
        schema = OmegaConf.get_type(cfg, group)
        if is_dataclass(schema):
            unknown += [f"{group}.{key}" for key in cfg[group] if key not in _names(schema)]
    if unknown:
        raise UserError(f"{unknown[0]}: no such key; --cfg job lists those there are.")


def _names(schema: Any) -> set[str]:
    return {field.name for field in fields(schema)}


def _instantiate(group: str, value: dict[str, Any]) -> Any:
    if "_target_" not in value:
        raise UserError(
            f"{group} names neither a choice (see --help) nor a _target_, which is the class to "
            "use, e.g. my_module.MyTrainer."
        )
    try:
        with importing():  # so that later edits of the code are noticed
            return instantiate(value, _convert_="all")
    except HydraException as error:
        reason = error.__cause__ or error
        if isinstance(reason, SettingError):
            raise UserError(f"{group}.{reason}") from error
        if isinstance(reason, UserError):
            raise reason from error
        raise UserError(f"{group}._target_={value['_target_']}: {reason}") from error
