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
ARMS, RUNS, GROUPS = (
    results.read_csv(ROOT / "docs" / f"results{part}.csv") for part in ("-arms", "", "-groups")
)
POOLED = [(task, name, row) for task, rows in results.POOLED.items() for name, row in rows.items()]


def seeds(overrides):
    asked = re.search(r"seed=([\d,]+)", overrides)
    return {float(seed) for seed in asked[1].split(",")} if asked else {1.0}


def test_the_tables_are_made_from_the_numbers():
    tables = results.tables(ARMS, GROUPS) | results.command_tables()
    for name in tables:
        assert f"<!-- {name} -->" in PAGE, name
    assert results.filled(PAGE, tables) == PAGE


def test_nothing_on_the_page_is_still_to_be_written():
    assert not re.search(r"(?m)^[A-Z]{5,}$", PAGE)


@pytest.mark.parametrize("part", results.FACTORS)
def test_every_factor_has_its_runs(part):
    asked = seeds(results.FACTORS[part])
    assert {row["seed"] for row in RUNS if row["part"] == part} == asked


@pytest.mark.parametrize(("task", "name", "overrides"), POOLED)
def test_every_arm_has_all_its_seeds_and_a_verdict_against_each_reference(task, name, overrides):
    rows = [row for row in ARMS if (row["task"], row["arm"]) == (task, name)]
    assert {row["seeds"] for row in rows} == {len(seeds(overrides))}
    references = results.REFERENCES[task]
    expected = {""} if name in references or name in results.ASIDE else set(references)
    assert {row["against"] for row in rows} == expected


def test_the_amounts_of_own_text_are_those_of_the_command():
    found = [row["own_words"] for row in ARMS if row["arm"] == "imdb-own50"]
    for words, asked in zip(found, results.AMOUNTS, strict=True):
        assert asked <= words < asked + 3000  # it stops after the review that reaches them


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_a_difference_is_claimed_where_its_interval_excludes_zero(metric):
    for row in (row for row in ARMS if row["against"]):
        excluded = row[f"{metric}_low"] > 0 or row[f"{metric}_high"] < 0
        assert excluded == (row[f"{metric}_kind"] != "open") == (row[f"{metric}_p_holm"] < 0.05)


def test_every_row_is_an_experiment_with_a_file():
    files = {path.stem for path in (ROOT / "conf/experiment").glob("*.yaml")}
    assert files == {name for _, name, _ in POOLED} | {"assignment"}  # assignment: any corpus
    assert all(row.split()[0] == f"experiment={name}" for _, name, row in POOLED)


# Another processor rounds otherwise: own vectors then differ as they do over seeds.
@pytest.mark.parametrize(("row", "tolerance"), [("glove50", 1e-3), ("assignment-own", 0.015)])
def test_a_row_comes_out_again(row, tolerance, data, tmp_path):
    (overrides,) = {found for _, name, found in POOLED if name == row}
    overrides = overrides.replace(results.SEEDS, "seed=1")
    files = [f"corpus.path={data}/sst", f"glove={data}/glove/glove.6B.50d.sst.txt"]
    done = call(tmp_path, *overrides.split(), *files, "tracking=off")
    assert done.returncode == 0, done.stderr
    result = json.loads(only(tmp_path, "outputs/runs/*/result.json").read_text("utf-8"))
    kept = next(kept for kept in ARMS if kept["arm"] == row)
    for split in ("dev", "test"):
        assert result[split]["accuracy"] == pytest.approx(kept[f"{split}_accuracy"], abs=tolerance)
