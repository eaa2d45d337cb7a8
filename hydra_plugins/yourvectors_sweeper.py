"""A Hydra sweeper that launches the jobs that `pipeline.cli.plan` has planned and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

ConfigStore.instance().store(
    group="hydra/sweeper",
    name="planned",
    node={
        "_target_": "hydra_plugins.yourvectors_sweeper.PlannedSweeper",
        "max_batch_size": None,
        "params": None,
    },
    provider="yourvectors",
)


class PlannedSweeper(Sweeper):  # type: ignore[misc]
    """Launches a job for each combination of the swept values, but none with equal results."""

    def __init__(self, max_batch_size: int | None, params: dict[str, str] | None) -> None:
        self.max_batch_size = max_batch_size
        self.params = params
        self.config: DictConfig
        self.launcher: Launcher

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Create the launcher that was chosen."""
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:  # noqa: ARG002 - they are planned already
        """Launch the planned jobs."""
        from pipeline.cli.multirun import Multirun

        folder = Path(self.config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, folder / "multirun.yaml")
        assert Multirun.current is not None
        jobs = [list(job.overrides) for job in Multirun.current.plan.jobs]
        size = self.max_batch_size or len(jobs)
        results = []
        for first in range(0, len(jobs), size):
            batch = self.launcher.launch(jobs[first : first + size], initial_job_idx=first)
            _ = [job.return_value for job in batch]  # raises what a job raised
            results.append(batch)
        return results
