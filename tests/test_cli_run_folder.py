"""The folders of runs: a user's own files in one are never touched."""

from __future__ import annotations

import pytest
from front import SIZES, assert_one_clear_line, call

QUICK = [*SIZES, "vectors=random", "vectors.dim=3", "sweep.strengths=[1]", "report.words=[]"]
QUICK += ["tracking=off", "cache=off"]


@pytest.fixture
def files(tmp_path):
    """Return a way to see every file in the folder with its content."""
    found = tmp_path.rglob
    return lambda: {path: path.read_bytes() for path in found("*") if path.is_file()}


@pytest.mark.parametrize("name", ["result.json", "report/mine.txt", "vectors/glove.txt"])
class TestFilesOfTheUsers:
    @pytest.fixture(autouse=True)
    def _theirs(self, tmp_path, name):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")

    def test_a_run_that_would_replace_them_is_refused_before_anything_is_written(
        self, tmp_path, files, name
    ):
        before = files()
        done = call(tmp_path, *QUICK, "hydra.run.dir=.")
        assert_one_clear_line(done, name.partition("/")[0], "not the folder of a run")
        assert files() == before

    def test_so_is_a_multirun_with_a_job_there(self, tmp_path, files, name):
        assert name
        (tmp_path / "0").mkdir()
        for path in list(tmp_path.iterdir()):
            if path.name != "0":
                path.rename(tmp_path / "0" / path.name)
        before = files()
        done = call(tmp_path, "-m", *QUICK, "hydra.sweep.dir=.", "seed=1,2")
        assert_one_clear_line(done, "not the folder of a run")
        assert files() == before


def test_a_multirun_does_not_replace_a_comparison_that_is_not_its_own(tmp_path, files):
    (tmp_path / "comparison.csv").write_text("mine")
    before = files()
    done = call(tmp_path, "-m", *QUICK, "hydra.sweep.dir=.", "seed=1,2")
    assert_one_clear_line(done, "comparison.csv", "hydra.sweep.dir")
    assert files() == before


def test_an_empty_working_folder_can_be_that_of_a_run_twice(tmp_path):
    for _ in range(2):
        done = call(tmp_path, *QUICK, "hydra.run.dir=.")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "result.json").exists()


@pytest.mark.parametrize("mode", ["run", "sweep"])
def test_relative_names_mean_the_same_when_hydra_changes_the_folder(tmp_path, mode):
    rows = "".join(f"a {word} film w{i},{word}\n" for i in range(20) for word in ("good", "bad"))
    (tmp_path / "films.csv").write_text(f"text,label\n{rows}")
    corpus = ["corpus=table", "corpus.path=films.csv", "vocab.min_count=1"]
    settings = [word for word in QUICK if not word.startswith("corpus")]
    many = ["-m", f"hydra.{mode}.dir=out"] if mode == "sweep" else ["hydra.run.dir=out"]
    done = call(tmp_path, *many, *settings, *corpus, "hydra.job.chdir=true", "features=mean")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / ("0" if mode == "sweep" else "") / "result.json").exists()
