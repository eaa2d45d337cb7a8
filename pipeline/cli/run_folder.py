"""The folder of a run: whether its result is complete and up to date, and clearing it."""

from __future__ import annotations

import shutil
from pathlib import Path

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


def claim(folder: Path) -> None:
    """Remove what an earlier run left in its folder.

    Raises
    ------
    UserError
        If the folder has files of these names that are not a run's.
    """
    ours = [folder / name for name in (*RUN_FOLDERS, *FILES) if (folder / name).exists()]
    if ours:
        require(
            _is_run(folder),
            f"{folder} has {ours[0].name}, but is not the folder of a run, so nothing in it is "
            "touched. Name another folder with hydra.run.dir.",
        )
    for path in ours:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    (folder / MARK).parent.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("This folder belongs to a run: the next one here clears it.\n")


def _is_run(folder: Path) -> bool:
    """Tell whether a run began here; before version 0.2 only finished ones can be told."""
    if (folder / MARK).exists() or (folder / "mlflow.json").exists():
        return True
    try:
        read_result(folder)
    except UserError:
        return (folder / "error.json").exists() and (folder / "run.log").exists()
    return True
