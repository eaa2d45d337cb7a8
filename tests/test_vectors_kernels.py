from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.formulas.objectives import (
    cbow,
    negative_sampling_loss,
    sigmoid,
    skipgram,
    softmax_loss,
)
from pipeline.stages.vectors.kernels import sampling, simd, softmax
from pipeline.stages.vectors.kernels import word2vec as kernels
from pipeline.stages.vectors.loop import padded
from pipeline.stages.vectors.sampling import keep_thresholds

V = 40
RATE = 0.05


def matrices(dim, seed=0):
    random = np.random.default_rng(seed)
    inputs, outputs = padded(V, dim), padded(V, dim)
    for matrix in (inputs, outputs):
        matrix[:, :dim] = random.normal(0, 1 / np.sqrt(dim), (V, dim))
    return inputs, outputs


def learn(inputs, outputs, rows, targets, dim):
    """Let the kernel make one step with these targets, of which the first is the center."""
    width = inputs.shape[1]
    tiles = -(-len(targets) // kernels.TILE)
    filled = np.full(tiles * kernels.TILE, targets[0])
    filled[: len(targets)] = targets
    rows = np.asarray(rows) * width
    x = np.zeros(len(rows) * tiles * simd.LANES, np.float32)
    signs, before = np.zeros_like(x), np.zeros(len(rows) * simd.LANES, np.float32)
    kernels.set_signs(signs, tiles, len(targets))
    block = (inputs.reshape(-1), rows, outputs.reshape(-1), filled * width, dim, x)
    kernels.scores(*block)
    loss = kernels.loss_and_gradients(x, signs, np.float32(RATE))
    kernels.apply(*block, before)
    return loss


def expected(inputs, outputs, rows, targets, dim):
    """Make the same step with the formulas."""
    v, u = inputs[:, :dim].astype(float), outputs[:, :dim].astype(float)
    down_v, down_u, loss = np.zeros_like(v), np.zeros_like(u), 0.0
    for row in rows:
        one = negative_sampling_loss(v[row], targets[0], u, targets[1:])
        loss += one.loss
        down_v[row] += one.predicted
        down_u += one.output
    return v - RATE * down_v, u - RATE * down_u, loss


class TestBlock:
    @given(
        dim=st.integers(1, 40),
        rows=st.lists(st.integers(0, V - 1), min_size=1, max_size=12),
        targets=st.one_of(
            st.lists(st.integers(0, V - 1), min_size=2, max_size=kernels.TILE),
            st.lists(st.integers(0, V - 1), min_size=2, max_size=20, unique=True),
        ),
    )
    @settings(max_examples=60, deadline=None)
    def test_moves_as_the_formulas_say(self, dim, rows, targets):
        inputs, outputs = matrices(dim)
        v, u, loss = expected(inputs, outputs, rows, targets, dim)
        assert learn(inputs, outputs, rows, targets, dim) == pytest.approx(loss, rel=3e-6)
        np.testing.assert_allclose(inputs[:, :dim], v, atol=2e-6)
        np.testing.assert_allclose(outputs[:, :dim], u, atol=2e-6)

    @pytest.mark.parametrize("dim", [1, 7, 8, 9, 16, 17, 33])
    def test_leaves_the_padding_zero(self, dim):
        inputs, outputs = matrices(dim)
        learn(inputs, outputs, [1, 2, 3], [4, 5, 6], dim)
        assert not inputs[:, dim:].any()
        assert not outputs[:, dim:].any()

    def test_leaves_other_words_alone(self):
        inputs, outputs = matrices(20)
        v, u = inputs.copy(), outputs.copy()
        learn(inputs, outputs, [1, 2], [3, 4], 20)
        assert set(np.flatnonzero((inputs != v).any(axis=1))) == {1, 2}
        assert set(np.flatnonzero((outputs != u).any(axis=1))) == {3, 4}


class TestCBOW:
    def test_gives_each_context_word_the_whole_gradient_of_the_mean(self):
        dim, context, targets = 20, [1, 2, 2, 7, 9], [4, 5, 6, 5]
        inputs, outputs = matrices(dim)
        loss = partial(negative_sampling_loss, negatives=targets[1:])
        formula = cbow(targets[0], context, inputs[:, :dim].astype(float), outputs[:, :dim], loss)
        # the formula gives each word its share, 1 / len(context), word2vec.c and the kernel all
        v = inputs[:, :dim] - RATE * len(context) * formula.input
        u = outputs[:, :dim] - RATE * formula.output
        width, flat = inputs.shape[1], inputs.reshape(-1)
        mean, moved = np.zeros(width, np.float32), np.zeros(width, np.float32)
        rows, places = np.array(context) * width, np.full(12, targets[0] * width)
        places[: len(targets)] = np.array(targets) * width
        x = np.zeros(2 * simd.LANES, np.float32)
        signs = np.zeros_like(x)
        kernels.set_signs(signs, 2, len(targets))
        kernels.average(flat, rows, mean)
        kernels.scores(mean, np.zeros(1, np.int64), outputs.reshape(-1), places, dim, x)
        loss = kernels.loss_and_gradients(x, signs, np.float32(RATE))
        kernels.apply_to_mean(mean, outputs.reshape(-1), places, dim, x, moved)
        kernels.scatter_add(flat, rows, moved)
        assert loss == pytest.approx(formula.loss, rel=3e-6)
        np.testing.assert_allclose(inputs[:, :dim], v, atol=2e-6)
        np.testing.assert_allclose(outputs[:, :dim], u, atol=2e-6)


class TestSteps:
    def test_sigmoid_and_loss_are_within_a_millionth(self):
        scores = np.linspace(-30, 30, 100_001).astype(np.float32)
        for sign in (-1, 1):
            x = scores.copy()
            kernels.loss_and_gradients(x, np.full_like(x, sign), np.float32(1))
            np.testing.assert_allclose(x, -sign * sigmoid(sign * scores.astype(float)), atol=1e-6)
        for score in scores[::1000]:
            one = np.array([score], np.float32)
            loss = kernels.loss_and_gradients(one, np.ones_like(one), np.float32(1))
            assert loss == pytest.approx(np.logaddexp(0, float(score)), rel=5e-6)

    @pytest.mark.parametrize("score", [500.0, -500.0, 1e30, -1e30])
    def test_huge_scores_stay_finite(self, score):
        x = np.array([score], np.float32)
        loss = kernels.loss_and_gradients(x, np.ones_like(x), np.float32(1))
        assert loss == pytest.approx(max(score, 0.0), rel=1e-6, abs=1e-6)
        assert x[0] == (-1 if score > 0 else pytest.approx(0, abs=1e-6))

    @pytest.mark.parametrize("length", [1, 7, 8, 40])
    def test_what_is_not_a_number_is_not_hidden(self, length):
        x = np.zeros(length, np.float32)
        x[-1] = np.nan
        assert np.isnan(kernels.loss_and_gradients(x, np.ones_like(x), np.float32(1)))


class TestDrawing:
    @pytest.mark.parametrize("power", [0.0, 0.75, 1.0])
    def test_the_alias_table_has_the_right_shares(self, power):
        weights = (1000 / np.arange(1, 51.0)) ** power
        table = sampling.alias_table(weights)
        accepted = table[:, 0] / 0xFFFFFFFF
        share = accepted.copy()
        np.add.at(share, table[:, 1], 1 - accepted)
        np.testing.assert_allclose(share / len(share), weights / weights.sum(), atol=1e-8)

    def test_negatives_come_by_their_weights_and_are_never_the_center(self):
        table = sampling.alias_table(np.array([5.0, 3.0, 2.0]))
        outputs, targets = np.zeros(3 * 16, np.float32), np.zeros(30_000, np.int64)
        negatives = np.zeros(29_999, np.int32)
        sampling.draw_negatives(table, negatives, np.uint64(1))
        count = kernels.set_targets(0, negatives, outputs, 16, targets)
        drawn = np.bincount(targets[1:count] // 16, minlength=3)
        assert drawn[0] == 0
        assert count == pytest.approx(15_000, rel=0.03)
        assert drawn[1] / drawn[2] == pytest.approx(1.5, rel=0.05)

    def test_a_vocabulary_of_one_word_has_no_negatives(self):
        negatives, targets = np.ones(5, np.int32), np.zeros(6, np.int64)
        sampling.draw_negatives(sampling.alias_table(np.ones(1)), negatives, np.uint64(1))
        assert kernels.set_targets(0, negatives, np.zeros(16, np.float32), 16, targets) == 1

    def test_subsampling_keeps_words_as_often_as_word2vec_does(self):
        counts = np.array([900_000, 99_000, 1_000])
        keep = keep_thresholds(counts, 1e-3)
        tokens = np.repeat(np.arange(3, dtype=np.int32), 100_000)
        offsets, table = np.array([0, len(tokens)]), sampling.alias_table(np.ones(3))
        kept, *_ = sampling.sample(tokens, offsets, keep, table, 5, 5, np.uint64(1))
        share = np.bincount(kept) / 100_000
        f = counts / counts.sum()
        probability = np.minimum(1, (np.sqrt(f / 1e-3) + 1) * 1e-3 / f)
        np.testing.assert_allclose(share, probability, atol=0.005)
        assert share[2] == 1

    def test_the_window_never_holds_its_center(self):
        rows = np.zeros(10, np.int64)
        words = np.arange(5, dtype=np.int32)
        assert kernels.set_context(words, 1, 2, 16, rows) == 3
        assert rows[:3].tolist() == [0, 32, 48]


class TestSoftmax:
    @pytest.mark.parametrize("averages", [False, True])
    def test_a_batch_moves_as_the_formulas_say(self, averages):
        dim, seed = 20, np.uint64(5)
        inputs, outputs = matrices(dim)
        v, u = inputs[:, :dim].astype(float), outputs[:, :dim].astype(float)
        tokens = np.random.default_rng(1).integers(V, size=60).astype(np.int32)
        offsets, keep = np.array([0, 1, 20, 60]), np.full(V, 0xFFFFFFFF, np.uint32)
        table = sampling.alias_table(np.ones(V))
        centers, ends, reach, _ = sampling.sample(tokens, offsets, keep, table, 0, 3, seed)
        context, begins = sampling.windows(centers, ends, reach)
        text = centers, ends, reach, inputs, outputs
        loss, predictions = softmax.train(*text, averages, (RATE, RATE))
        assert len(centers) == 59
        formula = cbow if averages else skipgram
        expected_loss, batch = 0.0, softmax.batch_size(V)
        assert 1 < batch < len(centers)
        for first in range(0, len(centers), batch):
            new_v, new_u = v.copy(), u.copy()
            for i in range(first, min(first + batch, len(centers))):
                around = context[begins[i] : begins[i + 1]]
                window = formula(centers[i], around, v, u, softmax_loss)
                expected_loss += window.loss
                new_v -= RATE * window.input * (len(around) if averages else 1)
                new_u -= RATE * window.output
            v, u = new_v, new_u
        assert loss == pytest.approx(expected_loss, rel=1e-6)
        assert predictions == (len(centers) if averages else len(context))
        np.testing.assert_allclose(inputs[:, :dim], v, atol=1e-5)
        np.testing.assert_allclose(outputs[:, :dim], u, atol=1e-5)
