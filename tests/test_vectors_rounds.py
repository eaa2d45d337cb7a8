"""Training in rounds, elsewhere, gives what training here gives."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.engine import LostError
from pipeline.stages.vectors.checkpoint import Checkpoint
from pipeline.stages.vectors.glove import GloVe
from pipeline.stages.vectors.rounds import train_in_rounds
from pipeline.stages.vectors.train import train
from pipeline.stages.vectors.word2vec import CBOW, Loss, SkipGram
from pipeline.stages.vocab import Vocab, build

TRAINERS = {
    "skip-gram": SkipGram(dim=6, epochs=4),
    "softmax": SkipGram(dim=6, epochs=1, loss=Loss.softmax, learning_rate=0.005),
    "CBOW": CBOW(dim=6, epochs=4, threads=2),
    "GloVe": GloVe(dim=6, epochs=5),
}


class Here:
    """An engine that runs each task when its result is asked for, and can be stopped."""

    elsewhere = True
    ahead = 0

    def __init__(self, rounds=None, error=KeyboardInterrupt):
        self.rounds, self.error, self.cores, self.tasks = rounds, error, [], 0

    def share(self, value):
        return value

    def submit(self, task, *arguments, cores=1):
        self.tasks += 1
        self.cores.append(cores)

        def wait():
            if self.tasks == self.rounds:
                raise self.error
            return task(*arguments)

        return wait


@pytest.fixture(scope="module")
def text():
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(60)]
    chances = np.arange(60, 0, -1) / sum(range(61))
    return build((rng.choice(words, 12, p=chances).tolist() for _ in range(3000)), Vocab())


@pytest.fixture(params=TRAINERS.values(), ids=TRAINERS)
def trainer(request):
    return request.param


def same(one, other):
    return (
        np.array_equal(one.input, other.input)
        and np.array_equal(one.output, other.output)
        and one.curve == other.curve
    )


class TestRounds:
    @pytest.mark.parametrize("seconds", [0, 100], ids=["one a chunk", "one for all"])
    def test_give_the_same_bits_however_many_they_are(self, text, trainer, seconds):
        engine, seen = Here(), []
        made = train_in_rounds(text, trainer, engine, seen.append, seconds=seconds)
        assert same(made, train(text, trainer))
        assert engine.tasks == len(seen) + 1
        assert (engine.tasks > 2) == (seconds == 0)

    def test_use_the_threads_of_the_trainer(self, text):
        engine = Here()
        train_in_rounds(text, TRAINERS["CBOW"], engine, print, seconds=0)
        assert set(engine.cores) == {2}

    def test_tell_how_far_they_are(self, text):
        seen = []
        train_in_rounds(text, TRAINERS["skip-gram"], Here(), seen.append, seconds=0)
        words = [now.words_seen for now in seen]
        assert words == sorted(words)
        assert words[-1] <= seen[0].words_total == 4 * len(text.tokens)

    @pytest.mark.parametrize("error", [KeyboardInterrupt, LostError("a node is gone")])
    def test_that_are_stopped_go_on_from_the_last_one(self, text, trainer, error, tmp_path):
        checkpoint = Checkpoint(tmp_path / "state", {"of": "this"})
        with pytest.raises(type(error) if isinstance(error, Exception) else error):
            train_in_rounds(text, trainer, Here(3, error), print, checkpoint, seconds=0)
        checkpoint.lock.release()
        again = Checkpoint(tmp_path / "state", {"of": "this"})
        engine, seen = Here(), []
        made = train_in_rounds(text, trainer, engine, seen.append, again, seconds=0)
        assert same(made, train(text, trainer))
        assert seen[0].words_before > 0
        assert not (tmp_path / "state").exists()

    def test_that_are_stopped_can_go_on_here(self, text, trainer, tmp_path):
        checkpoint = Checkpoint(tmp_path / "state", {"of": "this"})
        with pytest.raises(KeyboardInterrupt):
            train_in_rounds(text, trainer, Here(3), print, checkpoint, seconds=0)
        checkpoint.lock.release()
        again = Checkpoint(tmp_path / "state", {"of": "this"})
        assert same(train(text, trainer, again), train(text, trainer))


def test_an_engine_elsewhere_is_used(text, trainer):
    engine = Here()
    assert same(train(text, trainer, engine=engine), train(text, trainer))
    assert engine.tasks
