"""The command line: ``python -m pipeline``, or ``yourvectors``.

An experiment with Hydra's overrides, or one of the small commands::

    python -m pipeline -m vectors=skipgram,glove
    python -m pipeline report FOLDER...
"""

from __future__ import annotations

import sys
from importlib import import_module

COMMANDS = {
    "cache": "pipeline.cli.cache",
    "gradcheck": "pipeline.formulas.gradcheck",
    "report": "pipeline.cli.report",
    "upload": "pipeline.cli.upload",
}


def main() -> None:
    """Run the command that the first argument names; without one, an experiment."""
    command = COMMANDS.get(sys.argv[1]) if len(sys.argv) > 1 else None
    if command:
        sys.exit(import_module(command).main(sys.argv[2:]))
    from pipeline.cli.run import main as run

    run()


if __name__ == "__main__":
    main()
