"""Trainings that start from pretrained vectors."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from pipeline.cache import keys
from pipeline.core.errors import UserError
from pipeline.stages.vectors.formats import write_vectors
from pipeline.stages.vectors.loop import Combine
from pipeline.stages.vectors.vectors import CBOW, GloVe, SkipGram, train_vectors
from pipeline.stages.vectors.word2vec import Loss, Parallel
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocab, build

TEXT = [f"w{i % 7} w{i % 5} w{i % 3} w{i % 11}".split() for i in range(400)]
VOCABULARY = build(TEXT, Vocab(min_count=1))
KNOWN = ["w0", "w3", "w5", "w9"]
DIM = 6


@pytest.fixture
def file(tmp_path):
    matrix = np.random.default_rng(0).normal(size=(5, DIM)).astype(np.float32)
    matrix[0, 0] = 0  # no step may change it either
    vectors = WordVectors([*KNOWN, "elsewhere"], matrix)
    write_vectors(vectors, tmp_path / "v.txt")
    return tmp_path / "v.txt", vectors


TRAINERS = {
    "skip-gram": (SkipGram, {}),
    "skip-gram, softmax": (SkipGram, {"loss": Loss.softmax}),
    "CBOW": (CBOW, {}),
    "CBOW, hogwild": (CBOW, {"threads": 2, "parallel": Parallel.hogwild}),
    "GloVe": (GloVe, {}),
}


def trainer(name, path, **settings):
    kind, own = TRAINERS[name]
    combine = Combine.sum if kind is GloVe else Combine.input
    shared = {"dim": DIM, "epochs": 2, "combine": combine, "init": path and str(path)}
    return kind(**(shared | own | settings))


@pytest.mark.parametrize("name", TRAINERS)
class TestInit:
    def test_known_words_start_from_the_file(self, name, file):
        path, vectors = file
        rate = {"learning_rate": 1e-12}
        if TRAINERS[name][0] is not GloVe:
            rate |= {"min_learning_rate": 0}
        made = train_vectors(None, VOCABULARY, trainer(name, path, **rate))
        for word in KNOWN:
            np.testing.assert_allclose(made[word], vectors[word], atol=1e-6)
        others = [made[word] for word in VOCABULARY.words if word not in KNOWN]
        assert np.abs(others).max() <= 1 / DIM + 1e-6

    def test_they_are_trained_on(self, name, file):
        path, vectors = file
        made = train_vectors(None, VOCABULARY, trainer(name, path))
        assert all(np.abs(made[word] - vectors[word]).max() > 1e-4 for word in KNOWN)

    def test_frozen_they_keep_their_vectors_exactly_and_others_learn(self, name, file):
        path, vectors = file
        start = train_vectors(None, VOCABULARY, trainer(name, path, epochs=1, freeze=True))
        made = train_vectors(None, VOCABULARY, trainer(name, path, epochs=5, freeze=True))
        for word in KNOWN:
            np.testing.assert_array_equal(made[word], vectors[word])
        assert all(
            (made[word] != start[word]).any() for word in VOCABULARY.words if word not in KNOWN
        )

    def test_the_content_of_the_file_is_part_of_the_cache_s_key(self, name, file):
        path, _ = file
        before = keys.training(VOCABULARY, trainer(name, path))
        assert keys.training(VOCABULARY, trainer(name, path)) == before
        path.write_text(path.read_text().replace("elsewhere", "nowhere"))
        assert keys.training(VOCABULARY, trainer(name, path)) != before
        assert keys.training(VOCABULARY, trainer(name, None)) != before

    def test_so_is_a_file_beside_it(self, name, file):
        _, vectors = file
        path = file[0].with_name("v.tsv")
        write_vectors(vectors, path)
        before = keys.training(VOCABULARY, trainer(name, path))
        words = path.with_name("v_metadata.tsv")
        words.write_text(words.read_text().replace("w0", "w1"))
        assert keys.training(VOCABULARY, trainer(name, path)) != before


def test_how_many_words_are_known_is_said(file, caplog):
    with caplog.at_level(logging.INFO):
        train_vectors(None, VOCABULARY, trainer("CBOW", file[0]))
    assert f"4 of 11 words, 38.2 % of the text, start from {file[0]}" in caplog.text


@pytest.mark.parametrize("kind", [SkipGram, CBOW, GloVe])
class TestBadSettings:
    def test_other_dimensions_say_what_to_set(self, kind, file):
        with pytest.raises(
            UserError, match=r"has 6 dimensions, the training 50; set vectors\.dim=6"
        ):
            train_vectors(None, VOCABULARY, kind(init=str(file[0])))

    def test_freezing_nothing_is_refused(self, kind):
        with pytest.raises(UserError, match=r"freeze=true needs init=FILE"):
            kind(freeze=True)

    def test_freezing_vectors_that_others_are_added_to_is_refused(self, kind):
        with pytest.raises(UserError, match=r"freeze=true needs combine="):
            kind(init="v.txt", freeze=True, combine=Combine.concat)

    def test_a_missing_file_is_named(self, kind, tmp_path):
        with pytest.raises(UserError, match=r"none\.txt: no such file"):
            train_vectors(None, VOCABULARY, kind(init=str(Path(tmp_path) / "none.txt")))
