from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from pipeline.core.download import Archive
from pipeline.core.errors import UserError
from pipeline.core.files import file_digest
from pipeline.stages.corpus import Pretraining, Sample, Sst
from pipeline.stages.vectors import catalog, pretrained
from pipeline.stages.vectors.formats import read_vectors, write_vectors
from pipeline.stages.vectors.loop import Trained
from pipeline.stages.vectors.pretrained import (
    Glove,
    Pretrained,
    Random,
    pretrain,
    pretraining_trainer,
)
from pipeline.stages.vocab import build_vocab

GLOVE = "the 1 2\nfilm 3 4\nelsewhere 5 6\nbrilliant 7 8\nit 9 10\n"


@pytest.fixture
def corpus(treebank):
    (treebank / "test.txt").write_text("".join(f"({label} elsewhere)\n" for label in range(5)))
    return Sst(path=str(treebank)).load()


@pytest.fixture
def glove(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text(GLOVE)
    return path


@pytest.fixture
def training(monkeypatch):
    """Training that is over at once; gives how often it was called."""
    calls = []

    def train(vocabulary, trainer, _=None):
        calls.append((vocabulary, trainer))
        matrix = np.ones((len(vocabulary), trainer.dim), np.float32)
        return Trained(matrix, matrix, [])

    monkeypatch.setattr(pretrained, "train", train)
    return calls


class TestGlove:
    def test_reads_the_words_of_vocabulary_and_corpus_and_no_others(self, corpus, glove):
        made = Glove(path=str(glove)).make(corpus, build_vocab(corpus))
        assert made.words == ["film", "elsewhere", "brilliant", "it"]
        np.testing.assert_array_equal(made["film"], [3, 4])

    @pytest.mark.parametrize("name", ["v.vec", "v.bin", "v.npz", "v.tsv", "folder", "v.txt.gz"])
    def test_reads_any_format(self, name, corpus, glove, tmp_path):
        write_vectors(read_vectors(glove), tmp_path / name)
        made = Glove(path=str(tmp_path / name)).make(corpus, build_vocab(corpus))
        assert made.words == ["film", "elsewhere", "brilliant", "it"]
        assert made.provenance["file"] == name

    def test_the_digest_of_a_projector_s_pair_is_that_of_vectors_and_words(self, corpus, tmp_path):
        digests = set()
        for words, numbers in (("film\nit", "1\n2"), ("it\nfilm", "1\n2"), ("film\nit", "2\n1")):
            (tmp_path / "vectors.tsv").write_text(f"{numbers}\n")
            (tmp_path / "metadata.tsv").write_text(f"{words}\n")
            made = Glove(path=str(tmp_path)).make(corpus, build_vocab(corpus))
            digests.add(made.provenance["digest"])
        assert len(digests) == 3

    def test_notes_which_file_it_was(self, corpus, glove):
        made = Glove(path=str(glove)).make(corpus, build_vocab(corpus))
        assert made.provenance == {
            "source": "file",
            "file": "glove.txt",
            "digest": file_digest(glove),
        }

    def test_a_file_without_any_of_the_words_says_so(self, corpus, glove):
        glove.write_text("Kino 1 2\nDER 3 4\n")
        with pytest.raises(UserError, match=r"glove\.txt has none of the 12 words of the corpus"):
            Glove(path=str(glove)).make(corpus, build_vocab(corpus))

    def test_a_missing_file_is_named(self, corpus, tmp_path):
        path = tmp_path / "none.txt"
        with pytest.raises(UserError, match=r"none\.txt: no such file"):
            Glove(path=str(path)).make(corpus, build_vocab(corpus))

    def test_is_downloaded_in_four_sizes_only(self, corpus):
        with pytest.raises(UserError, match=r"GloVe 6B comes in \(50, 100, 200, 300\), not 10"):
            Glove(dim=10).make(corpus, build_vocab(corpus))

    def test_a_file_of_other_dimensions_than_asked_for_is_refused(self, corpus, glove):
        assert Glove(path=str(glove), dim=2).make(corpus, build_vocab(corpus)).dim == 2
        with pytest.raises(UserError, match=r"has 2 dimensions, not vectors\.dim=3"):
            Glove(path=str(glove), dim=3).make(corpus, build_vocab(corpus))

    @pytest.mark.usefixtures("training")
    def test_what_stands_for_glove_in_the_sample_says_so(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        corpus = Sample(train=60, dev=60, test=60, pretraining=200).load()
        made = Glove(dim=7).make(corpus, build_vocab(corpus))
        assert made.dim == 7
        assert "own skip-gram, trained on 200 unlabelled" in made.provenance["note"]


class TestDownloaded:
    @pytest.fixture
    def archive(self, tmp_path, monkeypatch):
        """An archive with two sizes of GloVe, in place of the published one."""
        monkeypatch.chdir(tmp_path)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            for dim in (50, 100):
                file.writestr(f"glove.6B.{dim}d.txt", f"film{' 1' * dim}\n")
        content = buffer.getvalue()
        published = Archive(
            catalog.find("6B.50d").archive.url, hashlib.sha256(content).hexdigest(), len(content)
        )
        for name, named in catalog.catalog().items():
            if name.startswith("glove.6B."):
                monkeypatch.setitem(catalog.catalog(), name, replace(named, archive=published))
        return content

    @pytest.fixture
    def mirror(self, archive, site):
        return site.put("/glove.zip", archive)

    def test_is_fetched_where_no_file_is_named_and_read_without_being_unpacked(
        self, mirror, corpus, tmp_path
    ):
        made = Glove(url=mirror, dim=100).make(corpus, build_vocab(corpus))
        assert (made.words, made.dim) == (["film"], 100)
        folder = tmp_path / "data" / "glove"
        assert [path.name for path in folder.glob("[!.]*")] == ["glove.6B.zip"]
        assert made.provenance["file"] == "glove.6B.100d.txt"

    def test_is_fetched_once_for_all_its_sizes(self, mirror, corpus, site):
        for settings in ({}, {"dim": 100}, {"name": "6B.100d"}, {"name": "glove.6B.50d"}):
            Pretrained(url=mirror, **settings).make(corpus, build_vocab(corpus))
        assert site.asked == ["/glove.zip"]

    @pytest.mark.usefixtures("archive")
    def test_a_file_that_a_former_version_unpacked_is_taken(self, corpus, tmp_path, site):
        folder = tmp_path / "data" / "glove"
        folder.mkdir(parents=True)
        (folder / "glove.6B.50d.txt").write_text("film 1 2\n")
        made = Glove(url=f"{site.address}/none").make(corpus, build_vocab(corpus))
        assert made.dim == 2
        assert site.asked == []

    def test_that_cannot_be_had_tells_how_to_name_a_file(self, mirror, corpus):
        with pytest.raises(UserError) as error:
            Glove(url=f"{mirror}.none").make(corpus, build_vocab(corpus))
        assert str(error.value).startswith(f"cannot download {mirror}.none: 403")
        assert str(error.value).endswith("(vectors.path=FILE names one you have.)")

    def test_a_mirror_that_serves_another_file_is_refused(self, archive, corpus, site):
        url = site.put("/glove.zip", archive[:-1])
        with pytest.raises(UserError, match=r"is not the file expected: its sha256 is \w+, not"):
            Glove(url=url).make(corpus, build_vocab(corpus))

    def test_a_name_says_where_vectors_are_from(self, mirror, corpus):
        made = Pretrained(name="6B.50d", url=mirror).make(corpus, build_vocab(corpus))
        assert made.provenance["name"] == "glove.6B.50d"
        assert made.provenance["licence"] == "PDDL 1.0 (public domain)"
        assert "Pennington" in made.provenance["citation"]

    @pytest.mark.parametrize(
        ("name", "file"), [("2024.wikigiga.50d", ".zip"), ("numberbatch.en", ".txt.gz")]
    )
    def test_what_has_no_published_digest_is_read_as_it_is_shipped(
        self, name, file, corpus, site, tmp_path, monkeypatch
    ):
        monkeypatch.chdir(tmp_path)
        rows = b"2 2\nfilm 1 2\nbrilliant 3 4\n"
        buffer = io.BytesIO()
        if file == ".zip":
            with zipfile.ZipFile(buffer, "w") as archive:
                archive.writestr("wiki_giga_2024_50_MFT20_combined.txt", rows)
        else:
            buffer.write(gzip.compress(rows))
        url = site.put(f"/any{file}", buffer.getvalue())
        made = Pretrained(name=name, url=url).make(corpus, build_vocab(corpus))
        assert made.words == ["film", "brilliant"]
        (record,) = (tmp_path / "data").rglob("*.sha256")
        assert made.provenance["digest"] in record.read_text()

    def test_an_archive_of_several_files_where_one_is_expected_is_refused(
        self, corpus, site, tmp_path, monkeypatch
    ):
        monkeypatch.chdir(tmp_path)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name in ("a.txt", "b.txt"):
                archive.writestr(name, "film 1 2\n")
        url = site.put("/v.zip", buffer.getvalue())
        with pytest.raises(UserError, match=r"holds 2 files: a\.txt, b\.txt\. Name one, as in"):
            Pretrained(name="2024.dolma.300d", url=url).make(corpus, build_vocab(corpus))


class TestCatalog:
    def test_every_entry_is_complete(self):
        for name, named in catalog.catalog().items():
            assert named.name == name
            assert named.archive.url.startswith("https://")
            assert len(named.archive.sha256 or "0" * 64) == 64
            assert named.text
            assert named.licence
            assert named.citation

    def test_glove_may_be_left_out(self):
        assert catalog.find("840B.300d") is catalog.find("glove.840B.300d")
        assert catalog.find("840B.300d").cased
        assert catalog.find("twitter.200d").member == "glove.twitter.27B.200d.txt"
        assert catalog.find("fasttext.crawl").family == "fasttext"

    def test_an_unknown_name_is_told_with_the_nearest_and_all(self):
        with pytest.raises(UserError) as error:
            Pretrained(name="6B.55d")
        assert str(error.value).startswith(
            "name=6B.55d: no such vectors (did you mean '6B.50d'?); choose from 6B.50d, "
        )
        for name in ("2024.dolma.300d", "word2vec.googlenews", "numberbatch.en", "42B.300d"):
            assert name in str(error.value)

    def test_a_file_and_a_name_are_one_too_many(self):
        with pytest.raises(UserError, match=r"path and name: give one of them"):
            Pretrained(path="v.txt", name="6B.50d")


class TestPretrain:
    TEXT = Pretraining("key", lambda: iter([["often"] * 5 + ["rare"]]))

    def test_trains_on_the_words_seen_five_times(self, training):
        vectors = pretrain(self.TEXT, pretraining_trainer(None))
        assert vectors.words == ["often"]
        assert vectors.dim == 50
        assert len(training) == 1

    def test_serves_a_corpus_that_has_a_larger_text(self, training):
        sample = Sample(train=50, dev=50, test=50, pretraining=500).load()
        made = Glove().make(sample, build_vocab(sample))
        ((vocabulary, trainer),) = training
        assert made.dim == trainer.dim == 50
        assert set(made.words) == set(vocabulary.words) & set(sample.words())

    def test_includes_words_outside_the_corpus_that_are_asked_for(self, training):
        sample = Sample(train=50, dev=50, test=50, pretraining=500).load()
        whole = pretrain(sample.pretraining, pretraining_trainer(2))
        other = next(word for word in whole.words if word not in sample.words())
        vocabulary = build_vocab(sample)
        assert other not in Glove().select(whole, sample, vocabulary)
        assert other in Glove().select(whole, replace(sample, also=(other,)), vocabulary)
        assert len(training) == 1


class TestRandom:
    def test_has_a_vector_for_every_word_of_the_vocabulary(self, corpus):
        vocabulary = build_vocab(corpus)
        made = Random(dim=7).make(corpus, vocabulary)
        assert made.words == vocabulary.words
        assert made.matrix.shape == (len(vocabulary), 7)
        assert made.matrix.dtype == np.float32
        assert made.provenance == {"source": "random"}

    def test_is_the_same_for_the_same_seed_and_another_for_another(self, corpus):
        vocabulary = build_vocab(corpus)
        digests = [Random(seed=seed).make(corpus, vocabulary).digest for seed in (1, 1, 2)]
        assert digests[0] == digests[1] != digests[2]

    def test_vectors_are_of_length_one_on_average(self, corpus):
        matrix = Random(dim=5000).make(corpus, build_vocab(corpus)).matrix
        np.testing.assert_allclose(np.linalg.norm(matrix, axis=1), 1, atol=0.1)
        np.testing.assert_allclose(matrix.mean(axis=1), 0, atol=0.01)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"dim": 0}, "dim must be at least 1, not 0"),
            ({"seed": -1}, "seed must be at least 0, not -1"),
        ],
    )
    def test_a_setting_out_of_range_is_refused(self, settings, message):
        with pytest.raises(UserError, match=message):
            Random(**settings)
