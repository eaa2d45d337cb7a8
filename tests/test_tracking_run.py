"""Runs are created once, and end: whatever happens to them, to their folder, and to others'."""

from __future__ import annotations

import contextlib
import getpass
import subprocess
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient
from processes import Forked
from server import land
from stores import runs

from pipeline.core.errors import UserError
from pipeline.core.files import write_json
from pipeline.tracking import run as module
from pipeline.tracking.client import Tracking, connect
from pipeline.tracking.records import KEY, PARENT, read, write
from pipeline.tracking.run import finish, start, tracked
from pipeline.tracking.running import hold, release

RUN = {"role": "run"}
ASKED = {"role": "parent", "asked": "vectors=skipgram,glove"}


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in ("EXPERIMENT_NAME", "EXPERIMENT_ID", "RUN_ID"):
        monkeypatch.setenv(f"MLFLOW_{name}", "")  # so that it is put back
        monkeypatch.delenv(f"MLFLOW_{name}")


def killed(folder):
    """Forget a run as the system does when its process is killed."""
    release(folder)


def track(tracking, folder, name, tags=RUN):
    with tracked(tracking, folder, "task", name, tags):
        pass


def states(local):
    return [(run.info.run_name, run.info.status) for run in runs(local.uri, "task")]


class TestARunsEnd:
    def test_what_takes_time_is_said(self, local, tmp_path, caplog):
        caplog.set_level("INFO")
        with tracked(local, tmp_path, "task", "name", RUN):
            assert "saving to MLflow" not in caplog.text
        assert caplog.messages[-1].strip() == "saving to MLflow"

    @pytest.mark.parametrize(
        ("error", "status"),
        [(None, "FINISHED"), (UserError("no"), "FAILED"), (KeyboardInterrupt(), "KILLED")],
    )
    def test_a_run_ends_as_its_block_does(self, local, tmp_path, error, status):
        def block():
            with tracked(local, tmp_path, "task", "name", RUN) as run_id:
                ids.append(run_id)
                if error:
                    raise error

        ids = []
        with pytest.raises(type(error)) if error else contextlib.nullcontext():
            block()
        assert MlflowClient(local.uri).get_run(ids[0]).info.status == status
        assert not list(tmp_path.rglob("running.lock"))

    def test_nothing_is_tracked_where_tracking_is_off(self, tmp_path, monkeypatch):
        monkeypatch.setattr(module, "connect", lambda _: pytest.fail("it connected"))
        with tracked(Tracking(enabled=False), tmp_path, "task", "name", RUN) as run_id:
            assert run_id is None


class TestARunThatWasKilled:
    def test_is_replaced_by_the_next_in_its_folder(self, local, tmp_path):
        start(local, tmp_path, ["task"], "first", RUN)
        killed(tmp_path)
        track(local, tmp_path, "second")
        assert states(local) == [("second", "FINISHED")]

    def test_is_found_again_though_its_id_was_never_noted(self, local, tmp_path):
        (record,) = start(local, tmp_path, ["task"], "first", RUN)
        record.run_id = None
        write(tmp_path, record)
        killed(tmp_path)
        track(local, tmp_path, "second")
        assert states(local) == [("second", "FINISHED")]

    def test_is_replaced_though_a_request_was_repeated(self, local, tmp_path):
        (record,) = start(local, tmp_path, ["task"], "first", RUN)
        client, run = connect(local.uri), runs(local.uri, "task")[0]
        client.create_run(run.info.experiment_id, tags={**run.data.tags, KEY: record.key})
        finish(tmp_path, "FINISHED")
        assert states(local) == [("first", "FINISHED")]

    def test_is_replaced_though_only_the_note_that_all_was_sent_is_missing(self, local, tmp_path):
        track(local, tmp_path, "first")
        (record,) = read(tmp_path)
        record.sent = False
        write(tmp_path, record)
        track(local, tmp_path, "second")
        assert states(local) == [("second", "FINISHED")]

    def test_is_ended_by_the_next_run_of_any_folder(self, local, tmp_path):
        start(local, tmp_path / "one", ["task"], "one", RUN)
        killed(tmp_path / "one")
        with tracked(local, tmp_path / "two", "task", "two", RUN):
            assert sorted(states(local)) == [("one", "KILLED"), ("two", "RUNNING")]

    def test_one_that_runs_is_left_alone(self, local, tmp_path):
        start(local, tmp_path / "one", ["task"], "one", RUN)
        with tracked(local, tmp_path / "two", "task", "two", RUN):
            assert sorted(states(local)) == [("one", "RUNNING"), ("two", "RUNNING")]
        killed(tmp_path / "one")

    def test_one_that_finished_stays_beside_the_next_in_its_folder(self, local, tmp_path):
        for name in ("first", "second"):
            track(local, tmp_path, name)
        assert sorted(states(local)) == [("first", "FINISHED"), ("second", "FINISHED")]


