from __future__ import annotations

import csv
import gzip
import io
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.stages.corpus import SPLITS, Table, tokenize
from pipeline.stages.corpus.formats import Columns, read_path

TEXTS = ['He said "no".', "two\nlines", "a, b", "naïve"]

quick = settings(max_examples=50, deadline=None)

# A carriage return is the end of a line to some and nothing to others.
fields = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"))

SPLIT = """text,label,split
It works.,good,train
"It fails, badly.",bad,train
Works.,good,dev
Fails.,bad,dev
"Well, it works.",good,test
It failed.,bad,test
"""


@pytest.fixture
def table(tmp_path):
    """A way to write a table and describe it."""

    def write(content, name="reviews.csv", **settings):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Table(path=str(path), **settings)

    return write


def drawn(n, classes=2):
    """Write a table of `n` rows without a split column."""
    return "text,label\n" + "".join(f"text{i},{i % classes}\n" for i in range(n))


def explain(config):
    with pytest.raises(UserError) as error:
        config.load()
    return str(error.value)


class TestReading:
    @quick
    @given(
        rows=st.lists(st.tuples(fields, st.sampled_from(["good", "bad", "so, so"])), min_size=1),
        name=st.sampled_from(["t.csv", "t.tsv", "t.tab", "t.txt", "t.csv.gz", "t.tsv.gz"]),
        quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        end=st.sampled_from(["\n", "\r\n"]),
    )
    def test_gives_back_every_field_that_was_written(
        self, rows, name, quoting, end, tmp_path_factory
    ):
        buffer = io.StringIO(newline="")
        delimiter = "\t" if ".t" in name.removesuffix(".txt") else ","
        writer = csv.writer(buffer, delimiter=delimiter, quoting=quoting, lineterminator=end)
        writer.writerows([("id", "label", "text"), *((1, label, text) for text, label in rows)])
        path = tmp_path_factory.mktemp("table") / name
        content = buffer.getvalue().encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        found = read_path(path, Columns(quoting=True))
        assert found.texts == [text.strip() for text, _ in rows]
        assert found.labels == [label for _, label in rows]

    def test_takes_what_pandas_writes(self, tmp_path):
        frame = pd.DataFrame(
            {
                "text": [f"{i} {text}" for text in TEXTS for i in range(10)],
                "label": [1, 2] * 20,
            }
        )
        frame.to_csv(tmp_path / "reviews.csv")
        corpus = Table(path=str(tmp_path / "reviews.csv")).load()
        sentences = [tuple(s) for split in corpus.splits.values() for s in split.sentences]
        assert Counter(sentences) == Counter(tuple(tokenize(t.lower())) for t in frame["text"])

    def test_leaves_a_byte_order_mark_out(self, table):
        config = table("\ufeff" + SPLIT, split="split")
        assert len(config.load().splits["train"]) == 2

    def test_takes_other_names_of_columns(self, table):
        config = table(
            SPLIT.replace("text,label,split", " review , stars ,part"),
            text="review",
            label="stars",
            split="part",
        )
        assert config.load().classes == ("bad", "good")

    def test_passes_over_empty_lines(self, table):
        config = table(SPLIT.replace("\n", "\n\n"), split="split")
        assert len(config.load().splits["train"]) == 2

    def test_tokenises_and_lower_cases_the_texts(self, table):
        corpus = table(SPLIT, split="split").load()
        assert corpus.splits["train"].sentences == [
            ["it", "works", "."],
            ["it", "fails", ",", "badly", "."],
        ]

    def test_keeps_case_where_told(self, table):
        corpus = table(SPLIT, split="split", lower=False).load()
        assert corpus.splits["train"].sentences[0] == ["It", "works", "."]

    def test_the_task_is_named_by_the_file(self, table):
        assert table(SPLIT).task == "reviews"


class TestClasses:
    @pytest.mark.parametrize(
        ("labels", "classes"),
        [
            pytest.param(["10", "9", "-1"], ("-1", "9", "10"), id="numbers by size"),
            pytest.param(["2.5", "1e1", "3"], ("2.5", "3", "1e1"), id="fractions by size"),
            pytest.param(["b", "a", "c"], ("a", "b", "c"), id="strings by alphabet"),
            pytest.param(["10", "9", "x"], ("10", "9", "x"), id="a mixture by alphabet"),
        ],
    )
    def test_are_in_order(self, labels, classes, table):
        rows = "".join(f"w,{label},{split}\n" for label in labels for split in SPLITS)
        assert table(f"text,label,split\n{rows}", split="split").load().classes == classes

    def test_are_in_the_order_given(self, table):
        corpus = table(SPLIT, split="split", classes=["good", "bad"], ordinal=True).load()
        assert corpus.classes == ("good", "bad")
        assert corpus.splits["train"].labels.tolist() == [0, 1]
        assert corpus.ordinal

    def test_have_no_meaning_in_their_order_unless_told(self, table):
        assert not table(SPLIT, split="split").load().ordinal


