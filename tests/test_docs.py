"""What the documentation says of the code is so."""

from __future__ import annotations

import json
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


@pytest.fixture(scope="module")
def search_index(tmp_path_factory):
    pytest.importorskip("mkdocs")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    site = tmp_path_factory.mktemp("site")
    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(site)))
    return json.loads((site / "search" / "search_index.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("typed", "page"),
    [
        ("csv", "data/"),
        ("own csv", "data/"),
        ("interval", "statistics/"),
        ("interval means", "statistics/"),
        ("resume", "cache/"),
        ("continue", "cache/"),
        ("skip-gram parameters", "reference/parameters/"),
        ("skipgram", "reference/parameters/"),
    ],
)
def test_a_search_finds_the_page_with_the_answer(typed, page, search_index):
    """A title weighs a thousand times a text, unless its page is marked down."""

    def words(text):
        return set(re.split(search_index["config"]["separator"], text.lower()))

    titled = [
        entry["location"]
        for entry in search_index["docs"]
        if words(typed) <= words(entry["title"]) and entry.get("boost", 1) >= 1
    ]
    found = {location.partition("#")[0] for location in titled} - {"", "tutorial/"}
    assert found == {page}
