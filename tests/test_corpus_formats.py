"""Every format of labelled text, in files written by the tools that people use."""

from __future__ import annotations

import bz2
import codecs
import datetime as dt
import gzip
import json
import lzma
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather

from pipeline.core.errors import SettingError, UserError
from pipeline.core.packed import LIMITS, Limits
from pipeline.stages.corpus import SPLITS, Table, load_corpus
from pipeline.stages.corpus.formats import Columns, read_path
from pipeline.stages.corpus.formats.encoding import encoding_of

TEXTS = ["A fine film.", "Dull, too long.", 'He said "yes".', "Café, naïve."]
FRAME = pd.DataFrame({"id": range(4), "label": [1, 0, 1, 0], "text": TEXTS})
ROWS = [*zip(TEXTS, ["1", "0", "1", "0"], strict=True)]


def read(path, **columns):
    found = read_path(Path(path), Columns(**columns))
    return [*zip(found.texts, found.labels, strict=True)]


def explain(path, **columns):
    with pytest.raises(UserError) as error:
        read_path(Path(path), Columns(**columns))
    message = str(error.value)
    assert str(path) in message
    assert len(message) <= 300 + len(str(path))
    return message


def zstandard(content):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


class TestPandas:
    @pytest.mark.parametrize(
        ("name", "write"),
        [
            ("t.csv", lambda frame, path: frame.to_csv(path)),
            ("t.csv", lambda frame, path: frame.to_csv(path, index=False, sep=";")),
            ("t.csv", lambda frame, path: frame.to_csv(path, index=False, sep="|")),
            ("t.tsv", lambda frame, path: frame.to_csv(path, sep="\t")),
            ("t.csv", lambda frame, path: frame.to_csv(path, sep="\t")),
            ("t.csv", lambda frame, path: frame.to_csv(path, encoding="utf-8-sig")),
            ("t.csv", lambda frame, path: frame.to_csv(path, encoding="utf-16")),
            ("t.csv", lambda frame, path: frame.to_csv(path, encoding="utf-16-le")),
            ("t.csv", lambda frame, path: frame.to_csv(path, encoding="cp1252")),
            ("t.csv.gz", lambda frame, path: frame.to_csv(path)),
            ("t.csv.bz2", lambda frame, path: frame.to_csv(path)),
            ("t.csv.xz", lambda frame, path: frame.to_csv(path)),
            ("t.csv.zip", lambda frame, path: frame.to_csv(path)),
            ("t.json", lambda frame, path: frame.to_json(path)),
            ("t.json", lambda frame, path: frame.to_json(path, orient="records")),
            ("t.json", lambda frame, path: frame.to_json(path, orient="index")),
            ("t.json", lambda frame, path: frame.to_json(path, orient="split")),
            ("t.json", lambda frame, path: frame.to_json(path, orient="table")),
            ("t.json", lambda frame, path: frame.to_json(path, orient="records", lines=True)),
            ("t.jsonl", lambda frame, path: frame.to_json(path, orient="records", lines=True)),
            ("t.ndjson.gz", lambda frame, path: frame.to_json(path, orient="records", lines=True)),
            ("t.parquet", lambda frame, path: frame.to_parquet(path)),
            ("data", lambda frame, path: frame.to_parquet(path)),
            ("t.feather", lambda frame, path: frame.to_feather(path)),
            ("t.arrow", lambda frame, path: frame.to_feather(path, compression="zstd")),
        ],
    )
    def test_files_are_read_whatever_their_form(self, name, write, tmp_path):
        write(FRAME, tmp_path / name)
        assert read(tmp_path / name) == ROWS

    @pytest.mark.parametrize("engine", ["openpyxl"])
    def test_workbooks_are_read(self, engine, tmp_path):
        FRAME.to_excel(tmp_path / "t.xlsx", engine=engine)
        assert read(tmp_path / "t.xlsx") == ROWS

    @pytest.mark.parametrize("mark", [",", ";", "\t"])
    def test_a_table_that_states_its_separator_as_excel_does(self, tmp_path, mark):
        FRAME.to_csv(tmp_path / "t.csv", sep=mark, index=False)
        table = (tmp_path / "t.csv").read_text()
        (tmp_path / "t.csv").write_text(f"sep={mark}\n{table}")
        assert read(tmp_path / "t.csv") == ROWS

    def test_line_numbers_count_the_line_of_the_separator(self, tmp_path):
        (tmp_path / "t.csv").write_text("sep=;\ntext;label\na film;0\nno label\n")
        assert "line 4: 1 fields" in explain(tmp_path / "t.csv")

    @pytest.mark.parametrize("name", ["t.csv", "t.tsv"])
    def test_empty_lines_before_the_header_are_skipped(self, tmp_path, name):
        mark = "," if name == "t.csv" else "\t"
        FRAME.to_csv(tmp_path / name, sep=mark, index=False)
        (tmp_path / name).write_text("\n\n" + (tmp_path / name).read_text())
        assert read(tmp_path / name) == ROWS

    def test_feather_of_version_1_is_named(self, tmp_path):
        (tmp_path / "t.feather").write_bytes(b"FEA1" + bytes(60) + b"FEA1")
        assert "to_feather('new.feather')" in explain(tmp_path / "t.feather")

    def test_of_a_workbook_the_first_sheet_with_the_columns_is_read_and_named(self, tmp_path):
        path = tmp_path / "t.xlsx"
        with pd.ExcelWriter(path) as writer:
            pd.DataFrame().to_excel(writer, sheet_name="empty")
            pd.DataFrame({"note": ["of March"]}).to_excel(writer, sheet_name="about")
            FRAME.to_excel(writer, sheet_name="mine")
            FRAME.to_excel(writer, sheet_name="other")
        assert read(path) == ROWS
        assert read_path(path, Columns()).notes == ["t.xlsx: sheet mine of 3"]

    def test_numbers_of_labels_are_written_as_whole_numbers_in_every_form(self, tmp_path):
        frame = FRAME.assign(label=FRAME["label"].astype(float))
        frame.to_parquet(tmp_path / "t.parquet")
        frame.to_excel(tmp_path / "t.xlsx")
        frame.to_json(tmp_path / "t.jsonl", orient="records", lines=True)
        for path in tmp_path.iterdir():
            assert read(path) == ROWS

    def test_booleans_are_named_alike_in_csv_and_parquet(self, tmp_path):
        frame = FRAME.assign(label=FRAME["label"] == 1)
        frame.to_csv(tmp_path / "t.csv")
        frame.to_parquet(tmp_path / "t.parquet")
        assert read(tmp_path / "t.csv") == read(tmp_path / "t.parquet")


