"""Files that other tools write: read as they are, or named with what to do."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import sqlite3
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from gensim.models import FastText, KeyedVectors, Word2Vec
from gensim.models.fasttext import load_facebook_vectors, save_facebook_model
from gensim.scripts.word2vec2tensor import word2vec2tensor
from model2vec import StaticModel
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import Whitespace

from pipeline.core.errors import UserError
from pipeline.stages.vectors.formats import files_of, read_vectors, write_vectors
from pipeline.stages.vectors.word_vectors import WordVectors

WORDS = ["the", "naïve", "cat", "東京", "it's"]
MATRIX = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
TEXT = ["the naïve cat sat on the 東京 mat and it's good", "a film that the cat did not like"] * 50


def explain(path, **options):
    with pytest.raises(UserError) as error:
        read_vectors(path, **options)
    message = str(error.value)
    assert message.startswith(str(path))
    assert len(message) <= 300, message
    return message


def assert_same(vectors, words=WORDS, matrix=MATRIX):
    assert vectors.words == list(words)
    np.testing.assert_array_equal(vectors.matrix, matrix)


def gensim_vectors():
    theirs = KeyedVectors(vector_size=7)
    theirs.add_vectors(WORDS, MATRIX)
    return theirs


class TestGensim:
    @pytest.mark.parametrize("name", ["v.kv", "v.model"])
    def test_its_pickles_are_read_only_when_asked(self, name, tmp_path):
        path = tmp_path / name
        gensim_vectors().save(str(path))
        message = explain(path)
        assert "is a Python pickle" in message
        assert "vectors.unpickle=true" in message
        assert ".save_word2vec_format('vectors.bin', binary=True)" in message
        assert_same(read_vectors(path, unpickle=True))
        assert_same(read_vectors(path, ["cat", "dog"], unpickle=True), ["cat"], MATRIX[[2]])

    def test_a_whole_model_has_vectors_too(self, tmp_path):
        model = Word2Vec([line.split() for line in TEXT], vector_size=5, min_count=1, epochs=1)
        model.save(str(tmp_path / "w2v.model"))
        read = read_vectors(tmp_path / "w2v.model", unpickle=True)
        assert_same(read, model.wv.index_to_key, model.wv.vectors)

    def test_arrays_that_are_beside_the_pickle_are_of_it(self, tmp_path):
        path = tmp_path / "v[1].kv"
        gensim_vectors().save(str(path), sep_limit=0)
        assert (tmp_path / "v[1].kv.vectors.npy") in files_of(path)
        assert_same(read_vectors(path, unpickle=True))

    def test_a_pickle_of_something_else_says_so(self, tmp_path):
        path = tmp_path / "other.pkl"
        path.write_bytes(pickle.dumps({"the": 1}))
        assert "gensim cannot read it as vectors" in explain(path, unpickle=True)

    @pytest.mark.parametrize("binary", [True, False])
    @pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst", ".zip"])
    def test_its_exports_are_read_compressed_in_any_way(self, binary, suffix, tmp_path):
        plain = tmp_path / "v.bin"
        gensim_vectors().save_word2vec_format(plain, binary=binary)
        content, path = plain.read_bytes(), tmp_path / f"v.bin{suffix}"
        match suffix:
            case ".zip":
                with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                    archive.writestr("anything.txt", content)
            case ".zst":
                path.write_bytes(pa.compress(content, codec="zstd", asbytes=True))
            case _:
                pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[suffix]
                path.write_bytes(pack(content))
        assert_same(read_vectors(path))
        assert_same(read_vectors(path, ["cat"]), ["cat"], MATRIX[[2]])


# Its wheels end at Python 3.11; gensim's models, which are the same, are tested everywhere.
try:
    import fasttext
except ImportError:
    fasttext = None
needs_fasttext = pytest.mark.skipif(fasttext is None, reason="fasttext-wheel is not installed")

UNKNOWN = ["zebras", "東", "naïveté", "cats"]


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n".join(TEXT), encoding="utf-8")
    return path


class TestFastText:
    @pytest.fixture(params=["skipgram", "cbow, words only", "short n-grams"])
    def model(self, request, text):
        settings = {
            "skipgram": {"model": "skipgram", "bucket": 5000},
            "cbow, words only": {"model": "cbow", "maxn": 0},
            "short n-grams": {"model": "skipgram", "minn": 1, "maxn": 3, "bucket": 100},
        }[request.param]
        common = {"dim": 7, "minCount": 1, "epoch": 1, "thread": 1, "verbose": 0}
        return fasttext.train_unsupervised(str(text), **common, **settings)

    @staticmethod
    def vector(model, word):
        vector = fasttext.FastText.fasttext.Vector(7)
        model.f.getWordVector(vector, word)
        return np.asarray(memoryview(vector))

    @needs_fasttext
    def test_vectors_are_fasttext_s_own(self, model, tmp_path):
        path = tmp_path / "model.bin"
        model.save_model(str(path))
        read = read_vectors(path)
        assert read.words == model.f.getVocab("strict")[0]
        for word in read.words:
            np.testing.assert_allclose(read[word], self.vector(model, word), atol=1e-6)

    @needs_fasttext
    def test_unknown_words_have_vectors_if_the_model_has_n_grams(self, model, tmp_path):
        path = tmp_path / "model.bin.gz"
        model.save_model(str(tmp_path / "model.bin"))
        path.write_bytes(gzip.compress((tmp_path / "model.bin").read_bytes()))
        read = read_vectors(path, ["cat", *UNKNOWN, "the"])
        has_ngrams = model.f.getArgs().maxn > 0
        assert read.words == (["the", "cat", *UNKNOWN] if has_ngrams else ["the", "cat"])
        for word in read.words:
            np.testing.assert_allclose(read[word], self.vector(model, word), atol=1e-6)

    @pytest.mark.parametrize("block", [1, 1 << 22], ids=["row by row", "at once"])
    @pytest.mark.parametrize("name", ["g.bin", "g.bin.gz"])
    def test_gensim_s_models_are_the_same(self, block, name, monkeypatch, tmp_path):
        monkeypatch.setattr("pipeline.stages.vectors.formats.fasttext.BLOCK", block)
        sentences = [line.split() for line in TEXT]
        model = FastText(sentences, vector_size=6, min_count=1, epochs=1, bucket=1000)
        save_facebook_model(model, str(tmp_path / "g.bin"))
        theirs = load_facebook_vectors(str(tmp_path / "g.bin"))
        (tmp_path / "g.bin.gz").write_bytes(gzip.compress((tmp_path / "g.bin").read_bytes()))
        read = read_vectors(tmp_path / name, [*theirs.index_to_key, *UNKNOWN])
        assert read.words == [*theirs.index_to_key, *UNKNOWN]
        for word in read.words:
            np.testing.assert_allclose(read[word], theirs[word], atol=1e-6)

    @needs_fasttext
    def test_a_classifier_s_labels_are_no_words(self, tmp_path):
        train = tmp_path / "train.txt"
        train.write_text("__label__good a good film\n__label__bad a bad film\n" * 5)
        model = fasttext.train_supervised(str(train), dim=7, epoch=1, verbose=0)
        model.save_model(str(tmp_path / "c.bin"))
        assert set(read_vectors(tmp_path / "c.bin").words) == {"</s>", "a", "film", "good", "bad"}

    @needs_fasttext
    def test_a_quantized_model_says_how_to_export_it(self, tmp_path):
        train = tmp_path / "train.txt"
        train.write_text("".join(f"__label__{i % 2} word{i}\n" for i in range(400)))
        model = fasttext.train_supervised(str(train), dim=8, epoch=1, verbose=0)
        model.quantize()
        model.save_model(str(tmp_path / "c.ftz"))
        assert "quantized" in explain(tmp_path / "c.ftz")

    @pytest.mark.parametrize("part", np.linspace(0.01, 0.99, 9))
    @needs_fasttext
    def test_a_truncated_model_says_so(self, part, text, tmp_path):
        path = tmp_path / "model.bin"
        model = fasttext.train_unsupervised(str(text), dim=7, minCount=1, bucket=50, verbose=0)
        model.save_model(str(path))
        content = path.read_bytes()
        inputs = len(content) * 2 // 3  # the output matrix, behind, is never read
        path.write_bytes(content[: int(part * inputs)])
        assert "ends early" in explain(path)

    @pytest.mark.parametrize("version", [-1, 3, 99])
    def test_another_version_is_named(self, version, tmp_path):
        path = tmp_path / "model.bin"
        path.write_bytes(
            (793712314).to_bytes(4, "little") + version.to_bytes(4, "little", signed=True)
        )
        assert f"version {version} cannot be read" in explain(path)


@pytest.fixture(scope="module")
def static(tmp_path_factory):
    """A model2vec folder with the tokens of some words."""
    vocabulary = {
        t: i for i, t in enumerate(["[UNK]", "film", "the", "good", "##ness", "##s", "a"])
    }
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = Whitespace()
    matrix = np.random.default_rng(1).normal(size=(len(vocabulary), 6)).astype(np.float32)
    folder = tmp_path_factory.mktemp("static") / "potion"
    model = StaticModel(matrix, tokenizer)
    model.save_pretrained(folder)
    return folder, model


class TestStaticModels:
    def test_a_word_is_the_mean_of_its_tokens_as_model2vec_has_it(self, static):
        folder, model = static
        read = read_vectors(folder, ["the", "goodness", "films", "qqq"])
        assert read.words == ["the", "goodness", "films"]
        np.testing.assert_allclose(read.matrix, model.encode(read.words), atol=1e-6)

    def test_all_of_it_are_its_tokens(self, static):
        folder, model = static
        assert_same(read_vectors(folder), model.tokens, model.embedding)

    def test_may_be_named_by_its_file(self, static):
        folder, _ = static
        assert read_vectors(folder / "model.safetensors", ["the"]).words == ["the"]
        assert files_of(folder) == [folder / "model.safetensors", folder / "tokenizer.json"]

    def test_sentence_transformers_layout_is_read_too(self, static, tmp_path):
        folder, model = static
        nested = tmp_path / "st" / "0_StaticEmbedding"
        nested.mkdir(parents=True)
        save_file({"embedding.weight": model.embedding}, nested / "model.safetensors")
        (nested / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
        (tmp_path / "st" / "config_sentence_transformers.json").write_text("{}")
        assert read_vectors(tmp_path / "st", ["films"]).dim == 6

    @pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
    def test_a_broken_file_is_named_by_its_folder(self, file, static, tmp_path):
        for path in static[0].iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
        (tmp_path / file).write_bytes((tmp_path / file).read_bytes()[:-20])
        assert "is not a static model that can be read" in explain(tmp_path)

    @pytest.mark.parametrize("beside", ["emb.txt", "vocab.txt", "words.txt"])
    def test_safetensors_have_their_words_in_a_text_file(self, beside, tmp_path):
        path = tmp_path / "emb.safetensors"
        save_file({"anything": MATRIX.astype(np.float16), "bias": MATRIX[0]}, path)
        assert "has no words: put them beside it" in explain(path)
        (tmp_path / beside).write_text("\n".join(WORDS) + "\n", encoding="utf-8")
        assert_same(read_vectors(path), WORDS, MATRIX.astype(np.float16))
        assert files_of(path) == [path, tmp_path / beside]

    def test_safetensors_that_do_not_fit_are_refused(self, tmp_path):
        path = tmp_path / "emb.safetensors"
        (tmp_path / "emb.txt").write_text("a\nb\n")
        save_file({"x": MATRIX}, path)
        assert "2 words in emb.txt need a matrix of as many rows" in explain(path)
        save_file({"x": MATRIX, "y": MATRIX}, path)
        assert "holds 2 matrices" in explain(path)
        path.write_bytes(path.read_bytes()[:-8])
        assert "cannot be read" in explain(path)
        path.write_bytes((1 << 40).to_bytes(8, "little") + b'{"')
        explain(path)


class TestProjector:
    def test_the_pair_of_gensim_s_script_is_read(self, tmp_path):
        gensim_vectors().save_word2vec_format(tmp_path / "v.bin", binary=True)
        word2vec2tensor(str(tmp_path / "v.bin"), str(tmp_path / "x"), binary=True)
        assert_same(read_vectors(tmp_path / "x_tensor.tsv"))

    @pytest.mark.parametrize("suffix", ["", ".gz"])
    def test_a_folder_that_tensorboard_logged_is_read(self, suffix, tmp_path):
        rows = "".join("\t".join(map(str, row)) + "\n" for row in MATRIX)
        words = "".join(f"{word}\n" for word in WORDS)
        for name, text in (("tensors.tsv", rows), ("metadata.tsv", words)):
            content = text.encode()
            (tmp_path / f"{name}{suffix}").write_bytes(
                gzip.compress(content) if suffix else content
            )
        assert_same(read_vectors(tmp_path))
        assert_same(read_vectors(tmp_path / f"tensors.tsv{suffix}"))
        assert files_of(tmp_path) == [
            tmp_path / f"{n}.tsv{suffix}" for n in ("tensors", "metadata")
        ]


class TestNpzOfOthers:
    def test_whole_numbers_are_numbers(self, tmp_path):
        matrix = np.arange(2 * len(WORDS)).reshape(-1, 2)
        np.savez(tmp_path / "v.npz", words=np.array(WORDS), matrix=matrix)
        np.testing.assert_array_equal(read_vectors(tmp_path / "v.npz").matrix, matrix)

    @pytest.mark.parametrize("names", [("words", "vectors"), ("vocab", "embeddings"), ("w", "m")])
    @pytest.mark.parametrize("kind", [str, bytes])
    def test_one_list_of_words_and_one_matrix_are_read_whatever_their_names(
        self, names, kind, tmp_path
    ):
        listed = np.array(WORDS if kind is str else [word.encode() for word in WORDS])
        np.savez_compressed(tmp_path / "v.npz", **dict(zip(names, (listed, MATRIX), strict=True)))
        assert_same(read_vectors(tmp_path / "v.npz"))

    def test_words_that_are_a_pickle_say_how_to_save_them(self, tmp_path):
        np.savez(tmp_path / "v.npz", words=np.array(WORDS, object), matrix=MATRIX)
        message = explain(tmp_path / "v.npz")
        assert "its words are a pickle" in message
        assert "words=np.array(words, dtype=str)" in message

    @pytest.mark.parametrize("code", [0xD800, 0x110000, 0xFFFFFFFF])
    @pytest.mark.parametrize("order", ["<", ">"])
    def test_words_that_are_no_text_are_refused(self, code, order, tmp_path):
        words = np.array([code, ord("a")], f"{order}u4").view(f"{order}U1")
        np.savez(tmp_path / "v.npz", words=words, matrix=MATRIX[:2])
        assert "a word of its list is not text" in explain(tmp_path / "v.npz")
        words = np.array([ord("東"), ord("a")], f"{order}u4").view(f"{order}U1")
        np.savez(tmp_path / "v.npz", words=words, matrix=MATRIX[:2])
        assert_same(read_vectors(tmp_path / "v.npz"), ["東", "a"], MATRIX[:2])

    def test_several_matrices_are_refused(self, tmp_path):
        np.savez(tmp_path / "v.npz", words=np.array(WORDS), a=MATRIX, b=MATRIX)
        message = explain(tmp_path / "v.npz")
        assert message.endswith(
            "holds 2 matrices: a, b. Save the one you want with its words: "
            "np.savez('one.npz', words=words, matrix=matrix)."
        )


def zipped(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("glove.txt"), io.BytesIO())
    return buffer.getvalue()


def database():
    connection = sqlite3.connect(":memory:")
    connection.execute("create table magnitude (key, dim_0)")
    return connection.serialize()


def hdf5():
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["vectors"] = MATRIX
    return buffer.getvalue()


def array():
    buffer = io.BytesIO()
    np.save(buffer, MATRIX)
    return buffer.getvalue()


FOREIGN = {
    "a pickle": (lambda: pickle.dumps({"the": [1.0]}), "is a Python pickle"),
    "an old pickle": (lambda: pickle.dumps({1}, 0), "is a Python pickle"),
    "HDF5": (hdf5, "is an HDF5 file. Read words and matrix with h5py, then np.savez("),
    "Magnitude": (database, "is an SQLite database (a Magnitude file?)"),
    "a git-lfs pointer": (
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n",
        "is a git-lfs pointer, not the file itself. Fetch the file: git lfs pull.",
    ),
    "a web page": (lambda: b"\n<!DOCTYPE html>\n<html>", "but a web page"),
    "sparse rows": (lambda: b"the 1:0.5 7:-1e-3\ncat 2:1\n", "sparse rows (index:value)"),
    "several texts": (lambda: zipped(a="x 1\n", b="y 1\n"), "is an archive of a, b and has no"),
    "PyTorch": (lambda: zipped(**{"archive/data.pkl": b""}), "is a PyTorch file, a pickle"),
    "tar": (tarred, "is a tar archive. Unpack it"),
    "JSON": (lambda: json.dumps({"the": [1, 2]}).encode(), "is JSON"),
    "a JSON list": (lambda: b'[{"word": "the"}]', "is JSON"),
    "CSV": (lambda: b"the,0.1,-2e-3\n", "separated by ','. Put spaces there: tr ',' ' ' <"),
    "semicolons": (lambda: b"the;0.1;2\n", "separated by ';'. Put spaces"),
    "pandas' CSV": (
        lambda: pd.DataFrame([[0.1, 2.5]] * 2, ["the", "a"]).to_csv().encode(),
        "separated by ',' with a header. Put spaces there: tail -n +2 FILE | tr",
    ),
    "quoted CSV": (lambda: b'"word","x","y"\r\n"the",1,2\r\n"a",1,2\r\n', "with a header"),
    "decimal commas": (lambda: b"the 0,1 -2,5e-3\na 1,5 0\n", "decimal commas. Put points there"),
    "decimal commas, semicolons": (lambda: b"the;0,1;2,5\n", "with decimal commas. Put points"),
    "UTF-16": (lambda: "the 1 2\n".encode("utf-16"), "is UTF-16 text"),
    "Parquet": (lambda: pd.DataFrame({"a": [1]}).to_parquet(), "is a Parquet file"),
    "NumPy": (array, "is a NumPy array without words"),
    "gzip": (lambda: gzip.compress(b"a 1\n"), "is packed by gzip; rename it to vectors.gz"),
    "bzip2": (lambda: bz2.compress(b"a 1\n"), "is packed by bzip2; rename it to vectors.bz2"),
    "xz": (lambda: lzma.compress(b"a 1\n"), "is packed by xz; rename it to vectors.xz"),
    "zstandard": (
        lambda: pa.compress(b"a 1\n", codec="zstd", asbytes=True),
        "is packed by zstandard; rename it to vectors.zst",
    ),
    "PDF": (lambda: b"%PDF-1.7\n%\xe2\xe3", "is a PDF document"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_not_read_is_named_with_what_to_do(kind, tmp_path):
    make, said = FOREIGN[kind]
    path = tmp_path / "vectors"
    path.write_bytes(make())
    assert said in explain(path)


@pytest.mark.parametrize("word", ["[", "{", '{"', "%PDF", "BZh", "PAR1", "<html>", "<?xml", "Rar!"])
def test_a_word_that_looks_like_the_begin_of_another_format_is_a_word(word, tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text(f"{word} 1 2\nb 3 4\n")
    assert_same(read_vectors(path), [word, "b"], [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    "content",
    [
        b"the 1 2\n" + b"x" * 90_000 + b" 1 y\n",
        b"x" * 90_000,
        b"the 1 2\nb " + b"1" * 50_000 + b"z 2\n",
        b"the 1 2\nb 1 2 " + b"3 " * 30_000 + b"\n",
        b"5 2\nthe 1 2\n" + b"\xff" * 40_000 + b" 1 2\n",
        zipped(**{"x" * 30_000: "a", "y" * 30_000: "b"}),
    ],
)
def test_messages_are_short_whatever_the_file(content, tmp_path):
    path = tmp_path / "vectors"
    path.write_bytes(content)
    explain(path)


def test_a_folder_of_nothing_known_says_what_it_should_hold(tmp_path):
    assert "vectors.tsv" in explain(Path(tmp_path))


HOSTILE = """
import resource, sys
from pathlib import Path
import pyarrow.csv, scipy.sparse
from pipeline.core.errors import UserError
from pipeline.core import packed
from pipeline.stages.vectors.formats import npz, read_vectors
packed.LIMITS.set(packed.Limits(line_mb=4))
packed.UNSUSPICIOUS = npz.UNSUSPICIOUS = 1 << 22
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (320 << 20), -1))
for path in sys.argv[1:]:
    for words in (None, ["the"]):
        try:
            read_vectors(path, words)
            print("read")
        except UserError as error:
            print(error)
