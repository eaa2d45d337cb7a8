"""Places and sentences out of the ordinary, from the front door."""

from __future__ import annotations

import sys

import pytest
from conftest import SENTENCES
from front import SIZES, assert_one_clear_line, call, only

from pipeline.stages.corpus import Table, Text
from pipeline.stages.corpus.sst import read_trees

QUICK = [
    "vectors=random",
    "vectors.dim=3",
    "sweep.strengths=[1]",
    "tracking=off",
    "report.words=[it]",
]
LONG = 100_000  # words


def test_paths_may_have_spaces_and_letters_of_any_alphabet(tmp_path):
    odd = tmp_path / "meine Daten, 東京 (1)"
    odd.mkdir()
    for name in ("train", "dev", "test"):
        (odd / f"{name}.txt").write_text("\n".join(SENTENCES.values()), encoding="utf-8")
    (odd / "glóve.txt").write_text("it 1 2\nfilm 3 4\n", encoding="utf-8")
    done = call(
        odd,
        *["corpus=sst", f"corpus.path='{odd}'", "vectors=glove", f"glove='{odd}/glóve.txt'"],
        *["sweep.strengths=[1]", "tracking=off", "report.words=[it]"],
        f"cache.path='{odd}/lager é'",
        f"hydra.run.dir='{odd}/läufe 1'",
    )
    assert done.returncode == 0, done.stderr
    assert (odd / "läufe 1" / "result.json").exists()
    assert only(odd, "läufe 1/report/index.html")


@pytest.mark.skipif(sys.platform != "linux", reason="these folders take nothing, not even of root")
@pytest.mark.parametrize("place", ["/proc", "/sys"])
class TestAFolderThatTakesNothing:
    def test_for_the_run_is_named_in_one_line(self, place, tmp_path):
        given = [*QUICK, f"hydra.run.dir={place}/mine"]
        assert_one_clear_line(call(tmp_path, *given), f"{place}/mine")

    def test_for_what_is_kept_costs_a_warning(self, place, tmp_path):
        done = call(tmp_path, *QUICK, *SIZES, f"cache.path={place}/mine")
        assert done.returncode == 0, done.stderr
        assert f"is not stored in {place}/mine" in done.stderr


class TestASentenceOfAHundredThousandWords:
    def test_may_be_a_tree(self, tmp_path):
        path = tmp_path / "train.txt"
        flat = "(3 " + " ".join(f"(2 w{i})" for i in range(LONG)) + ")"
        deep = "(3 (2 w) " * LONG + "(2 w)" + ")" * LONG
        path.write_text(f"{flat}\n{deep}\n")
        assert [len(tree.tokens) for tree in read_trees(path)] == [LONG, LONG + 1]

    def test_may_be_a_cell_of_a_table(self, tmp_path):
        rows = [f"a film,{label},{part}" for label in "01" for part in ("train", "dev", "test")]
        path = tmp_path / "t.csv"
        path.write_text("\n".join(["text,label,split", *rows, "word " * LONG + ",1,train"]))
        corpus = Table(path=str(path), split="split").load()
        assert max(map(len, corpus.splits["train"].sentences)) == LONG

    @pytest.mark.parametrize("tokenized", [True, False])
    def test_may_be_a_line_of_text(self, tokenized, tmp_path):
        path = tmp_path / "u.txt"
        path.write_text("word " * LONG + "\n")
        assert [len(words) for words in Text((path,), tokenized=tokenized)] == [LONG]
