"""Disks that are full, read-only, without locks or shared; what survives a loss of power."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from front import SIZES, run

from pipeline.cache.store import Cache, Store
from pipeline.core import files
from pipeline.core.files import read_array, write_array, write_json
from pipeline.core.locks import locked
from pipeline.experiment import Experiment
from pipeline.stages.corpus import Sample
from pipeline.stages.report.result import write_result
from pipeline.stages.sweep.sweep import Logistic
from pipeline.stages.vectors.checkpoint import Checkpoint
from pipeline.stages.vectors.vectors import Random

KEY = {"dim": 10}
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can do that")


def get(folder, key=KEY):
    def save(array, entry):
        write_array(entry / "a.npy", array)

    def load(entry):
        return read_array(entry / "a.npy")

    return Store(folder).get("vectors", lambda: key, lambda: np.zeros(2), save, load)


@pytest.fixture
def calls(monkeypatch):
    """What is asked of the system: every fsync and every renaming, by the name of the file."""
    noted = []
    fsync, rename, replace = os.fsync, Path.rename, Path.replace

    def note_fsync(handle):
        noted.append(("sync", Path(f"/proc/self/fd/{handle}").readlink()))
        fsync(handle)

    def note(function):
        def instead(path, target):
            noted.append(("rename", Path(target)))
            return function(path, target)

        return instead

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "rename", note(rename))
    monkeypatch.setattr(Path, "replace", note(replace))
    return noted


class TestWhatIsDeclaredDoneIsOnDisk:
    def test_a_durable_file_is_synced_before_it_is_renamed_and_its_folder_after(
        self, calls, tmp_path
    ):
        write_json(tmp_path / "result.json", 1, durable=True)
        (first, temporary), *rest = calls
        assert (first, temporary.parent) == ("sync", tmp_path)
        assert temporary.name.startswith(".result.")
        assert rest == [("rename", tmp_path / "result.json"), ("sync", tmp_path)]

    def test_any_other_file_is_not_waited_for(self, calls, tmp_path):
        write_json(tmp_path / "table.json", 1)
        assert calls == [("rename", tmp_path / "table.json")]

    def test_an_entry_is_on_disk_before_it_has_its_name(self, calls, tmp_path):
        get(tmp_path)
        (entry,) = tmp_path.glob("vectors/*[!k]")
        at = calls.index(("rename", entry))
        synced = {path.name for what, path in calls[:at] if what == "sync"}
        assert synced >= {"a.npy", "manifest.json"}
        assert any(path.name.startswith(f".{entry.name}") for what, path in calls[:at])
        assert calls[at + 1] == ("sync", entry.parent)

    def test_the_arrays_of_a_checkpoint_are_on_disk_before_its_state_names_them(
        self, calls, tmp_path
    ):
        checkpoint = Checkpoint(tmp_path / "here", KEY)
        assert checkpoint.save({"input": np.zeros(3), "output": np.zeros(3)}, {"chunks": 1})
        state = calls.index(("rename", tmp_path / "here" / "state.json"))
        before = [what for what, path in calls[: state - 1] if what == "sync"]
        assert len(before) == 4  # two arrays, and their folder after each
        assert calls[state - 1][0] == calls[state + 1][0] == "sync"

    def test_the_files_of_a_run_are_on_disk_before_its_result(self, calls, tmp_path):
        for name in ("metrics.csv", "report/index.html", "vectors/matrix.npy"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("x")
        write_result(tmp_path, {"name": "x"})
        at = calls.index(("rename", tmp_path / "result.json"))
        synced = {path.name for what, path in calls[:at] if what == "sync"}
        assert synced >= {"metrics.csv", "index.html", "matrix.npy"}

    def test_a_file_system_that_cannot_sync_folders_is_no_error(self, monkeypatch, tmp_path):
        def refuse(_):
            raise OSError(errno.EINVAL, "Invalid argument")

        monkeypatch.setattr(os, "fsync", refuse)
        write_json(tmp_path / "result.json", 1, durable=True)
        assert json.loads((tmp_path / "result.json").read_text()) == 1

    def test_a_disk_that_fails_to_sync_is(self, monkeypatch, tmp_path):
        def fail(_):
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="Input/output error"):
            write_json(tmp_path / "result.json", 1, durable=True)
        assert list(tmp_path.iterdir()) == []


class TestAFileSystemWithoutLocks:
    @pytest.fixture(autouse=True)
    def without(self, monkeypatch):
        def flock(*_):
            raise OSError(errno.ENOSYS, "Function not implemented")

        monkeypatch.setattr(fcntl, "flock", flock)

    def test_works_and_says_what_is_missing(self, tmp_path, caplog):
        assert get(tmp_path).how == "made"
        (said,) = caplog.messages
        assert re.search(r"\.lock: no file locks on this file system; remove the file if", said)
        assert get(tmp_path).how == "reused"

    def test_a_lock_that_a_killed_process_left_is_waited_for_with_a_word(self, tmp_path):
        program = f"""
