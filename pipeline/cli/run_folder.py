"""The folder of a run: whether its result is complete and up to date; how it is cleared."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from pipeline.cache.keys import run_key
from pipeline.core.errors import UserError
from pipeline.core.plain import json_digest
from pipeline.experiment import Experiment
from pipeline.stages.report.result import RUN_FILES, RUN_FOLDERS, damaged_files, read_result

MARK = Path(".hydra") / "yourvectors"  # a file that marks the folder of a run
MULTIRUN_FILES = ("comparison", *(f"comparison.{end}" for end in ("csv", "json", "html", "png")))
FILES = (*RUN_FOLDERS, *RUN_FILES, "result.json", "error.json")


def is_done(folder: Path, experiment: Experiment) -> bool:
    """Return whether a folder holds the complete and current result of an experiment.

    Nothing that the result depends on may have changed: settings, the content of all files, the
    code and the versions of packages. Results of version 0.1.0, which have no key, are made again.
    """
    try:
        result = read_result(folder)
    except UserError:  # it is missing or damaged
        return False
    name = experiment.name or experiment.choices["vectors"]
    if (result["seed"], result["name"]) != (experiment.seed, name):
        return False
    key = json_digest(run_key(experiment))
    return result.get("key") == key and not damaged_files(folder, result)


def check_is_ours(folder: Path) -> None:
    """Refuse a folder with files that a run would replace, unless it is a run's."""
    found = _existing(folder, FILES)
    if found and not _is_run(folder):
        raise _refusal(found[0], "run", "run")


def check_is_multirun(folder: Path) -> None:
    """Refuse a folder with files that a multirun would replace, unless it is a multirun's."""
    found = _existing(folder, MULTIRUN_FILES)
    if found and not _existing(folder, ("multirun.yaml", "jobs.json")):
        raise _refusal(found[0], "multirun", "sweep")


def _refusal(path: Path, kind: str, setting: str) -> UserError:
    return UserError(
        f"{path.parent} has {path.name}, but is not the folder of a {kind}, so nothing in it is "
        f"touched. Name another folder with hydra.{setting}.dir."
    )


def _existing(folder: Path, names: Iterable[str]) -> list[Path]:
    return [folder / name for name in names if (folder / name).exists()]


def claim(folder: Path) -> None:
    """Remove what an earlier run left in its folder; `UserError` if the files are not a run's."""
    check_is_ours(folder)
    for path in _existing(folder, FILES):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (folder / MARK).parent.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("This folder belongs to a run: the next one here clears it.\n")


class FolderCheck(Callback):
    """Checks the folder of a run before Hydra writes its own files there."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Exit if a run would replace the user's own files in its folder."""
        try:
            check_is_ours(Path(config.hydra.run.dir))
        except UserError as error:
            sys.exit(f"error: {error}")  # Hydra turns other exceptions into warnings


def _is_run(folder: Path) -> bool:
    """Return whether a run began here; version 0.1.0 only marked the finished and failed ones."""
    if (folder / MARK).exists() or (folder / "mlflow.json").exists():
        return True
    try:
        read_result(folder)
    except UserError:
        return (folder / "error.json").exists() and (folder / "run.log").exists()
    return True
