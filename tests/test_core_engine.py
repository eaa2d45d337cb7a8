from __future__ import annotations

import os
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pipeline import Cache, Experiment, Logistic, SkipGram, UserError, Vocab, build_vocab
from pipeline.core.engine import Local, Ray
from pipeline.stages.corpus import Sample, Text
from pipeline.stages.corpus.encoded import encode_blocks
from pipeline.stages.vectors.rounds import train_in_rounds
from pipeline.stages.vocab import build


def square(number):
    return number * number, os.getpid()


def fail():
    raise UserError("line 3 is broken")


class TestLocal:
    def test_runs_the_first_task_here_and_the_others_elsewhere(self):
        engine = Local()
        results = [engine.submit(partial(square, i)) for i in range(4)]
        made = [result() for result in results]
        assert [value for value, _ in made] == [0, 1, 4, 9]
        assert made[0][1] == os.getpid()
        assert os.getpid() not in {process for _, process in made[1:]}

    def test_raises_what_a_task_raises(self):
        engine = Local()
        for _ in range(2):  # here, and elsewhere
            with pytest.raises(UserError, match="line 3 is broken"):
                engine.submit(fail)()


@pytest.fixture
def text(tmp_path):
    """A text of several blocks."""
    rng = np.random.default_rng(0)
    path = tmp_path / "text.txt"
    lines = (" ".join(rng.choice(list("abcdefghij"), 9)) + "." for _ in range(400))
    path.write_text("\n".join(lines) + "\n")
    return Text((path,))


def digest(text, engine):
    """Return the digest of a vocabulary whose text was encoded by an engine."""
    corpus = Sample(train=50, dev=50, test=50).load()
    encoded = (result() for _, result in encode_blocks(text.blocks(500), text.rules, engine))
    return build_vocab(corpus, Vocab(), encoded).digest


@pytest.fixture(scope="module")
def cluster():
    """A Ray cluster of a head and two more nodes on this machine, whose workers know this file."""
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        places = [os.environ.get("PYTHONPATH", ""), str(Path(__file__).parent)]
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, places)))
        yield from running(ray, Cluster)


def running(ray, Cluster):
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes = [made.add_node(num_cpus=1) for _ in range(2)]
    made.wait_for_nodes()
    yield made, nodes
    ray.shutdown()
    made.shutdown()


def noted(folder, number):
    """Note that a task began, wait a little, return its number."""
    (folder / f"{number}.{os.getpid()}").touch()
    time.sleep(0.4)
    return number


def held(folder, number, task, *arguments):
    """Do a round; the second is held back before it returns, the first time."""
    first = not list(folder.glob(f"{number}.*"))
    (folder / f"{number}.{os.getpid()}").touch()
    result = task(*arguments)
    if number == 2 and first:
        time.sleep(600)
    return result


class Losing(Ray):
    """An engine whose second round loses its node: the only one with two cores."""

    def __init__(self, cluster, folder):
        super().__init__(cluster.address)
        self.cluster, self.folder, self.rounds = cluster, folder, 0
        self.node = cluster.add_node(num_cpus=2)
        cluster.wait_for_nodes()

    def submit(self, task, *arguments, cores=1):
        self.rounds += 1
        round_ = partial(held, self.folder, self.rounds, task)
        wait = super().submit(round_, *arguments, cores=cores)
        if self.rounds == 2:
            while not list(self.folder.glob("2.*")):
                time.sleep(0.05)
            time.sleep(0.2)
            self.cluster.remove_node(self.node)
            self.cluster.add_node(num_cpus=2)
        return wait


