"""Tracking: a store that works is used, one that does not is told of before any work."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from front import SIZES, only, run
from mlflow import MlflowClient

from pipeline import tracking
from pipeline.errors import UserError
from pipeline.tracking import Tracking, connect, experiment_id, start, tracked


@pytest.fixture
def local(tmp_path):
    return Tracking(uri=f"sqlite:///{tmp_path}/store/mlflow.db")


class TestALocalStore:
    def test_it_is_made_where_it_is_missing(self, local, tmp_path):
        connect(local)
        assert (tmp_path / "store" / "mlflow.db").exists()

    def test_artifacts_stand_beside_the_database(self, local, tmp_path):
        client = connect(local)
        experiment = client.get_experiment(experiment_id(client, local, "sst-5"))
        assert experiment.artifact_location == (tmp_path / "store/mlartifacts/sst-5").as_uri()

    def test_an_experiment_is_made_once(self, local):
        client = connect(local)
        first, second = (experiment_id(client, local, "sst-5") for _ in range(2))
        assert first == second

    def test_a_deleted_experiment_is_named_with_the_remedy(self, local):
        client = connect(local)
        client.delete_experiment(experiment_id(client, local, "sst-5"))
        with pytest.raises(UserError, match=r"'sst-5' is deleted.*tracking\.experiment"):
            start(local, "sst-5", "name", {})

    def test_a_file_that_is_no_database_is_told_of(self, tmp_path):
        (tmp_path / "mlflow.db").write_text("this is no database, whatever its name may say " * 99)
        with pytest.raises(UserError, match=r"does not work.*tracking=off"):
            connect(Tracking(uri=f"sqlite:///{tmp_path}/mlflow.db"))

    def test_a_folder_that_cannot_be_made_is_told_of(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(UserError, match="cannot be made"):
            connect(Tracking(uri=f"sqlite:///{tmp_path}/file/mlflow.db"))


class TestARunsEnd:
    @pytest.mark.parametrize(
        ("error", "status"),
        [(None, "FINISHED"), (UserError("no"), "FAILED"), (KeyboardInterrupt(), "KILLED")],
    )
    def test_a_run_ends_as_its_block_does(self, local, tmp_path, error, status):
        def block():
            with tracked(local, tmp_path, "task", "name", {}) as run_id:
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
        with tracked(Tracking(enabled=False), tmp_path, "task", "name", {}) as run_id:
            assert run_id is None


class TestTags:
    def test_a_tree_with_changes_is_called_dirty(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run([*git, "init", "-q"], check=True)
        (tmp_path / "file").write_text("one")
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-qm", "one"], check=True)
        assert tracking._git_tags()["dirty"] == "false"
        (tmp_path / "file").write_text("two")
        assert tracking._git_tags()["dirty"] == "true"

    def test_away_from_git_there_is_no_commit_to_tag(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
        assert tracking._git_tags() == {}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Start a real MLflow server on loopback."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    env = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=env)
    uri = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            urllib.request.urlopen(f"{uri}/health", timeout=1).close()  # noqa: S310 - loopback
            break
        except OSError:
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.5)
    yield uri
    process.terminate()
    process.wait(30)


def test_a_run_on_a_server_is_there_with_its_files(server, tmp_path):
    done = run(tmp_path, *SIZES, "vectors.dim=8", f"tracking.uri={server}")
    assert done.returncode == 0, done.stderr
    assert only(tmp_path, "outputs/runs/*/result.json")
    client = MlflowClient(server)
    experiment = client.get_experiment_by_name("sample-5")
    (tracked_run,) = client.search_runs([experiment.experiment_id])
    assert tracked_run.info.status == "FINISHED"
    files = {item.path for item in client.list_artifacts(tracked_run.info.run_id)}
    assert {"result.json", "report", "vectors"} <= files