class TestArrow:
    def test_streams_are_read(self, tmp_path):
        table = pa.Table.from_pandas(FRAME)
        with (
            pa.OSFile(str(tmp_path / "t.arrow"), "wb") as file,
            pa.ipc.new_stream(file, table.schema) as writer,
        ):
            writer.write_table(table)
        assert read(tmp_path / "t.arrow") == ROWS

    def test_dictionaries_are_read(self, tmp_path):
        table = pa.table(
            {"text": TEXTS, "label": pa.array(["1", "0", "1", "0"]).dictionary_encode()}
        )
        feather.write_feather(table, tmp_path / "t.feather")
        assert read(tmp_path / "t.feather") == ROWS

    def test_a_list_of_words_is_a_text(self, tmp_path):
        frame = pd.DataFrame({"text": [["a", "film"], ["dull"]], "label": [1, 0]})
        frame.to_parquet(tmp_path / "t.parquet")
        assert read(tmp_path / "t.parquet") == [("a film", "1"), ("dull", "0")]

    def test_bytes_and_dates_are_texts(self, tmp_path):
        table = pa.table({"text": [b"a film"], "label": [dt.date(2026, 1, 2)]})
        feather.write_feather(table, tmp_path / "t.feather")
        assert read(tmp_path / "t.feather") == [("a film", "2026-01-02")]

    def test_a_list_of_labels_is_refused(self, tmp_path):
        pd.DataFrame({"text": ["a"], "label": [["x", "y"]]}).to_parquet(tmp_path / "t.parquet")
        assert "row 1: column 'label' holds a list, ['x', 'y']" in explain(tmp_path / "t.parquet")


