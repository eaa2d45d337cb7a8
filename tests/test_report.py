"""The page of a run: what it says, that it is safe, and that it can be made again."""

from __future__ import annotations

import json
import re
import shutil
from decimal import Decimal
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from runs import HOSTILE, Vectors, hostile, table
from sklearn.metrics import precision_recall_fscore_support
from sklearn.naive_bayes import GaussianNB

from pipeline.cli.report import main
from pipeline.core.errors import UserError
from pipeline.stages.features.features import Mean
from pipeline.stages.report.curve_text import read_strengths
from pipeline.stages.report.finished_run import FinishedRun
from pipeline.stages.report.page import rebuild_page, write_page
from pipeline.stages.report.report import Report
from pipeline.stages.report.result import read_result
from pipeline.stages.sweep.sweep import TwoLayer
from pipeline.stages.vectors.word_vectors import WordVectors


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    report = Report(words=["<", "film", "טוב"], examples=9)
    return hostile(tmp_path_factory.mktemp("run"), report=report)


@pytest.fixture(scope="module")
def page(run):
    return (run / "report" / "index.html").read_text("utf-8")


@pytest.fixture(scope="module")
def said(run):
    return json.loads((run / "report" / "page.json").read_text("utf-8"))


class Reader(HTMLParser):
    """Notes the elements of a page, their attributes, and the text outside the style sheet."""

    VOID = ("meta", "link", "br", "img")

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], "", []
        self.spaced = ""
        self.unbalanced = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        self.unbalanced |= not self.open or self.open.pop() != tag

    def handle_data(self, data):
        if not {"style", "script"} & set(self.open):
            self.text += data
            self.spaced += f" {data} "


class TestSafe:
    def test_text_of_the_corpus_stays_text(self, page):
        read = Reader(page)
        assert not {"img", "b onerror", "iframe", "object"} & set(read.tags)
        assert read.tags.count("script") == 2  # the data of the map, and our own
        assert not [name for name, _ in read.attributes if name.startswith("on")]
        for word in ("<", "script", "onerror=alert", "{", "סרט", "👍"):
            assert word in read.text

    def test_class_names_are_shown_as_they_are(self, page):
        read = Reader(page)
        for name in HOSTILE:
            assert name in read.text

    def test_every_element_that_is_opened_is_closed(self, page):
        read = Reader(page)
        assert not read.unbalanced
        assert not read.open

    def test_nothing_is_fetched(self, page):
        links = [value for name, value in Reader(page).attributes if name in {"src", "href"}]
        assert all(value.startswith(("#", "data:")) for value in links)
        assert "http://" not in re.sub(r'xmlns(:\w+)?="[^"]+"', "", page)
        assert "@import" not in page
        assert not re.search(r"url\((?!#)", page)

    def test_a_sentence_s_direction_is_its_own(self, page):
        assert '<p class="gloss" dir="auto">' in page
        assert "<bdi>סרט</bdi>" in page


