"""Which store is used, and one that does not work is reported in a line, before any work."""

from __future__ import annotations

import os
import sqlite3

import pytest
from mlflow import MlflowClient
from server import Fake

from pipeline.core.errors import UserError
from pipeline.tracking import client as module
from pipeline.tracking.client import DEFAULT_URI, Tracking, connect, experiment_id
from pipeline.tracking.errors import StoreError


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    """Without what the environment of the tests says of MLflow."""
    for name in ("TRACKING_URI", "EXPERIMENT_NAME", "EXPERIMENT_ID", "RUN_ID"):
        monkeypatch.setenv(f"MLFLOW_{name}", "")  # so that it is put back
        monkeypatch.delenv(f"MLFLOW_{name}")
    monkeypatch.setenv("YOURVECTORS_SECRETS", "{}")


class TestWhichStore:
    def test_the_setting_comes_before_the_environment_and_that_before_the_default(
        self, monkeypatch
    ):
        assert Tracking().describe() == DEFAULT_URI
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://one:5000")
        assert Tracking().describe() == "http://one:5000 (set by MLFLOW_TRACKING_URI)"
        given = Tracking(uri="http://two:5000")
        assert given.describe() == "http://two:5000 (set by tracking.uri)"

    @pytest.mark.parametrize("uri", ["databricks", "databricks://profile", "mysql://host/db"])
    def test_whatever_mlflow_knows_may_be_named(self, uri):
        assert Tracking(uri=uri).uri == uri

    @pytest.mark.parametrize("uri", ["mlruns", "/a/mlruns", "file:///a/mlruns"])
    def test_a_folder_is_refused_with_the_way_out(self, uri, monkeypatch):
        with pytest.raises(UserError, match=r"tracking\.uri=.*mlflow migrate-filestore"):
            Tracking(uri=uri)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        with pytest.raises(UserError, match="MLFLOW_TRACKING_URI="):
            Tracking()
        assert not Tracking(enabled=False).enabled

    def test_a_password_is_masked_and_yet_known_to_who_connects(self, monkeypatch):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:word@host")
        assert Tracking().uri == "http://***@host"
        assert module.whole_address("http://***@host") == "http://me:word@host"

    def test_a_password_that_was_not_stored_is_asked_for(self, monkeypatch):
        with pytest.raises(StoreError, match="Set MLFLOW_TRACKING_URI to the whole address"):
            module.whole_address("postgresql://***@host/db")
        with pytest.raises(StoreError, match="Set MLFLOW_TRACKING_URI to the whole address"):
            module.whole_address("http://***@host")
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
        assert module.whole_address("http://***@host") == "http://host"

    def test_system_metrics_without_psutil_are_refused_before_any_work(self, monkeypatch):
        monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)
        with pytest.raises(UserError, match="needs psutil: pip install psutil"):
            Tracking(system_metrics=True)


class TestWhichExperiment:
    def test_the_setting_the_environment_or_the_task(self, monkeypatch):
        assert Tracking().experiment_for("sst-5") == "sst-5"
        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "mine")
        assert Tracking().experiment_for("sst-5") == "mine"
        assert Tracking(experiment="other").experiment_for("sst-5") == "other"

    def test_an_id_is_looked_up(self, local, monkeypatch):
        client = connect(local.uri)
        mine = client.create_experiment("mine")
        monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", mine)
        assert local.experiment_for("sst-5") == "mine"
        monkeypatch.delenv("MLFLOW_EXPERIMENT_ID")
        assert os.environ.pop("MLFLOW_EXPERIMENT_NAME") == "mine"  # for the jobs of this process
        monkeypatch.setenv("MLFLOW_RUN_ID", client.create_run(mine).info.run_id)
        assert local.experiment_for("sst-5") == "mine"

    @pytest.mark.parametrize("variable", ["MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"])
    @pytest.mark.parametrize("given", ["123", "bad"])
    def test_an_id_that_the_store_does_not_have_is_named_with_its_variable(
        self, local, variable, given, monkeypatch
    ):
        monkeypatch.setenv(variable, given)
        with pytest.raises(UserError, match=f"{variable}={given}: not found in .*; unset it"):
            local.experiment_for("sst-5")

    def test_an_empty_name_is_refused(self):
        with pytest.raises(UserError, match=r"tracking\.experiment is empty"):
            Tracking(experiment="")


