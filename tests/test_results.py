"""RESULTS.md says what its runs gave, and they give it again."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from front import call, only

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

import results  # noqa: E402 - a script beside the package

PAGE = (ROOT / "RESULTS.md").read_text("utf-8")
ROWS = results.read_csv(ROOT / "docs" / "results.csv")
GROUPS = results.read_csv(ROOT / "docs" / "results-groups.csv")


def test_the_tables_are_those_of_the_runs():
    assert results.filled(PAGE, ROWS, GROUPS) == PAGE


def test_nothing_on_the_page_is_still_to_be_written():
    assert not re.search(r"(?m)^[A-Z]{5,}$", PAGE)


@pytest.mark.parametrize("part", results.ROWS | results.FACTORS)
def test_every_row_has_its_runs(part):
    asked = re.search(r"seed=([\d,]+)", (results.ROWS | results.FACTORS)[part])
    seeds = {float(seed) for seed in asked[1].split(",")} if asked else {1.0}
    assert {row["seed"] for row in ROWS if row["part"] == part} == seeds


def test_every_file_of_an_experiment_is_a_row():
    used = set(re.findall(r"experiment=(\w+)", " ".join(results.ROWS.values())))
    assert used == {path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml")}


# Another processor rounds otherwise: own vectors then differ as they do over seeds.
@pytest.mark.parametrize(("row", "tolerance"), [("glove50", 1e-3), ("assignment-own", 0.015)])
def test_a_row_comes_out_again(row, tolerance, data, tmp_path):
    overrides = results.ROWS[row].replace("seed=1,2,3", "seed=1")
    files = [f"corpus.path={data}/sst", f"glove={data}/glove/glove.6B.50d.sst.txt"]
    done = call(tmp_path, *overrides.split(), *files, "tracking=off")
    assert done.returncode == 0, done.stderr
    result = json.loads(only(tmp_path, "outputs/runs/*/result.json").read_text("utf-8"))
    kept = next(kept for kept in ROWS if kept["part"] == row)
    for split in ("train", "dev", "test"):
        assert result[split]["accuracy"] == pytest.approx(kept[f"{split}_accuracy"], abs=tolerance)
