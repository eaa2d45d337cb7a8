"""Every command and program in the README does what it says."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from front import SIZES, call, store

from pipeline.cli.cache import main
from pipeline.cli.report import main as rebuild

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


LINES = [
    line.split("  #")[0].strip()
    for block in blocks("sh")
    for line in block.splitlines()
    if line.strip()
]
COMMANDS = [line for line in LINES if line.startswith("python -m pipeline ")]
CACHE = [line for line in LINES if line.startswith("python -m pipeline.cli.cache ")]
REPORTS = [line for line in LINES if line.startswith("python -m pipeline.stages.report ")]
MAKE = [line for line in LINES if line.startswith("make ")]

CLASSES = ["awful", "poor", "plain", "good", "superb"]


def tree(label: int, i: int) -> str:
    return f"({label} (2 it) ({label} (2 is) ({label} {CLASSES[label]}{i % 7})))"


@pytest.fixture
def folder(tmp_path):
    """What the README takes for granted: the reader's own files."""
    rows = [f'"It is {CLASSES[i % 5]}, really.",{i % 5}' for i in range(200)]
    (tmp_path / "reviews.csv").write_text("\n".join(["review,stars", *rows]) + "\n")
    (tmp_path / "more.txt").write_text("A superb film. An awful one.\n" * 30)
    (tmp_path / "trees").mkdir()
    for name, n in (("train", 100), ("dev", 40), ("test", 40)):
        lines = [tree(i % 5, i) for i in range(n)]
        (tmp_path / "trees" / f"{name}.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "glove.6B.50d.txt").write_text("it 1 2 3\nis 0 1 0\nsuperb1 1 1 1\n")
    (tmp_path / "EN-SIMLEX-999.txt").write_text("word1\tword2\tscore\nold\tnew\t1.58\n")
    (tmp_path / "questions-words.txt").write_text(": family\nboy girl brother sister\n")
    programs = blocks("python")
    (tmp_path / "mine.py").write_text(programs[0])
    for block in blocks("yaml"):
        (name,) = re.findall(r"^# (conf/.*)$", block, re.MULTILINE)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block)
    return tmp_path


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """What is kept from command to command, as it is for who types one after the other."""
    return tmp_path_factory.mktemp("kept")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_does_its_work(command, folder, kept):
    arguments = shlex.split(command)[3:]
    if "corpus=" not in command and not arguments[0].startswith("--"):
        arguments += [*SIZES, "corpus.pretraining=500"]
    elif "--config-dir" in command:
        arguments += SIZES
    if not arguments[0].startswith("--help") and "--cfg" not in command:
        arguments += ["sweep.strengths=[0.1,1]", "report.words=[]"]
        if "cache" not in command:
            arguments.append(f"cache.path={kept}")
    if "http://" in command:
        pytest.skip("needs a server: test_tracking.py starts one")
    if "hydra/launcher" in command:
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    if "hydra/sweeper" in command:
        pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    if (
        "tracking=" not in command
        and "registry." not in command
        and not arguments[0].startswith("--")
    ):
        arguments.append("tracking=off")
    if "registry." in command:
        arguments.append(store(folder))
    done = call(folder, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout or list(folder.glob("outputs/*/*/result.json"))


def test_pages_are_made_again_and_runs_compared(folder, monkeypatch):
    quick = [*SIZES, "vectors=random", "sweep.strengths=[0.1,1]", "report.words=[]"]
    for arguments in (quick, ["-m", *quick, "seed=1,2"]):
        assert call(folder, *arguments, "tracking=off").returncode == 0
    monkeypatch.chdir(folder)
    for path in folder.rglob("*.html"):
        path.unlink()
    for command in REPORTS:
        words = shlex.split(command)[3:]
        found = [[str(p) for p in folder.glob(word)] if "*" in word else [word] for word in words]
        rebuild(list(itertools.chain.from_iterable(found)))
    assert len(list(folder.glob("outputs/multiruns/*/*/report/index.html"))) == 2
    assert len(list(folder.glob("outputs/multiruns/*/comparison.html"))) == 1
    assert len(list(folder.glob("outputs/runs/*/report/index.html"))) == 1


@pytest.mark.parametrize("command", CACHE)
def test_the_store_is_looked_after(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(shlex.split(command)[3:])
    assert "0 entries" in capsys.readouterr().out


def test_there_are_commands_for_all_that_is_promised():
    assert len(COMMANDS) >= 12


@pytest.mark.parametrize("command", MAKE)
def test_make_knows_the_target(command):
    target = command.split()[1]
    done = subprocess.run(
        ["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_make_run_is_the_comparison_that_is_shown_without_make():
    done = subprocess.run(
        ["make", "-n", "run"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    shown = next(line for line in LINES if line.startswith(".venv/bin/python -m pipeline"))
    assert shown in done.stdout


def test_the_notebook_runs(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    program = blocks("python")[1]
    values: dict[str, object] = {}
    exec(compile(program, "README.md", "exec"), values)  # noqa: S102 - it is our own
    assert 0.2 < values["best"].scores["test"]["accuracy"] < 1


def test_the_scikit_learn_pipeline_runs(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    values: dict[str, object] = {}
    exec(compile(blocks("python")[2], "README.md", "exec"), values)  # noqa: S102 - it is our own
    assert 0.2 < values["accuracy"] < 1
    assert (tmp_path / "mine.vec").stat().st_size > 1000


def test_every_picture_is_there():
    for path in re.findall(r"!\[[^]]+\]\(([^)]+)\)", README):
        assert (ROOT / path).stat().st_size > 1000


def test_every_file_that_is_named_is_there():
    for path in re.findall(r"`((?:pipeline|conf|docs|tests)/[a-z0-9_/]+\.[a-z]+)`", README):
        assert (ROOT / path).exists(), path
