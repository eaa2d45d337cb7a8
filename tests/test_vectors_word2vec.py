from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.core.errors import UserError
from pipeline.stages.vectors.sampling import SENTENCE, chunks, cut
from pipeline.stages.vectors.word2vec import CBOW, CHUNK, Loss, Parallel, SkipGram

models = pytest.mark.parametrize("model", [SkipGram, CBOW])


def text(sentences=400, words=30, length=12, seed=0):
    """Sentences in which the words of one of three topics stand together."""
    random = np.random.default_rng(seed)
    topic = random.integers(3, size=(sentences, 1))
    tokens = random.integers(words // 3, size=(sentences, length)) * 3 + topic
    return encoded(tokens.ravel(), np.arange(sentences + 1) * length, words)


def encoded(tokens, offsets, words):
    return SimpleNamespace(
        words=[f"w{i}" for i in range(words)],
        counts=np.bincount(tokens, minlength=words),
        tokens=np.asarray(tokens, np.int32),
        offsets=np.asarray(offsets, np.int64),
    )


def settings(**more):
    return {"dim": 10, "epochs": 2, "subsample": 0.0, **more}


def same(a, b):
    return np.array_equal(a.input, b.input) and np.array_equal(a.output, b.output)


@pytest.fixture
def chunked(monkeypatch):
    """Make chunks so small that a short text has many; return their size in words."""
    for name in ("CHUNK", "SOFTMAX_CHUNK"):
        monkeypatch.setattr(f"pipeline.stages.vectors.word2vec.{name}", 300)
    return 300


@models
class TestTraining:
    def test_the_same_seed_gives_the_same_bits(self, model):
        assert same(*[model(**settings(seed=3)).train(text()) for _ in range(2)])

    def test_another_seed_gives_other_vectors(self, model):
        assert not same(*[model(**settings(seed=seed)).train(text()) for seed in (3, 4)])

    def test_who_watches_changes_nothing(self, model):
        seen = []
        watched = model(**settings()).train(text(), progress=seen.append)
        assert same(watched, model(**settings()).train(text()))
        assert seen[-1].words_seen == seen[-1].words_total == 2 * 400 * 12

    def test_the_loss_falls(self, model):
        curve = model(**settings(epochs=40)).train(text(4000)).curve
        assert curve[-1].loss < curve[0].loss - 0.1
        assert curve[-1].words_seen == 40 * 4000 * 12
        assert [p.words_seen for p in curve] == sorted({p.words_seen for p in curve})

    def test_words_of_one_topic_come_together(self, model):
        vectors = model(**settings(epochs=30)).train(text(2000)).input
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        alike = unit @ unit.T
        np.fill_diagonal(alike, -1)
        assert (alike.argmax(axis=1) % 3 == np.arange(30) % 3).all()

    @pytest.mark.parametrize("dim", [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33])
    def test_any_dimension(self, model, dim):
        trained = model(**settings(dim=dim)).train(text(50))
        for vectors in (trained.input, trained.output):
            assert vectors.shape == (30, dim)
            assert vectors.dtype == np.float32
            assert vectors.flags.c_contiguous
            assert np.isfinite(vectors).all()
            assert vectors.any(axis=0).all()

    @pytest.mark.parametrize("negative", [1, 4, 5, 6, 11, 64])
    def test_any_number_of_negatives(self, model, negative):
        still = settings(negative=negative, learning_rate=1e-6, min_learning_rate=1e-6)
        first = model(**still).train(text(50)).curve[0]
        # about log 2 for the center and for every negative, a few of which are the center
        assert 0.85 * (1 + negative) < first.loss / np.log(2) < 1.01 * (1 + negative)

    @pytest.mark.parametrize("words", [1, 2])
    def test_tiny_vocabularies(self, model, words):
        trained = model(**settings()).train(encoded(np.arange(20) % words, [0, 20], words))
        assert np.isfinite(trained.input).all()
        assert np.isfinite(trained.curve[-1].loss)

    def test_a_window_wider_than_the_sentences(self, model):
        assert np.isfinite(model(**settings(window=50)).train(text(50)).input).all()

    def test_empty_and_one_word_sentences_are_skipped(self, model):
        short = encoded(np.arange(12) % 6, [0, 0, 1, 6, 6, 11, 12], 6)
        assert np.isfinite(model(**settings()).train(short).curve[-1].loss)

    @pytest.mark.parametrize("threads", [2, 3, 8])
    @pytest.mark.parametrize("loss", Loss)
    def test_the_bits_are_the_same_with_any_number_of_threads(self, model, loss, threads, chunked):
        kept = settings(subsample=1e-3, loss=loss)
        one, several = (model(**kept, threads=n).train(text()) for n in (1, threads))
        assert same(one, several)
        assert one.curve == several.curve
        assert chunked < 400

    def test_the_bits_are_the_same_with_many_words_too(self, model):
        many = settings(dim=37, epochs=1, loss=Loss.softmax)
        assert same(*[model(**many, threads=n).train(text(20, 7000)) for n in (1, 2)])

    def test_hogwild_learns_as_well(self, model):
        big = text(20_000, 300)
        losses = [
            model(**settings(epochs=10, **more)).train(big).curve[-1].loss
            for more in ({}, {"threads": 2, "parallel": Parallel.hogwild})
        ]
        assert losses[1] == pytest.approx(losses[0], rel=0.05)

    def test_a_diverging_loss_names_the_learning_rate(self, model):
        diverging = model(**settings(learning_rate=1e30))
        with pytest.raises(UserError, match=r"vectors\.learning_rate, now 1e\+30"):
            diverging.train(text())

    @pytest.mark.parametrize("threads", [1, 2])
    def test_what_progress_raises_stops_the_training(self, model, threads):
        def stop(_):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            model(**settings(threads=threads, epochs=1000)).train(text(), progress=stop)


@models
class TestSoftmax:
    def test_the_same_seed_gives_the_same_bits(self, model):
        kept = settings(loss=Loss.softmax, window=5)
        assert same(*[model(**kept).train(text()) for _ in range(2)])

    def test_the_loss_falls(self, model):
        curve = model(**settings(loss=Loss.softmax, epochs=30, window=5)).train(text()).curve
        # each of the three topics has ten words, so little can be better than log 10
        assert np.log(9.5) < curve[-1].loss < curve[0].loss < np.log(30)

    @pytest.mark.parametrize("words", [1, 2])
    def test_tiny_vocabularies(self, model, words):
        tiny = encoded(np.arange(20) % words, [0, 20], words)
        trained = model(**settings(loss=Loss.softmax)).train(tiny)
        assert np.isfinite(trained.output).all()


class TestText:
    def test_no_words(self):
        with pytest.raises(UserError, match="min_count"):
            SkipGram().train(encoded(np.zeros(0, int), [0], 0))

    def test_only_one_word_sentences(self):
        with pytest.raises(UserError, match="context"):
            SkipGram().train(encoded(np.arange(5), np.arange(6), 5))

    def test_long_sentences_are_cut_and_nothing_is_lost(self):
        length = 3 * SENTENCE + 7
        pieces = cut(encoded(np.zeros(length + 9, int), [0, 9, length + 9], 1))
        assert np.diff(pieces).max() == SENTENCE
        assert pieces[0] == 0
        assert pieces[1] == 9
        assert pieces[-1] == length + 9

    def test_chunks_are_whole_sentences_and_cover_every_epoch(self):
        pieces = np.arange(0, 5 * CHUNK, 7)
        parts = list(chunks(pieces, 3, CHUNK))
        assert [part.number for part in parts] == list(range(len(parts)))
        assert sum(part.words for part in parts) == 3 * pieces[-1]
        assert all(0 < part.words < CHUNK + 7 for part in parts)


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("dim", 0, "dim must be at least 1, not 0"),
            ("window", 0, "window must be at least 1, not 0"),
            ("negative", 0, "negative must be at least 1, not 0"),
            ("epochs", -1, "epochs must be at least 1, not -1"),
            ("threads", 0, "threads must be at least 1, not 0"),
            ("seed", -1, "seed must be at least 0, not -1"),
            ("power", float("nan"), "power must be finite and at least 0, not nan"),
            ("subsample", -0.1, "subsample must be at least 0, not -0.1"),
            ("learning_rate", 0.0, "learning_rate must be above 0, not 0.0"),
            ("learning_rate", float("inf"), "learning_rate must be finite and above 0, not inf"),
        ],
    )
    def test_a_bad_value_is_named_with_its_key(self, name, value, message):
        with pytest.raises(UserError) as caught:
            SkipGram(**{name: value})
        assert str(caught.value) == f"{message}."

    def test_the_learning_rate_may_not_rise(self):
        with pytest.raises(UserError, match=r"min_learning_rate must be at most"):
            CBOW(learning_rate=0.01, min_learning_rate=0.02)

    def test_importing_the_settings_does_not_import_numba(self):
        code = "import sys, pipeline.stages.vectors.word2vec; sys.exit('numba' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

    def test_negative_sampling_is_the_default(self):
        assert SkipGram().loss is Loss.negative