class TestRight:
    def test_the_headline_is_that_of_the_result(self, run, page):
        result = json.loads((run / "result.json").read_text("utf-8"))
        text = Reader(page).text
        test = result["test"]
        assert f"{100 * test['accuracy']:.1f}" in text
        assert (
            f"{100 * test['accuracy_low']:.1f}\N{EN DASH}{100 * test['accuracy_high']:.1f}" in text
        )
        assert f"{test['macro_f1']:.3f}" in text
        assert f"{100 * result['coverage']['test']:.1f} %" in text

    def test_precision_and_recall_are_scikit_learns(self, run, said):
        table = pd.read_csv(run / "best" / "predictions.csv", keep_default_na=False)
        table = table[table["split"] == "test"]
        names = [row["class"] for row in said["classes"]]
        expected = precision_recall_fscore_support(
            table["label"], table["predicted"], labels=names, zero_division=0
        )
        for i, key in enumerate(("precision", "recall", "f1", "sentences")):
            assert [row[key] for row in said["classes"]] == pytest.approx(expected[i].tolist())

    def test_the_words_of_every_mistake_add_up_as_they_are_shown(self, said):
        assert said["explained"] == "exactly"
        assert said["mistakes"]
        for mistake in said["mistakes"].values():
            gloss = mistake["gloss"]
            shown = [Decimal(f"{word['shown']:.2f}") for word in gloss["words"]]
            total = sum(shown) + Decimal(f"{gloss['base']:.2f}")
            assert total == Decimal(f"{gloss['total']:.2f}")
            assert " ".join(word["text"] for word in gloss["words"]) == mistake["sentence"]

    def test_a_mistake_s_sum_is_the_difference_of_the_two_log_probabilities(self, said):
        for mistake in said["mistakes"].values():
            odds = np.log(mistake["p_predicted"] / mistake["p_true"])
            assert mistake["gloss"]["total"] == pytest.approx(odds, abs=0.0051)
            assert odds > 0

    def test_only_mistakes_are_shown_each_with_its_own_classes(self, run, said):
        table = pd.read_csv(run / "best" / "predictions.csv", keep_default_na=False)
        table = table[table["split"] == "test"].reset_index(drop=True)
        for i, mistake in said["mistakes"].items():
            row = table.loc[int(i)]
            assert not row["correct"]
            expected = (row["sentence"], row["label"], row["predicted"])
            assert (mistake["sentence"], mistake["true"], mistake["predicted"]) == expected

    def test_the_tables_stand_beside_the_page_as_csv(self, run, said):
        contributions = pd.read_csv(run / "report" / "contributions.csv", keep_default_na=False)
        added = contributions.groupby("test_sentence")["shown"].sum().round(2)
        for i, mistake in said["mistakes"].items():
            assert added[int(i)] == pytest.approx(mistake["gloss"]["sum"])
        groups = pd.read_csv(run / "report" / "groups.csv")
        assert groups["mistakes"].tolist() == [row["mistakes"] for row in said["groups"]]
        for name in ("classes", "pairs", "mistakes", "neighbours", "confusion"):
            assert (run / "report" / f"{name}.csv").exists()

    def test_every_percentage_on_the_page_is_in_its_json(self, page, said):
        numbers = {f"{100 * value:.{d}f}" for value in leaves(said) for d in (0, 1)}
        reading = " ".join(said["reading"])
        shown = re.findall(r"(\d+(?:\.\d)?) %", Reader(page).spaced)
        assert len(shown) > 20
        strange = [n for n in shown if n not in numbers and f"{n} %" not in reading and n != "95"]
        assert not strange

    def test_settings_that_differ_from_the_defaults_are_told(self, said):
        assert said["changed"]["sweep.strengths"] == [0.1, 10.0]
        assert "sweep.tol" not in said["changed"]

    def test_the_figures_say_what_is_to_be_seen(self, page):
        labels = [value for name, value in Reader(page).attributes if name == "aria-label"]
        assert any(label.startswith("Accuracy against regularisation strength") for label in labels)
        assert any("film <" in label or "< film" in label for label in labels)


def leaves(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, int | float):
        yield value