class TestCompressed:
    @pytest.mark.parametrize(
        ("ending", "pack"),
        [
            (".gz", gzip.compress),
            (".bz2", bz2.compress),
            (".xz", lzma.compress),
            (".zst", zstandard),
        ],
    )
    @pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
    def test_files_are_read(self, ending, pack, name, tmp_path):
        frame = FRAME.drop(columns="id")
        written = frame.to_csv() if name == "t.csv" else frame.to_json(orient="records", lines=True)
        path = tmp_path / f"{name}{ending}"
        path.write_bytes(pack(written.encode()))
        assert read(path) == ROWS


class TestHuggingFace:
    @pytest.fixture
    def datasets(self):
        return pytest.importorskip("datasets")

    @pytest.fixture
    def dataset(self, datasets):
        label = datasets.ClassLabel(names=["neg", "pos"])
        features = datasets.Features({"text": datasets.Value("string"), "label": label})
        values = {"text": TEXTS, "label": [1, 0, 1, 0]}
        return datasets.Dataset.from_dict(values, features=features)

    def test_a_saved_dataset_is_read_with_the_names_of_its_classes(self, dataset, tmp_path):
        dataset.save_to_disk(tmp_path / "d")
        found = read_path(tmp_path / "d", Columns())
        assert found.labels == ["pos", "neg", "pos", "neg"]
        assert found.classes == ("neg", "pos")

    def test_a_dictionary_of_datasets_is_read_with_its_splits(self, datasets, dataset, tmp_path):
        parts = {"train": dataset, "validation": dataset, "test": dataset, "unsupervised": dataset}
        datasets.DatasetDict(parts).save_to_disk(tmp_path / "d", num_shards=dict.fromkeys(parts, 2))
        found = read_path(tmp_path / "d", Columns())
        assert found.splits == ["train"] * 4 + ["dev"] * 4 + ["test"] * 4
        assert found.texts == TEXTS * 3
        assert found.notes == ["d: split 'unsupervised' is left out"]

    def test_a_selection_of_rows_is_read(self, dataset, tmp_path):
        dataset.select([2, 0]).save_to_disk(tmp_path / "d")
        assert read_path(tmp_path / "d", Columns()).texts == [TEXTS[2], TEXTS[0]]

    def test_folders_of_parquet_as_on_the_hub_are_read(self, dataset, tmp_path):
        folder = tmp_path / "d" / "plain_text"
        folder.mkdir(parents=True)
        for name in ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"):
            dataset.to_parquet(folder / f"{name}.parquet")
        found = read_path(tmp_path / "d", Columns())
        assert found.splits == ["test"] * 4 + ["train"] * 8
        assert found.classes == ("neg", "pos")

    def test_a_folder_that_lacks_a_file_names_it(self, dataset, tmp_path):
        dataset.save_to_disk(tmp_path / "d")
        for path in (tmp_path / "d").glob("*.arrow"):
            path.unlink()
        assert "cannot be read as Arrow" in explain(tmp_path / "d")


