"""The folder of a run: whether its result is complete and up to date, and clearing it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from pipeline.cache.keys import run_key
from pipeline.core.errors import UserError, require
from pipeline.core.plain import json_digest
from pipeline.experiment import Experiment
from pipeline.stages.report.result import (
    RUN_FILES,
    RUN_FOLDERS,
    damaged_files,
    read_result,
)

MARK = Path(".hydra") / "yourvectors"  # says that this folder is a run's
MULTIRUN_FILES = ("comparison", *(f"comparison.{end}" for end in ("csv", "json", "html", "png")))
FILES = (*RUN_FILES, "result.json", "error.json")


def key_of(experiment: Experiment) -> str:
    """Return the digest of everything that the result depends on: settings, files and code."""
    return json_digest(run_key(experiment))


def is_done(folder: Path, experiment: Experiment) -> bool:
    """Return whether a folder holds the complete result of this very experiment.

    Everything the result depends on must be as it was: settings, the content of all files, the code
    and the versions of packages. Results of version 0.1.0 do not say, so they are made again.
    """
    try:
        result = read_result(folder)
    except UserError:  # there is none, or a damaged one: the job is run again
        return False
    name = experiment.name or experiment.choices["vectors"]
    same = (result["seed"], result["name"]) == (experiment.seed, name)
    return same and result.get("key") == key_of(experiment) and not damaged_files(folder, result)


def check_is_ours(folder: Path) -> None:
    """Refuse a folder with files that a run would replace, but that are not a run's.

    Raises
    ------
    UserError
        It names the first of the files.
    """
    found = _of_a_run(folder)
    require(
        not found or _is_run(folder),
        f"{folder} has {found[0].name if found else ''}, but is not the folder of a run, so "
        "nothing in it is touched. Name another folder with hydra.run.dir.",
    )


def check_is_multirun(folder: Path) -> None:
    """Refuse a folder with files that a multirun would replace, but that are not a multirun's."""
    found = [folder / name for name in MULTIRUN_FILES if (folder / name).exists()]
    if not (folder / "multirun.yaml").exists() and found and not (folder / "jobs.json").exists():
        raise UserError(
            f"{folder} has {found[0].name}, but is not the folder of a multirun, so nothing in it "
            "is touched. Name another folder with hydra.sweep.dir."
        )


def claim(folder: Path) -> None:
    """Remove what an earlier run left in its folder.

    Raises
    ------
    UserError
        If the folder has files of these names that are not a run's.
    """
    check_is_ours(folder)
    for path in _of_a_run(folder):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (folder / MARK).parent.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("This folder belongs to a run: the next one here clears it.\n")


def _of_a_run(folder: Path) -> list[Path]:
    return [folder / name for name in (*RUN_FOLDERS, *FILES) if (folder / name).exists()]


class FolderCheck(Callback):
    """Checks the folder of a run before Hydra writes its own files there."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """End here if the folder has files of the user's that a run would replace."""
        try:
            check_is_ours(Path(config.hydra.run.dir))
        except UserError as error:
            sys.exit(f"error: {error}")  # Hydra makes warnings of other exceptions


def _is_run(folder: Path) -> bool:
    """Tell whether a run began here; before version 0.2 only finished ones can be told."""
    if (folder / MARK).exists() or (folder / "mlflow.json").exists():
        return True
    try:
        read_result(folder)
    except UserError:
        return (folder / "error.json").exists() and (folder / "run.log").exists()
    return True