import fcntl, logging, sys
from pathlib import Path
from pipeline.core import locks

def flock(*_):
    raise OSError(38, "Function not implemented")

fcntl.flock = flock
locks.PATIENCE = 0.1
logging.basicConfig(level="INFO", format="%(message)s", stream=sys.stdout)
with locks.locked(Path({str(tmp_path / "entry")!r}), "vectors"):
    print("got it")
"""
        lock = tmp_path / "entry.lock"
        lock.touch()  # as a process leaves it that is killed where locks work
        with subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
        ) as process:
            lines = iter(process.stdout.readline, "")
            said = next(line for line in lines if line.startswith("waiting"))
            assert said == (
                f"waiting for another process: vectors (if no such process runs, remove {lock})\n"
            )
            lock.unlink()
            assert "got it\n" in lines
        assert process.returncode == 0


class TestTwoUsers:
    """Root and nobody share a cache."""

    PROGRAM = """
import logging, os, sys
from pathlib import Path
from pipeline.cache.store import Store

logging.basicConfig(level="INFO", format="%(message)s", stream=sys.stdout)
user, mask, *numbers = map(int, sys.argv[2:])
os.setgid(12345)
os.setuid(user)
os.umask(mask)
save = lambda value, folder: (folder / "value").write_text(value)
store = Store(Path(sys.argv[1]))
for number in numbers:
    print(store.get("vectors", lambda: {"n": number}, lambda: "x", save, lambda _: "x").how)
"""

    @pytest.fixture
    def call(self):
        folder = Path(tempfile.mkdtemp())  # pytest's own is closed to others
        folder.chmod(0o777)

        def call(user, mask, *numbers):
            command = [sys.executable, "-c", self.PROGRAM, folder / "cache", user, mask, *numbers]
            done = subprocess.run(
                list(map(str, command)), capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            return done.stdout.splitlines()

        yield call
        shutil.rmtree(folder)

    @only_root
    def test_of_one_group_share_it_in_full(self, call):
        assert call(1001, 0o002, 1) == ["made"]
        assert call(1002, 0o002, 1, 2) == ["reused", "made"]
        assert call(1001, 0o002, 2) == ["reused"]

    @only_root
    def test_of_which_one_lets_nobody_read_do_not_disturb_each_other(self, call):
        assert call(1001, 0o077, 1) == ["made"]
        said = call(1002, 0o022, 1)
        assert said[-1] == "made"
        assert "Permission denied" in said[0]
        assert call(1001, 0o077, 1) == ["reused"]


def small_disk(folder, size):
    """Mount a disk of so many kB; return whether that is possible here."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@only_root
