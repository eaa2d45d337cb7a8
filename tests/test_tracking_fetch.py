"""Runs by their id in MLflow: their pages again, from what was sent."""

from __future__ import annotations

import pandas as pd
import pytest
from front import only
from mlflow import MlflowClient

from pipeline.cli.report import main
from pipeline.tracking.client import connect


@pytest.fixture
def runs(multirun, monkeypatch):
    monkeypatch.chdir(multirun[0])
    client = MlflowClient("sqlite:///outputs/mlflow.db")
    found = client.search_runs([client.get_experiment_by_name("sample-5").experiment_id])
    return lambda role: [r.info.run_id for r in found if r.data.tags["role"] == role]


def test_a_run_s_page_is_the_one_it_had_but_for_the_link_to_the_comparison(
    multirun, runs, tmp_path
):
    first, *_ = runs("job")
    main([first, "--output", str(tmp_path)])
    again = (tmp_path / "runs" / first / "report" / "index.html").read_text("utf-8")
    pages = multirun[0].glob("outputs/multiruns/*/*/report/index.html")
    link = '<p>This run is one of <a href="../../comparison.html">a comparison</a>.</p>'
    assert "a comparison</a>" not in again
    assert again in [page.read_text("utf-8").replace(link, "") for page in pages]
    assert not (tmp_path / "comparison.html").exists()


def test_a_parent_stands_for_its_jobs(multirun, runs, tmp_path):
    (parent,) = runs("parent")
    main([parent, "--output", str(tmp_path)])
    again = pd.read_csv(tmp_path / "comparison.csv").drop(columns="folder")
    before = pd.read_csv(only(multirun[0], "outputs/multiruns/*/comparison.csv"))
    pd.testing.assert_frame_equal(
        again.sort_values("arm", ignore_index=True),
        before.drop(columns="folder").sort_values("arm", ignore_index=True),
    )


def test_what_cannot_be_had_is_told_in_a_line(local, tmp_path):
    client = connect(local.uri)
    failed = client.create_run(client.create_experiment("sample-5")).info.run_id
    client.set_terminated(failed, "FAILED")
    with pytest.raises(SystemExit, match=r"error: .*has no results: its status .* is FAILED"):
        main([failed, "--tracking-uri", local.uri, "--output", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"error: .*Run with id=0{32} not found"):
        main(["0" * 32, "--tracking-uri", local.uri, "--output", str(tmp_path)])
    with pytest.raises(SystemExit, match="no such tracking store"):
        main(["0" * 32, "--tracking-uri", f"sqlite:///{tmp_path}/none.db"])
