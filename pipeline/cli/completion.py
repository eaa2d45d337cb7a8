"""Tab completion of the small commands; Hydra completes those that run experiments.

The shell calls ``yourvectors -sc query=bash`` with the line so far in ``COMP_LINE``.
"""

from __future__ import annotations

import contextlib
import io
import re
from importlib import import_module

from pipeline.cli.conf import COMMANDS


def offered(line: str) -> tuple[list[str], str | None]:
    """Return what can be typed next, and the line if Hydra should complete it too.

    ``line`` is the command line so far, including the name of the program.
    """
    *before, typed = re.split(r"\s+", line.strip() if line == line.rstrip() else line.lstrip())
    program, *words = before or [typed]
    if not words:
        return [name for name in sorted([*COMMANDS, "run"]) if name.startswith(typed)], line
    if words[0] == "run":
        return [], " ".join([program, *words[1:], typed])
    if words[0] not in COMMANDS:
        return [], line
    found = _after(COMMANDS[words[0]], words[1:])
    if words[0] == "params":
        from pipeline.cli.params import parameters

        found += sorted({name for one in parameters() for name in one.names() if name})
    return [word for word in found if word.startswith(typed)], None


def _after(module: str, words: list[str]) -> list[str]:
    """Return the options and choices that the help of a command lists."""
    out, err = io.StringIO(), io.StringIO()
    exits = contextlib.suppress(SystemExit)  # --help ends so
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), exits:
        import_module(module).main([*words, "--help"])
    usage = out.getvalue().partition("\n\n")[0]
    choices = [name for group in re.findall(r"\{([\w,-]+)\}", usage) for name in group.split(",")]
    return choices + re.findall(r"--[\w-]+", usage)
