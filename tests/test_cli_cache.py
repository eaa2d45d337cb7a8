from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest
from front import only

from pipeline.cache.store import MANIFEST, Store
from pipeline.cli.cache import items, main, prune
from pipeline.core.files import write_array
from pipeline.core.locks import lock_of
from pipeline.stages.vectors.checkpoint import Checkpoint

DAY = 86_400.0


@pytest.fixture
def folder(tmp_path):
    """A store with three entries of 8 kB and a little, used one, two and forty days ago."""
    folder = tmp_path / "cache"
    for stage, days in (("vocab", 1), ("vectors", 2), ("sweep", 40)):
        used(keep(folder, stage), days)
    return folder


def keep(folder, stage):
    key = {"stage": stage, "config": {"class": "pipeline.stages.vectors.word2vec.SkipGram"}}
    Store(folder).get(stage, lambda: key, lambda: np.zeros(1000), save, None)
    return only(folder, f"{stage}/*[!k]")


def save(value, folder):
    write_array(folder / "values.npy", value)


def used(path, days, mark=MANIFEST):
    when = time.time() - days * DAY
    os.utime(path / mark, (when, when))


def stopped(folder, days):
    """Leave the state of a training that was stopped so many days ago."""
    checkpoint = Checkpoint(folder / "training" / "abc", {"dim": 10})
    assert checkpoint.save({"input": np.zeros(100)}, {"chunks": 1})
    checkpoint.lock.release()
    used(checkpoint.folder, days, "state.json")
    return checkpoint


def old(folder):
    """Leave what version 0.1.0 did: a file of vectors, and entries with another manifest."""
    (folder / "pretrained").mkdir()
    (folder / "pretrained" / "sample.50d.txt").write_text("the 1 2\n")
    for stage in ("features", "vectors"):
        (folder / stage / "0a1b").mkdir(parents=True)
        (folder / stage / "0a1b" / MANIFEST).write_text(f'{{"stage": "{stage}"}}')


def stages(folder):
    return [item.stage for item in items(folder)]


class TestItems:
    def test_come_with_their_size_the_least_recently_used_first(self, folder):
        found = items(folder)
        assert [item.stage for item in found] == ["sweep", "vectors", "vocab"]
        for item in found:
            files = [item.path / "values.npy", item.path / MANIFEST]
            assert item.size >= sum(path.stat().st_size for path in files) > 8000

    def test_are_checkpoints_and_what_older_versions_left_too(self, folder):
        stopped(folder, 0)
        old(folder)
        assert set(stages(folder)) == {
            *("training", "vocab", "vectors", "sweep"),
            *("pretrained", "features"),
        }

    def test_are_nothing_that_is_not_the_cache_s(self, folder):
        (folder / "thesis").mkdir()
        (folder / "thesis" / "chapter.txt").write_text("Years of work.")
        assert len(items(folder)) == 3
        prune(folder, max_size=0)
        assert (folder / "thesis" / "chapter.txt").exists()

    def test_there_are_none_in_a_folder_that_is_not_there(self, tmp_path):
        assert items(tmp_path / "nowhere") == []


