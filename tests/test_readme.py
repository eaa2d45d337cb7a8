"""Every command and program in README, docs/ and the other pages does what it says.

Commands that run an experiment are composed and checked, as ``-m`` checks its jobs. Those that a
page makes a promise about are run too, at a small size. All other commands are parsed by the
program that they call.
"""

from __future__ import annotations

import argparse
import csv
import functools
import json
import math
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from pathlib import Path

import pytest
from front import SIZES, call, compose_jobs, split_jobs
from pages import PAGES, ROOT, Command, commands, name, programs, written_files

import pipeline
from pipeline.__main__ import COMMANDS as SMALL_COMMANDS

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
FLAGS = ("--help", "--cfg", "--hydra-help", "--version", "--info")
EXPERIMENTS, SMALL, BENCHMARKS, OTHER = [], [], [], []
for found in commands():
    if found.arguments is None:
        is_benchmark = found.words[1:] and found.words[1].startswith("benchmarks/")
        (BENCHMARKS if is_benchmark else OTHER).append(found)
    elif found.arguments and found.arguments[0] in SMALL_COMMANDS:
        SMALL.append(found)
    else:
        EXPERIMENTS.append(found)

CLASSES = ["awful", "poor", "plain", "good", "superb"]


def tree(label: int, i: int) -> str:
    return f"({label} (2 it) ({label} (2 is) ({label} {CLASSES[label]}{i % 7})))"


def labelled_lines(part: str) -> str:
    records = ({"text": f"It is {CLASSES[i % 5]} {part}{i}.", "label": i % 5} for i in range(50))
    return "".join(f"{json.dumps(record)}\n" for record in records)


def label(command: Command) -> str:
    return f"{command.page}: {command.line}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The reader's own files, under the names that the pages use."""
    folder = tmp_path_factory.mktemp("reader")
    rows = [f'"It is {CLASSES[i % 5]}, really, says {i}.",{i % 5 + 1}' for i in range(200)]
    trees = {
        part: "".join(f"{tree(i % 5, i)}\n" for i in range(n))
        for part, n in (("train", 100), ("dev", 40), ("test", 40))
    }
    files = {
        "reviews.csv": "\n".join(["review,stars", *rows]) + "\n",
        **{f"{part}.jsonl": labelled_lines(part) for part in ("train", "dev", "test")},
        **{
            f"films/{part}/{label}/{i}.txt": f"A {word} film, says {part} {i}."
            for part in ("train", "test")
            for label, word in (("neg", "dull"), ("pos", "fine"))
            for i in range(20)
        },
        "more.txt": "A superb film. An unheard-of one.\n" * 30,
        "glove.6B.50d.txt": "it 1 2 3\nis 0 1 0\nsuperb 1 1 1\nawful 0 0 2\nsuperb1 1 1 0\n",
        "EN-SIMLEX-999.txt": "word1\tword2\tscore\nit\tis\t1.58\nis\tsuperb\t2\nit\tsuperb\t3\n",
        "questions-words.txt": ": family\nit is superb awful\n",
        **{f"trees/{part}.txt": text for part, text in trees.items()},
        **written_files(),
    }
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


class Parsed(Exception):  # noqa: N818 - good news
    """A program has understood its command line, and is stopped before it begins."""


@pytest.fixture
def only_parse(monkeypatch):
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(parser, *arguments):
        parse(parser, *arguments)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)


@pytest.mark.parametrize("command", EXPERIMENTS, ids=label)
def test_the_command_composes_the_jobs_that_it_lists(command, folder):
    arguments = [word for word in command.arguments if word not in {*FLAGS, "job"}]
    lists = [word for word in arguments if re.match(r"[\w/.]+=[^\[({'\"]*,", word)]
    jobs = split_jobs(*arguments)
    if "hydra/sweeper" in command.line:  # it chooses the jobs itself
        lists, jobs = [], jobs[:1]
    compose_jobs(folder, [jobs[0], jobs[-1]])
    assert len(jobs) == math.prod(word.count(",") + 1 for word in lists)


@pytest.mark.usefixtures("only_parse")
@pytest.mark.parametrize("command", SMALL, ids=label)
def test_the_small_command_understands_its_arguments(command):
    program, *arguments = command.arguments
    with pytest.raises(Parsed):
        import_module(SMALL_COMMANDS[program]).main(arguments)


