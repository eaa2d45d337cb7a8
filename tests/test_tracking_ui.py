"""``yourvectors ui``: the right store, in the right mode, on the last multirun's comparison."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from pipeline.tracking import ui as module
from pipeline.tracking.records import Record, write
from pipeline.tracking.ui import last_folder, main, page_of

URI = "http://tracking:5000"


def record(folder, run_id, uri=URI, **more):
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, Record(uri, "sst-5", "name", {}, run_id=run_id, experiment_id="7", **more))


@pytest.fixture
def multirun(tmp_path, monkeypatch):
    """A multirun of two jobs and, later, a run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder = Path("outputs/multiruns/m")
    record(folder, "parent", jobs=["0", "1"])
    record(folder / "0", "first")
    record(folder / "1", "second")
    record(Path("outputs/runs/r"), "single")
    return folder


@pytest.fixture
def opened(monkeypatch):
    """The addresses that a browser was told to open."""
    seen = []
    monkeypatch.setattr(module.webbrowser, "open", seen.append)
    return seen


COMPARED = '#/compare-runs?runs=["first","second"]&experiments=["7"]&workflowType=machine_learning'


class TestThePage:
    def test_compares_the_jobs_of_a_multirun_in_their_order(self, multirun):
        assert page_of(multirun) == COMPARED

    def test_is_the_run_where_there_is_one(self, multirun):
        single = "#/experiments/7/runs/single?workflowType=machine_learning"
        assert page_of(Path("outputs/runs/r")) == single
        record(multirun, "parent", jobs=["0"])
        assert page_of(multirun) == single.replace("single", "first")

    def test_leaves_out_jobs_that_never_came_to_the_store(self, multirun):
        record(multirun / "0", None)
        record(multirun, "parent", jobs=["0", "1", "2"])
        assert "/runs/second?" in page_of(multirun)

    def test_is_the_list_of_experiments_where_nothing_was_tracked(self):
        assert page_of(None) == "#/experiments?workflowType=machine_learning"


class TestTheLastFolder:
    def test_is_a_multirun_where_there_is_one(self, multirun):
        record(Path("outputs/multiruns/a"), "older")
        os.utime("outputs/multiruns/a/mlflow.json", (1, 1))
        assert last_folder(Path("outputs")) == multirun

    def test_is_a_run_where_there_is_none(self, multirun):
        for path in multirun.rglob("mlflow.json"):
            path.unlink()
        assert last_folder(Path("outputs")) == Path("outputs/runs/r")

    def test_is_none_where_nothing_was_tracked(self, tmp_path):
        assert last_folder(tmp_path) is None


class TestOpening:
    def test_a_server_is_shown_as_it_is(self, multirun, opened, capsys):
        main([])
        assert opened == [f"{URI}/{COMPARED}"]
        assert capsys.readouterr().out.strip() == opened[0]
        main(["--no-browser", str(multirun)])
        assert len(opened) == 1

    def test_another_store_is_shown_without_the_runs_of_this_one(self, multirun, opened):
        main([str(multirun), "--uri", "http://other:5000/"])
        assert opened == ["http://other:5000/#/experiments?workflowType=machine_learning"]

    def test_without_a_multirun_the_environment_names_the_store(
        self, tmp_path, opened, monkeypatch
    ):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", URI)
        main([])
        assert opened == [f"{URI}/#/experiments?workflowType=machine_learning"]

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([], "outputs/mlflow.db: no tracking store yet"),
            (["nowhere"], "nowhere: no mlflow.json.*yourvectors upload nowhere"),
            (["--uri", "databricks"], "Databricks has its own UI"),
            (["--uri", "mysql://***@host/db"], "no tracking store|passwords and tokens"),
        ],
    )
    def test_what_cannot_be_shown_is_told_in_a_line(self, arguments, said, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
        with pytest.raises(SystemExit, match=f"^error: .*({said})"):
            main(arguments)

    def test_a_port_in_use_is_passed_over(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            assert module._free_port(port) > port

    def test_a_server_that_does_not_start_is_told_in_a_line(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "mlflow.db").write_text("no database")
        with pytest.raises(SystemExit, match=r"error: .*(stopped|does not work)"):
            main(["--uri", "sqlite:///mlflow.db", "--no-browser"])
