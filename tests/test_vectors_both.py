"""Own vectors beside pretrained ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cache.stages import CachedStages
from pipeline.cache.store import Cache
from pipeline.cli import plan
from pipeline.cli.config import check_files
from pipeline.core.errors import UserError
from pipeline.experiment import Experiment
from pipeline.stages.corpus import Sst
from pipeline.stages.vectors.both import Both, deviation, join
from pipeline.stages.vectors.loop import Combine
from pipeline.stages.vectors.pretrained import Pretrained
from pipeline.stages.vectors.vectors import CBOW, SkipGram, train_vectors
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocab, build, build_vocab

OWN = WordVectors(["it", "film", "works"], np.array([[1, 2], [3, 5], [-1, 0]], np.float32))
FILE = WordVectors(["film", "sun", "it"], np.array([[10], [70], [30]], np.float32))
VOCABULARY = build([["it", "film", "it"], ["works", "it"]], Vocab(min_count=1))


class TestJoin:
    def test_the_numbers_of_a_word_are_those_of_both(self):
        joined = join(OWN, FILE, VOCABULARY)
        assert joined.words == ["it", "film", "works", "sun"]
        assert joined.matrix.shape == (4, 3)
        np.testing.assert_array_equal(joined.matrix[:, 2], [30, 10, 0, 70])
        scale = joined.provenance["own_scaled_by"]
        np.testing.assert_allclose(joined.matrix[:3, :2], scale * OWN.matrix)

    def test_a_word_that_one_of_them_lacks_has_zeros_there(self):
        joined = join(OWN, FILE, VOCABULARY)
        np.testing.assert_array_equal(joined["sun"], [0, 0, 70])
        assert joined["works"][2] == 0

    @settings(max_examples=40, deadline=None)
    @given(
        scale=st.floats(1e-3, 1e3),
        shift=st.floats(-9, 9),
        seed=st.integers(0, 99),
    )
    def test_both_blocks_deviate_as_much_whatever_their_scale(self, scale, shift, seed):
        rng = np.random.default_rng(seed)
        words = VOCABULARY.words
        own = WordVectors(words, (scale * (rng.normal(size=(3, 4)) + shift)).astype(np.float32))
        other = WordVectors(words, rng.normal(size=(3, 2)).astype(np.float32))
        joined = join(own, other, VOCABULARY)
        blocks = [WordVectors(words, joined.matrix[:, part]) for part in (slice(4), slice(4, None))]
        first, second = (deviation(block, VOCABULARY) for block in blocks)
        assert first == pytest.approx(second, rel=1e-3)
        assert second == deviation(other, VOCABULARY)

    def test_the_deviation_is_over_running_words(self):
        # "it" occurs three times, the others once: 1 1 1 3 -1, and 2 2 2 5 0.
        rows = np.array([[1, 2]] * 3 + [[3, 5], [-1, 0]])
        assert deviation(OWN, VOCABULARY) == pytest.approx(np.sqrt(rows.var(axis=0).mean()))

    def test_vectors_that_are_all_alike_cannot_be_scaled(self):
        alike = WordVectors(VOCABULARY.words, np.ones((3, 2), np.float32), {"file": "ones.txt"})
        with pytest.raises(UserError, match=r"the vectors of ones\.txt do not differ"):
            join(OWN, alike, VOCABULARY)


@pytest.fixture
def corpus(treebank):
    return Sst(path=str(treebank)).load()


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("film 1 2\nit 3 4\nelsewhere 5 6\nbrilliant 7 9\n")
    return Both(own=SkipGram(dim=4, epochs=1), pretrained=Pretrained(path=str(path)))


class TestBoth:
    def test_keeps_the_loss_curve_of_the_training(self):
        curve = np.array([[10, 0.5]])
        joined = join(WordVectors(OWN.words, OWN.matrix, curve=curve), FILE, VOCABULARY)
        np.testing.assert_array_equal(joined.curve, curve)

    def test_trains_and_reads_only_the_words_needed(self, corpus, source):
        vocabulary = build_vocab(corpus)
        made = train_vectors(corpus, vocabulary, source)
        assert made.words == vocabulary.words
        assert made.dim == 6
        assert made.provenance["pretrained"]["file"] == "v.txt"
        assert made.provenance["own"]["trainer"] == "SkipGram"

    def test_what_an_arm_of_own_vectors_has_trained_is_not_trained_again(
        self, corpus, source, tmp_path
    ):
        vocabulary = build_vocab(corpus)
        stages = CachedStages(Cache(path=str(tmp_path / "cache")))
        assert stages.vectors(corpus, vocabulary, source.own, ()).how == "made"
        both = stages.vectors(corpus, vocabulary, source, ())
        assert both.how == "reused"
        np.testing.assert_array_equal(
            both.value.matrix, train_vectors(corpus, vocabulary, source).matrix
        )

    def test_its_settings_are_those_of_both_by_name(self):
        made = Experiment(
            vectors=Both(own=CBOW(dim=7, seed=3), pretrained=Pretrained(path="v.txt"))
        )
        settings = made.settings()
        assert settings["vectors.own"] == "CBOW"
        assert settings["vectors.own.dim"] == 7
        assert settings["vectors.own.seed"] == 3
        assert settings["vectors.pretrained.path"] == "v.txt"
        assert "vectors.own.spelling" not in settings
        assert {k: v for k, v in made.changed().items() if k.startswith("vectors")} == {
            "vectors": "both",
            "vectors.own": "CBOW",
            "vectors.own.dim": 7,
            "vectors.own.seed": 3,
            "vectors.pretrained.path": "v.txt",
        }

    def test_has_as_many_features_as_both_together_for_match_dim(self, source):
        assert plan._dim(Experiment(), source) == 4 + 2
        concat = Both(SkipGram(dim=5, combine=Combine.concat), Pretrained(dim=7))
        assert plan._dim(Experiment(), concat) == 2 * 5 + 7

    @pytest.mark.parametrize(
        ("settings", "name"),
        [({"own": SkipGram(init="none.txt")}, "own.init"), ({}, "pretrained.path")],
    )
    def test_a_missing_file_of_either_is_found_before_anything_is_trained(self, settings, name):
        made = Both(pretrained=Pretrained(path=None if settings else "none.txt"), **settings)
        with pytest.raises(UserError, match=f"vectors.{name}: none.txt: no such file"):
            check_files(Experiment(vectors=made))