@pytest.mark.usefixtures("only_parse")
@pytest.mark.parametrize("command", BENCHMARKS, ids=label)
def test_the_benchmark_understands_its_arguments(command, monkeypatch):
    monkeypatch.setattr(sys, "argv", command.words[1:])
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    with pytest.raises(Parsed):
        runpy.run_path(str(ROOT / command.words[1]), run_name="__main__")


@pytest.mark.parametrize("command", OTHER, ids=label)
def test_the_other_program_would_do_it(command):
    program, *arguments = command.words
    line = " ".join(arguments)
    if program == "make":
        subprocess.run(["make", "-n", *arguments], cwd=ROOT, check=True, capture_output=True)
    elif "pip install" in command.line:
        extras = re.search(r"-e '?\.\[(.*)\]", line)[1].split(",")
        assert set(extras) <= set(PROJECT["project"]["optional-dependencies"])
        assert not re.search(r"-c (\S+)", line) or (ROOT / re.search(r"-c (\S+)", line)[1]).exists()
    elif program == "mlflow":
        from mlflow.cli import cli

        cli.commands[arguments[0]].make_context(arguments[0], arguments[1:])
    elif program == "curl":  # the body is what tests of the served model send
        body = json.loads(arguments[arguments.index("-d") + 1])
        assert body["dataframe_records"][0]["text"]
    elif program == "pre-commit":
        assert (ROOT / ".pre-commit-config.yaml").exists()
    else:
        assert line.startswith(("-m venv", "-m pytest", ".venv/bin/activate")), command.line


@dataclass
class Outcome:
    """What a command left behind: its folder, its runs' results, and what it printed."""

    folder: Path
    results: list[dict]
    printed: str


@pytest.fixture(scope="module")
def run(folder):
    """Run a command that a page shows at a small size, once however many tests look at it."""
    lines = {command.line for command in EXPERIMENTS}

    @functools.cache
    def run_at_small_size(line):
        assert line in lines, f"no page shows {line}"
        arguments = shlex.split(line)[1:]
        sizes = [] if "corpus=" in line else [*SIZES, "corpus.pretraining=500"]
        more = [*sizes, "sweep.strengths=[0.1,1]", "report.words=[]", "tracking=off"]
        before = set(folder.glob("outputs/*runs/*"))
        done = call(folder, *arguments, *more)
        assert done.returncode == 0, done.stderr
        (made,) = set(folder.glob("outputs/*runs/*")) - before
        paths = sorted([*made.glob("result.json"), *made.glob("*/result.json")])
        results = [json.loads(path.read_text("utf-8")) for path in paths]
        return Outcome(made, results, done.stdout)

    return run_at_small_size


FIRST = "yourvectors -m vectors=skipgram,glove seed=1,2,3"
TABLE = (
    "yourvectors -m vectors=skipgram,glove glove=glove.6B.50d.txt "
    "corpus=table corpus.path=reviews.csv corpus.text=review corpus.label=stars"
)
MORE_TEXT = (
    "yourvectors corpus=table corpus.path=reviews.csv corpus.text=review corpus.label=stars "
    "'corpus.unlabelled=[more.txt]'"
)
EVALUATION = (
    "yourvectors -m vectors=skipgram,glove 'evaluation.similarity=[EN-SIMLEX-999.txt]' "
    "'evaluation.analogies=[questions-words.txt]'"
)


