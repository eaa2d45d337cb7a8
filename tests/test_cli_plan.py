"""What the words of a multirun mean: its jobs, composed and checked, without running them."""

from __future__ import annotations

import shlex
from functools import partial

import pytest
from front import assert_one_clear_line, call
from hydra import initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli import config
from pipeline.cli.conf import CONF
from pipeline.cli.explain import dashed, explain, quoting, unreadable
from pipeline.cli.plan import as_lists, for_each_job, plan_jobs
from pipeline.core.errors import UserError


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Return the plan of a command line."""
    monkeypatch.chdir(tmp_path)
    config.register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield lambda *words: plan_jobs("config", for_each_job(as_lists(words)))


@pytest.fixture
def jobs(plan):
    """Return what the jobs of a command line are, as texts."""
    return lambda *words: [" ".join(job.overrides) for job in plan(*words).jobs]


class TestJobs:
    def test_every_combination_is_one(self, jobs):
        assert jobs("vectors=skipgram,cbow", "vectors.dim=10,20") == [
            "vectors=skipgram vectors.dim=10",
            "vectors=skipgram vectors.dim=20",
            "vectors=cbow vectors.dim=10",
            "vectors=cbow vectors.dim=20",
        ]

    def test_ranges_and_globs_stand_for_their_values(self, jobs):
        assert jobs("seed=range(1,4)") == ["seed=1", "seed=2", "seed=3"]
        assert jobs("best.ties=choice(first,strongest)") == [
            "best.ties=first",
            "best.ties=strongest",
        ]

    def test_an_interval_is_refused_with_what_to_do(self, plan):
        with pytest.raises(UserError, match=r"interval.*hydra/sweeper=optuna"):
            plan("vocab.min_count=interval(1,3)")

    def test_what_all_have_may_be_a_key_of_a_choice_that_is_made_for_each(self, jobs, tmp_path):
        (tmp_path / "trees").mkdir()
        (tmp_path / "v.txt").touch()
        (job, other) = jobs("experiment=glove50,treebank50", "corpus.path=trees", "glove=v.txt")
        assert job == "experiment=glove50 corpus.path=trees glove=v.txt"
        assert other == "experiment=treebank50 corpus.path=trees glove=v.txt"

    def test_a_setting_reaches_its_job(self, plan):
        (small, large) = plan("vectors.dim=10,20", "features.unknown=zero").jobs
        assert (small.plan.experiment.vectors.dim, large.plan.experiment.vectors.dim) == (10, 20)
        assert small.plan.experiment.features.unknown.value == "zero"

    def test_what_is_swept_and_what_all_have_are_told_apart(self, plan):
        made = plan("vectors=skipgram,random", "vectors.dim=3")
        assert made.common == ["vectors.dim=3"]
        assert "skipgram" in made.swept
        assert "dim" not in made.swept


class TestConditions:
    def test_an_override_can_be_for_some_jobs_only(self, jobs):
        assert jobs("vectors=skipgram,random", "vectors=skipgram::vectors.window=3") == [
            "vectors=skipgram vectors.window=3",
            "vectors=random",
        ]

    def test_it_can_be_swept(self, jobs):
        assert jobs("vectors=skipgram,random", "vectors=skipgram::vectors.window=3,5") == [
            "vectors=skipgram vectors.window=3",
            "vectors=skipgram vectors.window=5",
            "vectors=random",
        ]

    def test_there_can_be_several(self, jobs):
        (own, random) = jobs(
            "vectors=skipgram,random",
            "vectors=skipgram::vectors.window=3",
            "vectors=skipgram::vectors.epochs=9",
            "vectors=random::vectors.dim=7",
        )
        assert own == "vectors=skipgram vectors.window=3 vectors.epochs=9"
        assert random == "vectors=random vectors.dim=7"

    def test_without_one_the_error_says_how_to_write_it(self, tmp_path):
        done = call(tmp_path, "-m", "vectors=skipgram,random", "vectors.window=3", "tracking=off")
        assert_one_clear_line(done, "vectors.window", "vectors=skipgram::vectors.window=3")


class TestSeeds:
    def test_vectors_from_a_file_are_run_once(self, jobs, tmp_path):
        (tmp_path / "v.txt").touch()
        found = jobs("vectors=glove,random", "seed=1,2,3", "glove=v.txt")
        assert [job for job in found if "glove " in job] == ["vectors=glove glove=v.txt"]
        assert len(found) == 4

    def test_jobs_that_differ_otherwise_are_run_each(self, jobs, tmp_path):
        (tmp_path / "v.txt").touch()
        found = jobs("vectors=glove", "seed=1,2", "features.unknown=skip,zero", "glove=v.txt")
        assert len(found) == 2


class TestSingleValuesForLists:
    @pytest.mark.parametrize(
        ("typed", "meant"),
        [
            ("corpus.unlabelled=a.txt", "corpus.unlabelled=[a.txt]"),
            ("unlabelled=a.txt", "unlabelled=[a.txt]"),
            ("report.words=good,bad", "report.words=[good],[bad]"),
            ("report.words=[good,bad]", "report.words=[good,bad]"),
            ("sweep.strengths=1", "sweep.strengths=[1]"),
            ("sweep.strengths=${logspace:-1,1,3}", "sweep.strengths=${logspace:-1,1,3}"),
            ("report.words=", "report.words="),
            ("vectors.dim=3", "vectors.dim=3"),
        ],
    )
    def test_are_lists_of_one(self, typed, meant):
        assert as_lists([typed]) == [meant]


class TestMatch:
    def test_dim_gives_all_arms_as_many_features(self, jobs):
        assert jobs("vectors.dim=10,20", "match=dim") == [
            "vectors.dim=10 match=dim",
            "vectors.dim=20 match=dim features.components=10",
        ]

    def test_dim_looks_into_the_vector_file(self, jobs, tmp_path):
        (tmp_path / "v.txt").write_text("a 1 2 3\nb 4 5 6\n")
        found = jobs("vectors=glove,random", "glove=v.txt", "match=dim")
        assert "features.components=3" in found[1]

    def test_words_keeps_those_that_all_know(self, jobs, tmp_path):
        (tmp_path / "v.txt").write_text("a 1 2 3\nb 4 5 6\n")
        for job in jobs("vectors=glove,random", "glove=v.txt", "match=words"):
            assert job.endswith("features.vocabulary=['v.txt','vocab']")

    def test_words_needs_an_arm_with_a_file(self, plan):
        with pytest.raises(UserError, match="no arm reads its vectors from a file"):
            plan("vectors=skipgram,random", "match=words")

    def test_the_samples_own_vectors_have_no_file_to_take_words_from(self, plan):
        with pytest.raises(UserError, match=r"in no file.* Name a file, glove=FILE, or take match"):
            plan("vectors=skipgram,glove", "match=words")


class TestEveryJobIsCheckedBeforeTheFirst:
    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["vectors=random,glove", "glove=gone.txt"], ["vectors.path", "gone.txt", "no such"]),
            (["vectors=random,both", "glove=gone.txt"], ["vectors.pretrained.path", "gone.txt"]),
            (["vectors=random,skipgram", "vectors=skipgram::vectors.init=no.txt"], ["init"]),
            (["evaluation.similarity=[no.csv]", "seed=1,2"], ["evaluation.similarity", "no.csv"]),
            (["corpus=sample,table", "corpus=table::corpus.train_file=t.csv"], ["train_file"]),
        ],
    )
    def test_a_missing_file_of_the_last_job_stops_it(self, tmp_path, words, said):
        done = call(tmp_path, "-m", *words, "tracking=off")
        assert_one_clear_line(done, *said)
        assert "in the job" in done.stderr
        assert not list(tmp_path.glob("outputs/multiruns/*/0"))


class TestMistakes:
    @pytest.fixture
    def here(self, tmp_path):
        return partial(call, tmp_path, "tracking=off")

    def test_several_values_without_m(self, here):
        done = here("vectors=skipgram,glove")
        assert_one_clear_line(done, "vectors=skipgram,glove", "add -m", "vectors='skipgram,glove'")

    @pytest.mark.parametrize("key", ["sweep.strengths", "corpus.text_splits", "unlabelled"])
    def test_several_values_of_a_list_without_m(self, key):
        error = HydraException("Sweep parameters require --multirun")
        said = (
            f"{key}=a,b: several values make several runs: add -m. As one list, type '{key}=[a,b]'"
        )
        assert explain(error, [f"{key}=a,b"]) == said

    def test_a_value_after_a_space(self, here):
        done = here("corpus.path", "x.csv")
        assert_one_clear_line(done, "corpus.path: its value is missing. Type corpus.path=x.csv")

    def test_m_may_stand_anywhere(self, here):
        done = here("vectors=random", "-m", "seed=1,2", "vectors.dim=many")
        assert_one_clear_line(done, "vectors.dim", "in the job tracking=off vectors=random")

    @pytest.mark.parametrize("typed", ["--vectors=random", "-corpus=table"])
    def test_a_setting_with_dashes(self, typed, here):
        assert_one_clear_line(
            here(typed), f"{typed}: a setting has no dashes. Type {typed.strip('-')}"
        )

    def test_options_of_hydra_are_no_settings(self):
        options = [
            "--config-name=x",
            "-cn=x",
            "--cfg=job",
            "-c=job",
            "--info=all",
            "-m",
            "--package=x",
        ]
        assert dashed([*options, "vectors=random"]) is None
        assert unreadable(["-cn", "config", "--cfg", "job", "~vectors.init"]) is None

    def test_a_key_of_some_jobs_names_the_choices_that_have_it(self, here):
        done = here("-m", "corpus=sst,table", "corpus.text=" + "t" * 400)
        assert_one_clear_line(done, "corpus.text: no such key. Only for some jobs: corpus=table::")
        assert max(map(len, done.stderr.splitlines())) <= 307  # with "error: "

    @pytest.mark.parametrize("key", ["path", "url"])
    def test_a_key_of_other_choices_names_them_all(self, here, key):
        expected = [f"corpus={name}" for name in ("sst", "imdb", "table")]
        expected = expected[:2] if key == "url" else expected
        assert_one_clear_line(here(f"corpus.{key}=x"), f"corpus.{key}: no such key", *expected)

    @pytest.mark.parametrize("name", ["x.csv", "X.TSV", "a b.parquet", "x.csv.gz"])
    def test_a_table_without_its_corpus_is_told_the_corpus(self, name, here):
        assert_one_clear_line(here(f"corpus.path='{name}'"), f"{name} is a table: add corpus=table")

    def test_a_list_for_a_setting_that_takes_one_value(self, here):
        assert_one_clear_line(here("vectors.dim=[1,2]"), "vectors.dim", "-m")


class TestQuoting:
    @given(st.text(st.sampled_from(list("ab =,()[]{}'\"~:;\t*?&<>|`#\\$!é")), min_size=1))
    def test_what_is_suggested_can_be_typed_and_means_the_value(self, value):
        word = f"name={value}"
        if unreadable([word]) is None:
            return
        suggested = quoting(word).rpartition(" Type ")[2]
        (typed,) = shlex.split(suggested)
        assert unreadable([typed]) is None
        (override,) = OverridesParser.create().parse_overrides([typed])
        assert override.value() == value.strip("'\"")
