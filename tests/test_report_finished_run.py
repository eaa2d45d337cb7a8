from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from runs import Vectors, hostile, table

from pipeline.core.errors import UserError
from pipeline.stages.best import best
from pipeline.stages.corpus import Table
from pipeline.stages.report.finished_run import FinishedRun, in_order, read_overrides
from pipeline.stages.sweep.sweep import Logistic

CLASSES = ["1", "1.0", "NA"]  # listed, they are no misspellings of each other


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose classes and words look like numbers, truth values and gaps."""
    folder = tmp_path_factory.mktemp("numbers") / "run"
    texts = {"1": ["nan NA null 0012", '1e5 ,,, "a"'], "NA": ["None True -1"], "1.0": ["x", "y"]}
    folder.mkdir()
    corpus = table(folder.parent / "numbers.csv", texts)
    vectors = Vectors(share=0.5)
    corpus = replace(corpus, classes=CLASSES)
    return hostile(folder, corpus=corpus, vectors=vectors, sweep=Logistic([1e-3, 1]))


class TestFinishedRun:
    def test_sentences_and_classes_come_back_as_they_were(self, run):
        read = FinishedRun.read(run)
        path = str(run.parent / "numbers.csv")
        corpus = Table(path=path, split="split", classes=CLASSES).load()
        assert read.test.sentences == corpus.splits["test"].sentences
        np.testing.assert_array_equal(read.test.true, corpus.splits["test"].labels)
        assert tuple(read.classes) == corpus.classes

    def test_predictions_are_the_most_probable_classes(self, run):
        test = FinishedRun.read(run).test
        table = pd.read_csv(run / "best" / "predictions.csv")
        p = table[table["split"] == "test"].filter(like="p(").to_numpy()
        np.testing.assert_array_equal(test.predicted, p.argmax(axis=1))
        np.testing.assert_array_equal(test.p_predicted, p.max(axis=1))
        np.testing.assert_array_equal(test.p_true, p[np.arange(len(p)), test.true])
        assert np.mean(~test.wrong) == FinishedRun.read(run).result["test"]["accuracy"]

    def test_of_many_classes_the_two_probabilities_of_a_sentence_are_the_same(
        self, run, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(best, "ALL_PROBABILITIES", 1)
        corpus = Table(path=str(run.parent / "numbers.csv"), split="split", classes=CLASSES)
        vectors, sweep = Vectors(share=0.5), Logistic([1e-3, 1])
        again = hostile(tmp_path, corpus=corpus, vectors=vectors, sweep=sweep)
        one, two = FinishedRun.read(run).test, FinishedRun.read(again).test
        np.testing.assert_array_equal(one.p_true, two.p_true)
        np.testing.assert_array_equal(one.p_predicted, two.p_predicted)

    def test_the_chosen_strength_has_its_row(self, run):
        read = FinishedRun.read(run)
        assert read.strengths["strength"][read.chosen] == read.result["strength"]

    def test_words_without_a_vector_are_counted(self, run):
        read = FinishedRun.read(run)
        words = sum(map(len, read.test.sentences))
        covered = 1 - read.unknown().sum() / words
        assert covered == pytest.approx(read.result["coverage"]["test"])

    def test_an_explanation_leads_to_the_class_that_was_predicted(self, run):
        read = FinishedRun.read(run)
        for i in range(len(read.test.sentences)):
            assert read.explain(i).scores.argmax() == read.test.predicted[i]

    def test_what_the_run_was_asked_for_is_known_where_hydra_noted_it(self, run, tmp_path):
        assert read_overrides(run) == []
        (tmp_path / ".hydra").mkdir()
        (tmp_path / ".hydra" / "overrides.yaml").write_text("- seed=2\n- corpus.path=a b\n")
        assert read_overrides(tmp_path) == ["seed=2", "corpus.path=a b"]


def test_jobs_are_in_the_order_of_their_numbers_then_of_their_names():
    names = ["beta", "10", "9", "alphabetical", "0"]
    ordered = [job.name for job in in_order(map(Path, names))]
    assert ordered == ["0", "9", "10", "alphabetical", "beta"]


class TestBrokenFolders:
    def test_no_result_is_told(self, tmp_path):
        with pytest.raises(UserError, match=r"not the folder of a finished run"):
            FinishedRun.read(tmp_path)

    def test_half_a_result_is_told_with_its_line(self, tmp_path):
        (tmp_path / "result.json").write_text('{\n"a": ')
        with pytest.raises(UserError, match=r"result.json is damaged \(Invalid JSON: .* at line 2"):
            FinishedRun.read(tmp_path)

    def test_a_missing_table_is_told(self, tmp_path):
        with pytest.raises(UserError, match=r"sweep.results.csv is missing"):
            _ = FinishedRun(tmp_path, {}).strengths
