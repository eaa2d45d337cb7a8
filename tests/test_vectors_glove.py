from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import Combine, UserError, train_vectors
from pipeline.formulas.objectives import glove
from pipeline.stages.vectors import glove as module
from pipeline.stages.vectors.blocks import BLOCKS, PARTS, group, tournament
from pipeline.stages.vectors.glove import GloVe, chunks
from pipeline.stages.vectors.kernels import glove as kernels
from pipeline.stages.vocab import Vocabulary

V = 12


def encoded(sentences, words=V):
    tokens = np.array([word for sentence in sentences for word in sentence], np.int32)
    offsets = np.cumsum([0, *map(len, sentences)], dtype=np.int64)
    counts = np.bincount(tokens, minlength=words)
    return Vocabulary([f"w{i}" for i in range(words)], counts, tokens, offsets)


def text(sentences=400, words=30, length=12, seed=0):
    """Sentences in which the words of one of three topics stand together."""
    random = np.random.default_rng(seed)
    topic = random.integers(3, size=(sentences, 1))
    tokens = random.integers(words // 3, size=(sentences, length)) * 3 + topic
    return encoded(tokens.tolist(), words)


def counted(sentences, window):
    """Count as the definition says: a word j that stands d from a word i adds 1/d to X_ij."""
    X = Counter()
    for sentence in sentences:
        for i, word in enumerate(sentence):
            for j, other in enumerate(sentence):
                if i != j and abs(i - j) <= window:
                    X[word, other] += 1 / abs(i - j)
    return X


sentences = st.lists(st.lists(st.integers(0, V - 1), max_size=15), min_size=1, max_size=8).filter(
    lambda made: max(map(len, made)) > 1
)


class TestCount:
    @given(sentences, st.integers(1, 6), st.floats(0.5, 20), st.floats(0, 1))
    @settings(max_examples=60, deadline=None)
    def test_is_the_definition(self, sentences, window, x_max, alpha):
        trainer = GloVe(window=window, x_max=x_max, alpha=alpha)
        pairs, values = trainer.count(encoded(sentences))
        X = counted(sentences, window)
        both = {*map(tuple, pairs.tolist())} | {(j, i) for i, j in pairs.tolist()}
        assert both == set(X)
        assert len(pairs) == len({*map(tuple, pairs.tolist())})
        x = np.array([X[i, j] for i, j in pairs.tolist()])
        np.testing.assert_allclose(values[:, 0], np.log(x), atol=1e-6)
        np.testing.assert_allclose(values[:, 1], np.minimum(1, (x / x_max) ** alpha), rtol=1e-6)

    def test_in_blocks_and_threads_is_the_same(self, monkeypatch):
        whole = GloVe().count(text())
        monkeypatch.setattr(module, "COUNTED", 100)
        for threads in (1, 3):
            again = GloVe(threads=threads).count(text())
            assert np.array_equal(again.pairs, whole.pairs)
            assert np.array_equal(again.values, whole.values)

    def test_no_words(self):
        with pytest.raises(UserError, match="min_count"):
            GloVe().train(encoded([], 0))

    def test_only_one_word_sentences(self):
        with pytest.raises(UserError, match="context"):
            GloVe().train(encoded([[1], [2], []]))


class TestShuffle:
    def test_keeps_all_pairs_with_their_values(self):
        n = 1000
        pairs = np.stack([np.arange(n), np.arange(n) * 2], 1).astype(np.int32)
        values = pairs.astype(np.float32) * 3
        kernels.shuffle(pairs, values, np.uint64(1))
        assert np.array_equal(values, pairs.astype(np.float32) * 3)
        assert np.array_equal(pairs[:, 1], pairs[:, 0] * 2)
        assert np.array_equal(np.sort(pairs[:, 0]), np.arange(n))
        assert np.mean(pairs[:, 0] == np.arange(n)) < 0.01

    def test_grouping_moves_pairs_only_within_their_chunk(self, monkeypatch):
        monkeypatch.setattr(module, "CHUNK", 7)
        random = np.random.default_rng(0)
        pairs = random.integers(5, size=(40, 2)).astype(np.int32)
        values = pairs.astype(np.float32) * 3
        before = pairs.copy()
        group(pairs, values, module.CHUNK)
        assert np.array_equal(values, pairs.astype(np.float32) * 3)
        for first in range(0, 40, 7):
            part = pairs[first : first + 7]
            assert sorted(part.tolist()) == sorted(before[first : first + 7].tolist())

    def test_grouping_brings_the_pairs_of_a_word_together_within_their_block(self):
        pairs, values = GloVe().count(text(500, 300))
        for begin, end in pairwise(group(pairs, values, module.CHUNK)[0]):
            assert (np.diff(pairs[begin:end, 0]) >= 0).all()

    def test_puts_each_at_every_place_equally_often(self):
        seen = np.zeros((4, 4))
        for seed in range(4000):
            pairs = np.stack([np.arange(4)] * 2, 1).astype(np.int32)
            kernels.shuffle(pairs, np.zeros((4, 2), np.float32), np.uint64(seed * 7919))
            seen[np.arange(4), pairs[:, 0]] += 1
        np.testing.assert_allclose(seen / 4000, 0.25, atol=0.035)


def parts(table, dim):
    """Return input and output vectors and their biases, of numbers or of sums of squares."""
    return {
        "input": table[:, 0, :dim],
        "output": table[:, 1, :dim],
        "input_bias": table[:, 0, dim],
        "output_bias": table[:, 1, dim + 1],
    }


class TestFit:
    @given(
        dim=st.integers(1, 40),
        pairs=st.lists(st.tuples(*[st.integers(0, V - 1)] * 2), min_size=1, max_size=12),
        seed=st.integers(0, 99),
    )
    @settings(max_examples=60, deadline=None)
    def test_steps_as_the_formula_says(self, dim, pairs, seed):
        rate, x_max, alpha = 0.05, 10.0, 0.75
        random = np.random.default_rng(seed)
        table = GloVe(dim=dim, seed=seed).start(V)
        for row in (0, 1):
            table[:, row, :dim] = random.normal(0, 1 / np.sqrt(dim), (V, dim))
        now = {name: x.astype(float) for name, x in parts(table, dim).items()}
        squares = {name: np.ones_like(x) for name, x in now.items()}
        counts = np.exp(random.uniform(-2, 4, len(pairs)))
        loss = terms = 0
        for (i, j), x in zip(pairs, counts, strict=True):
            for center, context in dict.fromkeys([(i, j), (j, i)]):
                formula = glove([center], [context], x, **now, x_max=x_max, alpha=alpha)
                loss, terms = loss + formula.loss, terms + 1
                for name in now:
                    step = rate * getattr(formula, name) / 2
                    now[name] -= step / np.sqrt(squares[name])
                    squares[name] += step**2
        values = np.stack([np.log(counts), np.minimum(1, (counts / x_max) ** alpha)], 1)
        ours = kernels.fit(
            np.array(pairs, np.int32), values.astype(np.float32), table, dim, np.float32(rate)
        )
        assert ours == (pytest.approx(loss, rel=1e-5), terms)
        for name, x in parts(table, dim).items():
            np.testing.assert_allclose(x, now[name], atol=3e-6)
        for name, x in parts(table[:, 2:], dim).items():
            np.testing.assert_allclose(x, squares[name], rtol=1e-5)

    @pytest.mark.parametrize("dim", [1, 5, 6, 7, 8, 14, 15])
    def test_leaves_ones_and_padding_as_they_are(self, dim):
        table = GloVe(dim=dim).start(V)
        pairs, values = GloVe().count(encoded([list(range(V))] * 2))
        for _ in range(50):
            kernels.fit(pairs, values, table, dim, np.float32(0.05))
        assert (table[:, 0, dim + 1] == 1).all()
        assert (table[:, 1, dim] == 1).all()
        assert not table[:, :2, dim + 2 :].any()

    def test_what_is_not_a_number_is_not_hidden(self):
        table = GloVe().start(V)
        table[3, 0, 7] = np.nan
        pairs, values = np.array([[3, 4]], np.int32), np.ones((1, 2), np.float32)
        assert math.isnan(kernels.fit(pairs, values, table, 50, np.float32(0.05))[0])

    def test_the_root_is_exact(self):
        from pipeline.stages.vectors.kernels.simd import compiled, inverse_root, load, store

        @compiled
        def roots(x):
            store(x, 0, inverse_root(load(x, 0)))

        x = np.array([1, 2, 3, 4, 1e30, 0.5, 7, 1e-30], np.float32)
        exact = 1 / np.sqrt(x.astype(float))
        roots(x)
        np.testing.assert_allclose(x, exact, rtol=2e-7)


class TestTraining:
    def test_the_same_seed_gives_the_same_bits(self):
        one, two = (GloVe(seed=3, epochs=3).train(text()) for _ in range(2))
        assert np.array_equal(one.input, two.input)
        assert np.array_equal(one.output, two.output)
        assert one.curve == two.curve

    def test_another_seed_gives_other_vectors(self):
        one, two = (GloVe(seed=seed, epochs=3).train(text()) for seed in (3, 4))
        assert not np.array_equal(one.input, two.input)

    def test_the_loss_is_that_of_the_formula_and_falls(self):
        curve = GloVe(epochs=40).train(text()).curve
        assert curve[-1].loss < curve[0].loss / 2
        assert [p.words_seen for p in curve] == [400 * 12 * (i + 1) for i in range(40)]
        still = GloVe(epochs=1, learning_rate=1e-9)
        table = still.start(30).astype(float)
        pairs, values = still.count(text())
        both = pairs[pairs[:, 0] != pairs[:, 1]]
        order = np.concatenate([pairs, both[:, ::-1]])
        x = np.exp(
            np.concatenate([values[:, 0], values[pairs[:, 0] != pairs[:, 1], 0]], dtype=float)
        )
        formula = glove(*order.T, x, **parts(table, 50), x_max=still.x_max, alpha=still.alpha)
        assert still.train(text()).curve[0].loss == pytest.approx(formula.loss / len(x), rel=1e-5)

    def test_words_of_one_topic_come_together(self):
        trained = GloVe(dim=10, x_max=100).train(text(2000))
        vectors = trained.input + trained.output
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        alike = unit @ unit.T
        np.fill_diagonal(alike, -1)
        assert (alike.argmax(axis=1) % 3 == np.arange(30) % 3).all()

    @pytest.mark.parametrize("dim", [1, 2, 7, 8, 15, 16, 17, 62])
    def test_any_dimension(self, dim):
        trained = GloVe(dim=dim, epochs=2).train(text(50))
        for vectors in (trained.input, trained.output):
            assert vectors.shape == (30, dim)
            assert vectors.dtype == np.float32
            assert vectors.flags.c_contiguous
            assert np.isfinite(vectors).all()

    @pytest.mark.parametrize("words", [1, 2])
    def test_tiny_vocabularies(self, words):
        trained = GloVe(epochs=2).train(encoded([[i % words for i in range(20)]], words))
        assert np.isfinite(trained.input).all()

    @pytest.mark.parametrize("threads", [2, 3, 8])
    def test_the_bits_are_the_same_with_any_number_of_threads(self, threads, monkeypatch):
        monkeypatch.setattr(module, "CHUNK", 1000)
        big = text(500, 300)
        one, several = (GloVe(epochs=2, threads=n).train(big) for n in (1, threads))
        assert np.array_equal(one.input, several.input)
        assert np.array_equal(one.output, several.output)
        assert one.curve == several.curve

    def test_blocks_that_are_fitted_at_the_same_time_have_no_word_in_common(self):
        for rounds in tournament(PARTS):
            parts = [part for block in rounds for part in set(block)]
            assert len(parts) == len(set(parts))

    def test_every_pair_of_parts_has_a_block(self):
        blocks = {frozenset(block) for block in BLOCKS}
        assert len(blocks) == len(BLOCKS) == PARTS * (PARTS + 1) // 2

    def test_every_pair_is_in_its_block(self):
        pairs, values = GloVe().count(text(500, 300))
        edges = group(pairs, values, module.CHUNK)[0]
        for block, (begin, end) in zip(BLOCKS, pairwise(edges), strict=True):
            assert {frozenset(pair) for pair in pairs[begin:end] % PARTS} <= {frozenset(block)}

    def test_a_diverging_loss_names_the_learning_rate(self):
        with pytest.raises(UserError, match=r"vectors\.learning_rate, now 1e\+30"):
            GloVe(learning_rate=1e30).train(text())

    def test_progress_is_told_in_words(self):
        seen = []
        GloVe(epochs=3).train(text(), seen.append)
        assert [now.words_seen for now in seen] == [4800, 9600, 14400]
        assert seen[-1].words_total == 14400
        assert seen[0].learning_rate == 0.05

    @pytest.mark.parametrize(("combine", "dim"), [("input", 8), ("sum", 8), ("concat", 16)])
    def test_is_a_source_of_the_stage(self, combine, dim):
        trainer = GloVe(dim=8, epochs=2, combine=Combine(combine))
        vectors, trained = train_vectors(None, text(), trainer), trainer.train(text())
        assert vectors.matrix.shape == (30, dim)
        if combine == "sum":
            assert np.array_equal(vectors.matrix, trained.input + trained.output)
        assert vectors.provenance["trainer"] == "GloVe"
        assert vectors.provenance["settings"]["x_max"] == trainer.x_max
        assert vectors.provenance["reproducible"]
        assert len(vectors.curve) == 2


class TestChunks:
    @given(st.integers(1, 10**6), st.integers(1, 10**9), st.integers(1, 3))
    @settings(deadline=None)
    def test_cover_every_epoch(self, pairs, words, epochs):
        made = list(chunks(pairs, words, epochs))
        assert [part.number for part in made] == list(range(len(made)))
        assert sum(part.words for part in made) == words * epochs
        assert sum(part.part.stop - part.part.start for part in made) == pairs * epochs
        assert all(a.before + a.words == b.before for a, b in pairwise(made))


class TestSettings:
    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("dim", 0, "dim must be at least 1, not 0"),
            ("window", 0, "window must be at least 1, not 0"),
            ("epochs", 0, "epochs must be at least 1, not 0"),
            ("threads", 0, "threads must be at least 1, not 0"),
            ("alpha", -1.0, "alpha must be at least 0, not -1.0"),
            ("seed", -1, "seed must be at least 0, not -1"),
            ("x_max", 0.0, "x_max must be above 0, not 0.0"),
            ("x_max", math.nan, "x_max must be finite and above 0, not nan"),
            ("learning_rate", math.inf, "learning_rate must be finite and above 0, not inf"),
        ],
    )
    def test_a_bad_value_is_named_with_its_key(self, name, value, message):
        with pytest.raises(UserError) as caught:
            GloVe(**{name: value})
        assert str(caught.value) == f"{message}."

    def test_importing_the_settings_does_not_import_numba(self):
        code = "import sys, pipeline.stages.vectors.glove; sys.exit('numba' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
