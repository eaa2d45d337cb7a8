"""The floors of the house: imports only go down, and heavy libraries have one door each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_imports_only_go_down():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_stages_need_neither_hydra_nor_mlflow_nor_matplotlib():
    program = (
        "import sys, pipeline; "
        "print([m for m in ('hydra', 'mlflow', 'matplotlib', 'numba', 'sklearn', 'pandas') "
        "if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
