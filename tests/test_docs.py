"""What the documentation says of the code is so."""

from __future__ import annotations

import re
import runpy
import tomllib

import pytest
from pages import ROOT

LAYERS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md"])
def test_the_drawing_of_the_layers_is_the_contract(page):
    page = (ROOT / page).read_text("utf-8")
    (drawing,) = re.findall(r"<!-- layers -->\n```text\n(.*?)```", page, re.DOTALL)
    drawn = [re.split(r"\s{2,}", line)[0] for line in drawing.splitlines()]
    contract = LAYERS["contracts"][0]["layers"]
    assert drawn == [layer.replace("pipeline.", "") for layer in contract]
    assert len(drawn) <= 8


def test_the_pages_of_the_site_are_all_there_are():
    mkdocs = (ROOT / "mkdocs.yml").read_text("utf-8")
    listed = set(re.findall(r": (\S+\.md)$", mkdocs, re.MULTILINE))
    docs = ROOT / "docs"
    written = {str(path.relative_to(docs)) for path in docs.rglob("*.md")}
    assert written <= listed


def test_every_parameter_is_explained():
    pytest.importorskip("mkdocs")
    hooks = runpy.run_path(str(ROOT / "docs" / "_site" / "hooks.py"))
    rows = re.findall(r"^\| `(\S+)` \| `(.*)` \| (.*) \|$", hooks["parameters"](), re.MULTILINE)
    assert ("vectors.dim", "50") in {row[:2] for row in rows}
    unexplained = {name for name, _, meaning in rows if not meaning}
    assert not unexplained
