from __future__ import annotations

import gzip
import json
import os
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipeline import Cache, Sample, Table, UserError, Vocab
from pipeline.cache.keys import run_key
from pipeline.cache.stages import CachedStages
from pipeline.core.plain import json_digest
from pipeline.experiment import Experiment
from pipeline.stages.corpus import Text
from pipeline.stages.corpus.sources import digest_of, files_of, lines_of


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to work in, with texts in it and below it."""
    monkeypatch.chdir(tmp_path)
    for name in ("b.txt", "a.txt", "deep/c.txt", "deep/.hidden", "_SUCCESS", "state.json"):
        path = tmp_path / "texts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text of {name}\n")
    return tmp_path / "texts"


def names(*given):
    return [path.name for path in files_of(given)]


def said(call, *given):
    with pytest.raises(UserError) as error:
        list(call(*given))
    assert len(str(error.value)) <= 300
    return str(error.value)


@pytest.mark.usefixtures("folder")
class TestFiles:
    def test_a_folder_is_all_files_below_it_in_order(self):
        assert names("texts") == ["a.txt", "b.txt", "c.txt"]

    def test_a_pattern_is_the_files_that_match_in_order(self):
        assert names("texts/*.txt") == ["a.txt", "b.txt"]
        assert names("texts/**/*.txt") == ["a.txt", "b.txt", "c.txt"]

    def test_names_keep_their_order(self):
        assert names("texts/deep", "texts/a.txt") == ["c.txt", "a.txt"]

    def test_a_file_whose_name_looks_like_a_pattern_is_that_file(self, folder):
        (folder / "a[1].txt").write_text("x\n")
        assert names("texts/a[1].txt") == ["a[1].txt"]

    def test_an_empty_folder_is_named(self, folder):
        (folder / "empty").mkdir()
        assert said(files_of, ["texts/empty"]).endswith("the folder texts/empty has no files.")

    def test_a_pattern_without_files_is_named(self):
        assert said(files_of, ["texts/*.gz"]) == "corpus.unlabelled: no file matches texts/*.gz."


class TestTables:
    ROWS = ("One film.", "Two\nlines.", None)

    @pytest.fixture(
        params=["parquet", "feather", "arrow stream", "arrow file", "jsonl", "jsonl.gz"]
    )
    def table(self, request, tmp_path):
        """Write a table with a column of texts; return its path."""
        kind, _, form = request.param.partition(" ")
        path = tmp_path / f"table.{kind}"
        frame = pd.DataFrame({"text": self.ROWS, "stars": [1, 2, 3]})
        if kind == "parquet":
            frame.to_parquet(path)
        elif kind == "feather":
            frame.to_feather(path)
        elif kind == "arrow":
            made = pa.Table.from_pandas(frame)
            new = pa.ipc.new_stream if form == "stream" else pa.ipc.new_file
            with new(path, made.schema) as file:
                file.write_table(made)
        else:
            frame.to_json(path, orient="records", lines=True)
        return path

    def test_each_row_is_a_document_of_one_or_more_lines(self, table):
        assert list(lines_of(table)) == ["One film.", "Two", "lines."]

    def test_another_column_is_chosen_by_name(self, table):
        assert "unlabelled_column" in said(lines_of, table, "review")

    def test_the_only_column_of_text_needs_no_name(self, tmp_path):
        path = tmp_path / "t.parquet"
        pd.DataFrame({"review": ["good"], "stars": [5]}).to_parquet(path)
        assert list(lines_of(path)) == ["good"]

    def test_of_several_columns_of_text_one_must_be_named(self, tmp_path):
        path = tmp_path / "t.parquet"
        pd.DataFrame({"title": ["a"], "body": ["b"]}).to_parquet(path)
        message = said(lines_of, path)
        assert message.endswith("set corpus.unlabelled_column. It has: title, body.")
        assert list(lines_of(path, "body")) == ["b"]

    def test_a_broken_one_is_named(self, tmp_path):
        path = tmp_path / "t.parquet"
        path.write_bytes(b"PAR1 broken PAR1")
        assert said(lines_of, path).startswith(f"{path} cannot be read as Parquet")

    def test_a_broken_line_of_json_is_named(self, tmp_path):
        path = tmp_path / "t.jsonl"
        path.write_text('{"text": "fine"}\n{"text": broken}\n')
        assert said(lines_of, path).startswith(f"{path}, line 2: no JSON object")

    def test_a_dataset_saved_to_disk_is_its_folder(self, tmp_path):
        datasets = pytest.importorskip("datasets")
        saved = datasets.Dataset.from_dict({"text": ["One.", "Two."]})
        saved.save_to_disk(str(tmp_path / "saved"))
        assert list(Text(files_of([str(tmp_path / "saved")]))) == [["one", "."], ["two", "."]]


@pytest.fixture
def far():
    """A bucket with two texts, in memory."""
    fsspec = pytest.importorskip("fsspec")
    pytest.importorskip("upath")
    files = fsspec.filesystem("memory")
    files.pipe("/bucket/b.txt", b"Second.\n")
    files.pipe("/bucket/a.txt.gz", gzip.compress(b"First.\n"))
    yield files
    files.rm("/bucket", recursive=True)


@pytest.mark.usefixtures("far")
class TestAddresses:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("memory://bucket/b.txt", [["second", "."]]),
            ("memory://bucket", [["first", "."], ["second", "."]]),
            ("memory://bucket/*.gz", [["first", "."]]),
        ],
    )
    def test_a_file_folder_or_pattern_far_away_is_read(self, name, expected):
        assert list(Text(files_of([name]))) == expected

    def test_another_content_has_another_digest(self, far):
        (path,) = files_of(["memory://bucket/b.txt"])
        before = digest_of(path)
        far.pipe("/bucket/b.txt", b"Something else.\n")
        assert digest_of(path) != before

    def test_a_vocabulary_of_it_is_cached(self, far, tmp_path):
        def build():
            config = Sample(train=50, dev=50, test=50, unlabelled=["memory://bucket"])
            return CachedStages(Cache(str(tmp_path))).vocab(config.load(), Vocab())

        assert [build().how, build().how] == ["made", "reused"]
        far.pipe("/bucket/b.txt", b"Another zebra.\n")
        assert "zebra" in build().value.words

    @pytest.mark.parametrize("kind", ["parquet", "feather"])
    def test_tables_are_read(self, kind, far, tmp_path):
        frame = pd.DataFrame({"text": ["One.", "Two."]})
        getattr(frame, f"to_{kind}")(tmp_path / "t")
        far.pipe(f"/bucket/t.{kind}", (tmp_path / "t").read_bytes())
        assert list(lines_of(*files_of([f"memory://bucket/t.{kind}"]))) == ["One.", "Two."]

    @pytest.mark.parametrize("dated", [True, False])
    def test_another_content_on_the_web_has_another_digest(self, dated, tmp_path, monkeypatch):
        pytest.importorskip("aiohttp")

        class Quiet(SimpleHTTPRequestHandler):
            def send_header(self, name, value):
                if dated or name != "Last-Modified":
                    super().send_header(name, value)

            def log_message(self, *_):
                pass

        monkeypatch.chdir(tmp_path)
        Path("a.txt").write_text("One.\n")
        os.utime("a.txt", (1, 1))
        with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
            Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            (path,) = files_of([f"http://127.0.0.1:{server.server_port}/a.txt"])
            before = digest_of(path)
            assert digest_of(path) == before
            assert list(Text((path,))) == [["one", "."]]
            Path("a.txt").write_text("Two.\n")
            assert digest_of(path) != before
            server.shutdown()

    def test_and_makes_a_run_stale(self, far):
        experiment = Experiment(corpus=Table(path="t.csv", unlabelled=["memory://bucket/b.txt"]))
        keys = []
        for content in (b"a\n", b"a\n", b"a b\n"):
            if content != b"a\n" or not keys:
                far.pipe("/bucket/b.txt", content)
            keys.append(json_digest(run_key(experiment)["files_read"]["unlabelled"]))
        assert keys[0] == keys[1] != keys[2]

    def test_one_that_is_not_there_is_named(self):
        assert said(Text(files_of(["memory://bucket/none.txt"])).lines).startswith(
            "memory://bucket/none.txt"
        )

    def test_an_unknown_kind_is_named(self):
        assert said(files_of, ["nonsense://bucket/a"]).startswith("nonsense://bucket/a")


class Patient:
    """An engine with many tasks under way, each done when its result is asked for."""

    ahead = 50

    def submit(self, task):
        return task


class TestManyFiles:
    def test_give_the_same_words_as_one_file_with_all_their_lines(self, tmp_path):
        rng = np.random.default_rng(0)
        lines = [" ".join(rng.choice(list("abcdefgh"), 5)) for _ in range(60)]
        (tmp_path / "whole.txt").write_text("\n".join(lines) + "\n")
        parts = tmp_path / "parts"
        parts.mkdir()
        for i in range(20):
            text = "\n".join(lines[3 * i : 3 * i + 3]) + "\n"
            (parts / f"{i:02}.txt.gz").write_bytes(gzip.compress(text.encode()))
        whole, cut = (Text(files_of([str(tmp_path / n)])) for n in ("whole.txt", "parts"))
        assert list(whole.blocks(40)) == list(cut.blocks(40))
        assert list(whole) == list(cut)

    def test_a_broken_one_among_them_is_named(self, tmp_path):
        for i in range(30):
            (tmp_path / f"{i:02}.txt.gz").write_bytes(gzip.compress(b"fine\n" * 99))
        broken = tmp_path / "17.txt.gz"
        broken.write_bytes(broken.read_bytes()[:-9])
        message = said(Text(files_of([str(tmp_path)])).lines)
        assert message.startswith(f"{broken}: the gzip archive is broken")

    def test_what_is_before_a_broken_one_is_kept(self, tmp_path, monkeypatch):
        monkeypatch.setattr(Text.blocks, "__defaults__", (100,))
        for i in range(9):
            lines = "".join(f"Line {n} of {i}.....\n" for n in range(10))
            (tmp_path / f"{i}.txt.gz").write_bytes(gzip.compress(lines.encode()))
        whole = (tmp_path / "7.txt.gz").read_bytes()
        (tmp_path / "7.txt.gz").write_bytes(whole[:-9])
        corpus = Sample(train=50, dev=50, test=50, unlabelled=[str(tmp_path / "*.gz")]).load()
        stages = CachedStages(Cache(str(tmp_path / "cache")), Patient())
        with pytest.raises(UserError, match=r"7\.txt\.gz: the gzip archive is broken"):
            stages.vocab(corpus, Vocab())
        kept = list((tmp_path / "cache" / "text").glob("*/manifest.json"))
        assert len(kept) >= 10  # of 70 lines of 16 characters

    def test_one_that_vanished_is_named(self, tmp_path):
        for i in range(10):
            (tmp_path / f"{i}.txt").write_text("fine\n")
        text = Text(files_of([str(tmp_path)]))
        (tmp_path / "7.txt").unlink()
        assert said(text.lines).startswith(f"{tmp_path / '7.txt'}: no such file")


class TestAFileThatChangesWhileItIsRead:
    @pytest.fixture
    def vocabulary(self, tmp_path):
        """Build the vocabulary, cached, with what happens after the files' digests are taken."""

        def build(change=lambda: None, **more):
            config = Sample(train=50, dev=50, test=50, unlabelled=[str(tmp_path / "*.txt")], **more)
            corpus = config.load()
            assert corpus.text_digest
            change()
            return CachedStages(Cache(str(tmp_path / "cache"))).vocab(corpus, Vocab())

        for name in "ab":
            (tmp_path / f"{name}.txt").write_text(f"zebra {name}\n" * 3)
        return build

    @pytest.mark.parametrize("words", [None, 1])
    def test_is_named_and_never_makes_a_stale_result(self, vocabulary, words, tmp_path):
        path = tmp_path / "b.txt"
        before = path.read_text()
        with pytest.raises(UserError, match=r"b\.txt changed while it was read"):
            vocabulary(lambda: path.write_text("walrus\n"), unlabelled_words=words)
        path.write_text(before)
        again = vocabulary(unlabelled_words=words)
        assert again.how == "made"
        assert "walrus" not in again.value.words

    def test_is_named_where_it_is_gone(self, vocabulary, tmp_path):
        with pytest.raises(UserError, match=r"b\.txt: no such file"):
            vocabulary((tmp_path / "b.txt").unlink)


def test_the_settings_take_a_pattern_and_a_column(tmp_path):
    for i in range(3):
        (tmp_path / f"{i}.jsonl").write_text(json.dumps({"body": f"film {i}"}) + "\n")
    config = Table(path="t.csv", unlabelled=[f"{tmp_path}/*.jsonl"], unlabelled_column="body")
    text = config.extra_text()
    assert [Path(path).name for path in text.paths] == ["0.jsonl", "1.jsonl", "2.jsonl"]
    assert list(text) == [["film", "0"], ["film", "1"], ["film", "2"]]