class TestTablesOfText:
    def write(self, tmp_path, content, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def test_marks_are_part_of_the_text_in_a_tsv_without_quoting(self, tmp_path):
        path = self.write(tmp_path, 'label\ttext\n1\t"Great", he said\n0\t5" of "dull\n', "t.tsv")
        assert read(path) == [('"Great", he said', "1"), ('5" of "dull', "0")]
        assert read_path(path, Columns()).notes == [
            "t.tsv: quotation marks are read as part of the text"
        ]

    def test_no_row_of_a_tsv_without_quoting_is_lost_between_two_marks(self, tmp_path):
        path = self.write(tmp_path, 'text\tlabel\n"one\t1\ntwo\t0\nthree"\t1\n', "t.tsv")
        assert read(path) == [('"one', "1"), ("two", "0"), ('three"', "1")]

    def test_quoting_can_be_switched_off_and_on(self, tmp_path):
        path = self.write(tmp_path, 'text,label\n"a,1\nb,0\n')
        assert read(path, quoting=False) == [('"a', "1"), ("b", "0")]
        path = self.write(tmp_path, 'text\tlabel\n"a"\t1\n', "t.tsv")
        assert read(path, quoting=False) == [('"a"', "1")]

    def test_quoted_fields_of_a_tsv_may_hold_tabs(self, tmp_path):
        path = self.write(tmp_path, 'text\tlabel\n"a\tfilm"\t1\n', "t.tsv")
        assert read(path) == [("a\tfilm", "1")]

    @pytest.mark.parametrize(
        "content", ["1,A film\n0,Dull\n", "1;A film\n0;Dull\n", "1\tA film\n0\tDull"]
    )
    def test_columns_without_a_header_go_by_their_numbers(self, content, tmp_path):
        path = self.write(tmp_path, content)
        assert read(path, text="1", label="0") == [("A film", "1"), ("Dull", "0")]

    def test_a_missing_column_tells_how_to_read_a_table_without_a_header(self, tmp_path):
        path = self.write(tmp_path, "1,A film\n0,Dull\n")
        assert "Without a header, number the columns from 0: corpus.text=1" in explain(path)

    def test_fasttext_lines_are_read(self, tmp_path):
        path = self.write(tmp_path, "__label__pos A fine film .\n\n__label__neg dull\n", "t.txt")
        assert read(path) == [("A fine film .", "pos"), ("dull", "neg")]

    def test_fasttext_lines_may_end_with_the_label(self, tmp_path):
        path = self.write(tmp_path, "A fine film . __label__pos\ndull __label__neg\n", "t.txt")
        assert read(path) == [("A fine film .", "pos"), ("dull", "neg")]

    def test_an_object_of_splits_is_read_as_these(self, tmp_path):
        splits = {"train": FRAME[:2], "validation": FRAME[2:3], "test": FRAME[3:]}
        value = {name: frame.to_dict("records") for name, frame in splits.items()}
        path = self.write(tmp_path, json.dumps(value | {"extra": []}), "t.json")
        found = read_path(path, Columns())
        assert found.splits == ["train", "train", "dev", "test"]
        assert found.texts == TEXTS
        assert found.notes == ["t.json: not used: extra"]

    @pytest.mark.parametrize(
        ("text", "hint"),
        [
            ("Text,Label\nA fine film,pos\n", "(did you mean 'Text'?); it has Text, Label."),
            ("text^label\nA fine film^pos\n", "Name it in corpus.delimiter."),
        ],
    )
    def test_other_names_and_separators_are_not_taken_for_a_missing_header(
        self, text, hint, tmp_path
    ):
        message = explain(self.write(tmp_path, text, "t.csv"))
        assert hint in message
        assert "Without a header" not in message

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"\x1f\x8b\x08", "is packed by gzip: rename it to end with .gz"),
            (b"<!DOCTYPE html>\n<html>", "is a web page"),
            (b"version https://git-lfs.github.com/spec/v1\n", "is a git-lfs pointer"),
            (b"SQLite format 3\0", "is an SQLite database"),
        ],
    )
    def test_a_file_of_another_kind_is_named(self, content, words, tmp_path):
        (tmp_path / "t.csv").write_bytes(content)
        assert words in explain(tmp_path / "t.csv")

    def test_a_table_of_text_named_xlsx_is_told(self, tmp_path):
        path = self.write(tmp_path, "text,label\nA fine film,pos\n", "t.xlsx")
        assert "rename it to .csv or set corpus.format=csv" in explain(path)

    def test_without_a_header_the_likely_columns_are_named(self, tmp_path):
        path = self.write(tmp_path, "A fine film,pos,7\ndull,neg,3\n", "t.csv")
        assert "number the columns from 0: corpus.text=0 corpus.label=2." in explain(path)

    def test_fasttext_lines_of_several_labels_are_refused(self, tmp_path):
        path = self.write(tmp_path, "__label__a x\n__label__a __label__b y\n", "t.txt")
        assert "line 2: 2 labels, __label__a __label__b. A text has exactly one" in explain(path)

    def test_line_ends_of_an_old_mac_are_read(self, tmp_path):
        assert read(self.write(tmp_path, "text,label\ra,1\rb,0\r")) == [("a", "1"), ("b", "0")]

    def test_two_columns_of_one_name_are_refused(self, tmp_path):
        path = self.write(tmp_path, "text,label,text\na,1,b\n")
        assert "has 2 columns named 'text'" in explain(path)

    def test_what_was_found_out_is_noted(self, tmp_path):
        path = self.write(tmp_path, "text;label\nCafé;1\n".encode("cp1252"))
        assert read_path(path, Columns()).notes == [
            "t.csv is read as CP1252",
            "t.csv: columns are separated by semicolons",
        ]


