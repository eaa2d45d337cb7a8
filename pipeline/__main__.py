"""The command line: ``yourvectors``, which is also ``python -m pipeline``.

An experiment with Hydra's overrides, or one of the small commands::

    yourvectors -m vectors=skipgram,glove
    yourvectors report FOLDER...
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

# The user's own modules in the working folder are found after Python's and ours, so that a file
# named statistics.py there does not hide the standard library's. For a file named pipeline.py it is
# too late here; hydra_plugins/startup.pth takes care of it.
_HERE = os.getcwd()  # noqa: PTH109 - a string, as in sys.path
sys.path[:] = [*(path for path in sys.path if path not in {"", _HERE}), _HERE]

from pipeline.cli.conf import COMMANDS, help_text  # noqa: E402


def main() -> None:
    """Run a command; Ctrl-C or a closed pipe ends it without a traceback."""
    try:
        try:
            _run()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:  # once an experiment has begun, `run.main` handles it
        print("\nstopped", file=sys.stderr)  # noqa: T201
        sys.exit(130)
    except BrokenPipeError:  # by `head`, for example
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python prints an error when it exits
        sys.exit(1)


def _run() -> None:
    """Run the command that the first argument names, or an experiment."""
    first = sys.argv[1] if len(sys.argv) > 1 else ""
    if first == "--version":
        from importlib.metadata import version

        print(f"yourvectors {version('yourvectors')}")  # noqa: T201
        return
    if first in COMMANDS:
        sys.exit(import_module(COMMANDS[first]).main(sys.argv[2:]))
    if first in {"-sc", "--shell-completion"} and "query=" in " ".join(sys.argv[2:3]):
        from pipeline.cli.completion import offered

        words, rest = offered(os.environ.get("COMP_LINE", ""))
        print("\n".join(words))  # noqa: T201
        if rest is None:
            return
        os.environ["COMP_LINE"] = rest
    if {"--help", "-h"} & set(sys.argv[1:]):
        print(help_text())  # noqa: T201
        return
    if first == "run":
        del sys.argv[1]
    from pipeline.cli.run import main as run

    run()


if __name__ == "__main__":
    main()