class TestSplitColumn:
    def test_says_where_each_row_belongs(self, table):
        corpus = table(SPLIT, split="split").load()
        assert {name: len(corpus.splits[name]) for name in SPLITS} == dict.fromkeys(SPLITS, 2)
        assert corpus.splits["test"].sentences[1] == ["it", "failed", "."]
        assert corpus.splits["test"].labels.tolist() == [1, 0]


class TestDrawnSplit:
    def test_shares_every_class_out_alike(self, table):
        corpus = table(drawn(200), dev=0.1, test=0.2).load()
        counts = {name: np.bincount(corpus.splits[name].labels).tolist() for name in SPLITS}
        assert counts == {"train": [70, 70], "dev": [10, 10], "test": [20, 20]}

    def test_puts_every_row_into_one_split(self, table):
        corpus = table(drawn(50)).load()
        texts = [tokens[0] for split in corpus.splits.values() for tokens in split.sentences]
        assert sorted(texts) == sorted(f"text{i}" for i in range(50))
        for split in corpus.splits.values():
            assert [int(s[0].removeprefix("text")) % 2 for s in split.sentences] == list(
                split.labels
            )

    def test_is_the_same_for_the_same_seed_and_another_for_another(self, table):
        digests = [table(drawn(50), seed=seed).load().digest for seed in (1, 1, 2)]
        assert digests[0] == digests[1] != digests[2]


