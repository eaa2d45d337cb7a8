"""What happens around a multirun: a parent run in MLflow, and the comparison at the end."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import yaml
from hydra import compose
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console

from pipeline import config, tracking
from pipeline.comparison import Comparison, compare
from pipeline.errors import UserError
from pipeline.experiment import Experiment

log = logging.getLogger(__name__)

PARENT = "YOURVECTORS_PARENT_RUN"


class Multirun(Callback):
    """Checks every job before the first starts; afterwards compares them."""

    current: ClassVar[Multirun | None] = None  # the front door ends it if Hydra cannot
    failed: ClassVar[bool] = False

    def __init__(self) -> None:
        self.run: tracking.Run | None = None
        self.folder = Path()

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Check the jobs, begin the parent run, and tell the jobs where they belong."""
        self.folder = Path(config.hydra.sweep.dir)
        try:
            experiments = list(_experiments(config))
            if experiments:
                self._begin(*experiments[0], name=_swept(config))
        except UserError as error:
            # Hydra turns a callback's exceptions into warnings, but lets this one through.
            sys.exit(f"error: {error}")
        Multirun.current = self
        own = [f"hydra.sweep.dir={_quote(self.folder)}"]
        if self.run:
            own.append(f"+hydra.job.env_set.{PARENT}={self.run.id}")
        config.hydra.overrides.hydra.extend(own)

    def _begin(self, experiment: Experiment, where: tracking.Tracking, name: str) -> None:
        if where.enabled:
            tags = {"role": "parent"}
            self.run = tracking.start(where, experiment.corpus.task, name, tags)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:  # noqa: ARG002
        """Compare the jobs, show the table and end the parent run."""
        self.end("FINISHED")

    def end(self, status: str) -> None:
        """Write and show the comparison of the jobs there are; end the parent run."""
        Multirun.current = None
        asked = {
            path.parent.parent: yaml.safe_load(path.read_text("utf-8"))
            for path in self.folder.rglob(".hydra/overrides.yaml")
        }
        try:
            if asked:
                comparison = compare(sorted(asked, key=_number), asked)
                comparison.save(self.folder)
                show(comparison, self.folder, self.run.tracking.uri if self.run else None)
                if comparison.failed:
                    Multirun.failed = True
                    status = "FAILED" if status == "FINISHED" else status
        except Exception:  # Hydra would make a warning of it
            Multirun.failed, status = True, "FAILED"
            log.exception("the comparison failed; the runs themselves are in %s", self.folder)
        if self.run:
            try:
                self.run.finish(self.folder, status)
            except UserError as error:
                sys.exit(f"error: {error}")


def show(comparison: Comparison, folder: Path, uri: str | None) -> None:
    """Print the comparison."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    console.print()
    console.print(comparison.rich())
    for sentence in comparison.sentences():
        console.print(sentence, markup=False)
    for row in comparison.failed:
        console.print(f"{row['arm']} failed: {row['error']}", markup=False)
    console.print(f"Everything is in {folder}", markup=False)
    if uri:
        local = uri.startswith("sqlite:")
        where = f"mlflow ui --backend-store-uri {uri}" if local else uri
        console.print(f"MLflow: {where}", markup=False)


def _experiments(config_: DictConfig) -> Iterator[tuple[Experiment, tracking.Tracking]]:
    """Compose and check every job; nothing where another sweeper decides as it goes."""
    if not str(config_.hydra.sweeper._target_).endswith("BasicSweeper"):
        return
    task = list(config_.hydra.overrides.task)
    parsed = OverridesParser.create().parse_overrides(task)
    for batch in BasicSweeper.split_arguments(parsed, max_batch_size=None):
        for overrides in batch:
            try:
                cfg = compose(config_.hydra.job.config_name, overrides, return_hydra_config=True)
                yield config.build(cfg, cfg.hydra.runtime.choices)
            except (UserError, HydraException, OmegaConfBaseException) as error:
                job = " ".join(overrides)
                raise UserError(f"{config.explain(error)} (in the job {job})") from error


def _swept(config_: DictConfig) -> str:
    """Name a multirun by what it sweeps."""
    return " ".join(item for item in config_.hydra.overrides.task if "," in item) or "multirun"


def _quote(path: Path) -> str:
    return "'" + str(path).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _number(folder: Path) -> tuple[int, str]:
    return (int(folder.name), "") if folder.name.isdigit() else (sys.maxsize, folder.name)


def parent() -> str | None:
    """Return the id of the parent run that this job belongs to."""
    return os.environ.get(PARENT)
