"""A comparison: its rows, its tests, its page."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from runs import Vectors, hostile
from statsmodels.stats.contingency_tables import mcnemar

from pipeline.cli.report import main
from pipeline.comparison import arm_names, compare
from pipeline.comparison.origin import commands
from pipeline.comparison.table import arms_table
from pipeline.stages.features.features import Mean
from pipeline.stages.report.report import Report
from pipeline.stages.report.result import read_result, write_result

pytestmark = pytest.mark.filterwarnings("ignore:Glyph")  # no font of matplotlib's has an emoji

ARMS = {
    "0": ("own", {"vectors": Vectors(seed=1), "seed": 1}),
    "1": ("own", {"vectors": Vectors(seed=2), "seed": 2}),
    "2": ("glove", {"vectors": Vectors(seed=7, dim=12, share=1.0), "seed": 1}),
    "3": ("glove", {"vectors": Vectors(seed=8, dim=12, share=1.0), "seed": 2}),
}


@pytest.fixture(scope="module")
def multirun(tmp_path_factory):
    folder = tmp_path_factory.mktemp("multirun")
    for job, (name, settings) in ARMS.items():
        report = Report(words=[], learning_curve=[0.5, 1.0], draws=2, examples=2)
        hostile(folder / job, name, report=report, **settings)
        write_overrides(folder / job, f"vectors={name}", f"seed={settings['seed']}", "note=a b")
    (folder / "4" / ".hydra").mkdir(parents=True)
    write_overrides(folder / "4", "vectors=<i>lost</i>", "seed=1", "note=a b")
    (folder / "4" / "error.json").write_text('{"error": "<b>no</b> such file"}')
    compare([folder / job for job in "01234"]).save(folder)
    return folder


def write_overrides(folder, *overrides):
    (folder / ".hydra").mkdir(exist_ok=True)
    (folder / ".hydra" / "overrides.yaml").write_text("\n".join(f"- '{o}'" for o in overrides))


@pytest.fixture(scope="module")
def rows(multirun):
    return json.loads((multirun / "comparison.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def page(multirun):
    return (multirun / "comparison.html").read_text("utf-8")


def right(multirun, job):
    table = pd.read_csv(multirun / job / "best" / "predictions.csv", keep_default_na=False)
    return table.loc[table["split"] == "test", "correct"].to_numpy(bool)


class TestRows:
    def test_overrides_stay_apart_though_they_hold_spaces(self, rows):
        assert rows[0]["overrides"] == ["vectors=own", "seed=1", "note=a b"]

    def test_the_runs_of_an_arm_meet_the_reference_arm(self, rows):
        assert [row["against"] for row in rows[:2]] == ["glove", "glove"]
        assert [row["reference"] for row in rows[:4]] == [False, False, True, True]

    def test_an_arm_meets_the_reference_that_differs_in_the_vectors_alone(self, tmp_path):
        plain, unit = {"features": Mean()}, {"features": Mean(normalize=True)}
        runs = {"a": ("glove", plain), "b": ("glove", unit), "c": ("own", unit)}
        folders = [hostile(tmp_path / key, name, **how) for key, (name, how) in runs.items()]
        found = compare(folders, {folder: [f"name={folder.name}"] for folder in folders})
        assert [row.get("against") for row in found.rows] == [None, None, "name=b"]

    def test_an_arm_meets_the_reference_with_the_nearest_number_of_features(self, tmp_path):
        runs = {"a": ("glove", 4), "b": ("glove", 8), "c": ("own", 8), "d": ("own", 4)}
        folders = [hostile(tmp_path / k, n, vectors=Vectors(dim=d)) for k, (n, d) in runs.items()]
        found = compare(folders, {folder: [f"name={folder.name}"] for folder in folders})
        assert [row.get("against") for row in found.rows] == [None, None, "name=b", "name=a"]

    def test_csv_and_json_say_the_same(self, multirun, rows):
        table = pd.read_csv(multirun / "comparison.csv")
        assert table["arm"].tolist() == [row["arm"] for row in rows]
        for key in ("test_accuracy", "difference", "bootstrap_low", "p", "p_holm"):
            expected = [np.nan if row[key] is None else row[key] for row in rows]
            assert table[key].tolist() == pytest.approx(expected, nan_ok=True)

    def test_the_verdict_is_the_same_in_all_rows_of_an_arm(self, rows):
        for key in ("difference", "difference_low", "difference_high", "p", "p_holm"):
            assert rows[0][key] == rows[1][key]

    def test_sentences_that_only_one_gets_right_are_counted_under_the_same_seed(
        self, multirun, rows
    ):
        for row, (own, reference) in zip(rows[:2], [("0", "2"), ("1", "3")], strict=True):
            a, b = right(multirun, own), right(multirun, reference)
            square = [[np.sum(a & b), np.sum(a & ~b)], [np.sum(~a & b), np.sum(~a & ~b)]]
            assert (row["only_this"], row["only_reference"]) == (square[0][1], square[1][0])
            assert row["mcnemar_p"] == pytest.approx(mcnemar(square, exact=True).pvalue)

    def test_the_difference_is_that_of_the_means_over_seeds(self, multirun, rows):
        means = [right(multirun, job).mean() for job in "0123"]
        expected = np.mean(means[:2]) - np.mean(means[2:])
        assert rows[0]["difference"] == pytest.approx(expected)

    def test_a_job_that_failed_has_its_error(self, rows):
        assert rows[4]["status"] == "failed"
        assert rows[4]["error"] == "<b>no</b> such file"

    def test_the_same_name_twice_is_told_apart_by_the_folder(self, tmp_path):
        for name in ("a", "b"):
            hostile(tmp_path / name)
        arms = [row["arm"] for row in compare([tmp_path / "a", tmp_path / "b"]).rows]
        assert arms == ["own (a)", "own (b)"]

    def test_arms_are_named_by_what_not_all_have(self):
        rows = [["vectors=skipgram", "seed=1", "corpus=sst"], ["vectors=glove", "corpus=sst"]]
        assert arm_names(rows) == ["skipgram seed=1", "glove"]

    def test_vector_files_name_an_arm_without_folder_and_ending(self):
        rows = [["vectors=glove", f"glove=/data/{name}.txt.gz"] for name in ("glove.6B.50d", "x")]
        assert arm_names(rows) == ["glove.6B.50d", "x"]

    def test_what_changes_no_number_names_no_arm(self):
        rows = [["vectors=glove", "report.examples=9", "tracking=off"], ["vectors=own"]]
        assert arm_names(rows) == ["glove", "own"]

    def test_a_glove_file_does_not_name_vectors_that_are_trained(self):
        rows = [
            ["vectors=skipgram", "seed=1"],
            ["vectors=skipgram", "glove=glove.6B.50d.txt", "corpus=sst"],
        ]
        assert arm_names(rows) == ["seed=1", "corpus=sst"]


class TestSeeds:
    def test_runs_that_differ_in_the_seed_alone_are_one_arm(self, multirun, rows):
        table = pd.read_csv(multirun / "comparison" / "arms.csv")
        assert table["arm"].tolist() == ["own", "glove"]
        assert table["runs"].tolist() == [2, 2]
        for i, pair in enumerate((rows[:2], rows[2:4])):
            accuracy = pd.Series([row["test_accuracy"] for row in pair])
            assert table["test_accuracy"][i] == pytest.approx(accuracy.mean())
            assert table["test_accuracy_deviation"][i] == pytest.approx(accuracy.std())

    def test_one_verdict_an_arm(self, multirun):
        (verdict,) = compare([multirun / job for job in "0123"]).verdicts
        assert verdict.text().endswith(f"; {verdict.agreeing} of 2 seeds agree).")
        assert not [doubt for doubt in verdict.doubts() if "seed" in doubt]

    def test_with_one_seed_the_page_says_what_is_not_covered(self, multirun):
        (verdict,) = compare([multirun / "0", multirun / "2"]).verdicts
        assert any("seed=1,2,3,4,5 runs more" in doubt for doubt in verdict.doubts())

    def test_runs_on_other_test_sentences_are_never_pooled(self, multirun, tmp_path):
        for job in "01":
            shutil.copytree(multirun / job, tmp_path / job)
        result = read_result(tmp_path / "1")
        result["digests"]["test"] = "another"
        write_result(tmp_path / "1", result)
        found = compare([tmp_path / "0", tmp_path / "1"])
        assert [len(arm.rows) for arm in found.arms] == [1, 1]
        assert found.verdicts[0].kind == "apart"
        assert "different test sentences" in found.sentences()[0]


class TestDoubts:
    def test_more_features_than_the_reference_are_named(self, tmp_path):
        runs = {"a": ("glove", 4), "b": ("own", 8)}
        folders = [hostile(tmp_path / k, n, vectors=Vectors(dim=d)) for k, (n, d) in runs.items()]
        (verdict,) = compare(folders, {folder: [folder.name] for folder in folders}).verdicts
        assert any("has 8 features and a= 4" in doubt for doubt in verdict.doubts())

    def test_a_lower_coverage_of_the_reference_is_named(self, tmp_path):
        runs = {"a": ("glove", 0.3), "b": ("own", 1.0)}
        folders = [hostile(tmp_path / k, n, vectors=Vectors(share=s)) for k, (n, s) in runs.items()]
        (verdict,) = compare(folders, {folder: [folder.name] for folder in folders}).verdicts
        assert any("match=words" in doubt for doubt in verdict.doubts())

    def test_an_arm_no_better_than_the_most_frequent_class_is_named(self, tmp_path):
        folder = hostile(tmp_path / "a", vectors=Vectors(share=0.0, dim=1))
        (doubt,) = compare([folder]).baseline_doubts()
        assert "is not clearly better than always answering" in doubt

    def test_numbers_in_words_json_and_page_are_the_same(self, multirun, rows, page):
        (verdict,) = compare([multirun / job for job in "0123"]).verdicts
        said = json.loads((multirun / "comparison" / "page.json").read_text("utf-8"))
        assert verdict.text() == said["verdicts"][0]["text"]
        assert verdict.text() in page
        test = said["arms"][0]["tests"][0]
        assert (test["difference"], test["p_holm"]) == (rows[0]["difference"], rows[0]["p_holm"])
        assert (test["low"], test["high"]) == (rows[0]["adjusted_low"], rows[0]["adjusted_high"])


class TestTerminal:
    @pytest.mark.parametrize("width", [60, 80, 120])
    def test_the_test_accuracy_with_its_interval_is_never_cut(self, multirun, width):
        console = Console(width=width, file=io.StringIO())
        comparison = compare([multirun / job for job in "0123"])
        console.print(arms_table(comparison.arms, list(comparison.baselines.values()), console))
        printed = console.file.getvalue()
        assert max(map(len, printed.splitlines())) <= width
        for arm in comparison.arms:
            low, high = arm.interval(arm.metrics[0])
            mean = arm.spread("test_accuracy").mean
            assert f"{100 * mean:.1f} ({100 * low:.1f}-{100 * high:.1f})" in printed


class TestPage:
    def test_has_every_arm_with_its_numbers(self, page, rows):
        for row in rows[:4]:
            assert row["arm"] in page
            assert f"{100 * row['test_accuracy']:.1f}" in page
        assert "What failed" in page

    def test_names_and_errors_are_text(self, page):
        assert "&lt;i&gt;lost&lt;/i&gt;" in page
        assert "&lt;b&gt;no&lt;/b&gt; such file" in page
        assert page.count("<script") <= 2  # the data of the map, and our own

    def test_sentences_that_only_one_gets_right_are_explained_by_both(self, multirun, page):
        said = json.loads((multirun / "comparison" / "page.json").read_text("utf-8"))
        answers = {job: right(multirun, job) for job in "02"}
        cases = 0
        for pair, (own, reference) in zip(said["differ"], [("0", "2")], strict=True):
            for side, (winner, loser) in (
                ("arm_only", (own, reference)),
                ("other_only", (reference, own)),
            ):
                only = answers[winner] & ~answers[loser]
                assert pair[side]["count"] == only.sum()
                for case in pair[side]["cases"]:
                    assert only[case["test_sentence"]]
                    # Above zero the wrong class wins, below zero the true one.
                    assert case["right_gloss"]["total"] <= 0 <= case["wrong_gloss"]["total"]
                    cases += 1
        assert cases
        assert "Where they differ" in page

    def test_learning_curves_lie_over_each_other(self, multirun):
        table = pd.read_csv(multirun / "comparison" / "learning.csv")
        assert table["arm"].nunique() == 2
        assert "dev_deviation" in table

    def test_made_again_it_is_the_same_byte_for_byte(self, multirun, page, capsys):
        numbers = (multirun / "comparison" / "page.json").read_bytes()
        main([str(multirun)])
        again = (multirun / "comparison.html").read_text("utf-8")
        assert again == page
        assert (multirun / "comparison" / "page.json").read_bytes() == numbers
        printed = capsys.readouterr().out
        assert "Accuracy in %" in printed
        assert "such file" in printed
        assert str(multirun / "comparison.html") in printed

    def test_any_runs_are_compared_in_a_folder_of_one_s_choice(self, multirun, tmp_path, capsys):
        main([str(multirun / "0"), str(multirun / "3"), "--output", str(tmp_path / "two")])
        table = pd.read_csv(tmp_path / "two" / "comparison.csv")
        assert table["arm"].tolist() == ["own seed=1", "glove seed=2"]
        assert (tmp_path / "two" / "comparison.html").exists()
        assert capsys.readouterr().out.count("index.html") == 2

    def test_leads_to_the_pages_of_its_runs(self, multirun, page):
        assert '<a href="0/report/index.html">' in page
        assert (multirun / "0" / "report" / "index.html").exists()

    def test_of_failed_jobs_alone_says_so(self, multirun, tmp_path):
        comparison = compare([multirun / "4"])
        comparison.save(tmp_path)
        assert "No run finished" in (tmp_path / "comparison.html").read_text("utf-8")

    def test_of_a_single_run_says_so(self, multirun, tmp_path):
        compare([multirun / "0"]).save(tmp_path)
        assert "nothing to compare it with" in (tmp_path / "comparison.html").read_text("utf-8")


class TestSentences:
    def test_are_those_that_some_arms_get_right_and_others_do_not(self, multirun):
        table = pd.read_csv(multirun / "comparison" / "sentences.csv", keep_default_na=False)
        differ = right(multirun, "0") != right(multirun, "2")
        assert sorted(table["test_sentence"]) == np.flatnonzero(differ).tolist()
        own = table[
            "predicted(vectors=own)" if "predicted(vectors=own)" in table else "predicted(own)"
        ]
        answers = right(multirun, "0")[table["test_sentence"]]
        assert ((own == table["true"]) == answers).all()

    def test_stand_on_the_page_with_every_answer(self, multirun, page):
        said = json.loads((multirun / "comparison" / "page.json").read_text("utf-8"))
        assert said["disagreeing"] == len(said["sentences"]) == page.count('<tr><td dir="auto">')
        for row in said["sentences"]:
            assert {answer["right"] for answer in row["answers"].values()} == {True, False}


class TestOrigin:
    def test_a_grid_of_runs_is_one_command(self):
        asked = [[f"vectors={v}", f"seed={s}"] for v in ("own", "glove") for s in (1, 2)]
        made = commands([{"overrides": overrides} for overrides in asked])
        assert made == ["yourvectors -m vectors=own,glove seed=1,2"]

    def test_other_runs_are_a_command_each(self):
        asked = [["vectors=own", "seed=1"], ["vectors=glove"], ["name=a b"]]
        made = commands([{"overrides": overrides} for overrides in asked])
        assert made == [
            "yourvectors vectors=own seed=1",
            "yourvectors vectors=glove",
            "yourvectors 'name=a b'",
        ]

    def test_the_page_names_date_seeds_and_files(self, multirun, page):
        date = read_result(multirun / "0")["date"]
        title = page.partition("<title>")[2].partition("</title>")[0]
        assert title.endswith(f"seeds 1\N{EN DASH}2, {date}")
        assert '<a href="comparison.csv">' in page


def test_a_very_long_name_of_an_arm_is_cut_and_stays_its_own(multirun, tmp_path):
    for job in "02":
        shutil.copytree(multirun / job, tmp_path / job)
        write_overrides(tmp_path / job, f"note={'long ' * 60}{job}{' long' * 60}")
    comparison = compare([tmp_path / job for job in "02"])
    names = [arm.name for arm in comparison.arms]
    assert len(set(names)) == 2
    assert max(map(len, names)) < 90
    comparison.save(tmp_path)


def test_the_page_of_nine_arms_is_under_five_megabytes(multirun, tmp_path):
    for i in range(9):
        shutil.copytree(multirun / "2301"[i % 4], tmp_path / str(i))
        write_overrides(tmp_path / str(i), f"vectors={'own' if i else 'glove'}", f"vectors.dim={i}")
        path = tmp_path / str(i) / "best" / "predictions.csv"
        table = pd.read_csv(path, keep_default_na=False)  # each arm errs in its own way
        table["predicted"] = table["predicted"].sample(frac=1, random_state=i).to_numpy()
        table.to_csv(path, index=False)
        write_result(tmp_path / str(i), read_result(tmp_path / str(i)))
    compare([tmp_path / str(i) for i in range(9)]).save(tmp_path)
    assert 50_000 < (tmp_path / "comparison.html").stat().st_size < 5_000_000
