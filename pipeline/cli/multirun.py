"""What happens around a multirun: a parent run in MLflow, and the comparison at the end."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, unquote

import yaml
from hydra import compose
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from pipeline.cli import config
from pipeline.comparison import Comparison, arm_names, compare
from pipeline.core.errors import UserError
from pipeline.experiment import Experiment
from pipeline.stages.report.finished_run import in_order
from pipeline.stages.report.result import damaged_files, read_result
from pipeline.tracking import run as tracking
from pipeline.tracking.records import PARENT
from pipeline.tracking.registry import register

log = logging.getLogger(__name__)

PLACE = "YOURVECTORS_MULTIRUN"


@dataclass(frozen=True)
class Place:
    """Where a job belongs.

    Parameters
    ----------
    parents
        The id of the parent run, an experiment.
    common
        The overrides that all jobs have.
    """

    parents: dict[str, str] = field(default_factory=dict)
    common: list[str] = field(default_factory=list)

    @classmethod
    def of_this_job(cls) -> Place:
        """Return what the multirun said in the environment."""
        return cls(**json.loads(unquote(os.environ.get(PLACE, "{}"))))

    def name(self, overrides: list[str]) -> str:
        """Name a job by what not all jobs have, as the comparison does."""
        return arm_names([overrides, [item for item in overrides if item in self.common]])[0]

    def tags(self, experiment: str) -> dict[str, str]:
        """Return the tags of a job."""
        parent = self.parents.get(experiment)
        return {"role": "job"} | ({PARENT: parent} if parent else {})


def is_done(folder: Path, experiment: Experiment) -> bool:
    """Return whether a folder holds the result of this very experiment."""
    try:
        result = read_result(folder)
    except UserError:  # there is none, or a damaged one: the job is run again
        return False
    name = experiment.name or experiment.choices["vectors"]
    wanted = (experiment.settings_hash(), experiment.seed, name)
    found = (result["settings_hash"], result["seed"], result["name"])
    return wanted == found and not damaged_files(folder, result)


class Multirun(Callback):
    """Checks every job before the first starts; afterwards compares them."""

    current: ClassVar[Multirun | None] = None  # the front door ends it if Hydra cannot
    failed: ClassVar[bool] = False

    def __init__(self) -> None:
        self.folder = Path()
        self.uri: str | None = None
        self.register_as: str | None = None
        self.began = time.time()
        self.planned: list[tuple[list[str], Experiment]] = []

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Check the jobs, begin the parent run, and tell the jobs where they belong."""
        self.folder = Path(config.hydra.sweep.dir)
        try:
            place = self._begin(config)
        except UserError as error:
            # Hydra turns a callback's exceptions into warnings, but lets this one through.
            sys.exit(f"error: {error}")
        Multirun.current = self
        config.hydra.overrides.hydra.extend(
            [
                f"hydra.sweep.dir={_quote(str(self.folder))}",
                f"+hydra.job.env_set.{PLACE}={quote(json.dumps(asdict(place)))}",
            ]
        )

    def _begin(self, config_: DictConfig) -> Place:
        asked = list(config_.hydra.overrides.task)
        parsed = OverridesParser.create().parse_overrides(asked)
        common = [
            f"{item.get_key_element()}={item.get_value_element_as_str()}"
            for item in parsed
            if not item.is_sweep_override()
        ]
        basic = str(config_.hydra.sweeper._target_).endswith("BasicSweeper")
        # Another sweeper decides as it goes; what all its jobs have can be checked.
        jobs = BasicSweeper.split_arguments(parsed, None)[0] if basic else [common]
        built = [_build(config_, job) for job in jobs]
        if basic:
            self.planned = [(job, plan.experiment) for job, plan in zip(jobs, built, strict=True)]
        _, where, registry = built[0]
        if not where.enabled:
            return Place(common=common)
        self.uri = where.uri
        self.register_as = registry.name
        names = [plan.tracking.experiment_for(plan.experiment.corpus.task) for plan in built]
        what = " ".join(item for item in asked if not item.startswith("tracking"))
        tags = {"role": "parent", "asked": what}
        swept = " ".join(str(item.input_line) for item in parsed if item.is_sweep_override())
        tasks = list(dict.fromkeys(names))
        records = tracking.start(where, self.folder, tasks, swept or "multirun", tags)
        return Place({record.experiment: str(record.run_id) for record in records}, common)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:  # noqa: ARG002
        """Compare the jobs, show the table and end the parent run."""
        self.end("FINISHED")

    def end(self, status: str) -> None:
        """Write and show the comparison of the jobs there are; end the parent run."""
        Multirun.current = None
        error, note, jobs = "", "", self._jobs()
        try:
            if any(job.exists() for job in jobs):
                comparison = compare(jobs, jobs)
                comparison.save(self.folder)
                show(comparison, self.folder, self.uri)
                note = "\n\n".join(comparison.sentences())
                if comparison.failed:
                    status = "FAILED" if status == "FINISHED" else status
                    error = "; ".join(f"{row['arm']}: {row['error']}" for row in comparison.failed)
        except Exception as problem:  # Hydra would make a warning of it
            status, error = "FAILED", str(problem)
            log.exception("the comparison failed; the runs themselves are in %s", self.folder)
        Multirun.failed = Multirun.failed or status != "FINISHED"
        if self.uri:
            try:
                tracking.finish(self.folder, status, error, note=note, jobs=list(jobs))
                if self.register_as and status == "FINISHED":  # else it is when the rest is run
                    register(self.register_as, self.folder)
            except UserError as problem:
                Multirun.failed = True
                log.error("error: %s", problem)  # noqa: TRY400 - a line, no traceback

    def _jobs(self) -> dict[Path, list[str]]:
        """Return the folders of this multirun's jobs, not of an older one's, with the overrides."""
        paths = {path.parent.parent: path for path in self.folder.rglob(".hydra/overrides.yaml")}
        found = {
            folder: list(yaml.safe_load(paths[folder].read_text("utf-8")))
            for folder in in_order(paths)
        }
        now = {folder for folder in found if paths[folder].stat().st_mtime > self.began - 1}
        if not self.planned:
            return {folder: found[folder] for folder in found if folder in now}
        jobs: dict[Path, list[str]] = {}
        for number, (overrides, experiment) in enumerate(self.planned):
            same = [folder for folder in found if found[folder] == overrides and folder not in jobs]
            there = [folder for folder in same if folder in now or is_done(folder, experiment)]
            unused = self.folder / str(number)
            if there:
                jobs[there[0]] = overrides
            elif unused not in found or (unused in same and not (unused / "result.json").exists()):
                jobs[unused] = overrides  # it did not begin, or is to be tried again
        return jobs


def show(comparison: Comparison, folder: Path, uri: str | None) -> None:
    """Print the comparison, and where everything is."""
    print()  # noqa: T201 - below the progress of the last job
    console = comparison.show()
    console.print(f"Everything is in {folder}", markup=False)
    console.print(f"The page: {folder / 'comparison.html'}", markup=False)
    if comparison.failed:
        again = f"The same command with hydra.sweep.dir={folder} runs what is missing or failed."
        console.print(again, markup=False)
    if uri:
        local = uri.startswith("sqlite:")
        where = f"mlflow ui --backend-store-uri {uri}" if local else uri
        console.print(f"MLflow: {where}", markup=False)


def _build(config_: DictConfig, overrides: list[str]) -> config.Plan:
    """Compose and check a job."""
    try:
        cfg = compose(config_.hydra.job.config_name, overrides, return_hydra_config=True)
        return config.build(cfg, cfg.hydra.runtime.choices)
    except (UserError, HydraException, OmegaConfBaseException) as error:
        job = " ".join(overrides)
        raise UserError(f"{config.explain(error)} (in the job {job})") from error


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
