"""The data of the map of words: the same words in every arm, and their neighbours."""

from __future__ import annotations

import json

import numpy as np
import pytest
from runs import Vectors, hostile

from pipeline.render.html import readable
from pipeline.stages.report.finished_run import FinishedRun
from pipeline.stages.report.word_data import neighbour_table, word_data
from pipeline.stages.vectors.word_vectors import WordVectors


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    return {
        name: FinishedRun.read(hostile(folder / name, name, vectors=vectors))
        for name, vectors in (("own", Vectors(seed=1)), ("glove", Vectors(seed=2, share=0.9)))
    }


@pytest.fixture(scope="module")
def data(runs):
    return word_data(runs, ["film"], min_count=1)


def test_has_the_words_of_all_arms_the_most_frequent_first(runs, data):
    for run in runs.values():
        assert set(data["words"]) <= {readable(word) for word in run.model.vectors.words}
    assert data["counts"] == sorted(data["counts"], reverse=True)
    for arm in data["arms"]:
        assert len(arm["x"]) == len(arm["y"]) == len(arm["class"]) == len(data["words"])


def test_the_class_of_a_word_is_the_one_it_speaks_for(runs, data):
    run = runs["own"]
    for word, index in list(zip(data["words"], data["arms"][0]["class"], strict=True))[:10]:
        added = run.model.classifier.decision_function([run.model.vectors[word]])
        base = run.model.classifier.decision_function([np.zeros(run.model.vectors.dim)])
        assert index == int((added - base)[0].argmax())


def test_neighbours_are_the_nearest_content_words(runs, data):
    words = data["words"]
    place = words.index("film")
    unit = runs["own"].model.vectors.unit
    index = runs["own"].model.vectors.index
    nearest = data["arms"][0]["nearest"]
    others = [word for word in words if word in index and word != "film"]
    cosines = {word: float(unit[index[word]] @ unit[index["film"]]) for word in others}
    found = [(words[i], cosine) for i, cosine in nearest[place]]
    listed = {words[i] for near in nearest if near for i, _ in near} - {"film"}
    best = sorted(listed, key=lambda word: -cosines[word])
    assert [word for word, _ in found] == best[: len(found)]
    assert [cosine for _, cosine in found] == [round(100 * cosines[w]) for w, _ in found]


def test_the_table_of_the_page_says_the_same(data):
    (row,) = neighbour_table(data, ["film", "film", "nosuchword"])
    assert row["word"] == "film"
    assert len(row["arms"]) == 2
    assert row["arms"][0][0]["cosine"] >= row["arms"][0][-1]["cosine"]


class Rotated(Vectors):
    """The same vectors, turned in space: all distances stay."""

    def make(self, corpus, vocabulary):
        vectors = super().make(corpus, vocabulary)
        turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(self.dim, self.dim)))
        return WordVectors(vectors.words, (vectors.matrix @ turn).astype(np.float32))


def test_maps_are_turned_so_that_the_same_vectors_lie_in_the_same_places(runs, tmp_path):
    turned = FinishedRun.read(hostile(tmp_path / "turned", vectors=Rotated(seed=1)))
    one, other = word_data({"own": runs["own"], "turned": turned}, [], min_count=1)["arms"]
    np.testing.assert_allclose(one["x"], other["x"], atol=2)
    np.testing.assert_allclose(one["y"], other["y"], atol=2)


def test_it_is_plain_json(data):
    assert json.loads(json.dumps(data, allow_nan=False))["words"] == data["words"]


def test_without_vectors_there_is_no_map(tmp_path):
    folder = hostile(tmp_path / "run")
    (folder / "vectors" / "matrix.npy").unlink()
    assert word_data({"own": FinishedRun.read(folder)}, [], 1) == {}
