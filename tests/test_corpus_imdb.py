from __future__ import annotations

import hashlib
import tarfile

import numpy as np
import pytest

from pipeline.core.download import OFFLINE, Archive
from pipeline.core.errors import UserError
from pipeline.stages.corpus import SPLITS, Imdb, imdb, load_corpus


@pytest.fixture
def archive(tmp_path):
    """An archive as the official one is, with line breaks, and texts without labels."""
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        for label in ("pos", "neg"):
            for i in range(60):
                words = " ".join(f"w{w}" for w in rng.integers(80, size=30))
                path = tmp_path / "aclImdb" / part / label / f"{i}_{7 if label == 'pos' else 3}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{words}.<br /><br />It is {label}.", encoding="utf-8")
    (tmp_path / "aclImdb" / "train" / "unsup").mkdir()
    (tmp_path / "aclImdb" / "train" / "unsup" / "0_0.txt").write_text("unlabelled")
    (tmp_path / "aclImdb" / "README").write_text("Large Movie Review Dataset")
    with tarfile.open(tmp_path / "aclImdb_v1.tar.gz", "w:gz") as packed:
        packed.add(tmp_path / "aclImdb", "aclImdb")
    return tmp_path / "aclImdb_v1.tar.gz"


def test_train_and_test_are_as_published_and_dev_is_drawn_from_train(archive):
    corpus = load_corpus(Imdb(path=str(archive)))
    assert corpus.task == "imdb"
    assert corpus.classes == ("neg", "pos")
    assert {name: len(corpus.splits[name]) for name in SPLITS} == {
        "train": 108,
        "dev": 12,
        "test": 120,
    }
    messages = [found.message for found in corpus.checks]
    assert messages == [
        "aclImdb_v1.tar.gz: 1 texts without labels are left out",
        "dev: 12 texts drawn from train, with corpus.seed=1",
    ]


def test_line_breaks_are_stripped_from_every_split(archive):
    corpus = Imdb(path=str(archive)).load()
    assert not any("br" in tokens for split in corpus.splits.values() for tokens in split.sentences)
    kept = Imdb(path=str(archive), html="keep").load()
    assert any("br" in tokens for tokens in kept.splits["test"].sentences)


def test_the_folder_gives_the_same_as_the_archive(archive):
    folder = archive.parent / "aclImdb"
    assert Imdb(path=str(folder)).load().digest == Imdb(path=str(archive)).load().digest


def test_without_a_path_the_archive_is_downloaded_once_and_checked(
    archive, site, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    content = archive.read_bytes()
    url = site.put("/aclImdb_v1.tar.gz", content)
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    monkeypatch.setattr(imdb, "ARCHIVE", Archive(url, size=len(content), md5=md5))
    config = Imdb(url=url)
    assert config.load().digest == Imdb(path=str(archive)).load().digest
    assert config.load().task == "imdb"
    assert site.asked == ["/aclImdb_v1.tar.gz"]


def test_another_file_is_refused(archive, site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    url = site.put("/a.tar.gz", archive.read_bytes())
    with pytest.raises(UserError, match="is not the file expected: its md5 is"):
        Imdb(url=url).load()
    assert not list((tmp_path / "data" / "imdb").glob("*.tar.gz"))


def test_offline_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    token = OFFLINE.set(True)
    with pytest.raises(UserError, match=r"aclImdb_v1.tar.gz must be downloaded"):
        Imdb().load()
    OFFLINE.reset(token)
