"""A real MLflow server: runs land on it, survive its death, and tell it no secrets."""

from __future__ import annotations

import pandas as pd
import pytest
from front import SIZES, call, only, run
from mlflow import MlflowClient
from processes import Forked, command, command_in
from server import Server
from stores import facts, runs

from pipeline.tracking.upload import upload

QUICK = ["vectors=random", "vectors.dim=5", "sweep.strengths=[0.1,1]", "report.words=[]"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server")).start()
    yield server
    server.kill()


def test_a_run_on_a_server_is_there_with_its_files(server, tmp_path):
    done = call(tmp_path, *SIZES, *QUICK, f"tracking.uri={server.uri}")
    assert done.returncode == 0, done.stderr
    assert only(tmp_path, "outputs/runs/*/result.json")
    (tracked_run,) = runs(server.uri)
    assert tracked_run.info.status == "FINISHED"
    files = {item.path for item in MlflowClient(server.uri).list_artifacts(tracked_run.info.run_id)}
    assert {"result.json", "report", "vectors"} <= files


KILLER = """
from dataclasses import dataclass
from pathlib import Path
import os, signal
import numpy as np
from pipeline import WordVectors

@dataclass
class Killer:
    number: int = 0

    def make(self, corpus, vocabulary):
        if Path("server").exists():
            os.killpg(int(Path("server").read_text()), signal.SIGKILL)
            Path("server").unlink()
        matrix = np.random.default_rng(self.number).normal(size=(len(vocabulary.words), 3))
        return WordVectors(vocabulary.words, matrix.astype(np.float32))
"""


def test_a_server_that_is_killed_in_mid_run_costs_nothing_but_one_command(server, tmp_path):
    (tmp_path / "mine.py").write_text(KILLER)
    (tmp_path / "server").write_text(str(server.process.pid))
    (tmp_path / "conf" / "vectors").mkdir(parents=True)
    (tmp_path / "conf" / "vectors" / "killer.yaml").write_text("_target_: mine.Killer\n")
    where = ["tracking.experiment=killed", f"tracking.uri={server.uri}", "hydra.sweep.dir=F"]
    jobs = ["--config-dir", "conf", "vectors=killer", "+vectors.number=0,1"]
    done = call(tmp_path, "-m", *jobs, *SIZES, "sweep.strengths=[1]", "report.words=[]", *where)
    server.kill()
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].endswith("yourvectors upload F")
    assert len(list(tmp_path.glob("F/*/result.json"))) == 2
    assert pd.read_csv(tmp_path / "F" / "comparison.csv")["status"].tolist() == ["done", "done"]

    server.start()
    assert Forked(tmp_path, command, "upload", "F").done().returncode == 0
    whole, count = sent = facts(server.uri, "killed")
    assert count == 3
    names = ["vectors.number=0", "vectors.number=1"]
    for name in names:
        status, _, points, datasets, _, models = whole[name]
        assert (status, datasets, models, max(points)) == ("FINISHED", 3, 1, 1)
    (parent,) = [run for run in runs(server.uri, "killed") if run.info.run_name not in names]
    assert parent.info.status == "FINISHED"
    assert {"comparison.csv", "comparison.png"} <= set(whole[parent.info.run_name][4])

    upload(tmp_path / "F")
    assert facts(server.uri, "killed") == sent


SECRET = "pl4nted"  # noqa: S105


class TestASecret:
    """Whatever is written or sent is searched for a password that was planted."""

    @pytest.fixture
    def searched(self, tmp_path, server):
        """Return where the secret is: files of the run and of the server, the terminal."""

        def search(*dones, but=()):
            files = [p for p in tmp_path.rglob("*") if p.is_file() and p not in but]
            files += [p for p in server.folder.rglob("*") if p.is_file()]
            found = [str(p) for p in files if SECRET.encode() in p.read_bytes()]
            texts = [text for done in dones for text in (done.stdout, done.stderr)]
            return found + [text for text in texts if SECRET in text]

        return search

    @pytest.fixture
    def here(self, tmp_path):
        """Run the command line in a process of its own, that is quick to start."""
        return lambda *words, **env: Forked(tmp_path, command_in, env, *words).done()

    @pytest.fixture
    def address(self, server):
        return server.uri.replace("http://", f"http://me:{SECRET}@")

    def test_of_the_command_line_is_nowhere(self, searched, address, server, tmp_path):
        jobs = ["-m", *QUICK, *SIZES, "seed=1,2", "tracking.experiment=secret", "hydra.sweep.dir=F"]
        where = [f"tracking.uri={address}", "registry.name=secret", "hydra/launcher=joblib"]
        two = "hydra.launcher.n_jobs=2"
        done = run(tmp_path, *jobs, *where, two)
        assert done.returncode == 0, done.stderr
        assert len(runs(server.uri, "secret")) == 3
        assert searched(done) == []

    def test_of_a_configuration_file_or_the_environment_is_in_no_other(
        self, searched, address, server, here, tmp_path
    ):
        path = tmp_path / "conf" / "tracking" / "mine.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(f"defaults: [/schema/tracking/mlflow@_here_]\nuri: {address}\n")
        quick = [*QUICK, *SIZES, "tracking.experiment=secret files"]
        mine = ["--config-dir", "conf", "tracking=mine"]
        dones = [
            here(*mine, *quick),
            here("-m", *mine, *quick, "seed=1,2"),
            here(*quick, "tracking.uri=${oc.env:MINE}", MINE=address),
            here(*quick, MLFLOW_TRACKING_URI=address),
        ]
        assert [done.returncode for done in dones] == [0] * 4, dones
        assert len(runs(server.uri, "secret files")) == 6
        assert searched(*dones, but=[path]) == []

    def test_of_a_server_that_is_not_there_is_in_no_error(self, searched, here):
        dead = f"tracking.uri=http://me:{SECRET}@127.0.0.1:1"
        quick = [*QUICK, *SIZES]
        dones = [here(*quick, dead), here("-m", *quick, "seed=1,2", dead)]
        dones.append(here(*quick, f"{dead}/a b='"))  # Hydra's own errors
        assert [done.returncode for done in dones] == [1] * 3
        assert searched(*dones) == []

    def test_is_needed_again_to_upload_later(self, searched, address, here, tmp_path):
        done = call(tmp_path, *QUICK, *SIZES, "tracking=off", "hydra.run.dir=R")
        assert done.returncode == 0, done.stderr
        first = here("upload", "R", "--uri", address)
        assert first.returncode == 0, first.stderr
        (tmp_path / "R" / "mlflow.json").write_text(
            (tmp_path / "R" / "mlflow.json").read_text().replace('"sent": true', '"sent": false')
        )
        without = here("upload", "R")
        assert without.returncode == 1
        assert "Set MLFLOW_TRACKING_URI to the whole address" in without.stderr
        again = [
            here("upload", "R", MLFLOW_TRACKING_URI=address),
            here("upload", "R", MLFLOW_TRACKING_USERNAME="me", MLFLOW_TRACKING_PASSWORD=SECRET),
        ]
        assert [done.returncode for done in again] == [0, 0]
        assert searched(first, without, *again) == []
