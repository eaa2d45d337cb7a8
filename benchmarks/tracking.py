"""Measure what tracking adds to a run, once its store exists.

    python benchmarks/tracking.py --rounds 5

The same small run with ``tracking=mlflow`` and with ``tracking=off``, alternately, each in a new
process. Prints medians of elapsed time and of CPU seconds; other work on the machine affects the
latter less.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from statistics import median

RUN = ["corpus.train=600", "corpus.dev=100", "corpus.test=100", "vectors.epochs=5", "cache=off"]


def timed(folder: str, tracking: str) -> tuple[float, float]:
    """Return the elapsed and the CPU seconds of one run."""
    before, began = os.times(), time.perf_counter()
    command = [sys.executable, "-m", "pipeline", *RUN, f"tracking={tracking}"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    after = os.times()
    used = after.children_user + after.children_system
    return time.perf_counter() - began, used - before.children_user - before.children_system


def main() -> None:
    """Create the store, time both alternately, print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        timed(folder, "mlflow")  # creates the store and compiles
        pairs = [(timed(folder, "mlflow"), timed(folder, "off")) for _ in range(rounds)]
    print("| | with, s | without, s | tracking, s |\n|---|---|---|---|")
    for i, name in enumerate(("wall time", "CPU seconds")):
        with_, without = ([pair[side][i] for pair in pairs] for side in (0, 1))
        more = median(a - b for a, b in zip(with_, without, strict=True))
        print(f"| {name} | {median(with_):.1f} | {median(without):.1f} | {more:.1f} |")


if __name__ == "__main__":
    main()