class TestAgain:
    def test_rebuilt_from_its_folder_the_page_is_the_same_byte_for_byte(self, run, page, capsys):
        (run / "report" / "index.html").unlink()
        main([str(run)])
        assert (run / "report" / "index.html").read_text("utf-8") == page
        assert str(run / "report" / "index.html") in capsys.readouterr().out

    def test_a_job_of_a_multirun_leads_to_the_comparison(self, run, tmp_path):
        shutil.copytree(run, tmp_path / "0")
        (tmp_path / "jobs.json").write_text("{}")
        html = rebuild_page(tmp_path / "0").read_text("utf-8")
        assert '<a href="../../comparison.html">' in html

    def test_a_run_whose_vectors_were_not_kept_has_a_page_that_says_so(self, tmp_path, caplog):
        run = hostile(tmp_path)
        (run / "best" / "classifier.skops").unlink()
        write_page(run, FinishedRun.read(run).result)
        page = (run / "report" / "index.html").read_text("utf-8")
        assert "the words are not coloured" in page
        assert "words are not explained" in caplog.text

    def test_an_older_run_that_noted_less_has_a_page(self, tmp_path):
        run = hostile(tmp_path)
        result = FinishedRun.read(run).result
        del result["changed"]
        result["settings"] = {
            key: value for key, value in result["settings"].items() if key != "report.negations"
        }
        result.pop("stages", None)
        (run / ".hydra").mkdir()
        (run / ".hydra" / "overrides.yaml").write_text("- vectors.dim=8\n")
        write_page(run, result)
        said = json.loads((run / "report" / "page.json").read_text("utf-8"))
        assert said["changed"] == {"vectors.dim": "8"}
        assert said["groups"][1]["sentences"] > 0

    def test_a_folder_that_is_no_run_is_told_in_a_line(self, tmp_path):
        with pytest.raises(SystemExit, match="neither the folder of a run"):
            main([str(tmp_path)])
        (tmp_path / "error.json").write_text('{"error": "no such file"}')
        with pytest.raises(SystemExit, match="not the folder of a finished run"):
            main([str(tmp_path)])
        with pytest.raises(SystemExit, match="no such folder"):
            main([str(tmp_path / "nowhere")])

    def test_a_run_with_a_file_missing_is_told_in_a_line(self, tmp_path):
        run = hostile(tmp_path)
        (run / "sweep" / "results.csv").unlink()
        with pytest.raises(SystemExit, match=r"sweep.results.csv is missing"):
            main([str(run)])


class TestAllMistakes:
    def test_are_in_a_table_the_most_confident_first(self, run, said):
        table = pd.read_csv(run / "best" / "predictions.csv", keep_default_na=False)
        wrong = table[(table["split"] == "test") & ~table["correct"]]
        listed = said["all_mistakes"]
        assert said["mistaken"] == len(listed) == len(wrong)
        assert sorted(row["sentence"] for row in listed) == sorted(wrong["sentence"])
        sure = [row["p_predicted"] for row in listed]
        assert sure == sorted(sure, reverse=True)


class TestOtherClassifiers:
    def test_a_network_s_words_are_explained_by_integrated_gradients(self, tmp_path):
        run = hostile(tmp_path, sweep=TwoLayer([0.1], hidden=4))
        said = json.loads((run / "report" / "page.json").read_text("utf-8"))
        assert said["explained"] == "integrated"
        for mistake in said["mistakes"].values():
            odds = np.log(mistake["p_predicted"] / mistake["p_true"])
            assert mistake["gloss"]["total"] == pytest.approx(odds, abs=0.0051)
        assert "integrated gradients" in (run / "report" / "index.html").read_text("utf-8")

    def test_of_weighted_words_each_adds_by_its_weight(self, tmp_path):
        run = hostile(tmp_path, features=Mean(weighting="idf"))
        said = json.loads((run / "report" / "page.json").read_text("utf-8"))
        assert said["explained"] == "exactly"
        for mistake in said["mistakes"].values():
            odds = np.log(mistake["p_predicted"] / mistake["p_true"])
            assert mistake["gloss"]["total"] == pytest.approx(odds, abs=0.0051)

    def test_of_a_classifier_that_is_no_sum_the_words_are_not_coloured(self, tmp_path):
        class Bayes:
            strengths = (1.0,)

            def classifier(self, strength, _):
                return GaussianNB(var_smoothing=strength)

        run = hostile(tmp_path, sweep=Bayes())
        said = json.loads((run / "report" / "page.json").read_text("utf-8"))
        assert said["explained"] == "no sum"
        assert all(mistake["gloss"] is None for mistake in said["mistakes"].values())