class TestEncodings:
    @pytest.mark.parametrize(
        ("text", "written", "found"),
        [
            ("plain", "ascii", "utf-8"),
            ("naïve café 很好", "utf-8", "utf-8"),
            ("naïve", "utf-8-sig", "utf-8-sig"),
            ("plain text", "utf-16", "utf-16"),
            ("plain text", "utf-16-be", "utf-16-be"),
            ("plain text", "utf-32", "utf-32"),
            ("A naïve “film”, déjà vu", "cp1252", "cp1252"),
            ("ein schöner, großer Film", "latin-1", "cp1252"),
        ],
    )
    def test_are_found_out(self, text, written, found, tmp_path):
        (tmp_path / "t.txt").write_bytes(f"{text}\n".encode(written) * 3)
        assert encoding_of(tmp_path / "t.txt") == found

    @pytest.mark.parametrize(
        ("text", "written"),
        [
            ("这部电影很好看", "gb18030"),
            ("この映画は面白い", "shift_jis"),
            ("хороший фильм", "cp1251"),
        ],
    )
    def test_of_other_scripts_are_asked_for_and_taken(self, text, written, tmp_path):
        path = tmp_path / "t.csv"
        path.write_bytes(f"text,label\n{text},1\n".encode(written))
        assert "is not UTF-8. Name the file's encoding in corpus.encoding" in explain(path)
        assert read(path, encoding=written) == [(text, "1")]

    def test_one_broken_byte_in_utf8_is_an_error_that_names_the_line(self, tmp_path):
        path = tmp_path / "t.csv"
        path.write_bytes("text,label\nCafé ähnlich,1\nnaïve,0\n".encode() + b"bro\xffken,1\n")
        assert "line 4: byte 0xff is not UTF-8" in explain(path)

    def test_a_wrong_name_is_an_error(self, tmp_path):
        path = tmp_path / "t.csv"
        path.write_bytes(codecs.BOM_UTF8 + b"text,label\nab,1\n")
        with pytest.raises(UserError, match=r"corpus\.encoding=utf-9: no such"):
            read(path, encoding="utf-9")
        assert "not written in ascii" in explain(path, encoding="ascii")


class TestJson:
    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("t.jsonl", '{"text": "a", "label": 1}\n{"text"', "line 2, character 8: not JSON"),
            ("t.jsonl", '{"text": "a", "label": 1}\n[1]\n', "line 2: '[1]' is not an object"),
            ("t.jsonl", '{"text": "a"}\n', "line 1: no column named 'label'; it has text."),
            ("t.jsonl", '{"text": "a", "label": null}\n', "line 1: the label in column 'label' is"),
            ("t.jsonl", '{"text": "a", "label": NaN}\n', "line 1: the label in column 'label' is"),
            ("t.jsonl", '{"text": {"x": 1}, "label": 1}\n', "column 'text' holds dict {'x': 1}"),
            ("t.json", '{"text": "a", "label": 1', "line 1, character 25: not JSON"),
            ("t.json", '[{"text": "a", "label": 1}, 3]', "record 2: '3' is not an object"),
            ("t.json", '{"text": ["a", "b"], "label": [1]}', "its columns differ in length"),
            ("t.json", '"text"', "'text' is neither a list nor an object"),
            ("t.json", '{"a": 1}', "an object without records"),
            ("t.json", "[" * 100_000, "not JSON"),
        ],
    )
    def test_a_broken_one_names_the_place(self, name, content, message, tmp_path):
        (tmp_path / name).write_text(content)
        assert message in explain(tmp_path / name)


def reviews(folder, names, text="A fine film."):
    for i, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text} {i}", encoding="utf-8")


ACL = [
    f"{part}/{label}/{i}_{i}.txt"
    for part in ("train", "test")
    for label in ("pos", "neg")
    for i in (3, 2)
]


