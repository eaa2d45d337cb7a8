"""What version 0.1.0 made is opened, resumed or made again by this version, without a traceback.

The archive holds a run, one with `sweep=two_layer` that is registered as ``fixture``, a multirun,
one that was killed (``half``), its cache with a checkpoint, and its MLflow store.
"""

from __future__ import annotations

import importlib
import json
import sqlite3
import sys
import tarfile
from contextlib import closing
from pathlib import Path

import pandas as pd
import processes
import pytest
from front import assert_one_clear_line, call
from processes import Forked

from pipeline import TextClassifier
from pipeline.cache.store import Cache
from pipeline.core import old_modules

ARCHIVE = Path(__file__).parent / "fixtures" / "version-0.1.0.tar.xz"
MADE_IN = "/tmp/fix"  # noqa: S108 - where its runs were, as its MLflow store says
COMMON = ["corpus=table", "corpus.path=table.csv", "vectors.dim=4", "vocab.min_count=1"]
COMMON += ["sweep.strengths=[0.1,1]"]
ONE = [*COMMON, "vectors.epochs=2"]
TWO = ["-m", *COMMON, "vectors=skipgram,random"]


@pytest.fixture
def old(tmp_path):
    """Return a folder with everything that version 0.1.0 made."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    with closing(sqlite3.connect(tmp_path / "outputs" / "mlflow.db")) as store, store:
        tables = store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for column in store.execute(f"PRAGMA table_info({table})").fetchall():
                if "CHAR" in column[2] or "TEXT" in column[2]:
                    name = column[1]
                    store.execute(  # the names are the store's own
                        f"UPDATE {table} SET {name} = replace({name}, ?, ?)"  # noqa: S608
                        f" WHERE {name} LIKE ?",
                        (MADE_IN, str(tmp_path), f"%{MADE_IN}%"),
                    )
    return tmp_path


@pytest.fixture
def here(old):
    uri = f"tracking.uri=sqlite:///{old}/outputs/mlflow.db"
    return lambda *arguments: call(old, *arguments, uri)


def command(folder, *arguments):
    done = Forked(folder, processes.command, *arguments).done()
    assert "Traceback" not in done.stderr, done.stderr
    return done


def answer_by_the_registered_model():
    import mlflow

    mlflow.set_tracking_uri("sqlite:///outputs/mlflow.db")
    model = mlflow.pyfunc.load_model("models:/fixture/1")
    print(model.predict(pd.DataFrame({"text": ["a good film", "a bad film"]})).shape)  # noqa: T201


def assert_works(done):
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def result(folder):
    return json.loads((folder / "result.json").read_text("utf-8"))


class TestRunFolders:
    @pytest.mark.parametrize("name", ["run", "two_layer"])
    def test_the_classifier_of_a_run_is_loaded(self, old, name):
        answer = TextClassifier.load(old / name).predict(["a good film", "a bad film"])
        assert len(answer) == 2

    def test_pages_are_made_again_or_refused_in_a_line(self, old):
        done = command(old, "report", "run")
        if done.returncode:
            assert_one_clear_line(done)
        else:
            assert (old / "run" / "report" / "index.html").exists()

    def test_runs_and_multiruns_are_compared(self, old):
        done = command(old, "report", "run", "two_layer", "multirun", "--output", "all")
        assert_works(done)
        table = pd.read_csv(old / "all" / "comparison.csv")
        assert len(table) == 4
        accuracy = [result(old / name)["test"]["accuracy"] for name in ("run", "two_layer")]
        assert table["test_accuracy"].tolist()[:2] == accuracy

    def test_a_run_is_made_again_in_its_folder(self, old, here):
        before = result(old / "run")
        assert_works(here(*ONE, "hydra.run.dir=run"))
        assert result(old / "run")["test"].keys() >= before["test"].keys()


class TestMultiruns:
    def test_one_that_is_complete_is_made_again(self, old, here):
        # Its results do not say what they depended on, so it cannot be told that they are current.
        done = here(*TWO, "hydra.sweep.dir=multirun")
        assert_works(done)
        assert "done already" not in done.stderr
        table = pd.read_csv(old / "multirun" / "comparison.csv")
        assert table["status"].tolist() == ["done", "done"]

    def test_one_that_was_killed_goes_on(self, old, here):
        assert_works(here(*TWO, "hydra.sweep.dir=half"))
        table = pd.read_csv(old / "half" / "comparison.csv")
        assert table["status"].tolist() == ["done", "done"]

    def test_what_it_lacks_is_uploaded(self, old):
        done = command(old, "upload", "multirun")
        assert_works(done)
        assert "1e23132572a24c06b85e68f10190b273" in done.stdout


class TestTheCache:
    def test_is_listed_verified_and_pruned(self, old):
        assert_works(command(old, "cache", "list"))
        assert_works(command(old, "cache", "verify"))
        done = command(old, "cache", "prune")
        assert_works(done)
        assert " 0 entries removed" not in done.stdout

    def test_a_run_beside_it_gives_what_it_gives_without(self, old, here):
        assert_works(here(*ONE, "hydra.run.dir=new"))
        assert_works(here(*ONE, "hydra.run.dir=fresh", "cache=off"))
        assert result(old / "new")["test"] == result(old / "fresh")["test"]
        assert Cache(str(old / "outputs" / "cache"))


class TestTheTrackingStore:
    def test_the_registered_model_is_loaded(self, old):
        done = Forked(old, answer_by_the_registered_model).done()
        assert_works(done)
        assert "(2, 3)" in done.stdout

    def test_another_run_is_registered_beside_it(self, here):
        assert_works(here(*ONE, "sweep=two_layer", "sweep.hidden=3", "registry.name=fixture"))

    def test_a_run_is_fetched_by_its_id(self, old):
        done = command(old, "report", "77181be9d4f3497c8796ae37362e3010")
        if done.returncode:
            assert_one_clear_line(done)


class TestOldNamesOfModules:
    @pytest.mark.parametrize("name", sorted(old_modules.OLD))
    def test_each_leads_to_a_module(self, name):
        new = importlib.import_module(f"pipeline.{old_modules.OLD[name]}")
        public = next((key for key in vars(new) if not key.startswith("_")), "__name__")
        old = importlib.import_module(f"pipeline.{name}")
        assert getattr(old, public) is getattr(new, public) or public == "__name__"

    def test_one_that_a_person_types_is_noticed_in_a_line(self, caplog):
        sys.modules.pop("pipeline.wordvectors", None)
        from pipeline.wordvectors import WordVectors

        assert WordVectors.__name__ == "WordVectors"
        (line,) = [r.message for r in caplog.records]
        assert line == (
            "pipeline.wordvectors is now called pipeline.stages.vectors.word_vectors; "
            "the old name still works."
        )

    @pytest.mark.parametrize(
        ("module", "name"),
        [
            ("corpus", "Sst"),
            ("trainer", "Combine"),
            ("vectors", "SkipGram"),
            ("report", "write_page"),
            ("report", "Report"),
            ("classify", "TextClassifier"),
            ("mean_vectors", "MeanVectors"),
            ("features", "featurize"),
            ("store", "Cache"),
            ("formats", "read_vectors"),
        ],
    )
    def test_public_names_are_where_they_were(self, module, name):
        assert getattr(importlib.import_module(f"pipeline.{module}"), name).__name__ == name

    def test_a_name_that_is_gone_is_said_in_plain_words(self):
        with pytest.raises(ImportError, match="cannot import name 'gone'"):
            exec("from pipeline.vectors import gone")  # noqa: S102
