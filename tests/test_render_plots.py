from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from pipeline.render import plots

pytestmark = pytest.mark.figures

RESULTS = pd.DataFrame(
    {
        "strength": [0.0, 0.1, 10.0],
        "train_accuracy": [0.9, 0.7, 0.5],
        "dev_accuracy": [0.4, 0.5, 0.45],
    }
)


def text_of(drawn):
    return "".join(ET.fromstring(drawn).itertext())  # noqa: S314 - it is our own


class TestSvg:
    @pytest.fixture(scope="class")
    @classmethod
    def drawn(cls):
        return plots.svg(plots.strength_curve(RESULTS, 1, 0.45), "strength", 'a "curve" <of two>')

    def test_says_what_is_to_be_seen(self, drawn):
        root = ET.fromstring(drawn)  # noqa: S314 - it is our own
        assert root.get("role") == "img"
        assert root.get("aria-label") == 'a "curve" <of two>'

    def test_its_colours_are_those_of_the_page(self, drawn):
        assert "var(--accent)" in drawn
        assert not re.search("#[0-9a-f]{6}", drawn)

    def test_is_the_same_every_time(self, drawn):
        again = plots.svg(plots.strength_curve(RESULTS, 1, 0.45), "strength", 'a "curve" <of two>')
        assert again == drawn

    def test_ids_of_two_figures_differ(self, drawn):
        other = plots.svg(plots.strength_curve(RESULTS, 1, 0.45), "other", "")
        assert set(re.findall(' id="([^"]+)"', drawn)).isdisjoint(
            re.findall(' id="([^"]+)"', other)
        )
        for name in re.findall(r'(?:href="|url\()#([^")]+)', drawn):
            assert f' id="{name}"' in drawn

    def test_words_stay_words_whatever_they_look_like(self):
        words = ["<script>", 'id="x"', "#1f6feb", "$x_1$", "--&--"]
        points = np.array([[0, 0], [1, 2], [3, 1], [2, 3], [4, 4]], float)
        drawn = plots.svg(plots.word_map(words, points), "words", "")
        assert "<script>" not in drawn
        for word in words:
            assert word in text_of(drawn)

    def test_the_word_map_is_the_same_every_time(self):
        rng = np.random.default_rng(0)
        words, points = [f"word{i}" for i in range(30)], rng.normal(size=(30, 2))
        one, two = (plots.svg(plots.word_map(words, points), "words", "") for _ in range(2))
        assert one == two


class TestArms:
    @pytest.mark.parametrize("name", ["glove", "skipgram vectors.dim=300 features.unknown=zero"])
    def test_every_arm_is_named_with_its_accuracy(self, name):
        table = pd.DataFrame(
            {"arm": [name, "random"], "accuracy": [0.4, 0.3], "low": [0.35, 0.25]}
            | {"high": [0.45, 0.35], "kind": ["reference", "worse"], "seeds": [[0.4], [0.3]]}
        )
        said = text_of(plots.svg(plots.arms(table), "arms", ""))
        for text in (name, "random", "40.0", "30.0"):
            assert text in said


def test_strength_curves_name_every_arm():
    names = ["glove", "_own", "a $ for a $"]
    figure = plots.strength_curves({name: [(RESULTS, 0.1)] for name in names})
    said = text_of(plots.svg(figure, "strengths", ""))
    for name in names:
        assert name in said.replace("\u200b", "")


def test_learning_curves_tell_the_sizes():
    table = pd.DataFrame(
        {"sentences": [100, 1000], "dev_accuracy": [0.3, 0.4], "dev_deviation": [0.02, 0.0]}
    )
    said = text_of(plots.svg(plots.learning_curves({"own": table}), "learning", ""))
    assert "1,000" in said
