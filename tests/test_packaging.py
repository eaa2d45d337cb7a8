"""The installed wheel works like the checkout."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
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


def test_its_readme_has_full_links_which_a_package_index_can_show(installed):
    (metadata,) = installed.glob("*.dist-info/METADATA")
    links = re.findall(r"\]\(([^)]+)\)", metadata.read_text("utf-8"))
    assert len(links) > 10
    assert all(link.startswith("https://") for link in links)


def test_constraints_pin_names_and_versions_only():
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9A-Za-z.+!]+", line), line