class TestAParentThatWasKilled:
    def test_goes_on_if_the_same_is_asked_for(self, local, tmp_path):
        (first,) = start(local, tmp_path, ["task"], "parent", ASKED)
        killed(tmp_path)
        (again,) = start(local, tmp_path, ["task"], "parent", ASKED)
        assert again.run_id == first.run_id
        finish(tmp_path, "FINISHED")
        assert states(local) == [("parent", "FINISHED")]

    def test_goes_on_though_its_id_was_never_noted(self, local, tmp_path):
        (first,) = start(local, tmp_path, ["task"], "parent", ASKED)
        run_id, first.run_id = first.run_id, None
        write(tmp_path, first)
        killed(tmp_path)
        (again,) = start(local, tmp_path, ["task"], "parent", ASKED)
        assert again.run_id == run_id
        killed(tmp_path)

    def test_is_ended_if_something_else_is_asked_for(self, local, tmp_path):
        start(local, tmp_path, ["task"], "first", ASKED)
        killed(tmp_path)
        start(local, tmp_path, ["task"], "second", ASKED | {"asked": "seed=1,2"})
        assert sorted(states(local)) == [("first", "KILLED"), ("second", "RUNNING")]
        killed(tmp_path)

    def test_takes_its_jobs_along(self, local, tmp_path):
        (tmp_path / "multirun.yaml").touch()
        (parent,) = start(local, tmp_path, ["task"], "parent", ASKED)
        job = {"role": "job", PARENT: parent.run_id}
        for name in ("0", "1", "2"):
            start(local, tmp_path / name, ["task"], name, job)
        killed(tmp_path / "0")  # is run again
        killed(tmp_path / "1")  # is not
        track(local, tmp_path / "0", "0", job)
        finish(tmp_path, "FINISHED", jobs=[tmp_path / "0"])
        expected = [("0", "FINISHED"), ("1", "KILLED"), ("2", "RUNNING"), ("parent", "FINISHED")]
        assert sorted(states(local)) == expected
        killed(tmp_path / "2")


class TestAJob:
    def test_goes_on_untracked_if_its_parents_store_is_gone_and_is_sent_later(
        self, local, tmp_path, caplog
    ):
        (parent,) = start(local, tmp_path, ["task"], "parent", ASKED)
        job = {"role": "job", PARENT: parent.run_id}
        gone = Tracking(uri="http://127.0.0.1:1")
        with (
            pytest.raises(UserError, match="yourvectors upload"),
            tracked(gone, tmp_path / "0", "task", "0", job) as run_id,
        ):
            assert run_id is None
        assert "goes on untracked" in caplog.text
        killed(tmp_path)

    def test_has_a_note_and_the_parents_later_one(self, local, tmp_path):
        (tmp_path / "multirun.yaml").touch()
        (parent,) = start(local, tmp_path, ["task"], "parent", ASKED)
        with tracked(local, tmp_path / "0", "task", "0", {"role": "job", PARENT: parent.run_id}):
            pass
        jobs = [tmp_path / "0"]
        finish(tmp_path, "FINISHED", note="all", jobs=jobs, notes={jobs[0]: "this one is better"})
        notes = {
            run.info.run_name: run.data.tags["mlflow.note.content"]
            for run in runs(local.uri, "task")
        }
        assert notes == {"parent": "all", "0": "this one is better"}