class TestWhatIsPromised:
    def test_the_first_command_compares_own_vectors_with_pretrained_ones(self, run):
        done = run(FIRST)
        assert [result["vectors"] for result in done.results] == [*["skipgram"] * 3, "glove"]
        assert re.search(r"skipgram (is \w+ than|against) glove.* points on test", done.printed)
        assert str(done.folder.name) in done.printed

    def test_make_run_is_the_first_command(self):
        done = subprocess.run(
            ["make", "-n", "run"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert FIRST.removeprefix("yourvectors ") in done.stdout

    def test_every_file_of_the_outputs_page_is_there(self, run):
        page = (ROOT / "docs" / "outputs.md").read_text("utf-8")
        rows = re.findall(r"(?m)^\| (`.*?) \|", page)
        names = re.findall(r"`([^`]+)`", " ".join(rows))
        assert len(names) >= 10
        done = run(FIRST)
        for found in names:
            pattern = f"comparison{found}" if found.startswith(".") else found
            in_multirun, in_job = done.folder.glob(pattern), done.folder.glob(f"0/{pattern}")
            assert [*in_multirun, *in_job], found

    def test_own_table_is_read_by_its_columns_and_glove_from_the_file(self, run):
        own, glove = run(TABLE).results
        assert own["settings"]["corpus.label"] == "stars"
        assert own["task"] == "reviews"
        assert glove["dim"] == 3

    def test_unlabelled_text_gives_its_words_vectors(self, run):
        words = (run(MORE_TEXT).folder / "vectors" / "words.txt").read_text("utf-8").split()
        assert "unheard-of" in words

    def test_word_similarity_and_analogies_become_metrics_of_every_arm(self, run):
        for job in run(EVALUATION).folder.glob("*/metrics.csv"):
            with job.open(encoding="utf-8") as file:
                names = {row["name"] for row in csv.DictReader(file)}
            for wanted in ("EN-SIMLEX-999", "questions-words"):
                assert any(wanted in name for name in names), job

    def test_a_trainer_of_one_s_own_trains(self, run):
        (result,) = run("yourvectors --config-dir conf vectors=lengths").results
        assert result["settings"]["vectors.scale"] == 2.0
        assert result["dim"] == 2

    def test_an_arm_of_one_s_own_brings_all_its_settings(self, run):
        own, _ = run("yourvectors -m --config-dir conf arm=reviews,glove").results
        assert own["name"] == "reviews"
        assert own["settings"]["vectors"] == "cbow"
        assert own["dim"] == 100
        assert own["settings"]["corpus.unlabelled"] == ["more.txt"]

    def test_the_learning_curve_is_a_table_and_on_the_page(self, run):
        done = run("yourvectors 'report.learning_curve=[0.1,0.3,1]'")
        with (done.folder / "report" / "learning_curve.csv").open(encoding="utf-8") as file:
            sizes = {int(row["sentences"]) for row in csv.DictReader(file)}
        assert sizes == {15, 45, 150}
        assert (done.folder / "report" / "learning.png").exists()

    def test_report_rebuilds_pages_and_compares_any_runs(self, run, tmp_path, monkeypatch):
        for line in (FIRST, "yourvectors cache=off", "yourvectors cache.path=shared/cache"):
            made = run(line).folder
            shutil.copytree(made, tmp_path / "outputs" / made.parent.name / made.name)
        monkeypatch.chdir(tmp_path)
        pages = set(tmp_path.rglob("*.html"))
        for page in pages:
            page.unlink()
        for command in SMALL:
            if command.arguments[0] == "report" and "*" in command.line:
                words = command.arguments[1:]
                found = [sorted(map(str, Path().glob(w))) if "*" in w else [w] for w in words]
                import_module("pipeline.cli.report").main(list(chain.from_iterable(found)))
        both = tmp_path / "outputs" / "all" / "comparison.html"
        assert set(tmp_path.rglob("*.html")) >= pages | {both}

    def test_cache_off_keeps_nothing_and_cache_path_says_where(self, run, folder):
        run("yourvectors cache.path=shared/cache")
        assert list(folder.glob("shared/cache/vectors/*"))
        assert "reused" not in str(run("yourvectors cache=off").results[0]["stages"])


@pytest.mark.parametrize("page", programs())
def test_the_programs_of_a_page_run_one_after_the_other(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    small = functools.partial(pipeline.Sample, train=150, dev=60, test=60)
    monkeypatch.setattr(pipeline, "Sample", small)
    values: dict[str, object] = {}
    exec(compile(programs()[page], page, "exec"), values)  # noqa: S102 - it is our own
    if "best" in values:
        assert 0.2 < values["best"].scores["test"]["accuracy"] < 1
    if "accuracy" in values:
        assert 0.2 < values["accuracy"] < 1
        assert (tmp_path / "mine.vec").stat().st_size > 1000


@pytest.mark.parametrize("page", PAGES, ids=name)
class TestLinks:
    def test_every_page_and_picture_that_is_linked_is_there(self, page):
        for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8")):
            if not link.startswith("http"):
                assert (page.parent / link).exists(), link

    def test_every_file_that_is_named_is_there(self, page):
        text = page.read_text("utf-8")
        files = re.findall(r"`((?:pipeline|conf|docs|tests|benchmarks)/[\w/]+\.[a-z]+)`", text)
        for path in files:
            assert (ROOT / path).exists(), path


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150