class TestFoldersOfClasses:
    def test_have_split_and_class(self, tmp_path):
        reviews(tmp_path / "d", [*ACL, "train/unsup/0_0.txt", "README", "train/urls_pos.txt"])
        found = read_path(tmp_path / "d", Columns())
        assert found.splits == ["test"] * 4 + ["train"] * 4
        assert found.labels == ["neg", "neg", "pos", "pos"] * 2
        assert found.notes == ["d: 1 texts without labels are left out"]

    def test_may_have_no_splits(self, tmp_path):
        reviews(tmp_path / "d", ["pos/1.txt", "neg/1.txt", "neg/2.txt", "readme.txt"])
        found = read_path(tmp_path / "d", Columns())
        assert (found.labels, found.splits) == (["neg", "neg", "pos"], ["", "", ""])

    @pytest.mark.parametrize(
        ("name", "mode"),
        [
            ("d.tar", "w"),
            ("d.tar.gz", "w:gz"),
            ("d.tgz", "w:gz"),
            ("d.tar.bz2", "w:bz2"),
            ("d.tar.xz", "w:xz"),
        ],
    )
    def test_are_read_from_an_archive_alike(self, name, mode, tmp_path):
        reviews(tmp_path / "d", ACL)
        with tarfile.open(tmp_path / name, mode) as archive:
            archive.add(tmp_path / "d", "aclImdb")
        packed, plain = read_path(tmp_path / name, Columns()), read_path(tmp_path / "d", Columns())
        assert (packed.texts, packed.labels, packed.splits) == (
            plain.texts,
            plain.labels,
            plain.splits,
        )

    def test_are_read_from_a_zip_archive_alike(self, tmp_path):
        reviews(tmp_path / "d", ACL)
        with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
            for name in ACL:
                archive.write(tmp_path / "d" / name, f"aclImdb/{name}")
        assert read(tmp_path / "d.zip") == read(tmp_path / "d")

    def test_in_other_encodings_are_read_and_counted(self, tmp_path):
        reviews(tmp_path / "d", ["pos/1.txt", "neg/1.txt"])
        (tmp_path / "d" / "pos" / "2.txt").write_bytes("Café".encode("cp1252"))
        found = read_path(tmp_path / "d", Columns())
        assert found.texts[-1] == "Café"
        assert found.notes == ["d: 1 texts are read as CP1252"]

    def test_in_a_named_encoding_are_read_by_it(self, tmp_path):
        reviews(tmp_path / "d", ["neg/1.txt"])
        (tmp_path / "d" / "pos").mkdir()
        (tmp_path / "d" / "pos" / "1.txt").write_bytes("хороший".encode("cp1251"))
        assert read(tmp_path / "d", encoding="cp1251")[1] == ("хороший", "pos")
        with pytest.raises(UserError, match=r"corpus\.encoding=utf-9: no such"):
            read(tmp_path / "d", encoding="utf-9")

    def test_a_broken_archive_is_named(self, tmp_path):
        (tmp_path / "d.tar.gz").write_bytes(gzip.compress(b"no archive"))
        assert "d.tar.gz: the archive is broken" in explain(tmp_path / "d.tar.gz")

    def test_a_folder_of_neither_says_what_is_needed(self, tmp_path):
        (tmp_path / "d" / "x").mkdir(parents=True)
        (tmp_path / "d" / "a.pdf").write_text("x")
        assert "holds a.pdf, x: neither tables nor a folder of .txt files" in explain(
            tmp_path / "d"
        )

    def test_dev_is_drawn_from_train_and_never_from_test(self, tmp_path):
        names = [
            f"{part}/{label}/{i}.txt"
            for part in ("train", "test")
            for label in "ab"
            for i in range(20)
        ]
        reviews(tmp_path / "d", names)
        corpus = Table(path=str(tmp_path / "d"), dev=0.2).load()
        assert {name: len(corpus.splits[name]) for name in SPLITS} == {
            "train": 32,
            "dev": 8,
            "test": 40,
        }
        assert np.bincount(corpus.splits["dev"].labels).tolist() == [4, 4]
        again = Table(path=str(tmp_path / "d"), dev=0.2, seed=2).load()
        assert again.splits["test"].digest == corpus.splits["test"].digest
        assert again.splits["dev"].digest != corpus.splits["dev"].digest


