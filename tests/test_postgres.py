"""A multirun on a real server: MLflow's on PostgreSQL, with artifacts through its proxy."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from front import SIZES, call
from mlflow import MlflowClient
from server import Server

FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
BIN = FOUND[-1].parent if FOUND else None
pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(BIN is None, reason="PostgreSQL wanted, e.g. apt-get install postgresql"),
]


@pytest.fixture(scope="module")
def postgres():
    """Start a cluster of our own that only a socket in a temporary folder leads to."""
    pytest.importorskip("psycopg")
    root = os.geteuid() == 0  # PostgreSQL refuses to be run by root
    folder = Path(tempfile.mkdtemp(prefix="postgres."))  # short: a socket's path may not be long
    if root:
        shutil.chown(folder, "postgres")

    def do(program, *arguments):
        command = [str(BIN / program), "-D", str(folder / "data"), *arguments]
        user = ["runuser", "-u", "postgres", "--"] if root else []
        subprocess.run([*user, *command], check=True, capture_output=True, cwd=folder)

    try:
        do("initdb", "--auth=trust", "--username=mlflow", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        do("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql+psycopg://mlflow@/postgres?host={folder}"
        finally:
            do("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server(postgres, tmp_path):
    server = Server(tmp_path, postgres)
    try:
        yield server.start()
    finally:
        server.kill()


def test_a_multirun_on_it_is_complete(server, tmp_path):
    jobs = ["vectors=random", "seed=1,2", "sweep.strengths=[0.1,1]", "report.words=[]"]
    where = [f"tracking.uri={server.uri}", "registry.name=reviews"]
    done = call(tmp_path, "-m", *jobs, *SIZES, *where)
    assert done.returncode == 0, done.stderr
    client = MlflowClient(server.uri)
    experiment = client.get_experiment_by_name("sample-5")
    assert experiment.artifact_location.startswith("mlflow-artifacts:")
    runs = client.search_runs([experiment.experiment_id])
    assert {one.info.status for one in runs} == {"FINISHED"}
    (parent,) = [one for one in runs if one.data.tags["role"] == "parent"]
    children = [one for one in runs if one is not parent]
    assert len(children) == 2
    for child in children:
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        files = {item.path for item in client.list_artifacts(child.info.run_id)}
        assert {"result.json", "report", "vectors"} <= files
        history = client.get_metric_history(child.info.run_id, "sweep/dev_accuracy")
        assert [point.step for point in history] == [0, 1]
    assert (
        client.get_model_version_by_alias("reviews", "champion").run_id
        == parent.data.tags["best_run_id"]
    )
