"""Whatever is in a file is read, or refused in one line; `benchmarks/fuzz.py` tries more."""

from __future__ import annotations

import pickle
import subprocess
import time

import fuzzing
import numpy as np
import pytest
from fuzzing import Reader, Tally, attempt, composing, fuzz, limited, readers

from pipeline.core.errors import UserError

INPUTS = 120  # for a reader of share 1
NAMES = [
    "trees",
    "tables",
    "tables, found out",
    "tables, jsonl",
    "tables, json",
    "tables, parquet",
    "tables, feather",
    "tables, csv.gz",
    "tables, csv.bz2",
    "tables, csv.xz",
    "tables, csv.zst",
    "tables, csv.zip",
    "tables, xlsx",
    "tables, xlsx: members",
    "fastText lines",
    "a folder for each class",
    "a folder for each class, zip",
    "a folder for each class, tar",
    "a folder for each class, tar.gz",
    "saved dataset",
    "unlabelled text",
    "unlabelled text, packed",
    "GloVe text",
    "GloVe text, gzip",
    "GloVe text, bzip2",
    "GloVe text, xz",
    "GloVe text, zstandard",
    "GloVe text, zip",
    "word2vec text",
    "word2vec binary",
    "word2vec binary, gzip",
    "fastText model",
    "fastText model, gzip",
    "static model",
    "safetensors",
    "NumPy .npz",
    "NumPy .npz of others",
    "NumPy .npz of others: arrays",
    "NumPy .npz: arrays",
    "projector's pair",
    "similarity",
    "analogies",
    "skops model",
    "skops model: members",
    "store's entries",
    "checkpoints",
    "configuration",
]


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    return {reader.name: reader for reader in readers(tmp_path_factory.mktemp("valid"))}


def test_every_reader_has_its_turn(every):
    assert list(every) == NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:Reading `.npy`")
def test_broken_input_is_read_or_refused_and_does_no_harm(name, every, tmp_path):
    reader = every[name]
    with composing():
        tally = fuzz(reader, tmp_path, max(3, int(INPUTS * reader.share)), seed=0)
    assert not tally.faults, tally.inputs
    assert tally.refused or name == "a folder for each class"  # any bytes there are a text


class TestFault:
    """What the checks are there for, they see."""

    @pytest.fixture
    def outcome(self, tmp_path):
        def outcome(read):
            tally = Tally()
            said = attempt(Reader("r", read, []), tmp_path / "fuzz", {"f": b"x"}, tally)
            assert said in {"accepted", "refused"} or tally.faults == {said: 1}
            return said

        return outcome

    def test_is_an_error_of_another_kind(self, outcome):
        assert outcome(lambda _: {}["key"]) == "KeyError: 'key'"

    def test_is_not_an_error_a_person_understands(self, outcome):
        def refuse(_):
            raise UserError("no")

        assert outcome(refuse) == "refused"
        assert outcome(lambda _: None) == "accepted"

    def test_is_a_file_written_elsewhere(self, outcome, tmp_path):
        assert outcome(lambda at: (at / "mine").touch()) == "accepted"
        assert outcome(lambda _: (tmp_path / "evil").touch()).endswith("/evil")
        (tmp_path / "evil").unlink()

    def test_is_a_program_begun(self, outcome):
        assert outcome(lambda _: subprocess.run(["true"], check=True)).startswith("subprocess")

    def test_is_a_pickle_opened(self, outcome):
        assert outcome(lambda _: pickle.loads(b"cos\nsystem\n.")).startswith("pickle")  # noqa: S301

    def test_is_memory_beyond_measure(self, outcome):
        with limited():
            assert outcome(lambda _: np.ones(1 << 30)).startswith("MemoryError")

    def test_is_a_hang(self, outcome, monkeypatch):
        monkeypatch.setattr(fuzzing, "SECONDS", 1)
        assert outcome(lambda _: time.sleep(20)).startswith("HangError")