class TestALocalStore:
    def test_it_is_made_where_it_is_missing(self, tmp_path):
        (tmp_path / "store").mkdir()
        (tmp_path / "store" / "mlflow.db").touch()  # left by one who was killed
        connect(f"sqlite:///{tmp_path}/store/mlflow.db")
        assert sorted(path.name for path in (tmp_path / "store").iterdir()) == [
            "mlflow.db",
            "mlflow.db.lock",
        ]

    def test_one_that_cannot_be_finished_is_not_there(self, tmp_path, monkeypatch):
        from mlflow.store.tracking import sqlalchemy_store

        class Killed(sqlalchemy_store.SqlAlchemyStore):
            def __init__(self, uri: str, _: str) -> None:
                with sqlite3.connect(uri.removeprefix("sqlite:///")) as database:
                    database.execute("create table half (id integer)")
                raise KeyboardInterrupt

        monkeypatch.setattr(sqlalchemy_store, "SqlAlchemyStore", Killed)
        with pytest.raises(KeyboardInterrupt):
            connect(f"sqlite:///{tmp_path}/mlflow.db")
        assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db.lock"]

    @pytest.mark.parametrize("name", ["sst-5", "mine/and/yours", "../a b?"])
    def test_artifacts_stand_beside_the_database(self, name, local, tmp_path):
        client = connect(local.uri)
        experiment = client.get_experiment(experiment_id(client, local.uri, name))
        beside = (tmp_path / "store" / "mlartifacts").as_uri()
        assert experiment.artifact_location.startswith(f"{beside}/")
        assert ".." not in experiment.artifact_location.split("/")

    def test_an_experiment_is_made_once(self, local):
        client = connect(local.uri)
        first, second = (experiment_id(client, local.uri, "sst-5") for _ in range(2))
        assert first == second

    def test_a_deleted_experiment_is_named_with_the_remedy(self, local):
        client = connect(local.uri)
        client.delete_experiment(experiment_id(client, local.uri, "sst-5"))
        with pytest.raises(StoreError, match=r"'sst-5' is deleted.*tracking\.experiment"):
            experiment_id(client, local.uri, "sst-5")

    def test_a_file_that_is_no_database_is_reported(self, tmp_path):
        (tmp_path / "mlflow.db").write_text("this is no database, whatever its name may say " * 99)
        with pytest.raises(StoreError, match=r"does not work.*tracking=off"):
            connect(f"sqlite:///{tmp_path}/mlflow.db")

    def test_a_folder_that_cannot_be_made_is_reported(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(StoreError, match="cannot be made"):
            connect(f"sqlite:///{tmp_path}/file/mlflow.db")


PAGE = b"<html>\n<h1>Please log in</h1></html>"


class TestAServerThatIsNone:
    @pytest.mark.parametrize(
        ("status", "body", "headers", "said"),
        [
            (401, PAGE, {}, r"refuses access \(HTTP 401\)\. Set MLFLOW_TRACKING_USERNAME"),
            (403, b'{"error_code": "PERMISSION_DENIED", "message": "no"}', {}, "DENIED: no"),
            (404, PAGE, {}, "answers HTTP 404. Is it the address of an MLflow server"),
            (302, PAGE, {"Location": "/login"}, "not MLflow's, perhaps a login page"),
            (200, PAGE, {}, "not MLflow's, perhaps a login page"),
            (200, bytes(range(128, 256)), {}, "not MLflow's"),
            (200, b"[1, 2]", {}, "not MLflow's"),
            (200, b'{"experiments": 5}', {}, "not MLflow's"),
            (503, PAGE, {}, "cannot be reached"),
            (0, b"\0\1\2 hello\r\n\r\n", {}, r"cannot be reached.*tracking=off"),
        ],
    )
    def test_is_told_in_one_short_line(self, status, body, headers, said):
        with Fake(status, body, headers) as fake, pytest.raises(StoreError, match=said) as caught:
            connect(fake.uri)
        assert len(str(caught.value)) <= 300
        assert str(caught.value).isprintable()

    @pytest.mark.parametrize(
        ("uri", "said"),
        [
            ("http://127.0.0.1:1", r"cannot be reached \(Connection refused\)"),
            ("http://127.0.0.1:99999", "Invalid url"),
            ("nosuch://host", "unsupported URI"),
            ("postgresql+psycopg://me:word@127.0.0.1:1/db", "refused"),
            ("mysql://127.0.0.1/db", "MySQLdb"),
        ],
    )
    def test_an_address_where_nothing_is_fails_at_once(self, uri, said):
        where = Tracking(uri=uri)
        with pytest.raises(StoreError, match=said) as caught:
            connect(where.uri)
        assert len(str(caught.value)) <= 300
        assert "word" not in str(caught.value)

    def test_a_proxy_is_used(self, monkeypatch):
        with Fake(200, b"{}", {}) as proxy:
            monkeypatch.setenv("http_proxy", proxy.uri)
            monkeypatch.setenv("no_proxy", "")
            connect("http://tracking.invalid:5000")
            assert proxy.sent[0].startswith(b"http://tracking.invalid:5000/api/")

    @pytest.mark.parametrize("with_uri", [True, False])
    def test_user_and_password_are_sent(self, with_uri, monkeypatch):
        with Fake(200, b"{}", {}) as fake:
            uri = fake.uri
            if with_uri:
                uri = uri.replace("http://", "http://me:word@")
            else:
                monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
                monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "word")
            connect(Tracking(uri=uri).uri)
            assert b"Authorization: Basic bWU6d29yZA==" in fake.sent[0]

    def test_databricks_is_asked_where_its_environment_says(self, monkeypatch):
        with Fake(200, b"{}", {}) as fake:
            monkeypatch.setenv("DATABRICKS_HOST", fake.uri)
            monkeypatch.setenv("DATABRICKS_TOKEN", "word")
            assert isinstance(connect("databricks"), MlflowClient)
            assert any(b"Authorization: Bearer word" in one for one in fake.sent)
