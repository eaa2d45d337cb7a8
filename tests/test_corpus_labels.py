from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.stages.corpus import SPLITS, Table
from pipeline.stages.corpus.labels import classes_of, counted, in_order, spelling_key

WHERE = "t.csv: column 'label'"


def found(labels, given=(), *, merge=False, most=1000):
    return classes_of(WHERE, labels, given, merge=merge, most=most)


def explain(labels, given=(), **how):
    with pytest.raises(UserError) as error:
        found(labels, given, **how)
    assert str(error.value).startswith(WHERE)
    assert len(str(error.value)) <= 300
    return str(error.value)


class TestOrder:
    @pytest.mark.parametrize(
        ("labels", "ordered"),
        [
            (["10", "9", "-1"], ("-1", "9", "10")),
            (["1,000", "20", "3"], ("3", "20", "1,000")),
            (["b", "a"], ("a", "b")),
            (["10", "9", "x"], ("10", "9", "x")),
        ],
    )
    def test_is_by_size_or_by_alphabet(self, labels, ordered):
        assert in_order(labels) == ordered


class TestLabelsThatDifferInSpelling:
    ALIKE = (
        ["1", "1.0"],
        ["Pos", "pos", "POS"],
        ["pos", "pos "],
        ["1,000", "1000"],
        ["very good", "Very_Good", "very-good"],
        ["good", "good."],
        ["\N{FULLWIDTH LATIN SMALL LETTER P}os", "pos"],
        ["01", "1"],
        ["1e3", "1000"],
        ["neg", "neg\N{ZERO WIDTH SPACE}"],
        ["neg", "\ufeffneg"],
        ["\N{HEAVY BLACK HEART}", "\N{HEAVY BLACK HEART}\N{VARIATION SELECTOR-16}"],
        ["-1", "\N{MINUS SIGN}1"],
        ["very good", "very\N{EN DASH}good"],
        ["1 000", "1000"],
        ["1'000", "1000"],
        ["100 %", "100%"],
        ["\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}yi", "iyi"],
    )

    @pytest.mark.parametrize("alike", ALIKE)
    def test_stop_the_run_and_name_the_switch(self, alike):
        message = explain([*alike, "other"])
        assert "labels that differ only in spelling" in message
        assert "corpus.merge_labels=true" in message
        assert repr(alike[0]) in message

    @pytest.mark.parametrize("alike", ALIKE)
    def test_become_the_commonest_where_they_are_merged(self, alike):
        classes, labels, notes = found([*alike, alike[1], "other"], merge=True)
        assert set(classes) == {alike[1], "other"}
        assert set(labels[: len(alike)]) == {alike[1]}
        assert "labels merged" in notes[0]

    def test_become_the_class_that_is_listed(self):
        classes, labels, _ = found(["POS", "pos", "Neg"], ["neg", "Pos"], merge=True)
        assert (classes, labels) == (("neg", "Pos"), ["Pos", "Pos", "neg"])

    def test_are_different_classes_where_all_are_listed(self):
        assert found(["1", "1.0"], ["1", "1.0"])[0] == ("1", "1.0")

    def test_are_pointed_out_where_the_list_lacks_one(self):
        assert "'POS' like 'pos'" in explain(["pos", "POS"], ["pos", "neg"])

    @pytest.mark.parametrize(
        "labels",
        [
            ["-", "- -", "+", "+ +"],
            ["1", "2", "10"],
            ["1 0", "10"],
            ["a", "b"],
            ["1.5", "1.50001"],
            ["c", "c++", "c#"],
        ],
    )
    def test_are_not_seen_where_there_are_none(self, labels):
        assert set(found(labels)[0]) == set(labels)

    @given(st.text(), st.text())
    def test_have_one_key_whatever_case_and_spaces(self, a, b):
        label = f"{a} {b}".strip()
        assert spelling_key(f" {label}  ") == spelling_key(label)


class TestMissingValues:
    @pytest.mark.parametrize(
        "label", ["nan", "NaN", "null", "N/A", "<NA>", "#N/A", "#NAME?", "(missing)", "[none]"]
    )
    def test_stop_the_run(self, label):
        message = explain(["a", "b", label, label])
        assert f"'{label}' (2 rows) looks like a missing value" in message
        quoted = label if label.isalpha() or label == "N/A" else f'"{label}"'
        assert f"corpus.drop_labels=[{quoted}]" in message

    @pytest.mark.parametrize("label", ["none", "NA", "-"])
    def test_may_be_classes_among_words_but_not_among_numbers(self, label):
        assert label in found(["favor", "against", label])[0]
        assert "looks like a missing value" in explain(["1", "2", label])

    def test_are_classes_where_they_are_listed(self):
        assert found(["a", "nan"], ["a", "nan"])[0] == ("a", "nan")

    def test_are_left_out_where_told(self, tmp_path):
        path = tmp_path / "t.csv"
        rows = [f"text {i} {part},{'ab'[i % 2]},{part}" for part in SPLITS for i in range(4)]
        path.write_text("\n".join(["text,label,split", *rows, "x,nan,train", "y,nan,test"]))
        corpus = Table(path=str(path), split="split", drop_labels=["nan"]).load()
        assert corpus.classes == ("a", "b")
        assert len(corpus.splits["train"]) == 4


class TestSeveralLabels:
    @pytest.mark.parametrize(
        "labels",
        [
            ["['a']", "['a', 'b']"],
            ['["a"]', '["b", "a"]'],
            ["[1]", "[1, 2]"],
            ["a", "b", "a|b"],
            ["a;b", "b;c", "a;c"],
            ["x", "y", "x, y"],
            ["a/b", "b/a", "a", "b"],
        ],
    )
    def test_in_one_stop_the_run(self, labels):
        assert "has several labels in one" in explain(labels)

    @pytest.mark.parametrize("labels", [["1", "0", "1,0"], ["1", "1,0"]])
    def test_numbers_with_a_decimal_comma_are_named_as_such(self, labels):
        message = explain(labels)
        assert "numbers with a decimal comma, or two labels in one: '1,0'. Write" in message

    @pytest.mark.parametrize(
        "labels", [["so, so", "good"], ["rec/auto", "sci/space"], ["R&B", "soul"], ["+", "-"]]
    )
    def test_are_not_seen_where_there_is_one(self, labels):
        assert set(found(labels)[0]) == set(labels)

    def test_are_classes_where_they_are_listed(self):
        assert found(["a", "a|b", "b"], ["a", "b", "a|b"])[0] == ("a", "b", "a|b")


class TestManyClasses:
    def test_are_taken_for_a_mistake(self):
        message = explain([f"id{i}" for i in range(2000)])
        assert "2,000 different labels in 2,000 rows (id0, id1, id2 and 1,997 more)" in message
        assert "corpus.max_classes=1,000" in message

    def test_may_be_meant(self):
        assert len(found([f"id{i}" for i in range(2000)], most=5000)[0]) == 2000

    def test_as_a_million_cost_a_line(self):
        assert "1,000,000 different labels" in explain([str(i) for i in range(10**6)])


class TestCounts:
    def test_are_told_in_words(self):
        assert (
            counted(["neg", "neutral", "pos"], [120, 80, 1200])
            == "3 classes: neg 120, neutral 80, pos 1,200"
        )

    def test_of_many_classes_stay_short(self):
        assert len(counted([f"class {i} " * 20 for i in range(1000)], [1] * 1000)) < 400