class TestRay:
    def test_gives_the_same_as_this_machine_also_when_a_node_goes(self, cluster, text, tmp_path):
        made, nodes = cluster
        here, engine = digest(text, Local()), Ray(made.address)
        assert engine.ahead == 6  # three nodes
        assert digest(text, engine) == here
        results = [engine.submit(partial(noted, tmp_path, number)) for number in range(12)]
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("*.*"))) < 4:  # under way on all nodes
            assert time.monotonic() < deadline
            time.sleep(0.05)
        made.remove_node(nodes.pop())
        assert [result() for result in results] == list(range(12))
        assert digest(text, engine) == here
        made.remove_node(nodes.pop())
        assert digest(text, engine) == here

    def test_a_run_has_the_same_vectors(self, cluster, text, tmp_path):
        corpus = Sample(train=50, dev=50, test=50, unlabelled=[str(text.paths[0])])
        results = [
            Experiment(
                corpus=corpus,
                vectors=SkipGram(dim=5, epochs=1),
                sweep=Logistic([1.0]),
                engine=engine,
                cache=Cache(enabled=False),
            ).run(tmp_path / type(engine).__name__)
            for engine in (Local(), Ray(cluster[0].address))
        ]
        assert results[0]["digests"] == results[1]["digests"]
        assert results[0]["test"] == results[1]["test"]

    def test_trains_the_same_vectors_also_when_a_node_goes_in_the_middle_of_a_round(
        self, cluster, tmp_path
    ):
        engine = Losing(cluster[0], tmp_path)
        vocabulary = build(([*"abcdefghij"][i % 7 :] for i in range(30_000)), Vocab())
        trainer = SkipGram(dim=50, epochs=2, threads=2, subsample=0)
        trained = train_in_rounds(vocabulary, trainer, engine, print, seconds=0)
        assert len(list(tmp_path.glob("2.*"))) == 2
        assert engine.rounds > 3
        here = trainer.train(vocabulary)
        assert np.array_equal(trained.input, here.input)
        assert np.array_equal(trained.output, here.output)
        assert trained.curve == here.curve

    def test_raises_what_a_task_raises(self, cluster):
        with pytest.raises(UserError, match="line 3 is broken"):
            Ray(cluster[0].address).submit(fail)()

    def test_says_so_where_a_task_is_lost_again_and_again(self, cluster):
        engine = Ray(cluster[0].address, retries=1)
        with pytest.raises(UserError, match=r"a task was lost 2 times .* The same command goes on"):
            engine.submit(partial(os._exit, 1))()


def run_out_of_memory():
    raise MemoryError


class TestRayTrouble:
    @pytest.fixture
    def ray(self):
        return pytest.importorskip("ray", reason="the extra 'ray' is not installed")

    @pytest.mark.parametrize(
        ("kind", "message"),
        [
            ("OutOfMemoryError", "a task ran out of memory. Let fewer run at a time"),
            ("ObjectStoreFullError", "object store is full. Make it larger"),
            ("OutOfDiskError", "object store is full. Make it larger"),
            ("NodeDiedError", "a task was lost 4 times"),
            ("WorkerCrashedError", "a task was lost 4 times"),
        ],
    )
    def test_is_one_line_with_what_to_do(self, ray, kind, message):
        error = getattr(ray.exceptions, kind)
        engine = Ray()
        vars(engine)["_ray"] = ray
        with pytest.raises(UserError) as caught, engine._explained():
            raise error("a node\nand more lines")
        assert message in str(caught.value)
        assert "The same command goes on" in str(caught.value) or "it goes on" in str(caught.value)
        assert len(str(caught.value)) <= 300
        assert "more lines" not in str(caught.value)

    def test_a_task_without_memory_is_such_trouble(self, cluster):
        with pytest.raises(UserError, match="a task ran out of memory"):
            Ray(cluster[0].address).submit(run_out_of_memory)()


class TestRaySettings:
    def test_that_ray_is_not_installed_is_said(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "ray", None)
        with pytest.raises(UserError, match=r"pip install 'yourvectors\[ray\]'"):
            _ = Ray().ahead

    def test_retries_are_not_negative(self):
        with pytest.raises(UserError, match=r"retries must be at least 0, not -1"):
            Ray(retries=-1)


def test_no_engine_is_part_of_a_runs_key():
    from pipeline.cache.keys import run_key

    one, other = (Experiment(engine=engine) for engine in (Local(), Ray("10.0.0.1:6379")))
    assert run_key(one) == run_key(other)
