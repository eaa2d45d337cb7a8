"""The front door for tests: in a process of its own, or (faster) in this one."""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SIZES = ["corpus.train=150", "corpus.dev=60", "corpus.test=60"]


def run(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m pipeline`` in `folder`."""
    command = [sys.executable, "-m", "pipeline", *arguments]
    clean = {k: v for k, v in os.environ.items() if k != "HYDRA_FULL_ERROR"}
    return subprocess.run(
        command,
        cwd=folder,
        env=clean | env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


def call(folder: Path, *arguments: str, **env: str) -> Done:
    """Do the same within this process.

    MLflow keeps a store open by its name: a tracked run needs `store`.
    """
    from hydra.core.global_hydra import GlobalHydra

    from pipeline import __main__ as entry
    from pipeline.cli import run as door

    door.failures.clear()
    on_term = signal.getsignal(signal.SIGTERM)
    # Background jobs of a shell are started deaf to Ctrl-C.
    on_int = signal.signal(signal.SIGINT, signal.default_int_handler)
    code: object = 0
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        patch.setattr(sys, "argv", ["pipeline", *arguments])
        patch.setenv("HYDRA_FULL_ERROR", "0")
        for name, value in env.items():
            patch.setenv(name, value)
        try:
            entry.main()
        except SystemExit as end:
            code = end.code
        finally:
            signal.signal(signal.SIGTERM, on_term)
            signal.signal(signal.SIGINT, on_int)
            logging.getLogger("pipeline").handlers.clear()  # they write to this call's stderr
            for name, module in list(sys.modules.items()):  # one's own code: others may use a name
                if str(getattr(module, "__file__", "")).startswith(str(folder)):
                    del sys.modules[name]
            GlobalHydra.instance().clear()
    said = err.getvalue()
    if isinstance(code, str):  # sys.exit prints a text only when the interpreter ends
        code, said = 1, f"{said}{code}\n"
    return Done(int(code or 0), out.getvalue(), said)  # type: ignore[call-overload]


@dataclass(frozen=True)
class Job:
    """The overrides of a job, and the folder of further configuration."""

    overrides: tuple[str, ...]
    conf: str | None = None


def split_jobs(*arguments: str) -> list[Job]:
    """Return the jobs that a command line lists; without ``-m`` one."""
    from pipeline.cli.plan import as_lists, expand, for_each_job

    parser = argparse.ArgumentParser()
    parser.add_argument("-m", action="store_true")
    parser.add_argument("--config-dir")
    given, overrides = parser.parse_known_args(arguments)
    words = as_lists(overrides)
    jobs = expand(for_each_job(words)) if given.m else [words]
    return [Job(tuple(job), given.config_dir) for job in jobs]


def compose_jobs(folder: Path, jobs: Iterable[Job]) -> list[Any]:
    """Compose and check jobs as ``-m`` does before the first one starts."""
    from hydra import compose, initialize_config_dir

    from pipeline.cli import config
    from pipeline.cli.conf import CONF

    config.register()
    built = []
    with (
        pytest.MonkeyPatch.context() as patch,
        initialize_config_dir(str(CONF), version_base="1.3"),
    ):
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        for job in dict.fromkeys(jobs):
            conf = [f"hydra.searchpath=[file://{folder / job.conf}]"] if job.conf else []
            cfg = compose("config", [*job.overrides, *conf], return_hydra_config=True)
            built.append(config.build(cfg, cfg.hydra.runtime.choices))
    return built


shared: Callable[..., tuple[Path, Any]] | None = None  # the fixture of that name in conftest.py


def empty_store() -> Path:
    """Return an MLflow database without runs: to copy it is quicker than to make one."""
    from pipeline.tracking.client import connect

    def make(folder: Path) -> None:
        connect(f"sqlite:///{folder}/mlflow.db")

    return shared("store", make)[0] / "mlflow.db"


def store(folder: Path) -> str:
    """Name the tracking store that is the default in `folder`, in full; an empty one is there."""
    database = folder / "outputs" / "mlflow.db"
    if not database.exists():
        database.parent.mkdir(exist_ok=True)
        shutil.copyfile(empty_store(), database)
    return f"tracking.uri=sqlite:///{database}"


def only(folder: Path, pattern: str) -> Path:
    """Return the one path that fits."""
    found = sorted(folder.glob(pattern))
    assert len(found) == 1, found
    return found[0]


def assert_one_clear_line(done: subprocess.CompletedProcess[str] | Done, *words: str) -> None:
    assert done.returncode == 1, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in errors[0]
