"""``python -m pipeline.cache`` is an older spelling of ``python -m pipeline cache``."""

import runpy
import sys

if __name__ == "__main__":
    sys.argv[1:1] = ["cache"]
    runpy.run_module("pipeline", run_name="__main__", alter_sys=True)
