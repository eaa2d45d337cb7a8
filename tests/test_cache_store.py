from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from front import only
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.cache import store as module
from pipeline.cache.inputs import UnknownError
from pipeline.cache.store import MANIFEST, Cache, DamagedError, Store, verify
from pipeline.core import locks
from pipeline.core.errors import UserError
from pipeline.core.files import read_array, write_array
from pipeline.core.plain import json_digest

KEY = {"dim": 10, "text": "abc"}


@dataclass
class Numbers:
    """A result, saved in two files."""

    values: list[float]

    def save(self, folder):
        write_array(folder / "values.npy", np.array(self.values))
        (folder / "below").mkdir()
        (folder / "below" / "note.txt").write_text("made of nothing")

    @classmethod
    def load(cls, folder):
        return cls(read_array(folder / "values.npy").tolist())


class Maker:
    """Makes numbers, and counts how often."""

    def __init__(self, seconds=0.0):
        self.calls = 0
        self.seconds = seconds

    def __call__(self):
        self.calls += 1
        time.sleep(self.seconds)
        return Numbers([1.0, 2.5])


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


@pytest.fixture
def make():
    return Maker()


def get(store, make, key=KEY, save=Numbers.save, load=Numbers.load, stage="vectors"):
    return store.get(stage, lambda: key, make, save, load)


def entry_of(store):
    return only(store.folder, "vectors/*[!k]")


def left(store):
    """Return what is neither an entry nor a lock."""
    return [path.name for path in store.folder.glob("*/.*")]


class TestResult:
    def test_is_made_once_and_then_loaded(self, store, make):
        first, second = get(store, make), get(store, make)
        assert make.calls == 1
        assert (first.how, second.how) == ("made", "reused")
        assert first.value == second.value == Numbers([1.0, 2.5])

    def test_says_how_long_it_took_to_make_however_fast_it_is_loaded(self, store):
        first, second = (get(store, Maker(seconds=0.2)) for _ in range(2))
        assert second.how == "reused"
        assert second.seconds == first.seconds >= 0.2

    @pytest.mark.parametrize("other", [KEY | {"dim": 11}, KEY | {"text": "abd"}, KEY | {"seed": 1}])
    def test_of_another_key_is_another(self, store, make, other):
        get(store, make)
        assert get(store, make, other).how == "made"
        assert get(store, make).how == "reused"
        assert make.calls == 2

    def test_of_another_stage_is_another(self, store, make):
        get(store, make)
        assert get(store, make, stage="vocab").how == "made"

    def test_is_the_same_whatever_the_order_of_its_key(self, store, make):
        get(store, make)
        assert get(store, make, dict(reversed(KEY.items()))).how == "reused"

    def test_of_a_key_that_cannot_be_known_is_not_cached_and_that_is_said(self, store, caplog):
        def unknown():
            raise UnknownError("the source of x is in no file")

        caplog.set_level("INFO")
        made = store.get("vectors", unknown, Maker(), Numbers.save, Numbers.load)
        assert made.how == "made"
        assert caplog.messages == ["  vectors   is not stored: the source of x is in no file"]
        assert not store.folder.exists()

    def test_whose_key_changed_while_it_was_made_is_not_cached(self, store, make, caplog):
        keys = iter([KEY, KEY | {"text": "edited"}])
        store.get("vectors", lambda: next(keys), make, Numbers.save, Numbers.load)
        assert "is not stored: a file changed while it was made" in caplog.text
        assert get(store, make).how == "made"
        assert get(store, make, KEY | {"text": "edited"}).how == "made"

    def test_repeats_the_warnings_about_it(self, store, caplog):
        def make():
            logging.getLogger("pipeline.stages.sweep.sweep").warning("the fit did not converge")
            logging.getLogger("pipeline.stages.vectors.checkpoint").warning(
                "the disk was full just then"
            )
            return Numbers([1.0])

        get(store, make)
        caplog.clear()
        get(store, make)
        assert caplog.messages == ["the fit did not converge"]

    def test_that_cannot_be_made_leaves_nothing(self, store):
        def fail():
            raise RuntimeError("no")

        with pytest.raises(RuntimeError):
            get(store, fail)
        assert [path.suffix for path in store.folder.glob("*/*")] == [".lock"]


