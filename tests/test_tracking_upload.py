"""What a run left in its folder is sent to MLflow: all of it, once, and nothing else."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from pathlib import Path

import pandas as pd
import pytest
import skops.io
from front import SIZES, call, empty_store, only
from mlflow import MlflowClient, pyfunc
from mlflow.exceptions import MlflowException
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression
from stores import facts, runs

from pipeline.core.errors import UserError
from pipeline.core.files import write_json
from pipeline.stages.best.text_classifier import TextClassifier
from pipeline.stages.report.result import note_rewritten
from pipeline.tracking import log_run as module
from pipeline.tracking import upload as upload_command
from pipeline.tracking.log_model import EXAMPLE
from pipeline.tracking.records import read, write
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


@pytest.fixture(scope="module")
def sent(once, tmp_path_factory):
    """A run that was uploaded: its folder, a client of the store, and what the store has of it."""
    folder = tmp_path_factory.mktemp("sent")
    shutil.copytree(once, folder / "run")
    shutil.copyfile(empty_store(), folder / "mlflow.db")
    uri = f"sqlite:///{folder}/mlflow.db"
    upload(folder / "run", uri)
    return folder / "run", MlflowClient(uri), runs(uri)[0]


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
            patch.setattr(module, broken, gone)
            with pytest.raises(NotUploadedError, match=f"gone.*yourvectors upload {finished}"):
                upload(finished, local.uri)
            assert runs(local.uri)[0].info.status == "FAILED"
        upload(finished, local.uri)
        whole, count = facts(local.uri)
        assert count == 1
        ((status, _, points, datasets, files, models),) = whole.values()
        assert (status, datasets, models) == ("FINISHED", 3, 1)
        assert max(points) <= 10  # the sweep's and the loss's steps, not twice
        assert "sweep" in files

    def test_a_multirun_whose_configuration_is_damaged_is_sent_all_the_same(self, local, finished):
        folder = finished.parent / "F"
        shutil.copytree(finished, folder / "0")
        (folder / "multirun.yaml").touch()
        upload(folder, local.uri)
        assert sorted(facts(local.uri)[0]) == ["F", "skipgram"]

    def test_a_folder_without_results_is_refused(self, tmp_path):
        with pytest.raises(SystemExit, match=r"error: .*no result\.json"):
            upload_command.main([str(tmp_path)])


class Mine(LogisticRegression):
    """A classifier of a type that no one knows."""


class TestTheModel:
    def test_it_answers_as_the_runs_classifier_does(self, sent):
        folder, client, run = sent
        (model,) = client.search_logged_models([run.info.experiment_id])
        loaded = pyfunc.load_model(model.artifact_location)
        texts = pd.DataFrame({"text": [*EXAMPLE, "It isn't good."]})
        expected = TextClassifier.load(folder).predict(list(texts["text"]))
        pd.testing.assert_frame_equal(loaded.predict(texts), expected)
        assert loaded.metadata.signature == infer_signature(texts, expected)
        assert loaded.input_example["text"].tolist() == EXAMPLE

    def test_it_has_what_the_run_has_at_step_0(self, sent):
        _, client, run = sent
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
        skops.io.dump(mine, finished / "best" / "classifier.skops")
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

    def test_it_is_named_by_arm_and_seed(self, local, finished):
        upload(finished, local.uri)
        (record,) = read(finished)
        record.name, record.sent = "own vectors.dim=5 a/b seed=1", False
        record.run_id = record.key = "other"
        write(finished, record)
        upload(finished, local.uri)
        client = MlflowClient(local.uri)
        models = client.search_logged_models([runs(local.uri)[0].info.experiment_id])
        assert {model.name for model in models} == {"skipgram", "own vectors-dim=5 a-b seed=1"}


class TestWhatIsSeen:
    @pytest.fixture
    def run(self, sent):
        return sent[2]

    def test_the_headline_comes_first_for_mlflow_starts_with_it(self, sent, run):
        with contextlib.closing(sqlite3.connect(sent[0].parent / "mlflow.db")) as store:
            query = "select key from latest_metrics where run_uuid = ? order by rowid"
            names = [name for (name,) in store.execute(query, [run.info.run_id])]
        assert names[:4] == ["test/accuracy", "test/macro_f1", "dev/accuracy", "dev/macro_f1"]
        assert next(iter(run.data.metrics)) == "test/accuracy"

    def test_about_ten_numbers_to_compare_and_the_curves(self, run):
        curves = {"vectors/loss", "sweep/strength", "sweep/train_accuracy", "sweep/dev_accuracy"}
        kept = {"test/accuracy", "test/macro_f1", "vectors/coverage", "time/vectors_s"}
        assert curves | kept <= set(run.data.metrics)
        assert len(set(run.data.metrics) - curves) <= 10

    def test_no_metric_is_sent_twice(self, run):
        assert not {"best/test_accuracy", "best/dev_accuracy"} & set(run.data.metrics)

    def test_facts_about_the_data_are_parameters(self, run):
        assert float(run.data.params["corpus/train_sentences"]) == 150
        assert float(run.data.params["vectors/dim"]) == 5
        assert float(run.data.params["test/majority_accuracy"]) > 0
        assert float(run.data.params["best/strength"]) > 0
        facts = {"corpus/train_sentences", "vectors/dim", "test/majority_accuracy", "best/strength"}
        assert not facts & set(run.data.metrics)

    def test_the_note_is_how_good_it_is(self, run):
        note = run.data.tags["mlflow.note.content"]
        assert note.startswith(f"Test accuracy {run.data.metrics['test/accuracy']:.1%} (95 % ")

    @pytest.mark.parametrize("name", ["sweep/results", "report/confusion", "report/classes"])
    def test_tables_are_drawn_as_tables(self, sent, name):
        folder, client, run = sent
        shown = json.loads(run.data.tags["mlflow.loggedArtifacts"])
        assert {"path": f"{name}.json", "type": "table"} in shown
        path = client.download_artifacts(run.info.run_id, f"{name}.json")
        table = json.loads(Path(path).read_text("utf-8"))
        expected = pd.read_csv(folder / f"{name}.csv", keep_default_na=False)
        assert table["columns"] == list(expected.columns)
        assert len(table["data"]) == len(expected)


class TestFilesThatAreNotTheRuns:
    @pytest.fixture
    def private(self, tmp_path):
        (tmp_path / "private").mkdir()
        path = tmp_path / "private" / "key.txt"
        path.write_text("planted")
        return path

    def test_links_are_not_followed(self, local, finished, private, tmp_path, caplog):
        (finished / "report" / "link.txt").symlink_to(private)
        (finished / "report" / "folder").symlink_to(private.parent)
        (finished / "best" / "link.txt").symlink_to(private)
        upload(finished, local.uri)
        assert caplog.text.count("is a link and not uploaded") == 3
        assert "the model is not uploaded: its files are links" in caplog.text
        store = tmp_path / "store"
        assert not [p for p in store.rglob("*") if p.is_file() and b"planted" in p.read_bytes()]

    def test_nor_is_a_linked_folder_of_the_model(self, local, finished, tmp_path, caplog):
        (finished / "vectors").rename(tmp_path / "elsewhere")
        (finished / "vectors").symlink_to(tmp_path / "elsewhere")
        upload(finished, local.uri)
        assert "the model is not uploaded: its files are links" in caplog.text
        files = {
            item.path for item in MlflowClient(local.uri).list_artifacts(read(finished)[0].run_id)
        }
        assert "vectors" not in files

    @pytest.mark.parametrize("job", ["../private", "/"])
    def test_a_record_cannot_name_jobs_elsewhere(self, local, finished, job):
        upload(finished, local.uri)
        (finished / "multirun.yaml").touch()
        (record,) = read(finished)
        record.jobs = [job]
        write(finished, record)
        with pytest.raises(UserError, match="is not a folder in"):
            upload(finished, local.uri)

    def test_configuration_of_older_versions_is_masked_first(self, local, finished):
        (finished / ".hydra" / "overrides.yaml").write_text("- a=http://me:planted@host\n")
        upload(finished, local.uri)
        run_id = read(finished)[0].run_id
        path = MlflowClient(local.uri).download_artifacts(run_id, ".hydra/overrides.yaml")
        assert Path(path).read_text() == "- a=http://***@host\n"


def test_a_damaged_run_is_refused_in_a_line(local, finished):
    path = finished / "best" / "predictions.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-20]))
    with pytest.raises(UserError, match=r"predictions\.csv is damaged.*Run it again"):
        upload(finished, local.uri)
    assert [run.info.status for run in runs(local.uri)] == ["FAILED"]


def test_a_run_whose_process_was_killed_after_its_result_is_finished(local, finished):
    upload(finished, local.uri)
    (record,) = read(finished)
    record.sent, record.status, record.run_id = False, None, None
    write(finished, record)
    upload(finished, local.uri)
    assert [run.info.status for run in runs(local.uri)] == ["FINISHED"]