class TestAFullDisk:
    @pytest.fixture
    def disk(self, tmp_path):
        folder = tmp_path / "disk"
        folder.mkdir()
        if not small_disk(folder, 2048):
            pytest.skip("no disk can be mounted here")
        yield folder
        subprocess.run(["umount", str(folder)], check=True)

    @pytest.mark.parametrize("free", [16, 160])
    def test_ends_with_one_line_and_no_traceback(self, free, disk):
        (disk / "fill").write_bytes(bytes((2048 - free) * 1024))
        done = run(disk, *SIZES, "vectors=random", "sweep.strengths=[1]", "tracking=off")
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "Logging error" not in done.stderr
        errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1
        assert errors[0].endswith("No space left on device.")

    def test_an_array_that_does_not_fit_says_so(self, disk):
        with pytest.raises(OSError, match="No space left on device"):
            write_array(disk / "a.npy", np.zeros(10**6))
        assert list(disk.iterdir()) == []


def test_a_read_only_cache_is_read(tmp_path):
    get(tmp_path / "cache")
    for path in [tmp_path / "cache", *(tmp_path / "cache").rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    program = f"""
import os, sys
from pathlib import Path
from pipeline.cache.store import Store

if os.geteuid() == 0:
    os.setuid(65534)
for key in ({KEY}, {KEY} | {{"dim": 11}}):
    kept = Store(Path(sys.argv[1])).get("vectors", lambda: key, dict, None, lambda _: 1)
    print(kept.how)
"""
    shared = Path(tempfile.mkdtemp())
    shared.chmod(0o755)
    try:
        shutil.copytree(tmp_path / "cache", shared / "cache", copy_function=shutil.copy2)
        done = subprocess.run(
            [sys.executable, "-c", program, shared / "cache"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    finally:
        shutil.rmtree(shared)
    assert done.stdout.split() == ["reused", "made"]
    (said,) = done.stderr.splitlines()
    assert "is not stored" in said
    assert "Permission denied" in said


def test_names_in_the_cache_do_not_depend_on_case(tmp_path):
    cache = Cache(str(tmp_path / "cache"), checkpoint_minutes=0)
    Experiment(
        corpus=Sample(train=50, dev=50, test=50),
        vectors=Random(2),
        sweep=Logistic([1.0]),
        cache=cache,
    ).run(tmp_path / "run")
    names = [path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("cache/*/*")]
    assert names
    assert all(name == name.lower() for name in names)


@pytest.mark.parametrize("what", ["entry", "manifest", "file", "link", "stage", "lock"])
def test_a_file_or_folder_in_the_place_of_another_is_no_error(what, tmp_path, caplog):
    get(tmp_path)
    (entry,) = tmp_path.glob("vectors/*[!k]")
    lock = entry.with_name(f"{entry.name}.lock")
    place = {
        "entry": entry, "manifest": entry / "manifest.json", "file": entry / "a.npy",
        "link": entry, "stage": tmp_path / "vectors", "lock": lock,
    }[what]  # fmt: skip
    shutil.rmtree(place) if place.is_dir() else place.unlink()
    if what == "link":
        place.symlink_to(tmp_path / "nowhere")
    elif what in {"entry", "stage"}:
        place.write_text("in the way")
    else:
        place.mkdir()
    if what == "lock":
        shutil.rmtree(entry)
    assert get(tmp_path).how == "made"
    assert len(caplog.messages) == 1
    if what not in {"stage", "lock"}:  # which somebody has to remove
        assert get(tmp_path).how == "reused"


def test_locked_says_nothing_if_it_gets_the_lock_at_once(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    with locked(tmp_path / "entry", "vectors"):
        assert stat.S_ISREG((tmp_path / "entry.lock").stat().st_mode)
    assert caplog.messages == []


def test_a_sync_of_everything_reaches_every_file_and_folder(calls, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.txt").touch()
    files.sync_all(tmp_path)
    assert {path for _, path in calls} == {tmp_path, *tmp_path.rglob("*")}
