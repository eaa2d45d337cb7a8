"""Runs by their id in MLflow: their pages again, from what was sent."""

from __future__ import annotations

import pandas as pd
import pytest
from front import SIZES, call, only, store

from pipeline.cli.report import main

URI = "sqlite:///outputs/mlflow.db"
QUICK = [*SIZES, "vectors=random", "vectors.dim=4", "sweep.strengths=[0.1,1]", "report.words=[the]"]


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """A folder with a tracked multirun of two jobs, and a run that failed."""
    folder = tmp_path_factory.mktemp("tracked")
    done = call(folder, "-m", *QUICK, "seed=1,2", store(folder))
    assert done.returncode == 0, done.stderr
    (folder / "broken.txt").write_text("the 1 2\na 3\n")
    failed = call(folder, *SIZES, "vectors=glove", "glove=broken.txt", store(folder))
    assert failed.returncode == 1
    return folder


@pytest.fixture
def runs(tracked, monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.chdir(tracked)
    client = MlflowClient(URI)
    ids = [experiment.experiment_id for experiment in client.search_experiments()]
    found = client.search_runs(ids)
    return lambda role: [r.info.run_id for r in found if r.data.tags.get("role") == role]


def test_a_run_s_page_is_the_one_it_had_but_for_the_link_to_the_comparison(tracked, runs, tmp_path):
    (first, _) = runs("job")
    main([first, "--output", str(tmp_path)])
    again = (tmp_path / "runs" / first / "report" / "index.html").read_text("utf-8")
    pages = tracked.glob("outputs/multiruns/*/*/report/index.html")
    link = '<p>This run is one of <a href="../../comparison.html">a comparison</a>.</p>'
    assert "a comparison</a>" not in again
    assert again in [page.read_text("utf-8").replace(link, "") for page in pages]
    assert not (tmp_path / "comparison.html").exists()


def test_a_parent_stands_for_its_jobs(tracked, runs, tmp_path):
    (parent,) = runs("parent")
    main([parent, "--output", str(tmp_path)])
    again = pd.read_csv(tmp_path / "comparison.csv").drop(columns="folder")
    before = pd.read_csv(only(tracked, "outputs/multiruns/*/comparison.csv"))
    pd.testing.assert_frame_equal(
        again.sort_values("arm", ignore_index=True),
        before.drop(columns="folder").sort_values("arm", ignore_index=True),
    )


def test_what_cannot_be_had_is_told_in_a_line(runs, tmp_path):
    with pytest.raises(SystemExit, match=r"error: .*Run with id=0{32} not found"):
        main(["0" * 32, "--output", str(tmp_path)])
    with pytest.raises(SystemExit, match="no such tracking store"):
        main(["0" * 32, "--tracking-uri", f"sqlite:///{tmp_path}/none.db"])
    (failed,) = runs("run")
    with pytest.raises(SystemExit, match="has no results"):
        main([failed, "--output", str(tmp_path)])