class TestEntry:
    def test_says_what_its_key_is_and_who_made_it(self, store, make, monkeypatch):
        argv = ["pipeline", "tracking.uri=postgresql://me:secret@host/db"]
        monkeypatch.setattr(sys, "argv", argv)
        get(store, make)
        manifest = json.loads((entry_of(store) / MANIFEST).read_text("utf-8"))
        assert manifest["key"] == KEY
        assert set(manifest["files"]) == {"values.npy", "below/note.txt"}
        assert manifest["seconds"] >= 0
        assert "@" in manifest["by"]
        assert manifest["working_directory"] == str(Path.cwd())
        assert manifest["command"] == "pipeline tracking.uri=postgresql://***@host/db"

    def test_appears_whole_and_under_its_name_at_once(self, store, make):
        def save(value, folder):
            value.save(folder)
            assert not list(store.folder.glob("*/[!.]*[!k]"))
            assert folder.name.startswith(".")

        get(store, make, save=save)
        assert verify(entry_of(store))
        assert not left(store)

    def test_can_be_read_by_those_whom_the_umask_lets(self, store, make):
        get(store, make)
        mask = os.umask(0)
        os.umask(mask)
        for path in (entry_of(store), entry_of(store) / "values.npy"):
            assert path.stat().st_mode & 0o444 == 0o444 & ~mask

    def test_stands_wherever_it_is_asked_to(self, tmp_path, make):
        store = Store(tmp_path / "два слова" / "言葉 'n' $x")
        get(store, make)
        assert get(store, make).how == "reused"

    def test_used_is_younger_than_one_that_is_not(self, store, make):
        get(store, make)
        os.utime(entry_of(store) / MANIFEST, (1, 1))
        get(store, make)
        assert (entry_of(store) / MANIFEST).stat().st_mtime > 1


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def forge(path):
    manifest = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(manifest | {"seconds": -1}), "utf-8")


DAMAGES = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-5]),
    "empty": lambda path: path.write_bytes(b""),
    "a bit": flip,
    "gone": Path.unlink,
}


class TestDamagedEntry:
    @pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
    @pytest.mark.parametrize("file", ["values.npy", "below/note.txt", MANIFEST])
    def test_is_noticed_named_thrown_away_and_made_again(self, store, make, file, damage, caplog):
        get(store, make)
        damage(entry_of(store) / file)
        with pytest.raises(DamagedError, match="has changed"):
            verify(entry_of(store))
        kept = get(store, make)
        assert (kept.how, kept.value, make.calls) == ("made", Numbers([1.0, 2.5]), 2)
        assert f"{entry_of(store)} is damaged" in caplog.text
        assert len(caplog.messages) == 1
        assert get(store, make).how == "reused"
        assert not left(store)

    def test_is_one_whose_manifest_was_changed(self, store, make):
        get(store, make)
        forge(entry_of(store) / MANIFEST)
        assert get(store, make).how == "made"

    @pytest.mark.parametrize(
        "change",
        [
            {"files": 5},
            {"files": {"value": 5}},
            {"warnings": 5},
            {"key": 5},
            {"seconds": "x"},
            None,
        ],
    )
    def test_is_one_whose_manifest_has_the_right_digest_of_the_wrong_things(
        self, change, store, make
    ):
        get(store, make)
        path = entry_of(store) / MANIFEST
        manifest = json.loads(path.read_text("utf-8"))
        del manifest["sha256"]
        if change is None:
            del manifest["warnings"]
        manifest |= change or {}
        path.write_text(json.dumps(manifest | {"sha256": json_digest(manifest)}))
        assert get(store, make).how == "made"
        assert get(store, make).how == "reused"

    @pytest.mark.parametrize("content", ["[" * 100_000, "5", '"text"', "null", ""])
    def test_is_one_whose_manifest_is_something_else(self, content, store, make):
        get(store, make)
        (entry_of(store) / MANIFEST).write_text(content)
        assert get(store, make).how == "made"

    def test_is_one_of_something_else_under_its_name(self, store, make, caplog):
        get(store, make)
        get(store, make, KEY | {"dim": 11})
        first, second = sorted(store.folder.glob("vectors/*[!k]"), key=lambda p: p.stat().st_ctime)
        shutil.rmtree(first)
        second.rename(first)
        assert get(store, make).how == "made"
        assert "it has another key" in caplog.text

    def test_is_one_that_cannot_be_loaded(self, store, make, caplog):
        def refuse(_):
            raise ValueError("not mine")

        get(store, make)
        assert get(store, make, load=refuse).how == "made"
        assert "made again: not mine" in caplog.text

    def test_is_not_one_that_the_disk_could_not_be_read_for(self, store, make, caplog):
        def fail(_):
            raise OSError(errno.EIO, "Input/output error")

        get(store, make)
        assert get(store, make, load=fail).value == Numbers([1.0, 2.5])
        assert "cannot be read: Input/output error" in caplog.text
        assert get(store, make).how == "reused"


HOLDER = """
import sys, time
from pathlib import Path
from pipeline.cache.store import Store

def make():
    print("making", flush=True)
    time.sleep(60)

def save(value, folder):
    (folder / "half").write_text("...")
    print("saving", flush=True)
    time.sleep(60)

make = make if sys.argv[2] == "make" else lambda: None
Store(Path(sys.argv[1])).get("vectors", lambda: {key}, make, save, None)
"""


