"""Kill multiruns at random moments, resume them, and look at what MLflow holds.

    nice python benchmarks/kills.py --store sqlite --trials 100
    nice python benchmarks/kills.py --store server --trials 100

Each trial starts a multirun of two jobs, two processes at a time by joblib, and sends SIGKILL at a
random moment: to the parent, to a worker, or to the whole process group; every fourth trial kills a
single run. Then the same command is given again. A trial is good if the second command succeeds and
MLflow then holds one parent, each job once below it, and no run that is RUNNING.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
from mlflow import MlflowClient

from pipeline.tracking.client import connect
from pipeline.tracking.records import read

SMALL = ["corpus=table", "corpus.path=t.csv", "corpus.split=split", "vectors=random"]
SMALL += ["vectors.dim=4", "sweep.strengths=[1]", "report.words=[]"]
MANY = ["-m", *SMALL, "seed=1,2", "hydra.sweep.dir=F"]
MANY += ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
ONE = [*SMALL, "hydra.run.dir=F"]
VICTIMS = ("parent", "worker", "group", "single run")


def start(folder: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
    """Start ``python -m pipeline`` in a process group of its own."""
    log = (folder / "log").open("ab")
    command = [sys.executable, "-m", "pipeline", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)


def kill(process: subprocess.Popen[bytes], victim: str) -> str:
    """Send SIGKILL; return to whom, for there may be no worker yet or any more."""
    workers = []
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(process.pid).children(recursive=True)
        workers = [child for child in children if "loky" in " ".join(child.cmdline())]
    if victim == "worker" and workers:
        random.choice(workers).kill()  # noqa: S311
        return "worker"
    if victim == "group":
        os.killpg(process.pid, signal.SIGKILL)
        return "group"
    process.kill()
    return "single run" if victim == "single run" else "parent"


def faults(client: MlflowClient, experiment: str, victim: str) -> list[str]:
    """Return what is wrong with the runs of an experiment."""
    found = client.get_experiment_by_name(experiment)
    if found is None:
        return ["no experiment"]
    runs = client.search_runs([found.experiment_id])
    roles = Counter(run.data.tags["role"] for run in runs)
    wrong = [
        f"{run.info.run_name} is {run.info.status}" for run in runs if run.info.status != "FINISHED"
    ]
    if victim == "single run":
        return wrong + ([] if roles == {"run": 1} else [f"runs: {dict(roles)}"])
    if roles != {"parent": 1, "job": 2}:
        return [*wrong, f"runs: {dict(roles)}"]
    (parent,) = (run.info.run_id for run in runs if run.data.tags["role"] == "parent")
    jobs = {run.info.run_name for run in runs if run.data.tags.get("mlflow.parentRunId") == parent}
    return wrong + ([] if len(jobs) == 2 else [f"jobs: {jobs}"])


def trial(folder: Path, uri: str | None, number: int, longest: float) -> tuple[str, list[str]]:
    """Kill, resume and look; return who was killed, nobody if all had ended, and what is wrong."""
    victim = VICTIMS[number % len(VICTIMS)]
    experiment = f"trial {number}"
    store = uri or f"sqlite:///{folder}/mlflow.db"
    arguments = [*(ONE if victim == "single run" else MANY), f"tracking.uri={store}"]
    arguments += [f"tracking.experiment={experiment}"]
    process = start(folder, arguments)
    time.sleep(random.uniform(0, longest))  # noqa: S311
    if process.poll() is not None:
        return "nobody", []
    killed = kill(process, victim)
    process.wait(600)
    records = read(folder / "F")
    if victim == "single run" and records and all(record.sent for record in records):
        return "nobody", []  # all was done; the same command is another run then
    again = start(folder, arguments).wait(600)
    wrong = [] if again == 0 else [f"the second command ends with {again}"]
    return killed, wrong + faults(MlflowClient(store), experiment, victim)


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run ``mlflow server``."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from server import Server

    running = Server(folder).start()
    try:
        yield running.uri
    finally:
        running.kill()


def write_table(path: Path) -> None:
    """Write 60 sentences of two classes."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "split"])
        for number, split in enumerate(["train"] * 40 + ["dev"] * 10 + ["test"] * 10):
            word = ("good", "fine") if number % 2 else ("bad", "dull")
            writer.writerow([f"a {word[number // 2 % 2]} film {number}", number % 2, split])


def main() -> None:
    """Make the trials, and print what failed and a row for the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", choices=("sqlite", "server"), default="sqlite")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    random.seed(given.seed)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the server ends too
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        root = Path(name)
        write_table(root / "t.csv")
        connect(f"sqlite:///{root}/empty.db")
        uri = stack.enter_context(server(root)) if given.store == "server" else None
        longest, good, whom = 0.0, 0, Counter[str]()
        for number in itertools.count(-1):
            if whom.total() == given.trials:
                break
            folder = root / str(number)
            folder.mkdir()
            shutil.copy(root / "t.csv", folder)
            if not uri and number % 8 > 1:  # in the others the store is made, too
                shutil.copy(root / "empty.db", folder / "mlflow.db")
            if number < 0:  # how long it takes
                began = time.monotonic()
                where = [f"tracking.uri={uri or f'sqlite:///{folder}/mlflow.db'}"]
                if start(folder, [*MANY, *where]).wait(600):
                    sys.exit((folder / "log").read_text())
                longest = time.monotonic() - began
                continue
            killed, wrong = trial(folder, uri, number, longest)
            if killed != "nobody":  # too late for a kill: another trial takes its place
                whom[killed] += 1
                good += not wrong
                print(f"{whom.total()}: {killed}; {good} good; {'; '.join(wrong)}", flush=True)
            if wrong:
                print((folder / "log").read_text()[-3000:], flush=True)
            shutil.rmtree(folder)
    print(f"| {given.store} | {good} of {given.trials} | {dict(whom)} |")


if __name__ == "__main__":
    main()
