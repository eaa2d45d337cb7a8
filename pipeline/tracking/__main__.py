"""``python -m pipeline.tracking upload`` is an older spelling of ``python -m pipeline upload``."""

import runpy

if __name__ == "__main__":
    runpy.run_module("pipeline", run_name="__main__", alter_sys=True)
