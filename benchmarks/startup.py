"""How long a person waits for the first line: import, ``--help`` and the start of a run.

Each command is started several times, each time in a new process and an empty folder; the medians
of processor and elapsed seconds are printed. A run is stopped after its first line.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

COMMANDS = {
    "import pipeline": ["-c", "import pipeline"],
    "import pipeline, first public name": ["-c", "import pipeline; pipeline.Sample"],
    "--help": ["-m", "pipeline", "--help"],
    "params vectors.window": ["-m", "pipeline", "params", "vectors.window"],
    "first line of a run": ["-u", "-m", "pipeline"],
    "first line of a multirun": ["-u", "-m", "pipeline", "-m", "vectors.dim=50,100", "seed=1,2,3"],
}


def measure(arguments: list[str], folder: str) -> tuple[float, float]:
    """Return processor and elapsed seconds of a command until its first line, or its end."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if process.stdout is None:
        raise RuntimeError("the process has no output")
    process.stdout.readline()
    elapsed = time.perf_counter() - began
    process.kill() if "-u" in arguments else process.stdout.read()
    process.stdout.close()
    _, _, used = os.wait4(process.pid, 0)
    process.returncode = 0
    return used.ru_utime + used.ru_stime, elapsed


def main() -> None:
    """Print a row for each command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print("| command | CPU seconds | elapsed |\n|---|---|---|")
    for name, arguments in COMMANDS.items():
        with tempfile.TemporaryDirectory() as folder:
            taken = [measure(arguments, folder) for _ in range(rounds)]
        cpu, elapsed = (statistics.median(values) for values in zip(*taken, strict=True))
        print(f"| {name} | {cpu:.2f} | {elapsed:.2f} |")


if __name__ == "__main__":
    main()
