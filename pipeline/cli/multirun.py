"""Around a multirun: plan and check its jobs, a parent run in MLflow, and the comparison."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import yaml
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from pipeline.cli import config
from pipeline.cli.explain import quoted
from pipeline.cli.plan import MultirunPlan, Place, plan_jobs
from pipeline.cli.run_folder import MARK, check_is_multirun, check_is_ours
from pipeline.comparison import Comparison, compare
from pipeline.core.errors import UserError
from pipeline.core.secrets import mask
from pipeline.stages.report.finished_run import in_order
from pipeline.tracking import run as tracking
from pipeline.tracking.records import short_name
from pipeline.tracking.registry import register

if TYPE_CHECKING:
    from rich.console import Console

log = logging.getLogger(__name__)


class Ending(NamedTuple):
    """How a multirun ended: for its parent run in MLflow and for the terminal."""

    status: str
    error: str = ""
    note: str = ""
    notes: Mapping[Path, str] = {}
    shown: tuple[Comparison, Console] | None = None


class Multirun(Callback):
    """Checks every job before the first starts; afterwards compares them."""

    current: ClassVar[Multirun | None] = None  # `run.main` ends it if Hydra cannot
    failed: ClassVar[bool] = False

    def __init__(self) -> None:
        self.folder = Path()
        self.uri: str | None = None
        self.register_as: str | None = None
        self.plan = MultirunPlan([], [], "")  # without jobs if another sweeper than ours runs them
        self.ended = False

    @classmethod
    def reset(cls) -> None:
        """Forget an earlier multirun of this process."""
        cls.current, cls.failed = None, False

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Plan and check the jobs, start the parent run, and write ``jobs.json``."""
        self.folder = Path(config.hydra.sweep.dir)
        try:
            self._begin(config)
        except UserError as error:
            # Hydra turns other exceptions of a callback into warnings.
            sys.exit(f"error: {mask(str(error))}")
        Multirun.current = self
        # Hydra composes each job again: ${stamp:} would then name another folder.
        config.hydra.overrides.hydra.append(f"hydra.sweep.dir={quoted(str(self.folder))}")

    def _begin(self, config_: DictConfig) -> None:
        asked = list(config_.hydra.overrides.task)
        name = config_.hydra.job.config_name
        is_ours = str(config_.hydra.sweeper._target_).endswith("PlannedSweeper")
        if is_ours:
            params = config_.hydra.sweeper.params or {}
            words = [*(f"{k}={v}" for k, v in params.items()), *asked]
        else:  # another sweeper chooses values itself; what all its jobs have can be checked
            words = [word for word in asked if not _is_chosen_by_sweeper(word)]
        self.plan = plan_jobs(name, words)
        plans = [job.plan for job in self.plan.jobs]
        if not is_ours:
            self.plan.common = [item for job in self.plan.jobs for item in job.overrides]
            self.plan.jobs = []
        check_is_multirun(self.folder)
        for number in range(len(self.plan.jobs)):
            check_is_ours(self.folder / str(number))
        for mark in self.folder.glob(f"*/{MARK}.started"):  # of an earlier multirun
            mark.unlink()
        jobs = [job.overrides for job in self.plan.jobs]
        parents = self._start_parent(plans, asked)
        Place(jobs, self.plan.common, parents).write(self.folder)

    def _start_parent(self, plans: list[config.Plan], asked: list[str]) -> dict[str, str]:
        """Start a parent run for each experiment; return their ids by experiment."""
        where = plans[0].tracking
        if not where.enabled:
            return {}
        self.uri, self.register_as = where.uri, plans[0].registry.name
        names = [plan.tracking.experiment_for(plan.experiment.corpus.task) for plan in plans]
        what = " ".join(item for item in asked if not item.startswith("tracking"))
        tags = {"role": "parent", "asked": what}
        tasks, name = list(dict.fromkeys(names)), short_name(self.plan.swept.split(" "))
        records = tracking.start(where, self.folder, tasks, name, tags)
        return {record.experiment: str(record.run_id) for record in records}

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:  # noqa: ARG002
        """Compare the jobs, show the table and end the parent run."""
        self.end("FINISHED")

    def end(self, status: str) -> None:
        """Compare the jobs that were started, show the comparison, and end the parent run."""
        if self.ended:
            return
        self.ended, jobs, ending = True, self._jobs(), Ending(status)
        done = any((folder / "result.json").exists() for folder in jobs)
        try:
            if done or (jobs and status != "KILLED"):
                ending = self._compare(jobs, status)
        except KeyboardInterrupt:
            ending = Ending("KILLED")
            raise
        except Exception as problem:  # Hydra would make a warning of it
            ending = Ending("FAILED", str(problem))
            log.exception("the comparison failed; the runs themselves are in %s", self.folder)
        finally:
            Multirun.failed = Multirun.failed or ending.status != "FINISHED"
            if self.uri:
                self._save(jobs, ending)
            if ending.shown is not None:
                waiting = len(self.plan.jobs) - len(jobs)
                show_where(*ending.shown, self.folder, self.uri, waiting=waiting)

    def _compare(self, jobs: dict[Path, list[str]], status: str) -> Ending:
        comparison = compare(list(jobs), jobs)
        log.info("  drawing the page of the comparison")
        comparison.save(self.folder)
        print()  # noqa: T201 - below the progress of the last job
        console = comparison.show()
        error = "; ".join(f"{row['arm']}: {row['error']}" for row in comparison.failed)
        if error and status == "FINISHED":
            status = "FAILED"
        note = "\n\n".join(comparison.sentences())
        notes = {
            Path(row["folder"]): verdict.text()
            for verdict in comparison.verdicts
            for row in verdict.arm.rows
        }
        return Ending(status, error, note, notes, (comparison, console))

    def _save(self, jobs: dict[Path, list[str]], ending: Ending) -> None:
        """Send to MLflow how the multirun ended, and register the best run."""
        status, error, note, notes, _ = ending
        try:
            tracking.finish(self.folder, status, error, note=note, jobs=list(jobs), notes=notes)
            if self.register_as and status == "FINISHED":  # otherwise once the rest has run
                register(self.register_as, self.folder)
        except UserError as problem:
            Multirun.failed = True
            log.error("error: %s", problem)  # noqa: TRY400 - without a traceback

    def _jobs(self) -> dict[Path, list[str]]:
        """Return the folders of the jobs that were started, with their overrides."""
        if self.plan.jobs:
            folders = [self.folder / str(number) for number in range(len(self.plan.jobs))]
            asked = dict(zip(folders, (job.overrides for job in self.plan.jobs), strict=True))
        else:
            name = ".hydra/overrides.yaml"
            folders = in_order(path.parent.parent for path in self.folder.glob(f"*/{name}"))
            asked = {f: list(yaml.safe_load((f / name).read_text("utf-8")) or []) for f in folders}
        return {f: words for f, words in asked.items() if (f / f"{MARK}.started").exists()}


def _is_chosen_by_sweeper(word: str) -> bool:
    """Return whether a word gives a sweeper several values to choose from."""
    value = word.partition("=")[2]
    is_list = "," in value and not value.startswith(("[", "{", "'", '"'))
    return is_list or value.startswith(("choice(", "range(", "interval(", "tag("))


def show_where(
    comparison: Comparison, console: Console, folder: Path, uri: str | None, *, waiting: int = 0
) -> None:
    """Print where everything is, and which jobs did not run."""
    say = partial(console.print, markup=False, soft_wrap=True)  # a wrapped path cannot be clicked
    say(f"Everything is in {folder}")
    say(f"The page: {folder / 'comparison.html'}")
    if waiting > 0:
        say(f"{waiting} of {waiting + len(comparison.rows)} jobs were not started.")
    if comparison.failed or waiting > 0:
        say(f"The same command with hydra.sweep.dir={folder} runs what is missing or failed.")
    if uri:
        say(f"In MLflow: yourvectors ui {folder}")
