"""Two runs with equal keys have equal results: everything a result depends on changes the key.

The files of our own stages and our own code are tested in test_cache_law.py.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from own import Own

from pipeline.cache import code, keys, observe
from pipeline.cache.keys import run_key
from pipeline.experiment import Experiment
from pipeline.stages.corpus import Sst, Table
from pipeline.stages.evaluation.evaluation import Evaluation
from pipeline.stages.vectors.vectors import Random, SkipGram

HELPER = "def scale(): return 1\n"
OWN = """
import os, kit.deep; from dataclasses import dataclass, field
from kit import tools; y = 1

@dataclass
class Mine:
    files: dict = field(default_factory=dict)
    more: list = field(default_factory=list)

    def make(self, corpus, vocabulary):
        import lazy
"""
MODULES = {
    "mine.py": OWN,
    "kit/__init__.py": "",
    "kit/deep.py": "from elsewhere import *\n",
    "kit/near.py": HELPER,
    "kit/tools.py": "from . import near\ntry: import nowhere\nexcept ImportError: pass\n",
    "lazy.py": HELPER,
    "unused.py": HELPER,
}
IMPORTED = ("mine", "kit", "kit.deep", "kit.near", "kit.tools")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text("text,label\na good film,1\n")
    Path("more.txt").write_text("a film\n")
    Path("glove.txt").write_text("a 1 2\n")
    Path("pairs.txt").write_text("a film 1\n")
    return tmp_path


@pytest.fixture
def modules(here, monkeypatch):
    """Importable modules of a user's own, one of them in another folder."""
    for name, text in MODULES.items() | {("other/elsewhere.py", HELPER)}:
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_text(text)
    monkeypatch.syspath_prepend(here)
    monkeypatch.syspath_prepend(here / "other")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(code, "LOADED", {})
    yield here
    restarted()


def experiment(**more):
    corpus = Table(path="table.csv", unlabelled=["more.txt"])
    return Experiment(corpus=corpus, evaluation=Evaluation(similarity=["pairs.txt"]), **more)


def mine(**settings):
    """Return an experiment with a class of the user's own, imported as the command line does."""
    with observe.importing():
        from mine import Mine
    return experiment(vectors=Mine(**settings))


def restarted():
    """Forget what a process remembers of its imports."""
    code.LOADED.clear()
    for name in (*IMPORTED, "elsewhere", "lazy"):
        sys.modules.pop(name, None)


def test_is_plain_json_and_the_same_every_time():
    key = run_key(experiment())
    assert "unknown" not in key
    assert json.loads(json.dumps(key)) == key == run_key(experiment())


def test_changes_with_any_file_of_a_folder_and_with_its_name(treebank):
    corpus = Sst(path=str(treebank))

    def key():
        return run_key(Experiment(corpus=corpus, vectors=Random()))

    keys = [key()]
    (treebank / "dev.txt").write_text("(1 worse)\n")
    keys.append(key())
    (treebank / "more").mkdir()
    (treebank / "more" / "note.txt").write_text("new\n")
    keys.append(key())
    (treebank / "more" / "note.txt").rename(treebank / "note.txt")
    keys.append(key())
    assert len({json.dumps(key) for key in keys}) == 4


def test_changes_with_a_file_that_a_linked_folder_holds(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "to").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "round").symlink_to(tmp_path / "linked")
    before = files_named("linked")
    (tmp_path / "real" / "new.txt").write_text("new\n")
    assert files_named("linked") != before


def files_named(name):
    return run_key(experiment(vectors=Own(name)))["files"]["vectors"]


@pytest.mark.parametrize(
    "value",
    ["glove.txt", ["glove.txt"], {"file": "glove.txt"}, {"glove.txt": 1}, Path("glove.txt"),
     [[{"a": ["glove.txt"]}]], "*.txt"],
)  # fmt: skip
def test_changes_with_a_file_named_anywhere_in_the_settings_of_an_own_class(value):
    before = run_key(experiment(vectors=Own(value)))
    Path("glove.txt").write_text("a 1 3\n")
    assert run_key(experiment(vectors=Own(value))) != before


def test_changes_with_settings_classes_and_versions(monkeypatch):
    class Other(SkipGram):
        pass

    Other.__module__ = "pipeline.other"
    variants = [
        experiment(),
        experiment(vectors=SkipGram(seed=2)),
        experiment(vectors=Other()),
        replace(experiment(), corpus=Table(path="table.csv", unlabelled=["more.txt"], seed=2)),
    ]
    found = [json.dumps(run_key(variant)) for variant in variants]
    monkeypatch.setattr(keys, "versions", lambda: {"numpy": "0.0"})
    assert len({*found, json.dumps(run_key(experiment()))}) == 5