class TestAGivenRun:
    """As ``mlflow run`` gives one."""

    @pytest.fixture
    def given(self, local, monkeypatch):
        client = connect(local.uri)
        run = client.create_run(client.create_experiment("theirs"))
        monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
        return run.info.run_id

    def test_is_used_instead_of_a_new_one(self, local, given, tmp_path):
        with tracked(local, tmp_path, "task", "name", RUN) as run_id:
            assert run_id == given
        (run,) = runs(local.uri, "theirs")
        assert (run.info.status, run.data.tags["role"]) == ("FINISHED", "run")

    def test_is_a_multiruns_parent_and_none_of_its_jobs(self, local, given, tmp_path):
        (parent,) = start(local, tmp_path, ["theirs"], "parent", ASKED)
        assert parent.run_id == given
        (job,) = start(local, tmp_path / "0", ["theirs"], "0", {"role": "job", PARENT: given})
        assert job.run_id != given
        killed(tmp_path)
        killed(tmp_path / "0")

    @pytest.mark.parametrize("end", [MlflowClient.set_terminated, MlflowClient.delete_run])
    def test_is_refused_if_it_has_ended(self, local, given, tmp_path, end):
        end(connect(local.uri), given)
        with pytest.raises(UserError, match=f"MLFLOW_RUN_ID={given}: this run has ended"):
            start(local, tmp_path, ["theirs"], "name", RUN)

    def test_is_refused_in_another_experiment_than_was_asked_for(self, local, given, tmp_path):
        with pytest.raises(UserError, match=f"{given}: this run is in the experiment theirs"):
            start(local, tmp_path, ["mine"], "name", RUN)

    def test_is_refused_if_there_is_none(self, local, tmp_path, monkeypatch):
        monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
        with pytest.raises(
            UserError, match=r"MLFLOW_RUN_ID=0{32}: not found in sqlite.*; unset it"
        ):
            start(local, tmp_path, ["mine"], "name", RUN)


class TestTags:
    def test_a_run_says_who_ran_what_and_where(self, local, tmp_path):
        track(local, tmp_path, "name")
        (run,) = runs(local.uri, "task")
        assert run.data.tags["mlflow.source.name"] == "yourvectors"
        assert run.data.tags["mlflow.user"] == getpass.getuser()
        assert run.data.tags["folder"] == str(tmp_path)

    def test_a_tree_with_changes_is_called_dirty(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run([*git, "init", "-q"], check=True)
        (tmp_path / "file").write_text("one")
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-qm", "one"], check=True)
        assert module._source_tags()["dirty"] == "false"
        (tmp_path / "file").write_text("two")
        assert module._source_tags()["dirty"] == "true"

    def test_away_from_git_there_is_no_commit_to_tag(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
        assert not {"dirty", "mlflow.source.git.commit"} & set(module._source_tags())


class TestRecords:
    @pytest.mark.parametrize("content", ["", "[{", "{}", "[1]", '[{"uri": 1}]', "null"])
    def test_a_damaged_file_is_not_used_and_said_to_be_so(self, content, tmp_path, caplog):
        (tmp_path / "mlflow.json").write_text(content)
        assert read(tmp_path) == []
        assert "mlflow.json is damaged and not used" in caplog.text or content == "{}"

    def test_one_of_another_version_is_read_without_its_password(self, tmp_path):
        old = {"uri": "http://me:word@host", "experiment": "e", "name": "n", "tags": RUN}
        write_json(tmp_path / "mlflow.json", [old | {"unheard_of": 1}])
        (record,) = read(tmp_path)
        assert record.uri == "http://***@host"


def test_eight_at_once_on_a_store_that_is_not_there_yet_all_land(tmp_path):
    uri = f"sqlite:///{tmp_path}/store/mlflow.db"
    jobs = [Forked(tmp_path / str(n), land, uri, Path(), str(n)) for n in range(8)]
    assert [job.done().returncode for job in jobs] == [0] * 8
    found = runs(uri, "task")
    assert sorted(run.info.run_name for run in found) == sorted(map(str, range(8)))
    assert {run.info.status for run in found} == {"FINISHED"}


class TestSystemMetrics:
    def test_are_tracked_where_they_are_asked_for(self, local, tmp_path, monkeypatch):
        pytest.importorskip("psutil")
        monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05")
        for asked in (True, False):
            where = Tracking(uri=local.uri, system_metrics=asked)
            with tracked(where, tmp_path / str(asked), "task", str(asked), RUN):
                time.sleep(0.5)
        names = {run.info.run_name: set(run.data.metrics) for run in runs(local.uri, "task")}
        assert "system/cpu_utilization_percentage" in names["True"]
        assert not names["False"]

    def test_that_cannot_be_had_cost_no_run(self, local, tmp_path, monkeypatch, caplog):
        pytest.importorskip("psutil")
        from mlflow.system_metrics import system_metrics_monitor

        def broken(*_, **__):
            raise RuntimeError("no sensors")

        monkeypatch.setattr(system_metrics_monitor, "SystemMetricsMonitor", broken)
        where = Tracking(uri=local.uri, system_metrics=True)
        track(where, tmp_path, "name")
        assert "system metrics are not tracked: no sensors" in caplog.text
        assert states(local) == [("name", "FINISHED")]


def test_a_folder_is_held_by_one_process_only(tmp_path):
    hold(tmp_path)
    hold(tmp_path)  # once more does no harm
    release(tmp_path)
    assert not list(tmp_path.rglob("*.lock"))