class TestOthers:
    def test_who_need_the_same_at_once_wait_for_the_one_who_makes_it(self, store):
        make = Maker(seconds=0.3)
        with ThreadPoolExecutor(8) as pool:
            kept = list(pool.map(lambda _: get(store, make), range(8)))
        assert make.calls == 1
        assert sum(one.how == "reused" for one in kept) == 7
        assert all(one.value == Numbers([1.0, 2.5]) for one in kept)

    def test_are_told_that_they_wait(self, store, monkeypatch, caplog):
        caplog.set_level("INFO")
        monkeypatch.setattr(locks, "PATIENCE", 0.05)
        make = Maker(seconds=0.5)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: get(store, make), range(2)))
        (said,) = [m for m in caplog.messages if "waiting" in m]
        assert "another process: vectors" in said
        assert said.endswith(f"remove {entry_of(store)}.lock)")

    def test_do_not_wait_for_those_who_need_something_else(self, store):
        all_here = Barrier(4)

        def make():
            all_here.wait(timeout=60)
            return Numbers([1.0])

        with ThreadPoolExecutor(4) as pool:
            kept = pool.map(lambda n: get(store, make, KEY | {"dim": n}), range(4))
            assert not any(one.how == "reused" for one in kept)

    @pytest.mark.parametrize("at", ["make", "save"])
    def test_do_not_wait_for_the_dead_and_clean_up_after_them(self, store, make, at):
        program = HOLDER.format(key=KEY)
        command = [sys.executable, "-c", program, store.folder, at]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout.readline() in {"making\n", "saving\n"}
            process.kill()
        assert process.returncode == -signal.SIGKILL
        assert len(left(store)) == (at == "save")
        assert get(store, make).how == "made"
        assert not left(store)
        assert get(store, make).how == "reused"

    def test_may_have_it_removed_under_their_hands(self, store, make):
        """Whoever prunes at the wrong moment costs the work, and nothing else."""

        def pruned(folder):
            shutil.rmtree(folder)
            raise FileNotFoundError(folder)

        get(store, make)
        assert get(store, make, load=pruned).value == Numbers([1.0, 2.5])


class TestStoreThatCannotBeWritten:
    def test_costs_a_warning_and_the_work(self, tmp_path, make, caplog):
        (tmp_path / "cache").write_text("a file is in the way, which stops even root")
        kept = get(Store(tmp_path / "cache"), make)
        assert (kept.value, kept.how) == (Numbers([1.0, 2.5]), "made")
        (said,) = caplog.messages
        assert said.startswith(f"  vectors   is not stored in {tmp_path / 'cache'}: ")

    @pytest.mark.parametrize("at", ["values.npy", MANIFEST])
    def test_because_the_disk_is_full_is_left_as_it_was(self, store, make, at, monkeypatch, caplog):

        from pipeline.core import files

        full = OSError(errno.ENOSPC, "No space left on device")

        def no_space(*_, **__):
            raise full

        monkeypatch.setattr(
            *((files, "write") if at == "values.npy" else (module, "write_json")), no_space
        )
        kept = get(store, make)
        assert (kept.value, kept.how) == (Numbers([1.0, 2.5]), "made")
        assert caplog.messages == [
            f"  vectors   is not stored in {store.folder}: No space left on device"
        ]
        assert not left(store)
        monkeypatch.undo()
        assert get(store, make).how == "made"
        assert get(store, make).how == "reused"

    def test_because_no_file_may_be_so_large(self, store):
        program = f"""
import resource, signal, sys
from pathlib import Path
import numpy as np
from pipeline.core.files import write_array
from pipeline.cache.store import Store

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
save = lambda value, folder: write_array(folder / "values.npy", value)
store = Store(Path(sys.argv[1]))
kept = store.get("vectors", lambda: {KEY}, lambda: np.zeros(100_000), save, None)
print(kept.value.sum())
"""
        command = [sys.executable, "-c", program, store.folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == "0.0\n"
        assert "is not stored" in done.stderr
        assert not left(store)

    def test_because_a_result_cannot_be_written_is_said(self, store, make, caplog):
        def refuse(*_):
            raise ValueError("such a thing has no file")

        assert get(store, make, save=refuse).value == Numbers([1.0, 2.5])
        assert "is not stored" in caplog.text
        assert "such a thing has no file" in caplog.text


def test_a_path_that_is_none_is_refused():
    with pytest.raises(UserError, match=r"path is empty"):
        Cache("")


class TestClock:
    def test_that_jumps_back_changes_nothing(self, store, make):
        get(store, make)
        os.utime(entry_of(store) / MANIFEST, (4e9, 4e9))  # made in the year 2096
        assert get(store, make).how == "reused"


@settings(max_examples=30, deadline=None)
@given(
    arrays(
        st.sampled_from([np.float64, np.float32, np.int64, np.int32, np.bool_]),
        st.tuples(st.integers(0, 4), st.integers(0, 3)),
    )
)
def test_an_array_comes_back_as_it_was(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("array") / "array.npy"
    write_array(path, array)
    back = read_array(path)
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.tobytes() == array.tobytes()
    assert type(back) is np.ndarray
    assert back.flags.writeable  # for compiled code a read-only array is of another type
