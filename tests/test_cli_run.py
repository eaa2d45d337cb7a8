"""The front door: what a person types, and what they get."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
import sketches
from front import SIZES, assert_one_clear_line, call, only, run

from pipeline.cli.conf import CONF

QUICK = [*SIZES, "vectors.dim=8", "vectors.epochs=60"]  # the loss has points to draw
QUICK += ["report.words=[the,good]", "sweep.strengths=[0.1,1]", "tracking=off"]


@pytest.fixture
def here(tmp_path):
    """Call the front door in this process, in an empty folder."""
    return partial(call, tmp_path)


@pytest.fixture(scope="module")
def one_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one run")
    with sketches.real_figures():
        done = call(folder, *QUICK)
    assert done.returncode == 0, done.stderr
    return only(folder, "outputs/runs/*")


class TestOneRun:
    def test_result_json_holds_what_scripts_rely_on(self, one_run):
        result = json.loads((one_run / "result.json").read_text("utf-8"))
        assert (result["corpus"], result["vectors"], result["seed"]) == ("sample", "skipgram", 1)
        assert result["strength"] in (0.1, 1)
        for split in ("train", "dev", "test"):
            assert 0 <= result[split]["accuracy_low"] <= result[split]["accuracy"] <= 1
            assert 0 < result["coverage"][split] <= 1
        assert result["coverage"]["train"] == 1
        assert result["mlflow_run_id"] is None
        stages = ["corpus", "vocab", "vectors", "features", "sweep", "best", "report"]
        assert list(result["seconds"]) == stages

    def test_every_stage_leaves_its_files_under_its_name(self, one_run):
        for name in (
            "corpus/summary.json",
            "vocab/vocabulary.tsv",
            "vectors/matrix.npy",
            "sweep/results.csv",
            "best/predictions.csv",
            "report/strength.png",
            "report/confusion.png",
            "report/words.png",
            "report/loss.png",
        ):
            assert (one_run / name).stat().st_size > 0, name

    def test_no_temporary_file_is_left(self, one_run):
        assert not [path for path in one_run.rglob(".*") if path.is_file()]

    def test_settings_name_every_parameter_with_its_value(self, one_run):
        settings = json.loads((one_run / "result.json").read_text("utf-8"))["settings"]
        assert settings["vectors"] == "skipgram"
        assert settings["vectors.dim"] == 8
        assert settings["features.unknown"] == "skip"
        assert settings["best.ties"] == "strongest"


class TestReproducibility:
    def test_the_same_configuration_gives_the_same_bits(self, one_run, tmp_path):
        assert run(tmp_path, *QUICK, PYTHONHASHSEED="2").returncode == 0  # another process
        results = []
        for path in (one_run, only(tmp_path, "outputs/runs/*")):
            result = json.loads((path / "result.json").read_text("utf-8"))
            del result["seconds"]
            for timed in ("metrics.csv", "report/page.json", "report/index.html"):
                del result["files"][timed]
            del result["files"]["best/classifier.skops"]  # a zip, with dates
            results.append((result, (path / "vectors/matrix.npy").read_bytes()))
        assert results[0] == results[1]

    def test_another_seed_gives_other_vectors_and_the_same_corpus(self, one_run, here, tmp_path):
        assert here(*QUICK, "seed=2").returncode == 0
        paths = (one_run, only(tmp_path, "outputs/runs/*"))
        digests = [json.loads((p / "result.json").read_text("utf-8"))["digests"] for p in paths]
        assert digests[0]["corpus"] == digests[1]["corpus"]
        assert digests[0]["vectors"] != digests[1]["vectors"]


class TestMistakesOnTheCommandLine:
    @pytest.mark.parametrize(
        ("override", "words"),
        [
            ("vectors.dimm=5", ["vectors.dimm", "did you mean 'dim'"]),
            ("vectors.dim=ten", ["vectors.dim", "ten"]),
            ("vectors.dim=0", ["vectors.dim", "at least 1", "0"]),
            ("vectors=skipgrm", ["vectors=skipgrm", "did you mean 'skipgram'", "glove"]),
            ("vector=skipgram", ["vector"]),
            ("features.unknown=ignore", ["features.unknown", "skip", "zero"]),
            ("sweep.strengths=[1,-1]", ["sweep.strengths", "-1"]),
            ("sweep.strengths=[]", ["sweep.strengths", "empty"]),
            ("vocab.min_count=0", ["vocab.min_count", "at least 1"]),
            ("best.ties=last", ["best.ties", "strongest", "first"]),
            ("seed=one", ["seed", "one"]),
            ("vectors.dim=", ["vectors.dim"]),
            ("corpus.text_splits=[tran]", ["corpus.text_splits", "did you mean 'train'"]),
        ],
    )
    def test_a_mistake_gives_one_line_that_names_the_key(self, here, override, words):
        done = here("tracking=off", override)
        assert_one_clear_line(done, *words)
        assert max(map(len, done.stderr.splitlines())) <= 300

    def test_a_mistake_in_a_multirun_stops_it_before_any_job(self, here, tmp_path):
        done = here("-m", *QUICK, "vectors.dim=8,0")
        assert_one_clear_line(done, "vectors.dim", "at least 1")
        assert not list(tmp_path.glob("outputs/multiruns/*/*/result.json"))

    def test_full_traceback_on_request(self, tmp_path):
        done = run(tmp_path, "vectors.dim=0", "tracking=off", HYDRA_FULL_ERROR="1")
        assert done.returncode == 1
        assert "Traceback" in done.stderr


class TestBadInput:
    def test_a_missing_folder(self, here):
        done = here("corpus=sst", "corpus.path=nowhere", "tracking=off")
        assert_one_clear_line(done, "corpus.path: nowhere", "no such file")

    def test_no_word_of_the_corpus_in_the_vectors_file(self, here, tmp_path):
        (tmp_path / "v.txt").write_text("xyzzy 1 2\nplugh 3 4\n")
        done = here("vectors=glove", "vectors.path=v.txt", "tracking=off")
        assert_one_clear_line(done, "v.txt", "none of the", "corpus.lower")

    def test_a_failed_run_leaves_its_reason_and_no_result(self, here, tmp_path):
        (tmp_path / "v.txt").write_text("the 1 2\na 3 x\n")
        done = here("vectors=glove", "vectors.path=v.txt", "tracking=off")
        assert_one_clear_line(done, "v.txt, line 2", "'x'")
        folder = only(tmp_path, "outputs/runs/*")
        assert "line 2" in json.loads((folder / "error.json").read_text("utf-8"))["error"]
        assert not (folder / "result.json").exists()

    def test_an_unreachable_tracking_server_stops_the_run_before_any_work(self, here):
        done = here(*SIZES, "tracking.uri=http://127.0.0.1:9")
        assert_one_clear_line(done, "http://127.0.0.1:9", "tracking=off")
        assert "vocab" not in done.stderr

    def test_an_unreachable_tracking_server_stops_a_multirun_before_any_job(self, here, tmp_path):
        done = here("-m", *SIZES, "seed=1,2", "tracking.uri=http://127.0.0.1:9")
        assert_one_clear_line(done, "http://127.0.0.1:9", "tracking=off")
        assert not list(tmp_path.glob("outputs/multiruns/*/0"))

    def test_a_folder_that_cannot_be_written_to(self, here, tmp_path):
        (tmp_path / "outputs").touch()  # a file where the folder should be stops even root
        assert_one_clear_line(here("tracking=off"), "outputs")


class TestOnesOwnCode:
    TRAINER = """
