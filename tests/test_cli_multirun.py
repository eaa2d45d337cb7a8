"""A multirun: a parent with its children in MLflow, and a comparison on disk."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from front import assert_one_clear_line, call, only, store
from mlflow import MlflowClient

from pipeline.cli.multirun import show_where
from pipeline.comparison import arm_names, compare

ARMS = ["own seed=1", "own seed=2", "glove", "random seed=1", "random seed=2"]  # glove has no seed


@pytest.fixture(scope="module")
def client(multirun):
    return MlflowClient(f"sqlite:///{multirun[0] / 'outputs' / 'mlflow.db'}")


@pytest.fixture(scope="module")
def runs(client):
    experiment = client.get_experiment_by_name("sample-5")
    return client.search_runs([experiment.experiment_id])


@pytest.fixture(scope="module")
def parent(runs):
    (one,) = (run for run in runs if run.data.tags["role"] == "parent")
    return one


@pytest.fixture(scope="module")
def children(runs):
    return [run for run in runs if run.data.tags["role"] == "job"]


class TestOnDisk:
    @pytest.fixture
    def table(self, multirun):
        return pd.read_csv(only(multirun[0], "outputs/multiruns/*/comparison.csv"))

    def test_comparison_csv_has_a_row_a_job(self, table):
        assert table["arm"].tolist() == ARMS
        assert (table["status"] == "done").all()
        assert (table["dim"] == 50).all()
        assert table["test_accuracy"].between(table["test_low"], table["test_high"]).all()

    def test_comparison_json_says_the_same(self, multirun, table):
        folder = only(multirun[0], "outputs/multiruns/*")
        comparison = json.loads((folder / "comparison.json").read_text("utf-8"))
        assert [row["arm"] for row in comparison] == table["arm"].tolist()
        references = [row["arm"].startswith("glove") for row in comparison]
        assert [row["reference"] for row in comparison] == references

    def test_each_arm_is_tested_against_the_one_that_is_most_like_it(self, table):
        arm = table["arm"].str.split().str[0]
        accuracy = table["test_accuracy"].groupby(arm).mean()
        assert table["p_holm"][arm == "glove"].isna().all()
        for row in table[arm != "glove"].to_dict("records"):
            assert row["against"] == "glove"
            assert 0 <= row["p_holm"] <= 1
            difference = accuracy[row["arm"].split()[0]] - accuracy["glove"]
            assert row["difference"] == pytest.approx(difference)
            assert row["difference_low"] <= row["difference"] <= row["difference_high"]

    def test_each_row_leads_to_the_job_and_its_result(self, multirun, table):
        for row in table.to_dict("records"):
            path = multirun[0] / row["folder"] / "result.json"
            result = json.loads(path.read_text("utf-8"))
            assert result["test"]["accuracy"] == row["test_accuracy"]
            assert result["mlflow_run_id"] == row["mlflow_run_id"]

    def test_the_table_is_printed(self, multirun):
        for word in ("own against glove", "random", "coverage", ", p "):
            assert word in multirun[1]
        assert "In MLflow: yourvectors ui outputs/multiruns/" in multirun[1]


class TestInMlflow:
    def test_a_parent_and_a_child_a_job_all_finished(self, runs, parent, children):
        assert len(children) == len(ARMS)
        assert {run.info.status for run in runs} == {"FINISHED"}
        for child in children:
            assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id

    def test_the_parent_is_named_by_what_is_swept_and_holds_the_comparison(self, parent, client):
        assert parent.info.run_name == "arm=own,glove,random seed=1,2"
        files = {item.path for item in client.list_artifacts(parent.info.run_id)}
        assert {f"comparison.{end}" for end in ("csv", "json", "png", "html")} <= files

    def test_the_children_are_named_as_in_the_comparison(self, children):
        assert {run.info.run_name for run in children} == set(ARMS)

    def test_metrics_have_the_same_names_whatever_the_vectors(self, children):
        names = [set(run.data.metrics) - {"vectors/loss"} for run in children]
        assert all(name == names[0] for name in names)
        assert {
            "dev/accuracy",
            "test/macro_f1",
            "vectors/coverage",
            "time/vectors_s",
            "sweep/train_accuracy",
        } <= names[0]

    def test_the_sweep_is_a_step_a_strength(self, children, client):
        history = client.get_metric_history(children[0].info.run_id, "sweep/strength")
        assert [(point.step, point.value) for point in history] == [(0, 0.1), (1, 1)]

    def test_the_loss_is_logged_by_words_seen(self, runs, client):
        job = next(run for run in runs if run.data.tags.get("vectors") == "skipgram")
        history = client.get_metric_history(job.info.run_id, "vectors/loss")
        assert len(history) > 1
        assert history[0].step > 1000
        assert history[-1].value < history[0].value

    def test_parameters_tags_and_datasets_are_there(self, runs):
        job = next(run for run in runs if run.data.tags.get("vectors") == "random")
        assert job.data.params["vectors"] == "random"
        assert job.data.params["corpus.train"] == "600"
        assert {"settings_hash", "corpus_digest", "vectors_digest"} <= set(job.data.tags)
        contexts = {item.tags[0].value for item in job.inputs.dataset_inputs}
        assert contexts == {"train", "dev", "test"}

    def test_tables_and_figures_are_there(self, children, client):
        run_id = children[0].info.run_id
        files = {item.path for item in client.list_artifacts(run_id, "report")}
        assert {"report/strength.png", "report/confusion.png", "report/words.png"} <= files
        sweep = {item.path for item in client.list_artifacts(run_id, "sweep")}
        assert sweep == {"sweep/results.csv", "sweep/results.json"}

    def test_the_model_takes_raw_text_and_returns_label_and_probabilities(self, runs, client):
        from mlflow import pyfunc

        job = next(run for run in runs if run.data.tags.get("vectors") == "skipgram")
        (logged,) = client.search_logged_models(
            [job.info.experiment_id], f"source_run_id='{job.info.run_id}'"
        )
        model = pyfunc.load_model(logged.artifact_location)
        answer = model.predict(pd.DataFrame({"text": ["A sweet film.", "It isn't good."]}))
        assert answer.columns.tolist() == ["label", "p(- -)", "p(-)", "p(neut)", "p(+)", "p(+ +)"]
        assert answer.iloc[:, 1:].sum(axis=1).tolist() == pytest.approx([1, 1])
        assert model.metadata.signature is not None

    def test_nothing_stored_is_a_pickle(self, multirun):
        names = [path.name for path in multirun[0].rglob("*") if path.is_file()]
        assert not [name for name in names if name.endswith((".pkl", ".pickle", ".joblib"))]


def test_a_key_that_only_some_jobs_have_is_told_with_the_job(tmp_path):
    done = call(tmp_path, "-m", "vectors=skipgram,random", "vectors.window=3", "tracking=off")
    assert_one_clear_line(done, "vectors.window", "vectors=random vectors.window=3")


def test_a_single_job_has_all_its_overrides_for_a_name():
    assert arm_names([["vectors=glove", "seed=2"]]) == ["glove seed=2"]


def test_several_corpora_have_a_parent_each_and_arms_meet_within_their_own(tmp_path, treebank):
    small = [f"corpus.path={treebank}", "sweep.strengths=[1]", "report.words=[]", "vectors.dim=3"]
    swept = ["corpus.granularity=five,binary", "vectors=skipgram,random", "corpus=sst"]
    done = call(tmp_path, "-m", *swept, *small, store(tmp_path))
    assert done.returncode == 0, done.stderr
    client = MlflowClient(f"sqlite:///{tmp_path}/outputs/mlflow.db")
    for task in ("sst-5", "sst-2"):
        experiment = client.get_experiment_by_name(task)
        found = client.search_runs([experiment.experiment_id])
        (parent,) = (run for run in found if run.data.tags["role"] == "parent")
        jobs = [run for run in found if run.data.tags["role"] == "job"]
        assert {run.data.tags["mlflow.parentRunId"] for run in jobs} == {parent.info.run_id}
        assert [run.info.status for run in found] == ["FINISHED"] * 3
        best = max(run.data.metrics["dev/accuracy"] for run in jobs)
        assert parent.data.metrics["best/dev_accuracy"] == best
    table = pd.read_csv(only(tmp_path, "outputs/multiruns/*/comparison.csv"))
    tested = table.dropna(subset="against")
    assert len(tested) == 2
    for row in tested.to_dict("records"):
        assert row["arm"].split()[0] == row["against"].split()[0]
        assert 0 <= row["p"] <= 1


class TestOnATerminal:
    def test_the_links_are_the_last_lines(self, multirun):
        lines = multirun[1].splitlines()
        assert lines[-3].startswith("Everything is in ")
        assert lines[-1].startswith("In MLflow: yourvectors ui ")

    @pytest.mark.parametrize("columns", ["60", "80"])
    def test_no_path_is_wrapped_and_no_accuracy_cut(self, multirun, monkeypatch, capsys, columns):
        monkeypatch.setenv("COLUMNS", columns)
        folder = Path("outputs", "a-folder-with-a-long-name" * 8)
        comparison = compare(sorted(multirun[0].glob("outputs/multiruns/*/[0-9]")))
        monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
        show_where(comparison, comparison.show(), folder, "sqlite:///outputs/mlflow.db")
        lines = capsys.readouterr().out.splitlines()
        assert f"Everything is in {folder}" in lines
        assert f"The page: {folder / 'comparison.html'}" in lines
        assert f"In MLflow: yourvectors ui {folder}" in lines
        intervals = re.findall(r"\d+\.\d \(\d+\.\d-\d+\.\d\)", "\n".join(lines))
        assert len(intervals) == len(comparison.arms)
        plain = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in lines]
        assert max(len(line) for line in plain if line[:1] in {"│", "┃"}) <= int(columns)
