from __future__ import annotations

import re
import warnings
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from pipeline.render import plots
from pipeline.render.html import distinct_labels
from pipeline.render.plots import fonts

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


class TestPng:
    """Text that matplotlib's own font lacks: another font, or the code point, never a box."""

    def drawn(self, figure, path):
        """Return the texts that are drawn."""
        said = []

        def savefig(figure, *_, **__):
            figure.canvas.draw()
            said.extend(text.get_text() for text in figure.findobj(Text))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Figure, "savefig", savefig)
            plots.write_png(figure, path)
        return said

    def test_a_character_that_no_font_has_is_drawn_as_its_code_point(self, tmp_path):
        names = ["\U0001fae8 good", "\N{HEBREW LETTER ALEF}", "plain"]
        figure = plots.confusion(np.eye(3, dtype=int), names)
        said = self.drawn(figure, tmp_path / "a.png")
        assert "U+1FAE8 good" in said
        assert "\N{HEBREW LETTER ALEF}" in said  # matplotlib's own font has it

    def test_afterwards_the_figure_has_its_own_words_again(self, tmp_path):
        words = ["\U0001fae8", "film"]
        figure = plots.word_map(words, np.array([[0, 0], [1, 1.0]]))
        assert "\u201cU+1FAE8\u201d" in self.drawn(figure, tmp_path / "a.png")
        assert "\U0001fae8" in text_of(plots.svg(figure, "words", ""))

    def test_a_text_of_code_points_is_cut(self):
        assert len(fonts.replaced("\U0001fae8" * 20, [fonts.OWN])) == 30

    def test_no_warning_is_given(self, tmp_path):
        figure = plots.word_map(["\U0001fae8"], np.zeros((1, 2)))
        with warnings.catch_warnings(action="error"):
            plots.write_png(figure, tmp_path / "a.png")
            plots.svg(figure, "words", "")

    def test_an_installed_font_that_has_it_is_used(self, monkeypatch):
        has = {"DejaVu Sans": frozenset(b"ab"), "Other": frozenset(b"cd")}
        monkeypatch.setattr(fonts, "_installed", lambda: dict.fromkeys(has, ""))
        monkeypatch.setattr(fonts, "_characters", has.__getitem__)
        assert fonts._families("abc") == ["DejaVu Sans", "Other"]
        assert fonts._families("ab") == ["DejaVu Sans"]
        assert fonts.replaced("abce", ["DejaVu Sans", "Other"]) == "abcU+65"


class TestConfusion:
    def test_of_many_classes_does_not_grow(self):
        sizes = [
            plots.confusion(
                np.eye(n, dtype=int), [f"class {i}" for i in range(n)]
            ).get_size_inches()
            for n in (77, 1000)
        ]
        np.testing.assert_array_equal(sizes[0], sizes[1])
        assert sizes[0].max() < 10

    def test_names_as_many_classes_as_there_is_room_for(self):
        figure = plots.confusion(np.eye(500, dtype=int), [f"c{i}" for i in range(500)])
        assert 10 < len(figure.axes[0].get_xticks()) <= 30

    def test_a_long_name_is_cut(self):
        figure = plots.confusion(np.eye(2, dtype=int), ["short", "x" * 100])
        names = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
        assert names == ["short", "x" * 23 + "\N{HORIZONTAL ELLIPSIS}"]


class TestWordMap:
    WORDS = ("wonderful", "terrible", "unforgettable", "the", "of")
    POINTS = np.array([[-1, 0], [1, 0.1], [1.01, 0.1], [0, 0.2], [0, -0.2]])

    def test_no_label_is_cut_off(self):
        figure = plots.word_map(self.WORDS, self.POINTS)
        (axes,) = figure.axes
        area = axes.get_window_extent()
        for label in axes.texts:
            box = label.get_window_extent()
            assert area.x0 <= box.x0 + 0.5 <= box.x1 - 0.5 <= area.x1
            assert area.y0 <= box.y0 + 0.5 <= box.y1 - 0.5 <= area.y1

    def test_a_sentence_without_spaces_is_cut(self, recwarn):
        words = [letter * 60 for letter in "abcdefgh"]
        figure = plots.word_map(words, np.random.default_rng(1).standard_normal((8, 2)))
        (axes,) = figure.axes
        assert max(len(text.get_text()) for text in axes.texts) <= 26
        assert not recwarn.list

    def test_distances_are_true_in_both_directions(self):
        (axes,) = plots.word_map(self.WORDS, self.POINTS).axes
        origin, right, up = axes.transData.transform([[0, 0], [1, 0], [0, 1]])
        assert right[0] - origin[0] == pytest.approx(up[1] - origin[1], rel=0.01)

    def test_points_have_the_colour_of_a_class_and_axes_their_share_of_the_variance(self):
        figure = plots.word_map(
            *(self.WORDS, self.POINTS, (0.5, 0.25), ("good", "bad")), speaks_for=[0, 1, 0, 0, 1]
        )
        said = text_of(plots.svg(figure, "words", ""))
        for text in ("good", "bad", "first principal direction, 50% of the variance", "25%"):
            assert text in said


class TestStrengthCurve:
    def test_shades_the_difference_to_the_chosen_strength(self):
        table = RESULTS.assign(dev_low=[-0.2, 0, -0.1], dev_high=[-0.05, 0, 0.02])
        (axes,) = plots.strength_curve(table, 1, 0.45).axes
        band = axes.collections[0].get_paths()[0].get_extents()
        assert (band.y0, band.y1) == pytest.approx((0.3, 0.52))


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


class TestLongNames:
    def test_are_cut_in_the_middle_and_stay_different(self):
        names = [f"{'a' * 100}{i}{'b' * 100}" for i in range(3)] + ["short"]
        labels = distinct_labels(names)
        assert len(set(labels)) == 4
        assert labels[3] == "short"
        assert max(map(len, labels)) < 70

    def test_leave_room_for_the_figure(self):
        names = [f"vectors.dim={i} {'note=long ' * 40}" for i in range(4)]
        table = pd.DataFrame(
            {"arm": names, "accuracy": [0.4, 0.3, 0.2, 0.1], "low": 0.1, "high": 0.5}
            | {"kind": ["open"] * 4, "seeds": [[0.4]] * 4}
        )
        for figure in (
            plots.arms(table, 0.2),
            plots.strength_curves({name: [(RESULTS, 0.1)] for name in names}),
        ):
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # matplotlib says so where a layout collapses
                figure.draw_without_rendering()
            assert figure.axes[0].get_position().width > 0.5
