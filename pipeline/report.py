"""``python -m pipeline.report`` is an older spelling of ``python -m pipeline report``."""

import runpy
import sys
from typing import Any


def __getattr__(name: str) -> Any:
    """Return what version 0.1.0 had here."""
    from pipeline.stages.report import page, report

    if name.startswith("__") or not hasattr(report, name):
        return getattr(page, name)
    return getattr(report, name)


if __name__ == "__main__":
    sys.argv[1:1] = ["report"]
    runpy.run_module("pipeline", run_name="__main__", alter_sys=True)
