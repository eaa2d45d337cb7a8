"""The installed wheel works like the checkout."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_carries_configuration_grammar_and_templates(installed):
    carried = [(ROOT / "conf").rglob("*.yaml"), (ROOT / "pipeline").rglob("*.txt")]
    carried += [(ROOT / "pipeline" / "render" / "templates").glob("*.*")]
    for path in itertools.chain(*carried):
        parts = path.relative_to(ROOT).parts
        inside = parts if parts[0] == "pipeline" else ("pipeline", *parts)
        assert (installed / Path(*inside)).read_bytes() == path.read_bytes()


def test_the_wheel_runs_away_from_the_checkout(installed, tmp_path):
    # -S leaves out the checkout's own installation; the libraries come by PYTHONPATH.
    libraries = [path for path in sys.path if path.endswith("-packages")]
    path = os.pathsep.join([str(installed), *libraries])
    done = subprocess.run(
        [sys.executable, "-S", "-m", "pipeline", "--cfg", "job"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "strengths" in done.stdout


LENGTHS = """
from dataclasses import dataclass

import numpy as np
import cache
from pipeline import WordVectors

@dataclass
class Lengths:
    times: float = 1

    def make(self, corpus, vocabulary):
        lengths = [[len(word) * self.times * cache.ONE] for word in vocabulary.words]
        return WordVectors(vocabulary.words, np.array(lengths, np.float32))
"""


@pytest.fixture(scope="module", params=["wheel", "wheel:editable"])
def python(request, tmp_path_factory):
    """Return the Python of an environment where the package is installed, as a user has it."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder / "venv")
    (site,) = folder.glob("venv/lib/*/site-packages")
    if request.param == "wheel:editable":
        pytest.importorskip("editables")
    build = [sys.executable, "-m", "hatchling", "build", "-t", request.param, "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(site)
    libraries = [path for path in sys.path if path.endswith("-packages")]
    (site / "libraries.pth").write_text("\n".join(libraries))
    return folder / "venv" / "bin" / "python"


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    """Return a folder of a user whose files have the names of modules."""
    folder = tmp_path_factory.mktemp("crowded")
    for name in ("pipeline", "statistics", "yaml"):
        (folder / f"{name}.py").write_text(f"raise SystemExit('the {name}.py of the user')")
    (folder / "cache.py").write_text("ONE = 1")
    (folder / "mine.py").write_text(LENGTHS)
    (folder / "conf" / "vectors").mkdir(parents=True)
    (folder / "conf" / "vectors" / "lengths.yaml").write_text("_target_: mine.Lengths\ntimes: 1\n")
    return folder


def in_environment(python, folder, *arguments, command=("-m", "pipeline")):
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [python, *command, *arguments],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


SMALL = ["corpus.train=150", "corpus.dev=60", "corpus.test=60", "sweep.strengths=[1]"]
SMALL += ["report.words=[]", "tracking=off", "vectors=lengths"]
CONF = ["--config-dir", "conf"]
SCRIPT = ("-c", "import sys; del sys.path[0]; from pipeline.__main__ import main; main()")


class TestAFolderWithFilesNamedLikeModules:
    def test_the_users_module_is_found_also_by_the_processes_of_a_launcher(self, python, crowded):
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
        parallel = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "vectors.times=1,2"]
        done = in_environment(python, crowded, "-m", *CONF, *SMALL, *parallel)
        assert done.returncode == 0, done.stderr
        assert "times=2" in done.stdout

    def test_the_script_does_the_same(self, python, crowded):
        done = in_environment(python, crowded, "--cfg", "job", *CONF, *SMALL, command=SCRIPT)
        assert done.returncode == 0, done.stderr
        assert "mine.Lengths" in done.stdout

    def test_older_spellings_do_the_same(self, python, crowded):
        done = in_environment(python, crowded, "--help", command=("-m", "pipeline.report"))
        assert done.returncode == 0, done.stderr

    def test_other_programs_of_the_user_are_as_ever(self, python, crowded):
        done = in_environment(python, crowded, command=("-c", "import pipeline"))
        assert "the pipeline.py of the user" in done.stderr
        done = in_environment(python, crowded, command=("-m", "statistics"))
        assert "the statistics.py of the user" in done.stderr


def test_its_readme_has_full_links_which_a_package_index_can_show(installed):
    (metadata,) = installed.glob("*.dist-info/METADATA")
    links = re.findall(r"\]\(([^)]+)\)", metadata.read_text("utf-8"))
    assert len(links) > 10
    assert all(link.startswith("https://") for link in links)


def test_constraints_pin_names_and_versions_only():
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9A-Za-z.+!]+", line), line
