"""Keep passwords and tokens of the configuration out of the files that Hydra writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, ListConfig, flag_override
from omegaconf.errors import OmegaConfBaseException

from pipeline.core.errors import UserError
from pipeline.core.secrets import hide, mask, mask_files


def hide_secrets(node: DictConfig | ListConfig) -> None:
    """Mask every address in a configuration that holds a password or token."""
    keys: list[Any] = list(node) if isinstance(node, DictConfig) else list(range(len(node)))
    for key in keys:
        try:
            value = node[key]
        except (OmegaConfBaseException, UserError):  # it is reported when it is used
            continue
        if isinstance(value, DictConfig | ListConfig):
            hide_secrets(value)
        elif isinstance(value, str) and mask(value) != value:
            with flag_override(node, ["readonly", "struct"], [False, False]):
                node[key] = hide(value)


class HideSecrets(Callback):
    """Masks secrets before Hydra writes its configuration files, or right afterwards."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Mask the configuration of a run or multirun."""
        hide_secrets(config)

    on_multirun_start = on_run_start

    def on_job_start(self, config: DictConfig, **_: Any) -> None:
        """Mask the files of a job, because Hydra composes its configuration again."""
        mask_files(Path(config.hydra.runtime.output_dir) / config.hydra.output_subdir, "*.yaml")
