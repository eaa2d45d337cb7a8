"""A multirun that was cut short ends in order, and goes on in its folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from front import SIZES, call, run, store
from mlflow import MlflowClient
from processes import Forked, command

# A trainer whose fate is told by a file, so that the settings stay the same when it is tried again.
MOODY = """
from dataclasses import dataclass
from pathlib import Path
import os, signal, time
import numpy as np
from pipeline import UserError, WordVectors

@dataclass
class Moody:
    number: int = 0

    def make(self, corpus, vocabulary):
        fate = Path(f"fate{self.number}")
        with Path("made").open("a") as file:
            file.write(f"{self.number} ")
        match fate.read_text() if fate.exists() else "":
            case "fail":
                raise UserError("a bad day")
            case "die":
                time.sleep(1)  # joblib kills the others too: let it have handed out what it has
                os.kill(os.getpid(), signal.SIGKILL)
            case "wait":
                Path("waits").write_text(str(os.getpid()))
                time.sleep(100)
            case "SIGINT" | "SIGTERM" as name:
                signal.raise_signal(signal.Signals[name])
        matrix = np.random.default_rng(self.number).normal(size=(len(vocabulary.words), 3))
        return WordVectors(vocabulary.words, matrix.astype(np.float32))
"""
JOBS = ["-m", "--config-dir", "conf", "vectors=moody", *SIZES, "sweep.strengths=[1]"]
JOBS += ["report.words=[]", "hydra.sweep.dir=F"]
THREE = [*JOBS, "vectors.number=0,1,2"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "moods.py").write_text(MOODY)
    (tmp_path / "conf" / "vectors").mkdir(parents=True)
    (tmp_path / "conf" / "vectors" / "moody.yaml").write_text("_target_: moods.Moody\nnumber: 0\n")
    store(tmp_path)
    return tmp_path


@pytest.fixture
def here(folder):
    return lambda *arguments: call(folder, *arguments, store(folder))


def made(folder):
    """Return which jobs made vectors since it was asked last."""
    path = folder / "made"
    numbers = sorted(path.read_text().split()) if path.exists() else []
    path.unlink(missing_ok=True)
    return "".join(numbers)


def runs(folder):
    """Return what MLflow shows: the parents, and their children by name."""
    client = MlflowClient(f"sqlite:///{folder}/outputs/mlflow.db")
    found = client.search_runs([client.get_experiment_by_name("sample-5").experiment_id])
    parents = [run for run in found if run.data.tags["role"] == "parent"]
    children = {
        (run.data.tags["mlflow.parentRunId"], run.info.run_name): run
        for run in found
        if run.data.tags["role"] == "job"
    }
    assert len(children) == len(found) - len(parents), "a job is there twice"
    return parents, children


def assert_one_parent_with_three_done(folder):
    (parent,), children = runs(folder)
    assert parent.info.status == "FINISHED"
    names = {(parent.info.run_id, f"vectors.number={number}") for number in range(3)}
    assert set(children) == names
    for child in children.values():
        assert child.info.status == "FINISHED"
        assert "dev/accuracy" in child.data.metrics
    return parent


def test_one_that_failed_is_told_of_and_run_again_alone(folder, here):
    (folder / "fate1").write_text("fail")
    first = here(*THREE)
    assert (first.returncode, made(folder)) == (1, "012")
    assert first.stderr.count("a bad day") == first.stderr.count("error: a bad day") == 1
    assert "Traceback" not in first.stderr
    assert "hydra.sweep.dir=F" in first.stdout
    table = pd.read_csv(folder / "F" / "comparison.csv")
    assert table["status"].tolist() == ["done", "failed", "done"]
    assert table["error"][1] == "a bad day"
    (parent,), children = runs(folder)
    assert parent.info.status == "FAILED"
    assert parent.data.tags["error"] == "vectors.number=1: a bad day"
    assert parent.data.metrics["jobs/done"] == 2
    failed = children[parent.info.run_id, "vectors.number=1"]
    assert (failed.info.status, failed.data.tags["error"]) == ("FAILED", "a bad day")

    (folder / "fate1").unlink()
    second = here(*THREE)
    assert (second.returncode, made(folder)) == (0, "1")
    assert second.stderr.count("done already") == 2
    after = assert_one_parent_with_three_done(folder)
    assert after.info.run_id == parent.info.run_id
    assert "error" not in after.data.tags
    assert_the_parent_names_the_best_job(after, runs(folder)[1].values())


def assert_the_parent_names_the_best_job(parent, children):
    best = max(child.data.metrics["dev/accuracy"] for child in children)
    (winner,) = (run for run in children if run.info.run_id == parent.data.tags["best_run_id"])
    assert winner.data.metrics["dev/accuracy"] == best
    assert parent.data.metrics["best/dev_accuracy"] == best
    assert parent.data.tags["best_name"] == winner.info.run_name


def test_another_sweep_in_the_folder_keeps_what_it_needs_and_compares_nothing_else(folder, here):
    assert here(*THREE, "tracking=off").returncode == 0
    made(folder)
    done = here(*JOBS, "vectors.number=0,5")
    assert (done.returncode, made(folder)) == (0, "5")
    table = pd.read_csv(folder / "F" / "comparison.csv")
    assert table["arm"].tolist() == ["vectors.number=0", "vectors.number=5"]
    (parent,), children = runs(folder)
    assert {name for _, name in children} == {"vectors.number=0", "vectors.number=5"}
    assert all("dev/accuracy" in child.data.metrics for child in children.values())
    assert parent.info.status == "FINISHED"


class TestOneThatWasStopped:
    @pytest.mark.parametrize(
        ("how", "code"), [("SIGINT", 130), ("SIGTERM", 143)], ids=["Ctrl-C", "SIGTERM"]
    )
    def test_the_runs_end_as_killed(self, folder, here, how, code):
        (folder / "fate1").write_text(how)
        done = here(*THREE)
        assert done.returncode == code
        assert "Traceback" not in done.stderr
        assert "the same command with hydra.sweep.dir=F continues" in done.stderr
        (parent,), children = runs(folder)
        assert parent.info.status == "KILLED"
        status = {name: child.info.status for (_, name), child in children.items()}
        assert status == {"vectors.number=0": "FINISHED", "vectors.number=1": "KILLED"}

    @pytest.mark.slow
    def test_one_that_was_killed_outright_goes_on(self, folder, here):
        (folder / "fate1").write_text("wait")
        process = Forked(folder, command, *THREE, store(folder))
        process.until((folder / "waits").exists)
        process.kill()
        (folder / "fate1").unlink()
        made(folder)
        assert here(*THREE).returncode == 0
        assert made(folder) == "12"
        assert_one_parent_with_three_done(folder)


@pytest.mark.slow
def test_the_processes_of_jobs_end_when_the_multirun_was_killed(folder):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    (folder / "fate1").write_text("wait")
    parallel = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "tracking=off"]
    words = [sys.executable, "-m", "pipeline", *THREE, *parallel]
    waits = folder / "waits"
    with subprocess.Popen(words, cwd=folder, stderr=subprocess.DEVNULL) as process:
        until(lambda: waits.exists() and waits.read_text())
        process.kill()
    status = Path("/proc", waits.read_text(), "status")
    until(lambda: not status.exists() or "State:\tZ" in status.read_text())


def until(happens):
    """Wait for something to happen, at most a minute and a half."""
    for _ in range(900):
        if happens():
            return
        time.sleep(0.1)
    pytest.fail("it did not happen")


@pytest.mark.slow
def test_a_jobs_process_that_is_killed_leaves_no_run_open(folder):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    (folder / "fate1").write_text("die")
    killed = run(folder, *THREE, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert killed.returncode == 1
    assert "Traceback" not in killed.stderr
    assert "the process of a job was killed" in killed.stderr
    assert "hydra.sweep.dir=F runs what is missing" in killed.stdout
    (parent,), children = runs(folder)
    assert parent.info.status == "FAILED"
    assert children[parent.info.run_id, "vectors.number=1"].info.status == "KILLED"
    assert all(child.info.status != "RUNNING" for child in children.values())


class TestAJobIsDoneOnlyWhileEverythingItsResultDependsOnIsTheSame:
    """Repeated in its folder: all is done already, until something is changed."""

    JOBS = ("-m", "tracking=off", "corpus=table", "corpus.path=films.csv", "vocab.min_count=1")
    JOBS = (*JOBS, "sweep.strengths=[1]", "report.words=[]", "hydra.sweep.dir=F")
    GLOVE = (*JOBS, "vectors=glove,random", "glove=v.txt", "vectors.dim=2")

    @pytest.fixture
    def films(self, folder):
        self.write_films(folder, ["good", "bad"])
        (folder / "v.txt").write_text("a 1 2\nfilm 3 4\ngood 1 0\nbad 0 1\n")
        return folder

    @pytest.fixture
    def done(self, films, shared):
        """A folder where the jobs are done."""

        def make(folder):
            shutil.copytree(films, folder, dirs_exist_ok=True)
            assert self.again(folder, *self.GLOVE) == 0

        shutil.copytree(shared("done jobs", make)[0], films, dirs_exist_ok=True)
        return films

    @staticmethod
    def write_films(folder, labels):
        pairs = zip(("good", "bad") * 20, labels * 20, strict=True)
        rows = [f"a {word} film w{i},{label}" for i, (word, label) in enumerate(pairs)]
        (folder / "films.csv").write_text("\n".join(["text,label", *rows]))

    @staticmethod
    def again(folder, *arguments):
        """Run it; return how many jobs were done already."""
        done = call(folder, *arguments)
        assert done.returncode == 0, done.stderr
        return done.stderr.count("done already")

    def test_nothing(self, done):
        assert self.again(done, *self.GLOVE) == 2
        assert self.again(done, *self.GLOVE, "cache=off") == 2

    def test_the_labels_of_the_table(self, done):
        self.write_films(done, ["bad", "good"])
        assert self.again(done, *self.GLOVE) == 0

    def test_another_vector_file_under_the_same_name(self, done):
        (done / "v.txt").write_text("a 1 2\nfilm 3 4\ngood 1 0\nbad 0 2\n")
        assert self.again(done, *self.GLOVE) == 1

    def test_the_users_own_code(self, films):
        moody = [self.JOBS[0], "--config-dir", "conf", *self.JOBS[1:], "vectors=moody"]
        moody.append("vectors.number=0,1")
        assert self.again(films, *moody) == 0
        assert self.again(films, *moody) == 2
        code = (films / "moods.py").read_text()
        (films / "moods.py").write_text(code.replace("size=", "scale=2, size="))
        assert self.again(films, *moody) == 0

    def test_the_code_of_the_package(self, done, monkeypatch):
        from pipeline.cache import keys

        monkeypatch.setattr(keys, "package_digest", lambda *_: "another version")
        assert self.again(done, *self.GLOVE) == 0

    @pytest.mark.parametrize("broken", ["", "{", "[]"])
    def test_a_result_that_is_damaged(self, done, broken):
        (done / "F" / "1" / "result.json").write_text(broken)
        assert self.again(done, *self.GLOVE) == 1