class TestWhatNotEveryRunHas:
    def test_a_run_without_a_mistake_says_so(self, tmp_path):
        class OneWordAClass:
            def make(self, *_):
                words = ["one", "two", "three"]
                return WordVectors(words, np.eye(3, dtype=np.float32), {})

        texts = {"1": ["one"], "2": ["two"], "3": ["three"]}
        corpus = table(tmp_path / "easy.csv", texts)
        run = hostile(tmp_path / "run", corpus=corpus, vectors=OneWordAClass())
        text = Reader((run / "report" / "index.html").read_text("utf-8")).text
        assert "every test sentence is predicted correctly" in text
        assert "100.0" in text

    def test_an_intrinsic_evaluation_is_shown_where_there_was_one(self, run):
        folder = run / "evaluation"
        folder.mkdir()
        try:
            rows = "words,,0,353\nmen,0.1234567,9,9\n"
            (folder / "similarity.csv").write_text(f"name,spearman,found,total\n{rows}")
            write_page(run, FinishedRun.read(run).result)
            page = (run / "report" / "index.html").read_text("utf-8")
        finally:
            shutil.rmtree(folder)
            write_page(run, FinishedRun.read(run).result)
        assert "<h3>Similarity</h3>" in page
        assert "<td></td><td>0</td><td>353</td>" in page
        assert "<td>0.1235</td>" in page

    def test_stages_that_were_not_made_anew_are_marked(self, run):
        result = FinishedRun.read(run).result
        write_page(run, {**result, "stages": {**result["stages"], "vectors": "reused"}})
        page = (run / "report" / "index.html").read_text("utf-8")
        write_page(run, result)
        assert "<small>reused</small>" in page


class TestLearningCurve:
    def test_is_left_out_unless_asked_for(self, run):
        assert not (run / "report" / "learning_curve.csv").exists()

    def test_has_every_share_and_draw_and_never_meets_test(self, tmp_path):
        report = Report(words=[], learning_curve=[0.5, 0.25, 1.0], draws=2)
        run = hostile(tmp_path, report=report)
        table = pd.read_csv(run / "report" / "learning_curve.csv")
        train = json.loads((run / "corpus" / "summary.json").read_text("utf-8"))["splits"]["train"]
        sizes = [int(share * train["sentences"]) for share in (0.25, 0.5, 1.0)]
        assert table["sentences"].tolist() == [size for size in sizes for _ in range(2)]
        columns = ["sentences", "draw", "strength", "train_accuracy", "dev_accuracy"]
        assert list(table) == columns
        assert set(table["strength"]) <= {0.1, 10.0}
        page = (run / "report" / "index.html").read_text("utf-8")
        assert "More labelled sentences" in page

    def test_the_whole_of_train_gives_the_run_s_own_accuracy(self, tmp_path):
        run = hostile(tmp_path, report=Report(words=[], learning_curve=[0.5, 1.0], draws=1))
        result = json.loads((run / "result.json").read_text("utf-8"))
        last = pd.read_csv(run / "report" / "learning_curve.csv").iloc[-1]
        assert last["dev_accuracy"] == pytest.approx(result["dev"]["accuracy"], abs=0.05)

    @pytest.mark.parametrize("shares", [[0.0], [1.5], [-1.0]])
    def test_other_shares_are_refused(self, shares):
        with pytest.raises(UserError, match="learning_curve must be"):
            Report(learning_curve=shares)


class TestBaseline:
    """What always predicting the most frequent class would reach stands beside the accuracy."""

    def test_of_95_to_5_the_page_says_that_nothing_is_shown(self, tmp_path):
        texts = {"usual": [f"the film w{i}" for i in range(19)], "rare": ["a film"]}
        run = hostile(tmp_path / "run", corpus=table(tmp_path / "imbalanced.csv", texts))
        text = Reader((run / "report" / "index.html").read_text("utf-8")).spaced
        assert "Not shown to be better than ignoring the text." in text
        assert "is right for 95.0 % of the test" in " ".join(text.split())
        result = read_result(run)
        assert result["majority"]["label"] == "usual"
        assert result["majority"]["test"]["accuracy"] == 0.95
        assert result["majority"]["test"]["balanced_accuracy"] == 0.5


def test_of_many_classes_the_most_frequent_confusions_are_a_table(tmp_path):
    texts = {f"class {i}": [f"word{i % 20} film"] for i in range(25)}  # five are like five others
    run = hostile(tmp_path / "run", corpus=table(tmp_path / "many.csv", texts, copies=10))
    said = json.loads((run / "report" / "page.json").read_text("utf-8"))
    page = (run / "report" / "index.html").read_text("utf-8")
    assert said["confusion"] is None
    assert 0 < len(said["pairs"]) <= 20
    assert "The most frequent confusions." in page
    assert "All 25 classes" in page
    counts = pd.read_csv(run / "report" / "confusion.csv", index_col=0)
    assert counts.shape == (25, 25)
    first = said["pairs"][0]
    assert counts.loc[first["true"], first["predicted"]] == first["mistakes"]


