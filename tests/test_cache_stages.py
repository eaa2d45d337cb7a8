"""Nothing slow is done twice: experiments with the cache on, off, cold, warm, shared, damaged."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from front import SIZES, call, only
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import Forked, command

from pipeline import experiment
from pipeline.cache import keys, stages
from pipeline.cache.stages import load_saved_corpus, save_corpus
from pipeline.cache.store import Cache
from pipeline.experiment import Experiment
from pipeline.stages.corpus import SPLITS, Corpus, Sample, Split, Table, encoded
from pipeline.stages.features.features import Mean
from pipeline.stages.report.report import Report
from pipeline.stages.sweep.sweep import Logistic
from pipeline.stages.vectors.loop import Combine
from pipeline.stages.vectors.vectors import Random, SkipGram
from pipeline.stages.vectors.word2vec import Parallel
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocab, build

STAGES = ["corpus", "vocab", "vectors", "features", "sweep", "best", "report"]
ALL_MADE = dict.fromkeys(STAGES, "made") | {"corpus": "loaded"}
ALL_REUSED = ALL_MADE | {"vectors": "reused", "sweep": "reused"}


def small(**more):
    return Experiment(**{
        "corpus": Sample(train=100, dev=60, test=60),
        "vectors": SkipGram(dim=6, epochs=2),
        "sweep": Logistic([0.1, 1.0]),
        "report": Report(words=["the", "good"], neighbours=2),
        **more,
    })  # fmt: skip


def told(result):
    """Return what of a result must not depend on when, where and how fast it was had."""
    gone = {"seconds", "stages", "mlflow_run_id", "files"}
    return {name: value for name, value in result.items() if name not in gone}


def contents(folder):
    """Return all files of a run but those that tell times; classifiers as what they hold."""
    timed = {"result.json", "metrics.csv", "page.json", "index.html", "run.log"}
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".skops" and path.name not in timed
        and ".hydra" not in path.parts
    }  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def undrawn(monkeypatch):
    """Leave out the page, which is slow to draw and not cached."""
    monkeypatch.setattr(experiment, "write_page", lambda *_: None)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """The folder, the store and the result of one run that had nothing to reuse."""
    folder = tmp_path_factory.mktemp("first")
    cache = Cache(str(folder / "cache"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(experiment, "write_page", lambda *_: None)
        result = small(cache=cache).run(folder / "run")
    return folder / "run", cache, result


@pytest.fixture
def cache(first, tmp_path):
    """A store that has all that the first run made."""
    shutil.copytree(first[1].path, tmp_path / "copied")
    return Cache(str(tmp_path / "copied"))


@pytest.mark.usefixtures("undrawn")
class TestASecondRun:
    def test_makes_no_stage_again_and_has_the_same_results(self, first, cache):
        folder, _, result = first
        again = small(cache=cache).run(Path("run"))
        assert result["stages"] == ALL_MADE
        assert again["stages"] == ALL_REUSED
        assert told(again) == told(result)
        assert contents(Path("run")) == contents(folder)
        assert (Path("run") / "best" / "classifier.skops").exists()

    def test_has_the_results_of_one_that_keeps_nothing(self, first):
        folder, _, result = first
        off = small(cache=Cache(enabled=False)).run(Path("off"))
        assert set(off["stages"].values()) == {"made", "loaded"}
        assert told(off) == told(result)
        assert contents(Path("off")) == contents(folder)
        assert not Path("outputs").exists()

    @pytest.mark.parametrize(
        ("more", "made"),
        [
            ({"report": Report(words=["a"])}, ""),
            ({"sweep": Logistic([0.1, 2.0])}, "sweep"),
            ({"features": Mean(normalize=True)}, "sweep"),
            ({"vectors": SkipGram(dim=6, epochs=2, seed=2)}, "vectors sweep"),
            ({"vectors": SkipGram(dim=6, epochs=2, combine=Combine.concat)}, "sweep"),
            ({"vectors": SkipGram(dim=6, epochs=2, subword=3)}, "sweep"),
            ({"name": "another", "seed": 5}, ""),
        ],
    )
    def test_of_other_settings_makes_what_they_change(self, more, made, cache):
        result = small(cache=cache, **more).run(Path("run"))
        slow = ("vectors", "sweep")
        assert [name for name in slow if result["stages"][name] == "made"] == made.split()
        fresh = small(cache=Cache(enabled=False), **more).run(Path("fresh"))
        assert told(result) == told(fresh)
        assert contents(Path("run")) == contents(Path("fresh"))

    def test_says_how_long_a_reused_result_took_to_make(self, first, cache, caplog):
        caplog.set_level("INFO")
        again = small(cache=cache).run(Path("run"))
        (said,) = [message for message in caplog.messages if message.startswith("  vectors ")]
        made_in = first[2]["seconds"]["vectors"]
        assert again["seconds"]["vectors"] == pytest.approx(made_in, abs=0.1)
        assert "(reused, 0." in said
        assert ", made in " in said

    def test_smooths_subwords_once(self, cache, monkeypatch):
        smoothed = small(cache=cache, vectors=SkipGram(dim=6, epochs=2, subword=3))
        first = smoothed.run(Path("run"))
        monkeypatch.setattr(stages, "finish", lambda *_: WordVectors(["a"], np.zeros((1, 6))))
        assert told(smoothed.run(Path("again"))) == told(first)


@pytest.mark.usefixtures("undrawn")
class TestEveryStage:
    @pytest.mark.parametrize("stage", ["vectors", "sweep"])
    def test_that_is_broken_is_made_again_and_the_results_are_the_same(
        self, stage, first, cache, caplog
    ):
        entry = only(Path(cache.path), f"{stage}/*[!k]")
        victim = max(
            entry.rglob("*.*"), key=lambda path: (path.name != "manifest.json", path.stat().st_size)
        )
        victim.write_bytes(victim.read_bytes()[:-1])
        result = small(cache=cache).run(Path("run"))
        assert f"{entry} is damaged" in caplog.text
        assert told(result) == told(first[2])
        assert contents(Path("run")) == contents(first[0])
        assert small(cache=cache).run(Path("again"))["stages"] == ALL_REUSED

    def test_holds_no_pickle(self, cache):
        kinds = {path.suffix for path in Path(cache.path).rglob("*") if path.is_file()}
        assert kinds <= {
            *(".npy", ".csv", ".tsv", ".json", ".txt", ".skops", ".png", ".html", ".lock", ".svg")
        }


@pytest.mark.usefixtures("undrawn")
def test_a_run_needs_no_store_that_can_be_written(first, caplog):
    Path("cache").write_text("in the way")
    result = small(cache=Cache("cache")).run(Path("run"))
    assert told(result) == told(first[2])
    assert "vectors   is not stored in cache" in caplog.text


@pytest.mark.usefixtures("undrawn")
def test_a_run_is_at_home_in_any_folder(first, tmp_path):
    folder = tmp_path / "здесь и 'там'"
    for _ in range(2):
        result = small(cache=Cache(str(folder / "le café"))).run(folder / f"run {random.random()}")  # noqa: S311
        assert told(result) == told(first[2])
    assert result["stages"] == ALL_REUSED


@pytest.mark.usefixtures("undrawn")
class TestATable:
    @pytest.fixture
    def table(self):
        text = [f"It is {word}, really." for word in ("awful", "plain", "superb")]
        parts = ["train", "train", "dev", "test"]
        rows = [f'"{text[i % 3]}",{i % 3},{parts[i % 4]}' for i in range(60)]
        Path("table.csv").write_text("\n".join(["text,label,part", *rows]) + "\n")
        return Table(path="table.csv", split="part")

    def test_is_read_and_tokenised_once(self, table, monkeypatch):
        first = small(corpus=table).run(Path("first"))
        assert first["stages"]["corpus"] == "made"
        monkeypatch.setattr(Table, "load", None)
        again = small(corpus=table).run(Path("again"))
        assert again["stages"]["corpus"] == "reused"
        assert told(again) == told(first)

    def test_lends_its_text_to_other_labels(self, table):
        small(corpus=table).run(Path("first"))
        text = Path("table.csv").read_text().replace(",2,", ",1,")
        Path("table.csv").write_text(text)
        stages = small(corpus=table).run(Path("again"))["stages"]
        assert [name for name, how in stages.items() if how == "reused"] == ["vectors"]

    @pytest.fixture
    def many_blocks(self, table, monkeypatch):
        """A corpus with an unlabelled text of five blocks, encoded in this process."""
        from pipeline.stages.corpus import unlabelled

        Path("more.txt").write_text("".join(f"Film {i % 7} is superb.\n" for i in range(60)))
        monkeypatch.setattr(unlabelled.Text.blocks, "__defaults__", (190,))
        monkeypatch.setattr("pipeline.core.engine.Local.ahead", 0)
        return replace(table, unlabelled=["more.txt"])

    def test_unlabelled_text_is_not_tokenised_again(self, table, monkeypatch):
        from pipeline.stages.corpus.unlabelled import Text

        Path("more.txt").write_text("A superb film. Not bad.\n" * 5)
        corpus = replace(table, unlabelled=["more.txt"])
        small(corpus=corpus).run(Path("first"))
        monkeypatch.setattr(Text, "lines", None)
        assert small(corpus=corpus).run(Path("again"))["stages"]["vocab"] == "reused"

    def test_nor_for_another_vocabulary(self, many_blocks, monkeypatch):
        small(corpus=many_blocks).run(Path("first"))
        again = pytest.fail.Exception("tokenized again")
        monkeypatch.setattr(encoded, "encode_lines", Mock(side_effect=again))
        result = small(corpus=many_blocks, vocab=Vocab(min_count=2)).run(Path("again"))
        assert result["stages"]["vocab"] == "made"

    def test_that_was_stopped_goes_on_from_the_blocks_that_are_done(self, many_blocks, monkeypatch):
        whole = small(corpus=many_blocks, cache=Cache(enabled=False)).run(Path("whole"))
        encode_lines, done = encoded.encode_lines, []

        def stop_at_the_third(lines, tokenizer):
            if len(done) == 2:
                raise KeyboardInterrupt
            done.append(lines)
            return encode_lines(lines, tokenizer)

        monkeypatch.setattr(encoded, "encode_lines", stop_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            small(corpus=many_blocks).run(Path("stopped"))
        todo = []
        monkeypatch.setattr(
            encoded, "encode_lines", lambda *given: todo.append(given[0]) or encode_lines(*given)
        )
        result = small(corpus=many_blocks).run(Path("again"))
        assert not [lines for lines in todo if lines in done]
        assert len(todo) == 3
        assert result["digests"] == whole["digests"]


words = st.text(min_size=1, max_size=3)
sentence = st.lists(words, max_size=4)


parts = st.lists(st.lists(sentence, min_size=2, max_size=4), min_size=4, max_size=4)


@settings(max_examples=30, deadline=None)
@given(parts, st.booleans(), st.booleans())
def test_a_corpus_is_saved_and_loaded_back_equal(tmp_path_factory, parts, ordinal, phrases):
    folder = tmp_path_factory.mktemp("corpus")
    made = [Split(sentences, np.arange(len(sentences)) % 2) for sentences in parts]
    corpus = Corpus(
        task="t",
        classes=("-", "+"),
        splits=dict(zip(SPLITS, made, strict=False)),
        text_splits=("train", "test"),
        ordinal=ordinal,
        phrases=made[-1] if phrases else None,
    )
    save_corpus(corpus, folder)
    loaded = load_saved_corpus(folder, Table(path="t.csv"))
    assert loaded.digest == corpus.digest
    assert (loaded.task, loaded.classes, loaded.ordinal) == ("t", ("-", "+"), ordinal)
    pairs = [(loaded.splits[name], corpus.splits[name]) for name in SPLITS]
    pairs += [(loaded.phrases, corpus.phrases)] if phrases else []
    assert (loaded.phrases is None) == (not phrases)
    for after, before in pairs:
        assert after.sentences == before.sentences
        assert after.labels.tolist() == before.labels.tolist()
        assert after.digest == replace(after).digest == before.digest


@pytest.mark.usefixtures("undrawn")
def test_a_class_without_source_is_not_kept(caplog):
    caplog.set_level("INFO")
    typed_in = type("TypedIn", (Random,), {"__module__": "notebook"})
    for name in ("first", "again"):
        assert small(vectors=typed_in()).run(Path(name))["stages"]["vectors"] == "made"
    assert "vectors   is not stored: the module notebook cannot be found" in caplog.text


QUICK = [*SIZES, "vectors.dim=8", "vectors.epochs=300", "sweep.strengths=[0.1,1]", "tracking=off"]
QUICK += ["report.words=[the,good]"]


def result_of(folder):
    return json.loads(only(folder, "outputs/runs/*/result.json").read_text("utf-8"))


def run_small(name):
    small(vectors=SkipGram(dim=6, epochs=200)).run(Path(name))


class TestManyAtOnce:
    def test_four_on_an_empty_store_make_every_stage_once(self, tmp_path):
        processes = [Forked(tmp_path, run_small, str(i)) for i in range(4)]
        for process in processes:
            done = process.done()
            assert done.returncode == 0, done.stderr
            assert "not stored" not in done.stderr
            assert "damaged" not in done.stderr
        results = [json.loads(Path(f"{i}/result.json").read_text("utf-8")) for i in range(4)]
        for stage in ("vectors", "sweep"):
            hows = [result["stages"][stage] for result in results]
            assert sorted(hows) == ["made"] + 3 * ["reused"], stage
        assert all(told(result) == told(results[0]) for result in results)
        assert all(contents(Path(f"{i}")) == contents(Path("0")) for i in range(4))

    def test_jobs_of_a_multirun_share_what_they_have_in_common(self, tmp_path):
        done = call(tmp_path, "-m", *QUICK, "sweep=logistic,two_layer", "sweep.max_iter=300")
        assert done.returncode == 0, done.stderr
        paths = sorted(tmp_path.glob("outputs/multiruns/*/*/result.json"))
        first, second = (json.loads(path.read_text("utf-8"))["stages"] for path in paths)
        assert (first["vectors"], second["vectors"]) == ("made", "reused")
        assert (first["sweep"], second["sweep"]) == ("made", "made")


@pytest.mark.slow
class TestKilled:
    """A command is killed at random moments of a slow stage, and the same command given again.

    ``YOURVECTORS_KILLS`` says how often; unset: once.
    """

    KILLS = int(os.environ.get("YOURVECTORS_KILLS", "1"))

    @pytest.fixture(scope="class")
    @classmethod
    def undisturbed(cls, tmp_path_factory):
        folder = tmp_path_factory.mktemp("undisturbed")
        done = call(folder, *QUICK)
        assert done.returncode == 0, done.stderr
        return folder

    @pytest.mark.parametrize("number", range(KILLS))
    def test_goes_on_to_the_same_bits_and_repeats_the_stage_in_flight_at_most(
        self, number, undisturbed, tmp_path
    ):
        expected = result_of(undisturbed)
        at = ("vectors", "sweep")[number % 2]
        finished = killed(tmp_path, at, expected["seconds"][at])
        before = only(tmp_path, "outputs/runs/*")
        assert not (before / "result.json").exists(), "too fast to be killed"
        shutil.rmtree(before)
        done = call(tmp_path, *QUICK)
        assert done.returncode == 0, done.stderr
        assert "damaged" not in done.stderr
        result = result_of(tmp_path)
        assert told(result) == told(expected)
        ours, theirs = (only(folder, "outputs/runs/*") for folder in (tmp_path, undisturbed))
        assert contents(ours) == contents(theirs)
        slow = {"vectors", "sweep"} & set(finished)
        assert {result["stages"][name] for name in slow} <= {"reused"}


def killed(folder, at, seconds):
    """Run the command and kill it at a random moment of a stage; return what it had finished."""
    process = Forked(folder, command, *QUICK)

    def finished():
        said = process.err.read_text("utf-8").splitlines()
        lines = [line.split()[0] for line in said if line.startswith("  ")]
        return [name for name in lines if name in STAGES]

    process.until(lambda: len(finished()) >= STAGES.index(at))
    time.sleep(random.uniform(0, seconds))  # noqa: S311
    process.kill()
    return finished()


class TestThreads:
    """The number of threads is part of the key only where it changes the vectors."""

    VOCABULARY = build([["a", "good", "film"]], Vocab(min_count=1))

    def test_do_not_matter_while_the_bits_are_the_same(self):
        one, many = (keys.training(self.VOCABULARY, SkipGram(threads=n)) for n in (1, 8))
        assert one == many

    def test_matter_with_hogwild(self):
        hogwild = {"parallel": Parallel.hogwild}
        one, two = (keys.training(self.VOCABULARY, SkipGram(threads=n, **hogwild)) for n in (1, 2))
        assert one == keys.training(self.VOCABULARY, SkipGram())
        assert two != one