"""


class TestHostileFiles:
    """Files that claim or unpack to far more than they are cost little memory."""

    def test_are_refused_in_little_memory(self, tmp_path):
        paths = []

        def add(name, opened, *pieces):
            paths.append(tmp_path / name)
            with opened(paths[-1]) as file:
                for piece in pieces:
                    file.write(piece)

        def fast(path):
            return gzip.open(path, "wb", compresslevel=1)

        zeros = [bytes(1 << 20)] * 10
        model = struct.pack("<ii12id", 793712314, 12, 300, *[1] * 7, 1 << 30, 1, 3, 1, 0.1)
        add("line.txt.gz", fast, b"the 1 2\n", *zeros)
        add("blank.txt.gz", fast, b"the 1 2\n", *[b"\n" * (1 << 20)] * 10)
        add("numbers.txt.gz", fast, b"the 1 2\n", b"the", *[b" 1" * (1 << 19)] * 3, b"\n")
        add("wide.txt.gz", fast, b"the", *[b" 1" * (1 << 19)] * 3, b"\n")
        add("word.bin.gz", fast, b"1000000 300\n", *zeros)
        add("model.bin.gz", fast, model, struct.pack("<3i2q", 1 << 30, 1 << 30, 0, 1, -1), *zeros)
        add("line.txt", lambda path: path.open("wb"), b"the 1 2\n", *zeros)
        add(
            "shape.bin",
            lambda path: path.open("wb"),
            model,
            struct.pack("<3i2q", 1, 1, 0, 1, -1) + b"the\0" + bytes(9),
            struct.pack("<b2q", 0, 1 << 39, 300),
        )
        paths.append(tmp_path / "zeros.npz")
        with zipfile.ZipFile(paths[-1], "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for name in ("words", "ends", "matrix"):
                header = io.BytesIO()
                shape = {"descr": "<f4", "fortran_order": False, "shape": (10 << 18,)}
                np.lib.format.write_array_header_1_0(header, shape)
                with archive.open(f"{name}.npy", "w") as file:
                    file.write(header.getvalue())
                    for piece in zeros:
                        file.write(piece)
        command = [sys.executable, "-c", HOSTILE, *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert not done.stderr, done.stderr[-2000:]
        said = done.stdout.splitlines()
        assert len(said) == 2 * len(paths)
        for path, *lines in zip(paths, said[::2], said[1::2], strict=True):
            for line in lines:
                assert line.startswith(str(path)), line
                assert len(line) <= 300

    def test_a_zip_archive_writes_nothing_whatever_its_names(self, tmp_path):
        (tmp_path / "in").mkdir()
        path = tmp_path / "in" / "v.zip"
        path.write_bytes(zipped(**{"../../evil.txt": "the 1 2\n"}))
        assert_same(read_vectors(path), ["the"], [[1, 2]])
        path.write_bytes(zipped(**{"../evil.txt": "the 1 2\n", "/evil.txt": "a 1 2\n"}))
        assert_same(read_vectors(path / "../evil.txt"), ["the"], [[1, 2]])
        assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["v.zip"]

    def test_more_dimensions_than_the_first_bytes_show_are_counted(self, tmp_path):
        matrix = np.random.default_rng(0).normal(size=(2, 9000)).astype(np.float32)
        write_vectors(WordVectors(["the", "a"], matrix), tmp_path / "v.txt")
        assert_same(read_vectors(tmp_path / "v.txt"), ["the", "a"], matrix)