class TestBadTable:
    def test_no_path_asks_for_one(self):
        with pytest.raises(UserError, match=r"corpus.path is not set: name your file or folder"):
            Table().load()

    def test_a_missing_file_is_named(self, tmp_path):
        message = explain(Table(path=str(tmp_path / "none.csv")))
        assert message.startswith(f"{tmp_path / 'none.csv'}: no such file. Its folder")

    def test_an_empty_file_is_named_with_what_should_be_there(self, table, tmp_path):
        assert explain(table("")) == (
            f"{tmp_path / 'reviews.csv'} is empty; its first line should name the columns."
        )

    def test_a_header_alone_is_no_table(self, table, tmp_path):
        assert explain(table("text,label\n")) == (
            f"{tmp_path / 'reviews.csv'} has no rows; add a labelled text per row."
        )

    @pytest.mark.parametrize(
        ("settings", "trouble"),
        [
            ({"text": "txt"}, "no column named 'txt' (did you mean 'text'?)"),
            ({"label": "stars"}, "no column named 'stars'; it has text, label, split."),
            ({"split": "splits"}, "no column named 'splits' (did you mean 'split'?)"),
        ],
    )
    def test_a_missing_column_is_named_with_those_there_are(
        self, settings, trouble, table, tmp_path
    ):
        message = explain(table(SPLIT, **settings))
        assert message.startswith(f"{tmp_path / 'reviews.csv'}: {trouble}")
        assert "Set corpus.text, corpus.label or corpus.split." in message

    @pytest.mark.parametrize(
        ("row", "number"), [("It works, I say.,good,train", 4), ("good,train", 2), ("only", 1)]
    )
    def test_a_ragged_row_gives_both_numbers_and_a_remedy(self, row, number, table, tmp_path):
        message = explain(table(f"{SPLIT}{row}\n", split="split"))
        assert message == (
            f"{tmp_path / 'reviews.csv'}, line 8: {number} fields where the header has 3. "
            "Quote a text that holds the separator."
        )

    def test_a_row_is_named_by_the_line_it_begins_at(self, table, tmp_path):
        content = f'{SPLIT}"three\n\nlines",good,train\n"two\nlines",bad\n'
        message = explain(table(content, split="split"))
        assert message.startswith(f"{tmp_path / 'reviews.csv'}, line 11: 2 fields")

    @pytest.mark.parametrize("text", ['"It works.', '"It" works.', '"It works."x'])
    def test_a_quotation_mark_astray_is_named_by_the_line_it_stands_in(self, text, table, tmp_path):
        lines = SPLIT.splitlines()
        lines[3] = f"{text},good,dev"
        message = explain(table("\n".join(lines), split="split"))
        assert message.startswith(f"{tmp_path / 'reviews.csv'}, line 4: ")
        assert "Quote such a text as a whole and double the quotation marks in it" in message

    @pytest.mark.parametrize("value", ["tset", "", "0"])
    def test_a_split_that_is_none_names_line_and_choices(self, value, table, tmp_path):
        assert explain(table(f"{SPLIT}Fine.,good,{value}\n", split="split")) == (
            f"{tmp_path / 'reviews.csv'}, line 8: split '{value}' is not one of train, dev, test "
            "(or 0, 1, 2 for these)."
        )

    @pytest.mark.parametrize("label", ["", "  "])
    def test_an_empty_label_names_line_and_column(self, label, table, tmp_path):
        assert explain(table(f"{SPLIT}Fine.,{label},dev\n", split="split")) == (
            f"{tmp_path / 'reviews.csv'}, line 8: the label in column 'label' is empty. "
            "Fill it in, or leave the row out."
        )

    def test_a_label_that_is_not_listed_is_named(self, table, tmp_path):
        message = explain(table(SPLIT, split="split", classes=["good", "fair"]))
        assert message == (
            f"{tmp_path / 'reviews.csv'}: column 'label' has labels that corpus.classes does not "
            "list: 'bad'."
        )

    def test_a_split_without_a_class_is_named(self, table):
        message = explain(table(SPLIT.replace("Fails.,bad", "Fails.,good"), split="split"))
        assert message.startswith("corpus reviews: the dev split has no sentence of class 'bad'.")

    def test_a_split_without_rows_is_named(self, table):
        content = SPLIT.replace(",test", ",train")
        message = explain(table(content, split="split"))
        assert "no row is in test. Add some" in message

    @pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
    def test_a_column_of_splits_that_is_not_used_is_named(self, form, tmp_path, caplog):
        path = tmp_path / f"t.{form}"
        frame = pd.read_csv(io.StringIO(drawn(50))).assign(Split="train")
        match form:
            case "csv":
                frame.to_csv(path, index=False)
            case "jsonl":
                frame.to_json(path, orient="records", lines=True)
            case _:
                frame.to_parquet(path)
        Table(path=str(path)).load()
        (message,) = [m for m in caplog.messages if "is not used" in m]
        assert "column 'Split' is not used; corpus.split=Split takes the splits from it" in message

    def test_a_broken_byte_in_utf8_names_file_and_line(self, table, tmp_path):
        content = f"{SPLIT}Hübsch.,good,dev\n"
        message = explain(table(content.encode() * 3 + content.encode("latin-1"), split="split"))
        assert message.startswith(f"{tmp_path / 'reviews.csv'}, line 32: byte 0xfc is not UTF-8.")

    def test_a_broken_archive_is_named(self, table, tmp_path):
        message = explain(table(gzip.compress(SPLIT.encode())[:-10], "reviews.csv.gz"))
        assert message.startswith(f"{tmp_path / 'reviews.csv.gz'}: the gzip archive is broken")

    def test_a_split_smaller_than_the_number_of_classes_is_named_with_its_setting(self, table):
        rows = "".join(f"w{i},c{i % 30}\n" for i in range(180))
        message = explain(table(f"text,label\n{rows}"))
        assert "dev would have 18 texts for 30 classes. Raise corpus.dev" in message

    @pytest.mark.parametrize(
        "content", [drawn(4), "text,label\n" + "".join(f"w{i},a\n" for i in range(50)) + "w,rare\n"]
    )
    def test_too_few_rows_to_share_out_are_named_with_remedies(self, content, table, tmp_path):
        message = explain(table(content))
        assert message.startswith(f"{tmp_path / 'reviews.csv'}: too few rows to share out")
        assert "the rarest class, " in message
        assert "Add rows, leave rare classes out (corpus.drop_labels), or name a column" in message
        assert len(message) <= 300 + len(str(tmp_path))

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"dev": 0}, "dev must be above 0 and below 1, not 0"),
            ({"test": 1.0}, r"test must be above 0 and below 1, not 1\.0"),
            ({"dev": 0.5, "test": 0.5}, "dev=0.5 and test=0.5 leave nothing"),
            ({"seed": -1}, "seed must be at least 0, not -1"),
            ({"text_splits": ["dve"]}, r"text_splits: no choice 'dve' \(did you mean 'dev'\?\)"),
        ],
    )
    def test_a_setting_out_of_range_is_refused(self, settings, message):
        with pytest.raises(UserError, match=message):
            Table(**settings)