def split_files(folder, names):
    folder.mkdir(exist_ok=True)
    paths = []
    for k, name in enumerate(names):
        FRAME.assign(text=[f"{text} {k}" for text in TEXTS]).to_csv(folder / name, index=False)
        paths.append(str(folder / name))
    return paths


class TestAFileForEachSplit:
    def sizes(self, config):
        corpus = config.load()
        return [len(corpus.splits[name]) for name in SPLITS], corpus.task

    @pytest.mark.parametrize("dev", ["dev.csv", "valid.csv", "my_validation_set.csv"])
    def test_is_found_in_a_folder_by_its_name(self, dev, tmp_path):
        split_files(tmp_path / "films", ["train.csv", dev, "test.csv"])
        assert self.sizes(Table(path=str(tmp_path / "films"))) == ([4, 4, 4], "films")

    def test_may_be_one_of_a_list(self, tmp_path):
        paths = split_files(tmp_path / "films", ["train.csv", "dev.csv", "test.csv"])
        assert self.sizes(Table(path=paths)) == ([4, 4, 4], "films")

    def test_may_be_named_by_its_own_setting(self, tmp_path):
        train, more, dev, test = split_files(tmp_path / "f", ["a.csv", "b.csv", "c.csv", "d.csv"])
        config = Table(train_file=[train, more], dev_file=dev, test_file=test)
        assert self.sizes(config) == ([8, 4, 4], "a")

    def test_without_dev_has_it_drawn_from_train(self, tmp_path):
        train, test = split_files(tmp_path / "f", ["a.csv", "b.csv"])
        assert self.sizes(Table(train_file=train, test_file=test, dev=0.5))[0] == [2, 2, 4]

    def test_of_which_some_say_no_split_are_refused(self, tmp_path):
        paths = split_files(tmp_path / "f", ["train.csv", "other.csv"])
        with pytest.raises(UserError, match=r"the name other.csv says neither train, dev nor test"):
            Table(path=paths).load()

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"delimiter": "--"}, "delimiter must be one character, not '--'"),
            ({"path": {"train": "a.csv"}}, "path must be the name of a file, or a list of names"),
        ],
    )
    def test_a_wrong_setting_is_refused_at_once(self, given, message):
        with pytest.raises(SettingError, match=message):
            Table(**given)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"train_file": "a.csv"}, "corpus.test_file is not set"),
            ({"test_file": "a.csv"}, "corpus.train_file is not set"),
            ({"path": "a.csv", "train_file": "b.csv"}, "give one of them"),
            ({"dev_file": "a.csv"}, "corpus.dev_file needs corpus.train_file"),
        ],
    )
    def test_a_part_alone_is_refused(self, given, message):
        with pytest.raises(UserError, match=message):
            Table(**given).load()


class TestSplitNames:
    def table(self, tmp_path, names):
        rows = [f"text {i} {name},{i % 2},{name}" for name in names for i in range(4)]
        path = tmp_path / "t.csv"
        path.write_text("\n".join(["text,label,part", *rows]))
        return Table(path=str(path), split="part", dev=0.5)

    @pytest.mark.parametrize(
        "names",
        [
            ("train", "dev", "test"),
            ("Training", "Validation", "Testing"),
            ("TRAIN", " valid ", "test"),
            ("train", "val", "test"),
            ("0", "1", "2"),
        ],
    )
    def test_are_read_in_all_their_ways(self, names, tmp_path):
        corpus = self.table(tmp_path, names).load()
        assert [len(corpus.splits[name]) for name in SPLITS] == [4, 4, 4]
        assert corpus.splits["dev"].sentences[0][-1] == names[1].lower().strip()

    @pytest.mark.parametrize("names", [("train", "test"), ("0", "2")])
    def test_without_dev_have_it_drawn_from_train(self, names, tmp_path):
        corpus = self.table(tmp_path, names).load()
        assert [len(corpus.splits[name]) for name in SPLITS] == [2, 2, 4]

    @pytest.mark.parametrize("names", [("1", "2", "3"), ("train", "heldout")])
    def test_that_mean_none_are_named_with_the_line(self, names, tmp_path):
        config = self.table(tmp_path, names[::-1])
        with pytest.raises(UserError, match=r"line \d: split '[3h].* is not one of train, dev"):
            config.load()