def test_the_versions_are_those_of_the_packages_that_are_installed():
    assert keys.versions()["numpy"] == np.__version__
    assert set(keys.versions()) == set(keys.PACKAGES)


@pytest.mark.usefixtures("modules")
class TestOnesOwnCode:
    def test_is_known(self):
        key = run_key(mine())
        assert "unknown" not in key
        files = key["own_code"]["vectors"]["files"]
        assert set(files) == {*IMPORTED, "elsewhere", "lazy"}
        assert key["own_code"]["vectors"]["missing"] == ["nowhere"]

    @pytest.mark.parametrize("name", [*MODULES, "other/elsewhere.py"])
    def test_changes_the_key_with_every_file_that_is_imported_and_no_other(self, name, modules):
        before = run_key(mine())
        (modules / name).write_text((modules / name).read_text() + "# edited\n")
        restarted()
        after = run_key(mine())
        assert "unknown" not in after
        assert (after == before) == (name == "unused.py")

    def test_may_be_moved(self, modules):
        before = run_key(mine())
        (modules / "moved").mkdir()
        for name in ("mine.py", "kit", "lazy.py"):
            (modules / name).rename(modules / "moved" / name)
        sys.path.insert(0, str(modules / "moved"))
        restarted()
        assert run_key(mine()) == before

    @pytest.mark.parametrize("name", ["mine.py", "kit/deep.py"])
    def test_that_was_edited_since_it_was_imported_is_not_known(self, name, modules):
        mine()
        (modules / name).write_text((modules / name).read_text() + "# edited\n")
        assert_unknown("was edited after this process began")

    @pytest.mark.parametrize(
        ("line", "why"),
        [
            ("import importlib", "imports importlib"),
            ("from importlib import import_module", "imports importlib"),
            ("exec('y = 2')", "uses exec"),
            ("z = __import__('lazy')", "uses __import__"),
            ("def f(): import somewhere", "the module somewhere cannot be found"),
        ],
    )
    def test_that_may_run_any_other_code_is_not_known(self, line, why, modules):
        (modules / "kit" / "tools.py").write_text(f"{line}\n")
        assert_unknown(why)

    def test_may_look_up_versions(self, modules):
        (modules / "lazy.py").write_text(
            "from importlib import metadata\nimport importlib.metadata\n"
        )
        assert "unknown" not in run_key(mine())

    def test_whose_method_was_put_in_place_afterwards_is_not_known(self):
        made = mine()
        type(made.vectors).make = lambda *_: None
        assert_unknown("Mine.make is written in")

    def test_typed_in_is_not_known(self):
        typed_in = type("TypedIn", (Random,), {"__module__": "notebook"})
        assert "notebook" in run_key(experiment(vectors=typed_in()))["unknown"][0]

    def test_depends_on_the_versions_of_installed_packages(self, modules, monkeypatch):
        (modules / "lazy.py").write_text("import sklearn.linear_model, os\n")
        before = run_key(mine())
        version = code.metadata.version
        monkeypatch.setattr(
            code.metadata, "version", lambda name: "0" if "learn" in name else version(name)
        )
        monkeypatch.setattr(keys, "versions", dict)
        after = run_key(mine())
        assert after["own_code"] != before["own_code"]

    def test_is_also_that_of_a_function_that_a_setting_names(self, modules):
        def key():
            return run_key(experiment(vectors=Own("lazy:scale")))["own_code"]["vectors"]["files"]

        before = key()
        (modules / "lazy.py").write_text("edited = 1\n")
        restarted()
        assert key() != before


def assert_unknown(why):
    first, second = run_key(mine()), run_key(mine())
    assert why in first["unknown"][0]
    assert first != second


@pytest.mark.parametrize("value", [object(), print, [object()], {"a": lambda: 1}, {1: 2, "1": 3}])
def test_a_setting_that_has_no_plain_value_is_not_known(value):
    first, second = (run_key(experiment(vectors=Own(value))) for _ in range(2))
    assert "Own.value" in first["unknown"][0]
    assert first != second


def test_an_attribute_that_is_no_field_counts():
    own = Own()
    before = run_key(experiment(vectors=own))
    own.extra = np.arange(5000)
    after = run_key(experiment(vectors=own))
    own.extra = np.arange(1, 5001)
    assert len({json.dumps(key) for key in (before, after, run_key(experiment(vectors=own)))}) == 3


def test_a_missing_file_is_no_error():
    key = run_key(Experiment(corpus=Table(path="none.csv")))
    assert "unknown" not in key
    Path("none.csv").write_text("text,label\n")
    assert run_key(Experiment(corpus=Table(path="none.csv"))) != key
