"""What a user's own code reads is observed, and nothing else."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.cache.inputs import UnknownError
from pipeline.cache.observe import MISSING, changed, observing


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("a")
    Path("b.npy").touch()
    np.save("b.npy", np.zeros(3))
    return tmp_path


def names(observed):
    return {Path(name).name for name in observed.digests()}


def test_files_that_are_read_count_however_they_are_opened(here):
    with observing() as seen:
        Path("a.txt").read_text()
        np.load("b.npy", mmap_mode="r")
    assert set(seen.digests()) == {str(here / "a.txt"), str(here / "b.npy")}


def test_a_change_of_one_is_noticed():
    with observing() as seen:
        Path("a.txt").read_text()
    read = seen.digests()
    assert changed(read) is None
    Path("a.txt").write_text("b")
    assert changed(read).endswith("a.txt")
    Path("a.txt").unlink()
    assert changed(read).endswith("a.txt")


def test_a_file_that_was_looked_for_in_vain_counts_when_it_appears():
    with observing() as seen, pytest.raises(FileNotFoundError):
        Path("none.txt").read_text()
    read = seen.digests()
    assert list(read.values()) == [MISSING]
    assert changed(read) is None
    Path("none.txt").touch()
    assert changed(read) is not None


def test_a_folder_that_was_listed_counts_by_its_names():
    with observing() as seen:
        list(Path().iterdir())
    read = seen.digests()
    Path("a.txt").write_text("other")
    assert changed(read) is None
    Path("c.txt").touch()
    assert changed(read) is not None


def test_what_was_written_is_no_input(here):
    with observing(here / "cache") as seen:
        Path("out.txt").write_text("x")
        Path("out.txt").read_text()
        (here / "cache").mkdir()
        (here / "cache" / "state").write_text("x")
        with tempfile.TemporaryFile() as file:
            file.write(b"x")
        json.dumps({})
        import colorsys  # noqa: F401 - a module that nobody has imported yet
    assert names(seen) == set()


@pytest.mark.parametrize("within", [True, False])
def test_a_file_that_changes_after_it_was_read_makes_all_unknown(within):
    with observing() as seen:
        Path("a.txt").read_text()
        if within:
            Path("a.txt").write_text("longer")
    Path("a.txt").write_text("longer")
    with pytest.raises(UnknownError, match=r"a\.txt changed after your code read it"):
        seen.digests()


def test_a_database_and_a_file_that_could_be_written_count():
    with contextlib.closing(sqlite3.connect("c.db")) as database:
        database.execute("create table one (id integer)")
    with observing() as seen:
        np.memmap("b.npy")
        with contextlib.closing(sqlite3.connect("c.db")) as database:
            database.execute("select * from one")
    assert names(seen) == {"b.npy", "c.db"}


def test_another_program_makes_all_unknown():
    with observing() as seen:
        subprocess.run([sys.executable, "-c", ""], check=True)
    with pytest.raises(UnknownError, match="your code starts another program"):
        seen.digests()


def test_nothing_is_observed_outside():
    with observing() as seen:
        pass
    Path("a.txt").read_text()
    assert names(seen) == set()
