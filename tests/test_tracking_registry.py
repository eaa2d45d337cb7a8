"""The registry: the winner is registered, and the better one on dev is champion."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from front import SIZES, assert_one_clear_line, call, only
from mlflow import MlflowClient
from server import free_port, wait_for

from pipeline.core.errors import UserError
from pipeline.core.files import write_json
from pipeline.stages.report.result import note_rewritten
from pipeline.tracking.registry import Registry, register
from pipeline.tracking.upload import upload

QUICK = [*SIZES, "sweep.strengths=[1]", "report.words=[]", "vectors=random", "vectors.dim=5"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("registry")


@pytest.fixture(scope="module")
def uri(folder):
    return f"sqlite:///{folder}/mlflow.db"


@pytest.fixture(scope="module")
def first(folder, uri):
    """A run that was asked to register."""
    done = call(folder, *QUICK, "registry.name=reviews", f"tracking.uri={uri}")
    assert done.returncode == 0, done.stderr
    return only(folder, "outputs/runs/*"), done


@pytest.fixture
def registered(first, uri, tmp_path):
    """Enter a run like the first, that is by so much better on dev."""

    def enter_(better, name="reviews", digest=None):
        copy = tmp_path / f"{better}"
        shutil.copytree(first[0], copy)
        (copy / "mlflow.json").unlink()
        result = json.loads((copy / "result.json").read_text("utf-8"))
        result["dev"]["accuracy"] += better
        write_json(copy / "result.json", result)
        if digest:
            summary = json.loads((copy / "corpus" / "summary.json").read_text("utf-8"))
            summary["splits"]["dev"]["digest"] = digest
            write_json(copy / "corpus" / "summary.json", summary)
            note_rewritten(copy, ["corpus/summary.json"])
        upload(copy, uri)
        register(name, copy)
        return copy

    return enter_


def champion(uri, name="reviews"):
    return int(MlflowClient(uri).get_model_version_by_alias(name, "champion").version)


def test_the_first_is_champion_and_the_run_says_so(first, uri):
    assert "version 1 of reviews; it is the first champion" in first[1].stderr
    assert champion(uri) == 1


def test_only_a_better_one_on_the_same_dev_sentences_takes_its_place(registered, uri, caplog):
    caplog.set_level("INFO", "pipeline")
    registered(-0.01)
    registered(0.0)
    assert champion(uri) == 1
    assert "stays champion, accuracy on dev" in caplog.text
    registered(0.3, digest="other")
    assert champion(uri) == 1
    assert "it was tested on other dev sentences" in caplog.text
    registered(0.02)
    assert champion(uri) == 4 + 1
    assert "it is champion now" in caplog.text


def test_a_run_is_registered_once(registered, uri):
    copy = registered(0.0, "once")
    register("once", copy)
    assert len(MlflowClient(uri).search_model_versions("name='once'")) == 1


def test_a_multirun_registers_its_best_on_dev(folder, uri):
    sweep = ["seed=1,2", "registry.name=best", "hydra.sweep.dir=F"]
    done = call(folder, "-m", *QUICK, *sweep, f"tracking.uri={uri}")
    assert done.returncode == 0, done.stderr
    (version,) = MlflowClient(uri).search_model_versions("name='best'")
    results = [json.loads(path.read_text("utf-8")) for path in folder.glob("F/*/result.json")]
    best = max(results, key=lambda result: result["dev"]["accuracy"])
    assert float(version.tags["dev_accuracy"]) == best["dev"]["accuracy"]
    assert version.run_id in {result["mlflow_run_id"] for result in results}


def test_runs_chosen_by_another_metric_are_compared_by_that(folder, uri):
    sweep = ["seed=1,2", "best.metric=mae", "registry.name=by_error", "hydra.sweep.dir=M"]
    done = call(folder, "-m", *QUICK, *sweep, f"tracking.uri={uri}")
    assert done.returncode == 0, done.stderr
    (version,) = MlflowClient(uri).search_model_versions("name='by_error'")
    results = [json.loads(path.read_text("utf-8")) for path in folder.glob("M/*/result.json")]
    least = min(result["dev"]["mean_absolute_error"] for result in results)
    assert version.tags["dev_metric"] == "mean_absolute_error"
    assert float(version.tags["dev_score"]) == -least


def test_nothing_is_registered_unless_it_is_asked_for(uri, first):  # noqa: ARG001 - makes the store
    names = {model.name for model in MlflowClient(uri).search_registered_models()}
    assert names <= {"reviews", "once", "best", "first", "again", "later", "person", "by_error"}


class TestAProcessKilledBetweenVersionAndAlias:
    @pytest.fixture
    def killed(self, registered, monkeypatch):
        """Register a run, and stop right before its version becomes champion."""

        def stop(*_):
            raise KeyboardInterrupt

        def killed_(better, name):
            with monkeypatch.context() as patch:
                patch.setattr(MlflowClient, "set_registered_model_alias", stop)
                with pytest.raises(KeyboardInterrupt):
                    registered(better, name)

        return killed_

    def test_leaves_it_to_the_next_run_though_that_is_worse(self, killed, registered, uri):
        killed(0.02, "first")
        registered(0.01, "first")
        assert champion(uri, "first") == 1

    def test_leaves_it_to_the_same_run_registered_again(self, killed, uri, tmp_path):
        killed(0.02, "again")
        register("again", tmp_path / "0.02")
        assert champion(uri, "again") == 1

    def test_leaves_a_champion_in_place_until_then(self, killed, registered, uri):
        registered(0.0, "later")
        killed(0.02, "later")
        assert champion(uri, "later") == 1
        registered(0.01, "later")
        assert champion(uri, "later") == 2

    def test_does_not_bring_back_one_that_a_person_demoted(self, registered, uri):
        registered(0.0, "person")
        registered(0.03, "person")
        MlflowClient(uri).set_registered_model_alias("person", "champion", 1)
        registered(0.01, "person")
        assert champion(uri, "person") == 3


class TestNames:
    REFUSED = ("a/b", "a:b", "a@b", " ", "", "bob's", 'a"b', "a`b", "a%b", "a\\b", ".", "..", "..a")

    @pytest.mark.parametrize("name", [*REFUSED, " a", "a ", "a\nb", "a\x1b", "x" * 257])
    def test_what_mlflow_or_an_address_cannot_hold_is_refused_before_any_work(self, name):
        with pytest.raises(UserError, match=r"registry\.name"):
            Registry(name)

    def test_others_are_taken(self, local, first, tmp_path):
        shutil.copytree(first[0], tmp_path / "run")
        (tmp_path / "run" / "mlflow.json").unlink()
        upload(tmp_path / "run", local.uri)
        for name in ("film reviews", "a.b-c_d (1)", "é评", "x" * 256):
            register(Registry(name).name, tmp_path / "run")
            assert champion(local.uri, name) == 1


def test_without_tracking_there_is_nothing_to_register(tmp_path):
    done = call(tmp_path, "registry.name=a", "tracking=off")
    assert_one_clear_line(done, "registry.name", "tracking=off")


@pytest.mark.serving
def test_the_champion_answers_raw_sentences(first, uri, folder):  # noqa: ARG001 - registers it
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/reviews@champion"]
    command += ["--env-manager", "local", "--port", str(port), "--host", "127.0.0.1"]
    log = folder / "serving.log"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with log.open("w") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=file,
            cwd=folder,
            env=os.environ | {"MLFLOW_TRACKING_URI": uri, "PATH": path},
            start_new_session=True,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/health", process, log)
        asked = {"dataframe_records": [{"text": "A sweet film."}, {"text": "It isn't good."}]}
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations",
            json.dumps(asked).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - loopback
            predictions = json.loads(answer.read())["predictions"]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
    classes = ["- -", "-", "neut", "+", "+ +"]
    for one in predictions:
        assert one["label"] in classes
        assert sum(one[f"p({name})"] for name in classes) == pytest.approx(1)
    assert len(predictions) == 2
