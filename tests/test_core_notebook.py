"""Every public object is shown in one short line, and in a notebook as a table."""

from __future__ import annotations

from dataclasses import dataclass, field, is_dataclass
from importlib.metadata import version

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from runs import hostile
from sklearn.metrics import classification_report

import pipeline as yv
from pipeline.core.notebook import LONGEST, displayed, html_table


@pytest.fixture(scope="module")
def made():
    """All results of a small experiment by name."""
    corpus = yv.Sample(train=200, dev=60, test=60).load()
    vocabulary = yv.build_vocab(corpus)
    vectors = yv.train_vectors(corpus, vocabulary, yv.Random(dim=5))
    features = yv.featurize(corpus, vectors)
    swept = yv.sweep_strengths(features, yv.Logistic([1.0, 10.0]))
    best = yv.pick_best(swept, features)
    return {
        "corpus": corpus,
        "split": corpus.splits["test"],
        "text": corpus.unlabelled,
        "vocabulary": vocabulary,
        "vectors": vectors,
        "features": features,
        "swept": swept,
        "best": best,
    }


def configurations():
    public = [getattr(yv, name) for name in yv.__all__]
    for cls in public:
        if isinstance(cls, type) and is_dataclass(cls):
            try:
                yield cls()
            except TypeError:  # a result, which is made of other things
                continue


def assert_short(thing):
    line = repr(thing)
    assert line.startswith(type(thing).__name__ + "(")
    assert "\n" not in line
    assert len(line) <= LONGEST
    assert thing._repr_html_().startswith("<table")


@pytest.mark.parametrize("config", list(configurations()), ids=lambda config: type(config).__name__)
def test_a_configuration_shows_what_differs_from_the_defaults(config):
    assert_short(config)


def test_a_result_says_what_it_is(made):
    for result in made.values():
        assert_short(result)


def test_a_comparison_and_a_model_do_too(tmp_path):
    run = hostile(tmp_path / "run")
    assert_short(yv.compare([run]))
    assert_short(yv.TextClassifier.load(run))


def test_the_version_is_that_of_the_package():
    assert yv.__version__ == version("yourvectors")


@displayed
@dataclass
class Some:
    number: int = 1
    words: list[str] = field(default_factory=list)


def test_defaults_are_left_out_and_long_values_cut():
    assert repr(Some()) == "Some()"
    assert repr(Some(2)) == "Some(number=2)"
    assert repr(Some(words=["word"] * 999)).endswith("\N{HORIZONTAL ELLIPSIS})")


def test_all_text_is_escaped():
    assert "<b>" not in Some(words=["<b>bold</b>"])._repr_html_()
    assert html_table({"<i>": "&"}) == "<table><tr><th>&lt;i&gt;</th><td>&amp;</td></tr></table>"


class TestBest:
    def test_the_confusion_matrix_has_the_classes_names(self, made):
        best, labels = made["best"], made["corpus"].splits["test"].labels
        table = best.confusion()
        assert table.to_numpy().sum() == 60
        np.testing.assert_array_equal(table.sum(axis=1), np.bincount(labels, minlength=5))
        assert table.index.tolist() == table.columns.tolist() == list(made["corpus"].classes)
        assert best.confusion("dev").to_numpy().sum() == 60

    def test_the_report_has_scikit_learns_numbers(self, made):
        best, labels = made["best"], made["corpus"].splits["test"].labels
        names = list(made["corpus"].classes)
        expected = classification_report(
            labels,
            best.predicted["test"],
            labels=range(5),
            target_names=names,
            output_dict=True,
            zero_division=np.nan,
        )
        table = best.report()
        for name in names:
            for ours, theirs in (("precision",) * 2, ("recall",) * 2, ("sentences", "support")):
                assert table.loc[name, ours] == pytest.approx(expected[name][theirs], nan_ok=True)

    def test_mistakes_are_the_sentences_predicted_wrongly_the_surest_first(self, made):
        best, test = made["best"], made["corpus"].splits["test"]
        table = best.mistakes()
        assert len(table) == round(60 * (1 - best.scores["test"]["accuracy"]))
        assert (table["true"] != table["predicted"]).all()
        assert table["p_predicted"].is_monotonic_decreasing
        first = table.iloc[0]
        assert first["sentence"] == " ".join(test.sentences[table.index[0]])
        assert len(best.mistakes(n=3)) == 3


def test_the_most_similar_words_are_a_table(made):
    vectors = made["vectors"]
    table = vectors.most_similar(vectors.words[0], 3)
    assert isinstance(table, pd.DataFrame)
    assert list(zip(table["word"], table["cosine"], strict=True)) == vectors.nearest(
        vectors.words[0], 3
    )


def test_the_sweep_and_words_are_drawn_on_axes_that_pyplot_knows(made):
    from matplotlib import pyplot as plt

    before = plt.get_fignums()
    for draw in (made["swept"].plot, lambda: made["vectors"].plot(made["vectors"].words[:4])):
        axes = draw()
        assert isinstance(axes, Axes)
        assert axes.figure is plt.gcf()
        plt.close(axes.figure)
    assert plt.get_fignums() == before