class TestOtherFiles:
    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("t.pkl", "is a pickle, which runs code"),
            ("t.xls", "is the Excel format of before 2007"),
        ],
    )
    def test_are_named(self, name, message, tmp_path):
        (tmp_path / name).write_bytes(b"x")
        assert message in explain(tmp_path / name)

    def test_a_format_can_be_named(self, tmp_path):
        FRAME.to_json(tmp_path / "t.dat", orient="records")
        found = read_path(tmp_path / "t.dat", Columns(), "json")
        assert found.texts == TEXTS
        with pytest.raises(UserError, match=r"no format 'jsn' \(did you mean 'json'\?\)"):
            read_path(tmp_path / "t.dat", Columns(), "jsn")

    def test_objects_in_a_file_of_no_known_name_are_read(self, tmp_path):
        FRAME.to_json(tmp_path / "data", orient="records", lines=True)
        assert read(tmp_path / "data") == ROWS

    def test_a_saved_dataset_without_its_description_is_named(self, tmp_path):
        (tmp_path / "d").mkdir()
        (tmp_path / "d" / "state.json").write_text("{")
        assert "state.json cannot be read" in explain(tmp_path / "d")

    @pytest.mark.parametrize("name", ["t.parquet", "t.feather", "t.xlsx"])
    def test_a_broken_typed_table_is_named(self, name, tmp_path):
        begin = {"t.parquet": b"PAR1", "t.feather": b"ARROW1\0\0", "t.xlsx": b"PK\x03\x04"}[name]
        (tmp_path / name).write_bytes(begin + b"broken" * 100)
        assert "cannot be read as" in explain(tmp_path / name)

    @pytest.mark.parametrize(
        "name", ["none.csv", "none.parquet", "none.xlsx", "none.tar.gz", "none.pkl"]
    )
    def test_a_missing_file_is_named(self, name, tmp_path):
        assert "no such file" in explain(tmp_path / name)


class TestLimits:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch):
        token = LIMITS.set(Limits(line_mb=1, ratio=50))
        monkeypatch.setattr("pipeline.core.packed.UNSUSPICIOUS", 1 << 20)
        monkeypatch.setattr("pipeline.stages.corpus.formats.frames.UNSUSPICIOUS", 1 << 20)
        yield
        LIMITS.reset(token)

    @pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.json"])
    def test_a_line_without_end_is_refused(self, name, tmp_path):
        first = {"t.csv": "text,label", "t.jsonl": '{"text": "a", "label": 1}', "t.json": "["}[name]
        (tmp_path / name).write_text(f"{first}\n" + "a" * (2 << 20))
        assert "line 2: longer than 1 MB" in explain(tmp_path / name)

    @pytest.mark.parametrize("name", ["t.csv.gz", "t.jsonl.gz", "t.tar.gz"])
    def test_what_unpacks_to_many_times_its_size_is_refused(self, name, tmp_path):
        (tmp_path / name).write_bytes(gzip.compress(b"\0" * 500 + b"\n" * (8 << 20)))
        explain(tmp_path / name)

    def test_so_is_a_table_of_one_value(self, tmp_path):
        frame = pd.DataFrame({"text": ["word " * 2000] * 2000, "label": [1] * 2000})
        frame.to_feather(tmp_path / "t.feather", compression="zstd")
        assert "unpacks to more than 50 times its size" in explain(tmp_path / "t.feather")

    def test_so_is_a_large_text_in_an_archive(self, tmp_path):
        reviews(tmp_path / "d", ["pos/1.txt"], "a" * (2 << 20))
        assert "a text longer than 1 MB" in explain(tmp_path / "d")


def test_every_format_gives_the_same_corpus(tmp_path):
    texts = [f"{text} number {i}" for i in range(20) for text in TEXTS]
    frame = pd.DataFrame({"text": texts, "label": [["bad", "good"][i % 2] for i in range(80)]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_excel(tmp_path / "t.xlsx", index=False)
    digests = {load_corpus(Table(path=str(path))).digest for path in tmp_path.iterdir()}
    assert len(digests) == 1
    lines = (tmp_path / "t.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["label"] == "bad"