def test_a_model_with_principal_components_predicts_what_the_run_did(tmp_path):
    run = hostile(tmp_path / "run", features=Mean(components=2, weighting="sif"))
    read = FinishedRun.read(run)
    probabilities = read.model.classifier.predict_proba(read.model.features(read.test.sentences))
    np.testing.assert_allclose(probabilities.max(axis=1), read.test.p_predicted)
    said = json.loads((run / "report" / "page.json").read_text("utf-8"))
    assert (said["explained"], said["features"], said["dim"]) == ("exactly", 2, 4)
    for mistake in said["mistakes"].values():
        odds = np.log(mistake["p_predicted"] / mistake["p_true"])
        assert mistake["gloss"]["total"] == pytest.approx(odds, abs=0.0051)


class TestReading:
    """What the curve of strengths shows is said, and noise is called noise."""

    def read(self, *rows, row, intervals=True):
        columns = ["strength", "train_accuracy", "dev_accuracy", "dev_low", "dev_high"]
        table = pd.DataFrame(rows, columns=columns)
        if intervals:
            table["dev_difference"] = table["dev_accuracy"] - table["dev_accuracy"][row]
        return " ".join(read_strengths(table, row))

    def test_over_fit_on_the_left_under_fit_on_the_right(self):
        said = self.read(
            (0.01, 0.9, 0.4, -0.12, -0.08),
            (1, 0.6, 0.5, 0, 0),
            (100, 0.45, 0.44, -0.1, -0.02),
            row=1,
        )
        assert (
            "Weaker penalties over-fit: at 0.01 train has 90.0 % (+30.0), and dev has 40.0 %, 10.0 "
            "points fewer (95 % interval \N{MINUS SIGN}12.0 to \N{MINUS SIGN}8.0)."
        ) in said
        assert "Stronger penalties under-fit: at 100 train has 45.0 % (\N{MINUS SIGN}15.0)" in said

    def test_nine_sentences_of_1101_are_no_story(self):
        said = self.read((1e-4, 0.39, 0.353, -0.021, 0.005), (1, 0.38, 0.361, 0, 0), row=1)
        assert "Weaker penalties make no difference that dev can show" in said
        assert "over-fit" not in said

    def test_of_a_run_of_version_0_1_0_only_the_numbers_are_said(self):
        rows = (0.01, 0.9, 0.4, 0, 0), (1, 0.6, 0.5, 0, 0)
        said = self.read(*rows, row=1, intervals=False)
        assert "At 0.01 it is 90.0 % on train and 40.0 % on dev." in said
        assert "over-fit" not in said

    @pytest.mark.parametrize(("row", "word"), [(0, "weakest"), (1, "strongest")])
    def test_at_the_edge_says_that_more_was_not_tried(self, row, word):
        rows = (0.1, 0.6, 0.5, -0.1, 0.1), (1, 0.5, 0.4, -0.1, 0.1)
        assert f"{word} that was tried" in self.read(*rows, row=row)

    def test_a_single_strength(self):
        assert "No other strength was tried." in self.read((0.1, 0.6, 0.5, 0, 0), row=0)

    def test_the_differences_are_those_of_the_same_dev_sentences(self, run):
        table = FinishedRun.read(run).strengths
        chosen = table.loc[FinishedRun.read(run).chosen]
        assert (chosen[["dev_difference", "dev_low", "dev_high"]] == 0).all()
        expected = table["dev_accuracy"] - chosen["dev_accuracy"]
        np.testing.assert_allclose(table["dev_difference"], expected, atol=1e-12)


def test_vectors_of_another_length_make_another_page(tmp_path):
    run = hostile(tmp_path, vectors=Vectors(dim=7))
    page = (run / "report" / "index.html").read_text("utf-8")
    assert "7 dimensions" in page
