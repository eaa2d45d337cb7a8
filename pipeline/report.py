"""``python -m pipeline.report`` is an older spelling of ``python -m pipeline report``."""

import runpy
import sys

if __name__ == "__main__":
    sys.argv[1:1] = ["report"]
    runpy.run_module("pipeline", run_name="__main__", alter_sys=True)
