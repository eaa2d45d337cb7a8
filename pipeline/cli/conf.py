"""The small commands, the folder of the YAML files and the help text: all that ``--help`` needs."""

from __future__ import annotations

from pathlib import Path

COMMANDS = {
    "cache": "pipeline.cli.cache",
    "compare": "pipeline.cli.report",
    "gradcheck": "pipeline.formulas.gradcheck",
    "params": "pipeline.cli.params",
    "report": "pipeline.cli.report",
    "ui": "pipeline.tracking.ui",
    "upload": "pipeline.tracking.upload",
}
"""The module of each small command."""

# In a checkout conf/ is beside the package, in an installed wheel inside it.
_PACKAGE = Path(__file__).parent.parent
CONF = next(folder for folder in (_PACKAGE / "conf", _PACKAGE.parent / "conf") if folder.is_dir())


def help_text() -> str:
    """Return what ``--help`` prints; Hydra would take two seconds to start."""
    import yaml

    path = CONF / "hydra" / "help" / "yourvectors.yaml"
    return str(yaml.safe_load(path.read_text("utf-8"))["template"])