from dataclasses import dataclass
import numpy as np
from pipeline import UserError, WordVectors

@dataclass
class Lengths:
    scale: float = 1.0

    def __post_init__(self):
        if self.scale <= 0:
            raise UserError(f"vectors.scale must be above 0, not {self.scale}")

    def make(self, corpus, vocabulary):
        lengths = [[self.scale * len(word), 1.0] for word in vocabulary.words]
        return WordVectors(vocabulary.words, np.array(lengths, np.float32))
"""

    @pytest.fixture
    def folder(self, tmp_path):
        (tmp_path / "mine.py").write_text(self.TRAINER)
        conf = tmp_path / "conf" / "vectors"
        conf.mkdir(parents=True)
        (conf / "lengths.yaml").write_text("_target_: mine.Lengths\nscale: 2.0\n")
        return tmp_path

    def test_a_trainer_joins_by_target(self, folder):
        small = [*SIZES, "sweep.strengths=[1]", "tracking=off"]
        done = call(folder, "--config-dir", "conf", "vectors=lengths", *small)
        assert done.returncode == 0, done.stderr
        path = only(folder, "outputs/runs/*/result.json")
        result = json.loads(path.read_text("utf-8"))
        assert (result["vectors"], result["dim"]) == ("lengths", 2)
        assert result["settings"]["vectors.scale"] == 2.0

    def test_its_own_check_gives_one_clear_line(self, folder):
        done = call(
            folder, "--config-dir", "conf", "vectors=lengths", "vectors.scale=0", "tracking=off"
        )
        assert_one_clear_line(done, "vectors.scale must be above 0")

    def test_a_target_that_does_not_exist_is_named(self, folder):
        (folder / "conf/vectors/lengths.yaml").write_text("_target_: mine.Widths\n")
        done = call(folder, "--config-dir", "conf", "vectors=lengths", "tracking=off")
        assert_one_clear_line(done, "mine.Widths")


class TestHelp:
    def test_help_names_every_choice_of_every_group(self, here):
        shown = here("--help").stdout
        for path in CONF.glob("*/*.yaml"):
            if path.parent.name != "hydra":
                assert path.stem in shown, path
                assert path.parent.name in shown, path

    def test_cfg_shows_every_parameter_with_its_value(self, here):
        shown = here("--cfg", "job", "vectors=cbow").stdout
        for line in ("window: 5", "negative: 5", "min_count: 1", "ties: strongest"):
            assert line in shown


@pytest.mark.parametrize("vectors", ["glove", "both", "pretrained"])
def test_missing_published_vectors_are_reported_before_the_corpus_is_read(vectors, tmp_path):
    done = call(tmp_path, "corpus=sst", f"vectors={vectors}", "offline=true", "tracking=off")
    assert_one_clear_line(done, "glove.6B.zip must be downloaded, and offline=true forbids it")
    assert "corpus" not in done.stderr


def test_a_run_ends_with_the_path_of_its_page(tmp_path):
    small = ["vectors=random", "sweep.strengths=[1]", "report.words=[]", "tracking=off"]
    done = call(tmp_path, *SIZES, *small)
    said, path = done.stderr.splitlines()[-1].split(": ")
    assert said == "The page"
    assert (tmp_path / path).is_file()
    assert not Path(path).is_absolute()


def test_a_multirun_says_at_once_how_many_jobs_it_checks(tmp_path):
    done = call(tmp_path, "-m", "seed=1,2,3", "vectors.dim=0", "tracking=off")
    assert done.stderr.splitlines()[0] == "checking 3 jobs"
    assert_one_clear_line(done, "dim")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["parms", "vectors"], "parms: no such command (did you mean 'params'?)"),
        (["help"], "help: no such command; --help lists them."),
        (["vectors", "skipgram"], "Type vectors=skipgram, without spaces."),
        (["-m", "seed", "1,2"], "Type seed=1,2, without spaces."),
    ],
    ids=lambda item: " ".join(item) if isinstance(item, list) else "",
)
def test_a_first_word_that_is_no_setting_is_taken_for_a_command(tmp_path, typed, said):
    assert_one_clear_line(call(tmp_path, *typed), said)
