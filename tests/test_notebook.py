"""The notebook runs from top to bottom and shows tables, figures and a verdict."""

from __future__ import annotations

import pytest
from pages import ROOT

NOTEBOOK = ROOT / "docs" / "notebook.ipynb"

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """The notebook after a run, with its outputs."""
    made = nbformat.read(NOTEBOOK, as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        folder = tmp_path_factory.mktemp("notebook")
        client = nbclient.NotebookClient(
            made, timeout=300, resources={"metadata": {"path": str(folder)}}
        )
        client.execute()
    return made


def shown(notebook, code):
    """Return what the cell that ends with this code shows, by its type."""
    (cell,) = [cell for cell in notebook.cells if cell.source.removesuffix(";").endswith(code)]
    data = [out["data"] for out in cell.outputs if "data" in out]
    return {kind: content for one in data for kind, content in one.items()}


@pytest.mark.parametrize(
    "code",
    [
        ".load()\ncorpus",
        "(dim=25, seed=1))\nvectors",
        'most_similar("brilliant")',
        "features)\nbest",
        "best.confusion()",
        "best.report()",
        "best.mistakes(n=5)",
        'reference="random")',
    ],
)
def test_results_are_tables(notebook, code):
    assert "<table" in shown(notebook, code)["text/html"]


@pytest.mark.parametrize("code", ['"boring"])', "swept.plot()"])
def test_figures_are_drawn(notebook, code):
    assert "image/png" in shown(notebook, code)


def test_own_vectors_beat_random_ones(notebook):
    assert "better" in shown(notebook, 'reference="random")')["text/plain"]


def test_the_stored_notebook_has_no_outputs():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert not [cell for cell in cells if cell.get("outputs")]
