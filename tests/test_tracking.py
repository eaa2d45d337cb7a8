"""Tracking: a store that works is used, one that does not is told of before any work."""

from __future__ import annotations

import gc
import getpass
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from front import SIZES, call, empty_store, only
from mlflow import MlflowClient, pyfunc
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from processes import Forked
from server import Server, land
from sklearn.linear_model import LogisticRegression

from pipeline.cli import upload as upload_command
from pipeline.core.errors import UserError
from pipeline.core.files import write_json
from pipeline.stages.best.text_classifier import TextClassifier
from pipeline.stages.report.result import note_rewritten
from pipeline.stages.sweep.persistence import save_classifier
from pipeline.tracking import log_model as modelling
from pipeline.tracking import log_run as sending
from pipeline.tracking import run as tracking
from pipeline.tracking.client import DEFAULT_URI, Tracking, connect, experiment_id
from pipeline.tracking.records import read, write
from pipeline.tracking.run import start, tracked
from pipeline.tracking.upload import NotUploadedError, upload

QUICK = ["vectors.dim=5", "sweep.strengths=[0.1,1]", "report.words=[]"]


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A run that was not tracked."""
    folder = tmp_path_factory.mktemp("once")
    done = call(folder, *SIZES, *QUICK, "tracking=off")
    assert done.returncode == 0, done.stderr
    return only(folder, "outputs/runs/*")


@pytest.fixture
def finished(once, tmp_path):
    return shutil.copytree(once, tmp_path / "run")


def runs(uri, experiment="sample-5"):
    client = MlflowClient(uri)
    return client.search_runs([client.get_experiment_by_name(experiment).experiment_id])


@pytest.fixture
def missing(tmp_path):
    """A local store that is not there yet."""
    return Tracking(uri=f"sqlite:///{tmp_path}/store/mlflow.db")


@pytest.fixture
def local(missing, tmp_path):
    """A local store without runs."""
    (tmp_path / "store").mkdir()
    shutil.copyfile(empty_store(), tmp_path / "store" / "mlflow.db")
    return missing


class TestALocalStore:
    def test_it_is_made_where_it_is_missing(self, missing, tmp_path):
        connect(missing.uri)
        assert (tmp_path / "store" / "mlflow.db").exists()

    def test_artifacts_stand_beside_the_database(self, local, tmp_path):
        client = connect(local.uri)
        experiment = client.get_experiment(experiment_id(client, local.uri, "sst-5"))
        assert experiment.artifact_location == (tmp_path / "store/mlartifacts/sst-5").as_uri()

    def test_an_experiment_is_made_once(self, local):
        client = connect(local.uri)
        first, second = (experiment_id(client, local.uri, "sst-5") for _ in range(2))
        assert first == second

    def test_a_deleted_experiment_is_named_with_the_remedy(self, local, tmp_path):
        client = connect(local.uri)
        client.delete_experiment(experiment_id(client, local.uri, "sst-5"))
        with pytest.raises(UserError, match=r"'sst-5' is deleted.*tracking\.experiment"):
            start(local, tmp_path, ["sst-5"], "name", {"role": "run"})

    def test_a_file_that_is_no_database_is_told_of(self, tmp_path):
        (tmp_path / "mlflow.db").write_text("this is no database, whatever its name may say " * 99)
        with pytest.raises(UserError, match=r"does not work.*tracking=off"):
            connect(f"sqlite:///{tmp_path}/mlflow.db")

    def test_a_folder_that_cannot_be_made_is_told_of(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(UserError, match="cannot be made"):
            connect(f"sqlite:///{tmp_path}/file/mlflow.db")


class TestARunsEnd:
    @pytest.mark.parametrize(
        ("error", "status"),
        [(None, "FINISHED"), (UserError("no"), "FAILED"), (KeyboardInterrupt(), "KILLED")],
    )
    def test_a_run_ends_as_its_block_does(self, local, tmp_path, error, status):
        def block():
            with tracked(local, tmp_path, "task", "name", {"role": "run"}) as run_id:
                ids.append(run_id)
                if error:
                    raise error

        ids = []
        if error:
            with pytest.raises(type(error)):
                block()
        else:
            block()
        assert MlflowClient(local.uri).get_run(ids[0]).info.status == status

    def test_nothing_is_tracked_where_tracking_is_off(self, tmp_path, monkeypatch):
        monkeypatch.setattr(tracking, "connect", lambda _: pytest.fail("it connected"))
        with tracked(Tracking(enabled=False), tmp_path, "task", "name", {"role": "run"}) as run_id:
            assert run_id is None


class TestTags:
    def test_a_run_says_who_ran_what(self):
        tags = tracking._source_tags()
        assert tags["mlflow.source.name"] == "yourvectors"
        assert tags["mlflow.user"] == getpass.getuser()

    def test_a_tree_with_changes_is_called_dirty(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run([*git, "init", "-q"], check=True)
        (tmp_path / "file").write_text("one")
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-qm", "one"], check=True)
        assert tracking._source_tags()["dirty"] == "false"
        (tmp_path / "file").write_text("two")
        assert tracking._source_tags()["dirty"] == "true"

    def test_away_from_git_there_is_no_commit_to_tag(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
        assert not {"dirty", "mlflow.source.git.commit"} & set(tracking._source_tags())


class TestParameters:
    def test_one_that_is_too_long_for_mlflow_is_in_the_artifact_with_a_note(self, local, finished):
        result = json.loads((finished / "result.json").read_text("utf-8"))
        result["settings"] |= {"corpus.path": "x" * 6001, "y" * 251: 1, "vectors.note": "z" * 6000}
        write_json(finished / "result.json", result)
        upload(finished, local.uri)
        (run,) = runs(local.uri)
        assert run.data.params["vectors.note"] == "z" * 6000
        assert not {"corpus.path", "y" * 251} & set(run.data.params)
        assert run.data.tags["params_too_long"] == f"in params.json alone: corpus.path, {'y' * 251}"
        artifact = MlflowClient(local.uri).download_artifacts(run.info.run_id, "params.json")
        assert json.loads(Path(artifact).read_text("utf-8"))["corpus.path"] == "x" * 6001


def facts(uri, experiment="sample-5"):
    """Return all that a store has of its runs, in numbers."""
    client = MlflowClient(uri)
    found = runs(uri, experiment)
    experiments = [run.info.experiment_id for run in found[:1]]
    return {
        run.info.run_name: (
            run.info.status,
            run.data.params,
            [len(client.get_metric_history(run.info.run_id, name)) for name in run.data.metrics],
            len(run.inputs.dataset_inputs),
            [item.path for item in client.list_artifacts(run.info.run_id)],
            len(client.search_logged_models(experiments, f"source_run_id='{run.info.run_id}'")),
        )
        for run in found
    }, len(found)


class TestUpload:
    def test_a_run_that_was_not_tracked_is_sent_once_however_often(self, local, finished):
        upload(finished, local.uri)
        once = facts(local.uri)
        ((status, params, points, datasets, files, models),) = once[0].values()
        assert (status, params["vectors"], datasets, models) == ("FINISHED", "skipgram", 3, 1)
        assert min(points) >= 1
        assert {"result.json", "report", "vectors"} <= set(files)
        upload(finished, local.uri)
        assert facts(local.uri) == once
        (record,) = read(finished)
        record.sent = False  # as if nothing had been noted
        write(finished, record)
        upload(finished, local.uri)
        assert facts(local.uri) == once

    @pytest.mark.parametrize("broken", ["_log_datasets", "_log_files", "log_model"])
    def test_what_was_sent_by_half_is_completed(self, local, finished, monkeypatch, broken):
        def gone(*_):
            raise MlflowException("gone")

        with monkeypatch.context() as patch:
            patch.setattr(sending, broken, gone)
            with pytest.raises(NotUploadedError, match=f"gone.*pipeline upload {finished}"):
                upload(finished, local.uri)
            assert runs(local.uri)[0].info.status == "FAILED"
        upload(finished, local.uri)
        whole, count = facts(local.uri)
        assert count == 1
        ((status, _, points, datasets, files, models),) = whole.values()
        assert (status, datasets, models) == ("FINISHED", 3, 1)
        assert max(points) <= 10  # the sweep's and the loss's steps, not twice
        assert "sweep" in files

    def test_a_folder_without_results_is_refused(self, tmp_path):
        with pytest.raises(SystemExit, match=r"error: .*no result\.json"):
            upload_command.main([str(tmp_path)])


class Mine(LogisticRegression):
    """A classifier of a type that no one knows."""


def upload_alone(folder, uri):
    upload(folder, uri)
    sys.stdout.write(f"{'skops' in sys.modules} {gc.isenabled()}")
    sys.stdout.flush()


class TestTheModel:
    def test_it_answers_as_the_runs_classifier_does(self, local, finished):
        upload(finished, local.uri)
        (run,) = runs(local.uri)
        (model,) = MlflowClient(local.uri).search_logged_models([run.info.experiment_id])
        loaded = pyfunc.load_model(model.artifact_location)
        texts = pd.DataFrame({"text": [*modelling.EXAMPLE, "It isn't good."]})
        expected = TextClassifier.load(finished).predict(list(texts["text"]))
        pd.testing.assert_frame_equal(loaded.predict(texts), expected)
        assert loaded.metadata.signature == infer_signature(texts, expected)
        assert loaded.input_example["text"].tolist() == modelling.EXAMPLE

    def test_it_has_what_the_run_has_at_step_0(self, local, finished):
        upload(finished, local.uri)
        (run,) = runs(local.uri)
        client = MlflowClient(local.uri)
        (model,) = client.search_logged_models([run.info.experiment_id])
        assert model.params == run.data.params
        assert model.source_run_id == run.info.run_id
        first = {
            name: points[0].value
            for name in run.data.metrics
            if not (points := client.get_metric_history(run.info.run_id, name))[0].step
        }
        assert {metric.key: metric.value for metric in model.metrics} == first
        (output,) = run.outputs.model_outputs
        assert output.model_id == model.model_id

    def test_one_of_a_type_that_is_not_trusted_is_not_sent(self, local, finished, caplog):
        mine = Mine().fit([[0.0], [1.0]], [0, 1])
        save_classifier(finished / "best" / "classifier.skops", mine)
        note_rewritten(finished, ["best/classifier.skops"])
        upload(finished, local.uri)
        assert "the model is not uploaded: " in caplog.text
        assert "Mine" in caplog.text
        ((status, *_, models),) = facts(local.uri)[0].values()
        assert (status, models) == ("FINISHED", 0)

    def test_a_run_without_one_is_sent_without_it(self, local, finished, caplog):
        (finished / "best" / "classifier.skops").unlink()
        upload(finished, local.uri)
        assert "the model is not uploaded: " in caplog.text
        ((status, *_, models),) = facts(local.uri)[0].values()
        assert (status, models) == ("FINISHED", 0)

    def test_it_is_sent_without_skops_and_the_garbage_collector_goes_on(self, local, finished):
        connect(local.uri)
        done = Forked(finished, upload_alone, finished, local.uri).done()
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["False", "True"]
        assert facts(local.uri)[0]


def test_eight_at_once_on_a_store_that_is_not_there_yet_all_land(missing, tmp_path):
    jobs = [Forked(tmp_path / str(n), land, missing.uri, Path(), str(n)) for n in range(8)]
    assert [job.done().returncode for job in jobs] == [0] * 8
    found = runs(missing.uri, "task")
    assert sorted(run.info.run_name for run in found) == sorted(map(str, range(8)))
    assert {run.info.status for run in found} == {"FINISHED"}


def test_system_metrics_are_tracked_where_they_are_asked_for(local, tmp_path, monkeypatch):
    pytest.importorskip("psutil")
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05")
    for asked in (True, False):
        where = Tracking(uri=local.uri, system_metrics=asked)
        with tracked(where, tmp_path, "task", str(asked), {"role": "run"}):
            time.sleep(0.5)
    names = {run.info.run_name: set(run.data.metrics) for run in runs(local.uri, "task")}
    assert "system/cpu_utilization_percentage" in names["True"]
    assert not names["False"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server")).start()
    yield server
    server.kill()


def test_make_ui_opens_the_store_that_runs_go_to():
    makefile = (Path(__file__).parent.parent / "Makefile").read_text("utf-8")
    assert f"mlflow ui --backend-store-uri {DEFAULT_URI}\n" in makefile


@pytest.mark.slow
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


@pytest.mark.slow
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
    assert done.stderr.splitlines()[-1].endswith("python -m pipeline upload F")
    assert len(list(tmp_path.glob("F/*/result.json"))) == 2
    assert pd.read_csv(tmp_path / "F" / "comparison.csv")["status"].tolist() == ["done", "done"]

    server.start()
    command = [sys.executable, "-m", "pipeline", "upload", "F"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
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