class TestPruning:
    def test_removes_what_was_not_used_for_long(self, folder):
        assert [item.stage for item in prune(folder, older_than=30 * DAY)] == ["sweep"]
        assert stages(folder) == ["vectors", "vocab"]

    def test_removes_the_least_recently_used_until_the_rest_fits(self, folder):
        assert [item.stage for item in prune(folder, max_size=20_000)] == ["sweep"]
        assert [item.stage for item in prune(folder, max_size=0)] == ["vectors", "vocab"]

    def test_removes_nothing_that_is_asked_for_neither_by_age_nor_by_size(self, folder):
        assert prune(folder) == []
        assert len(items(folder)) == 3

    def test_takes_what_is_from_the_future_for_new(self, folder):
        used(only(folder, "vocab/*[!k]"), -400)  # the clock jumped back since
        assert "vocab" not in [item.stage for item in prune(folder, older_than=DAY)]

    def test_leaves_alone_what_somebody_is_making(self, folder):
        with lock_of(only(folder, "sweep/*[!k]")):
            assert prune(folder, older_than=30 * DAY) == []
            assert len(list(folder.glob("sweep/*.lock"))) == 1
        assert len(prune(folder, older_than=30 * DAY)) == 1

    def test_removes_what_is_left_of_those_who_died_but_not_of_those_who_are_at_it(self, folder):
        entry = only(folder, "vocab/*[!k]")
        left = entry.with_name(f".{entry.name}.1a2b3c4d")
        left.mkdir()
        (left / "half.npy").write_text("...")
        with lock_of(entry):
            prune(folder)
            assert left.exists()
        prune(folder)
        assert not left.exists()

    def test_removes_lock_files_that_nobody_holds(self, folder):
        assert list(folder.glob("*/*.lock"))
        prune(folder)
        assert not list(folder.glob("*/*.lock"))
        assert keep(folder, "vocab").exists()

    def test_removes_the_state_of_a_training_that_nobody_went_on_with_for_a_week(self, folder):
        stopped(folder, 6)
        prune(folder)
        assert "training" in stages(folder)
        checkpoint = stopped(folder, 8)
        assert checkpoint.load({"input": np.ones(100)})  # somebody goes on with it
        prune(folder)
        assert "training" in stages(folder)
        checkpoint.lock.release()
        prune(folder)
        assert "training" not in stages(folder)

    def test_removes_what_older_versions_left(self, folder):
        old(folder)
        removed = {(item.stage, item.path.name) for item in prune(folder)}
        assert removed == {
            *(("pretrained", "sample.50d.txt"), ("features", "0a1b"), ("vectors", "0a1b")),
        }
        assert stages(folder) == ["sweep", "vectors", "vocab"]
        assert not (folder / "pretrained").exists()


@pytest.fixture
def call(folder, capsys):
    """Give a command for the store; return what it prints."""

    def call(*arguments):
        main([*arguments, "--cache", str(folder)])
        return capsys.readouterr().out

    return call


class TestCommand:
    def test_list_has_a_line_an_entry_and_the_sum(self, call):
        lines = call("list").splitlines()
        assert [line.split()[0] for line in lines] == ["stage", "sweep", "vectors", "vocab", "3"]
        assert "SkipGram" in lines[1]
        assert lines[-1].startswith("3 entries, 0.0 MB in ")

    def test_prune_says_what_it_removed_and_what_is_left(self, call):
        said = call("prune", "--older-than", "30d", "--max-size", "5GB").splitlines()
        assert said[0].startswith("1 entry removed")
        assert said[1].startswith("2 entries")

    @pytest.mark.parametrize(
        ("time", "left"), [("12h", 0), ("36h", 1), ("1.5d", 1), ("3d", 2), ("6w", 3)]
    )
    def test_prune_understands_times(self, call, folder, time, left):
        call("prune", "--older-than", time)
        assert len(items(folder)) == left

    @pytest.mark.parametrize(("size", "left"), [("0MB", 0), ("0.01MB", 1), ("1TB", 3)])
    def test_prune_understands_sizes(self, call, folder, size, left):
        call("prune", "--max-size", size)
        assert len(items(folder)) == left

    def test_verify_says_that_all_is_well(self, call):
        assert "everything is intact" in call("verify")

    def test_verify_names_what_is_broken_and_fails(self, call, folder, capsys):
        path = only(folder, "vectors/*/values.npy")
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(SystemExit) as end:
            call("verify")
        assert "1 entry damaged" in str(end.value)
        said = capsys.readouterr().out
        assert f"{path.parent} is damaged: values.npy has changed" in said

    @pytest.mark.parametrize("command", ["list", "prune", "verify"])
    def test_an_empty_store_is_no_error(self, command, tmp_path, capsys):
        main([command, "--cache", str(tmp_path / "none")])
        assert "0 entries" in capsys.readouterr().out
        assert not (tmp_path / "none").exists()

    @pytest.mark.parametrize("wrong", [["--older-than", "30"], ["--max-size", "5 apples"]])
    def test_an_amount_without_a_unit_is_refused(self, wrong, call, folder, capsys):
        with pytest.raises(SystemExit):
            call("prune", *wrong)
        assert "is not a number with a unit" in capsys.readouterr().err
        assert len(items(folder)) == 3

    def test_runs_as_a_module(self, folder):
        command = [sys.executable, "-m", "pipeline", "cache", "list", "--cache", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "3 entries" in done.stdout
