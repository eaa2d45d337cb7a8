from __future__ import annotations

import errno
import json
import logging
import math
import signal

import numpy as np
import pytest
import trains
from processes import Forked

from pipeline.cache import keys
from pipeline.cache.stages import CachedStages
from pipeline.cache.store import Cache
from pipeline.core.errors import UserError
from pipeline.experiment import Experiment
from pipeline.stages.vectors import checkpoint as module
from pipeline.stages.vectors.checkpoint import Checkpoint
from pipeline.stages.vectors.glove import GloVe
from pipeline.stages.vectors.loop import Combine, Trainer
from pipeline.stages.vectors.loss_curve import LossMeter, LossPoint
from pipeline.stages.vectors.train import train
from pipeline.stages.vectors.word2vec import CBOW, Loss, Parallel, SkipGram
from pipeline.stages.vocab import Vocab, build

KEY = {"trainer": "SkipGram", "dim": 10, "rate": 0.1}


@pytest.fixture(autouse=True)
def interruptible():
    """Let Ctrl-C be heard: a shell's background jobs are started deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def result(folder):
    return [(folder / "result" / name).read_bytes() for name in ("matrix.npy", "loss.csv")]


def states(folder):
    return list(folder.glob("outputs/cache/training/*/state.json"))


@pytest.mark.slow
class TestKilled:
    """A process is killed, and another begins the same training."""

    @pytest.fixture(scope="class")
    @classmethod
    def whole(cls, tmp_path_factory):
        """Two trainings that nothing stopped, in a folder each."""
        folder = tmp_path_factory.mktemp("whole")
        for trainer in ("SkipGram", "GloVe"):
            done = Forked(folder / trainer, trains.main, trainer, math.inf).done()
            assert done.returncode == 0, done.stderr
        return folder

    @pytest.mark.parametrize("trainer", ["SkipGram", "GloVe"])
    def test_several_times_and_ends_with_the_same_bits(self, trainer, whole, tmp_path):
        folder, resumed = tmp_path / "killed", []
        for chunks in (1, 3, 2, None):  # a chunk is saved before the next one is reported
            kill = (signal.SIGKILL, chunks) if chunks else ()
            done = Forked(folder, trains.main, trainer, 0, *kill).done()
            assert done.returncode == (-signal.SIGKILL if chunks else 0), done.stderr
            resumed.append("continuing" in done.stderr)
        assert resumed == [False, False, True, True]
        assert result(folder) == result(whole / trainer)
        assert not states(folder)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_asked_to_stop_it_saves_first(self, number, whole, tmp_path):
        folder = tmp_path / "stopped"
        done = Forked(folder, trains.main, "SkipGram", math.inf, number, 2).done()
        assert done.returncode in {1, -number, 143}
        assert done.stderr.count("training stopped; the same command continues from here") == 1
        assert len(states(folder)) == 1
        done = Forked(folder, trains.main, "SkipGram", math.inf).done()
        assert done.stderr.count("continuing where training stopped") == 1
        assert result(folder) == result(whole / "SkipGram")


def text(seed=0):
    tokens = np.random.default_rng(seed).integers(30, size=(400, 12))
    return build(([f"w{i}" for i in row] for row in tokens.tolist()), Vocab())


def small(kind, **more):
    more = {"epochs": 40, "dim": 10, **more}
    return kind(**more)


class Stop:
    """A progress that stops the training after so many chunks."""

    def __init__(self, chunks, how):
        self.left, self.how = chunks, how
        self.seen = []

    def __call__(self, now):
        self.seen.append(now)
        self.left -= 1
        if self.left == 0:
            self.how()


def interrupt():
    signal.raise_signal(signal.SIGINT)


def raise_interrupt():
    raise KeyboardInterrupt


def same(a, b):
    return (
        np.array_equal(a.input, b.input)
        and np.array_equal(a.output, b.output)
        and a.curve == b.curve
    )


TRAINERS = [
    small(SkipGram, epochs=100),
    small(CBOW, epochs=100),
    small(SkipGram, loss=Loss.softmax, epochs=2),
    small(GloVe, window=3),
]


def test_a_signal_after_the_last_step_is_heard_at_the_end(tmp_path):
    steps = []

    def train():
        with Checkpoint(tmp_path / "state", KEY):
            interrupt()
            steps.append("done")

    with pytest.raises(KeyboardInterrupt):
        train()
    assert steps == ["done"]


class TestResuming:
    @pytest.mark.parametrize("how", [interrupt, raise_interrupt])
    @pytest.mark.parametrize("trainer", TRAINERS)
    def test_goes_on_to_the_same_bits(self, trainer, how, tmp_path, caplog):
        caplog.set_level("INFO")
        whole = trainer.train(text())
        here = Checkpoint(tmp_path / "here", KEY)
        with pytest.raises(KeyboardInterrupt):
            trainer.train(text(), Stop(3, how), here)
        assert f"({tmp_path / 'here'})" in caplog.messages[-1]
        watch = Stop(0, None)
        resumed = trainer.train(text(), watch, Checkpoint(tmp_path / "here", KEY))
        assert same(resumed, whole)
        assert watch.seen[0].words_before > 0
        assert [m for m in caplog.messages if m.startswith("continuing where training stopped, at")]
        assert not (tmp_path / "here").exists()

    @pytest.mark.parametrize("kind", [SkipGram, CBOW, GloVe])
    def test_continues_to_the_same_bits_with_other_threads(self, kind, tmp_path):
        with pytest.raises(KeyboardInterrupt):
            small(kind).train(text(), Stop(1, interrupt), Checkpoint(tmp_path / "here", KEY, 0))
        resumed = small(kind, threads=3).train(text(), None, Checkpoint(tmp_path / "here", KEY))
        assert same(resumed, small(kind, threads=2).train(text()))

    def test_with_hogwild_nothing_is_left_out_or_done_twice(self, tmp_path):
        trainer = small(SkipGram, threads=2, parallel=Parallel.hogwild)
        with pytest.raises(KeyboardInterrupt):
            trainer.train(text(), Stop(1, interrupt), Checkpoint(tmp_path / "here", KEY, 0))
        resumed = trainer.train(text(), None, Checkpoint(tmp_path / "here", KEY))
        assert resumed.curve[-1].words_seen == trainer.epochs * 400 * 12

    def test_nothing_is_written_unless_asked(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        small(SkipGram).train(text())
        train(text(), small(SkipGram))
        assert not list(tmp_path.iterdir())

    def test_of_other_settings_or_code_another_is_used(self, tmp_path, monkeypatch, caplog):
        def run(trainer, vocabulary=None):
            cached = CachedStages(Cache(str(tmp_path), checkpoint_minutes=0))
            return cached.vectors(None, vocabulary or text(), trainer, ()).value

        def stop(self, vocabulary, _, checkpoint):
            return original(self, vocabulary, Stop(2, interrupt), checkpoint)

        caplog.set_level("INFO")
        original = SkipGram.train
        with monkeypatch.context() as patch:
            patch.setattr(SkipGram, "train", stop)
            with pytest.raises(KeyboardInterrupt):
                run(small(SkipGram))
        (state,) = tmp_path.glob("training/*/state.json")
        assert json.loads(state.read_text("utf-8"))["key"]["config"]["dim"] == 10
        run(small(SkipGram, seed=2))
        run(small(CBOW))
        run(small(SkipGram), text(1))
        with monkeypatch.context() as patch:
            patch.setattr(keys, "package_digest", lambda: "edited")
            run(small(SkipGram))
        assert "continuing" not in caplog.text
        assert list(tmp_path.glob("training/*/state.json")) == [state]
        vectors = run(small(SkipGram, combine=Combine.concat))  # which is no part of the training
        assert "continuing" in caplog.text
        whole = small(SkipGram).train(text())
        assert np.array_equal(vectors.matrix, np.hstack([whole.input, whole.output]))
        assert not list(tmp_path.glob("training/*/state.json"))

    def test_of_an_experiment_its_state_is_in_the_folder_of_its_cache(self, tmp_path, monkeypatch):
        def stop(self, vocabulary, _, checkpoint):
            assert checkpoint.minutes == 7
            return original(self, vocabulary, Stop(2, interrupt), checkpoint)

        original = SkipGram.train
        monkeypatch.setattr(SkipGram, "train", stop)
        cache = Cache(str(tmp_path / "kept"), checkpoint_minutes=7)
        with pytest.raises(KeyboardInterrupt):
            Experiment(vectors=small(SkipGram), cache=cache).run(tmp_path / "run")
        assert len(list(tmp_path.glob("kept/training/*/state.json"))) == 1

    def test_with_the_cache_off_nothing_is_saved_or_continued(self, tmp_path, monkeypatch):
        def stop(self, vocabulary, _, checkpoint):
            assert checkpoint is None
            return original(self, vocabulary, Stop(2, interrupt), checkpoint)

        original = SkipGram.train
        monkeypatch.setattr(SkipGram, "train", stop)
        monkeypatch.chdir(tmp_path)
        cache = Cache(str(tmp_path / "kept"), enabled=False, checkpoint_minutes=0)
        with pytest.raises(KeyboardInterrupt):
            Experiment(vectors=small(SkipGram), cache=cache).run(tmp_path / "run")
        assert not list(tmp_path.glob("**/state.json"))
        assert not (tmp_path / "kept").exists()

    def test_a_diverged_training_is_not_resumed(self, tmp_path):
        diverging = small(SkipGram, learning_rate=1e30)
        with pytest.raises(UserError, match="diverged"):
            diverging.train(text(), None, Checkpoint(tmp_path / "here", KEY, 0))
        assert not (tmp_path / "here").exists()

    def test_signals_are_handled_as_before_when_it_is_over(self, tmp_path):
        before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
        small(SkipGram).train(text(), None, Checkpoint(tmp_path / "here", KEY, 0))
        with pytest.raises(KeyboardInterrupt):
            small(SkipGram).train(text(), Stop(1, interrupt), Checkpoint(tmp_path / "here", KEY))
        assert before == [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]

    def test_asked_twice_it_stops_at_once(self, tmp_path):
        checkpoint = Checkpoint(tmp_path / "here", KEY)
        with checkpoint:
            interrupt()  # waits
            with pytest.raises(KeyboardInterrupt):
                interrupt()
        assert not (tmp_path / "here").exists()


def arrays(seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.random((50, 16), np.float32) for name in ("input", "output")}


def empty():
    return {name: np.zeros((50, 16), np.float32) for name in ("input", "output")}


@pytest.fixture
def kept(tmp_path):
    """A folder with the state that was saved second."""
    folder = tmp_path / "kept"
    with Checkpoint(folder, KEY) as checkpoint:
        assert checkpoint.save(arrays(1), {"chunks": 1})
        assert checkpoint.save(arrays(2), {"chunks": 2, "loss": 0.1 + 0.2})
    checkpoint.lock.release()
    return folder


def assert_ignored(folder, caplog, what=KEY):
    into = empty()
    assert Checkpoint(folder, what).load(into) is None
    assert not any(array.any() for array in into.values())
    assert f"{folder}: the checkpoint is damaged" in caplog.text


class TestState:
    def test_comes_back_as_it_was(self, kept):
        into = empty()
        assert Checkpoint(kept, KEY).load(into) == {"chunks": 2, "loss": 0.1 + 0.2}
        for name, array in arrays(2).items():
            assert np.array_equal(into[name], array)

    def test_is_of_open_formats_and_nothing_else(self, kept):
        assert len(list(kept.glob("*.npy"))) == 2
        assert sorted(path.suffix for path in kept.iterdir()) == [".json", ".npy", ".npy"]

    @pytest.mark.parametrize(
        ("file", "damage"),
        [
            *((file, how) for file in ("input", "state") for how in ("cut", "empty", "byte")),
            ("output", "gone"),
        ],
    )
    def test_that_is_damaged_is_noticed_said_and_ignored(self, kept, file, damage, caplog):
        (path,) = kept.glob(f"{file}.*")
        content = bytearray(path.read_bytes())
        middle = content.index(b'"chunks": 2') + 10 if file == "state" else len(content) // 2
        content[middle] ^= 1
        path.write_bytes(
            {"cut": content[: len(content) // 2], "empty": b"", "gone": b""}.get(damage, content)
        )
        if damage == "gone":
            path.unlink()
        assert_ignored(kept, caplog)

    def test_of_something_else_is_ignored(self, kept, caplog):
        assert_ignored(kept, caplog, KEY | {"dim": 11})

    @pytest.mark.parametrize("content", ["{", "[" * 100_000, "5", '"text"', "null", "[]", ""])
    def test_after_a_broken_one_a_new_one_is_saved(self, content, kept, caplog):
        (kept / "state.json").write_text(content)
        checkpoint = Checkpoint(kept, KEY)
        assert checkpoint.load(empty()) is None
        assert "damaged" in caplog.text
        assert checkpoint.save(arrays(3), {"chunks": 3})
        assert checkpoint.load(into := empty()) == {"chunks": 3}
        assert np.array_equal(into["input"], arrays(3)["input"])
        assert len(list(kept.iterdir())) == 3

    @pytest.mark.parametrize("at", [0, 1, 2])
    def test_a_full_disk_costs_a_warning_and_not_the_state_before(
        self, kept, at, caplog, monkeypatch
    ):
        calls = iter(range(9))

        def full(function):
            def instead(*arguments, **options):
                if next(calls) == at:
                    raise OSError(errno.ENOSPC, "No space left on device")
                function(*arguments, **options)

            return instead

        checkpoint = Checkpoint(kept, KEY)
        monkeypatch.setattr(module, "write_array", full(module.write_array))
        monkeypatch.setattr(module, "write_json", full(module.write_json))
        assert not checkpoint.save(arrays(3), {"chunks": 3})
        assert f"{kept}: no checkpoint saved (No space left on device)" in caplog.text
        assert checkpoint.load(into := empty())["chunks"] == 2
        assert np.array_equal(into["output"], arrays(2)["output"])
        assert len(list(kept.iterdir())) == 3

    def test_training_goes_on_when_nothing_can_be_written(self, tmp_path, caplog):
        (tmp_path / "file").write_text("in the way")
        trainer = small(SkipGram)
        watched = trainer.train(text(), None, Checkpoint(tmp_path / "file" / "here", KEY, 0))
        assert same(watched, trainer.train(text()))
        assert str(tmp_path / "file" / "here") in caplog.text

    def test_two_at_the_same_training_do_not_disturb_each_other(self, tmp_path, caplog):
        caplog.set_level("INFO")
        first, second = (Checkpoint(tmp_path / "here", KEY, 0) for _ in range(2))
        assert first.save(arrays(1), {"chunks": 1})
        assert not second.save(arrays(2), {"chunks": 2})
        assert second.load(empty()) is None
        assert caplog.text.count("another process runs the same training") == 1
        second.remove()
        assert first.load(empty()) == {"chunks": 1}
        first.remove()
        assert not (tmp_path / "here").exists()


class TestMeter:
    def test_restored_goes_on_as_if_nothing_had_been(self):
        parts = [(7, 0.1 * i, 3) for i in range(20)]
        whole = LossMeter(140, 20)
        for part in parts:
            whole.add(*part)
        half = LossMeter(140, 20)
        for part in parts[:11]:
            half.add(*part)
        half = LossMeter.restored(json.loads(json.dumps(half.state())))
        for part in parts[11:]:
            half.add(*part)
        assert half == whole
        assert half.points == whole.points
        assert all(isinstance(point, LossPoint) for point in half.points)


@pytest.mark.parametrize("trainer", TRAINERS)
def test_every_trainer_is_one(trainer):
    assert isinstance(trainer, Trainer)


def test_log_has_the_name_of_the_package():
    assert module.log is logging.getLogger("pipeline.stages.vectors.checkpoint")
