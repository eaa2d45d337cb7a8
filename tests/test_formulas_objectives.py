from __future__ import annotations

import doctest
import warnings
from functools import partial

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.formulas import objectives
from pipeline.formulas.gradcheck import LIMIT, gradient_errors
from pipeline.formulas.objectives import (
    cbow,
    glove,
    log_sigmoid,
    log_softmax,
    negative_sampling_loss,
    sigmoid,
    sigmoid_gradient,
    skipgram,
    softmax,
    softmax_cross_entropy,
    softmax_loss,
    two_layer,
    two_layer_forward,
    two_layer_parameter_count,
)

quick = settings(max_examples=20, deadline=None)
sizes = st.integers(1, 5)
numbers = st.floats(-700, 700)


def matrices(*shape, largest=2.0):
    return arrays(np.float64, shape, elements=st.floats(-largest, largest))


@st.composite
def vocabularies(draw, largest=2.0):
    """Draw input and output vectors of one shape."""
    words, dimensions = draw(st.integers(2, 6)), draw(sizes)
    vectors = matrices(words, dimensions, largest=largest)
    return draw(vectors), draw(vectors)


@st.composite
def windows(draw):
    """Draw the arguments of a window of either model, and negatives."""
    vectors, output = draw(vocabularies())
    word = st.integers(0, len(output) - 1)
    context, negatives = st.lists(word, min_size=1, max_size=6), st.lists(word, max_size=6)
    return draw(word), draw(context), vectors, output, draw(negatives)


@st.composite
def networks(draw):
    """Draw features, one-hot labels, and the weights of a network that takes them."""
    n, dx, h, dy = draw(sizes), draw(sizes), draw(sizes), draw(sizes)
    labels = draw(st.lists(st.integers(0, dy - 1), min_size=n, max_size=n))
    weights = {
        "W1": draw(matrices(dx, h)),
        "b1": draw(matrices(h)),
        "W2": draw(matrices(h, dy)),
        "b2": draw(matrices(dy)),
    }
    return draw(matrices(n, dx)), np.eye(dy)[labels], weights


@st.composite
def cooccurrences(draw):
    """Draw the arguments of `glove`: pairs of words with counts, vectors and biases."""
    vectors, output = draw(vocabularies(largest=1.0))
    pairs = draw(sizes)
    words = arrays(np.int64, pairs, elements=st.integers(0, len(output) - 1))
    biases = matrices(len(output), largest=1.0)
    data = {
        "center": draw(words),
        "context": draw(words),
        "count": draw(arrays(np.float64, pairs, elements=st.floats(0.1, 300))),
    }
    learnt = {
        "input": vectors,
        "output": output,
        "input_bias": draw(biases),
        "output_bias": draw(biases),
    }
    return data, learnt


def assert_right(formula, **at):
    for name, error in gradient_errors(formula, **at).items():
        assert error < LIMIT, name


def test_the_examples_in_the_documentation_are_true():
    assert doctest.testmod(objectives).failed == 0


class TestSoftmax:
    @quick
    @given(matrices(3, 4, largest=50.0), st.floats(-1e4, 1e4))
    def test_does_not_change_when_a_constant_is_added_to_a_row(self, x, constant):
        np.testing.assert_allclose(softmax(x + constant), softmax(x), rtol=1e-9, atol=1e-12)

    @quick
    @given(matrices(3, 4, largest=1e4))
    def test_gives_rows_of_probabilities_that_sum_to_one(self, x):
        assert np.all(softmax(x) >= 0)
        np.testing.assert_allclose(softmax(x).sum(axis=-1), 1.0, rtol=1e-12)

    def test_works_along_the_last_axis_of_any_number_of_axes(self):
        x = np.random.default_rng(0).normal(size=(2, 3, 4))
        np.testing.assert_allclose(softmax(x)[1, 2], softmax(x[1, 2]))

    def test_of_equal_scores_is_uniform(self):
        np.testing.assert_allclose(softmax(np.full(4, 7.0)), 0.25)

    def test_does_not_overflow(self):
        with warnings.catch_warnings(action="error"):
            assert softmax([1e4, -1e4, 1e4]).tolist() == pytest.approx([0.5, 0.0, 0.5])
            assert log_softmax([1e4, -1e4]).tolist() == [0.0, -2e4]

    @quick
    @given(matrices(2, 5, largest=500.0))
    def test_agrees_with_scipy(self, x):
        expected = scipy.special.softmax(x, axis=-1)
        # Below 1e-308 a number has fewer digits than rtol asks for.
        np.testing.assert_allclose(softmax(x), expected, rtol=1e-11, atol=1e-300)


class TestSigmoid:
    @quick
    @given(numbers)
    def test_of_minus_x_is_the_rest_up_to_one(self, x):
        assert sigmoid(x) + sigmoid(-x) == pytest.approx(1.0, rel=1e-15)

    @quick
    @given(numbers)
    def test_agrees_with_scipy_even_where_it_is_tiny(self, x):
        assert sigmoid(x) == pytest.approx(scipy.special.expit(x), rel=1e-12, abs=0)

    def test_does_not_overflow(self):
        with warnings.catch_warnings(action="error"):
            assert sigmoid([-1e4, 0.0, 1e4]).tolist() == [0.0, 0.5, 1.0]

    @quick
    @given(matrices(6, largest=10.0))
    def test_has_the_slope_that_its_value_says(self, x):
        class Summed:
            loss = property(lambda self: sigmoid(self.at).sum())
            x = property(lambda self: sigmoid_gradient(sigmoid(self.at)))

            def __init__(self, x):
                self.at = x

        assert_right(Summed, x=x)


class TestLogSigmoid:
    @quick
    @given(numbers)
    def test_at_x_and_minus_x_differs_by_x(self, x):
        assert log_sigmoid(x) - log_sigmoid(-x) == pytest.approx(x, abs=1e-12)

    @quick
    @given(st.floats(-30, 30))
    def test_at_x_and_minus_x_adds_up_to_the_logarithm_of_the_slope(self, x):
        slope = sigmoid_gradient(sigmoid(-abs(x)))
        assert log_sigmoid(x) + log_sigmoid(-x) == pytest.approx(np.log(slope), abs=1e-12)

    def test_is_finite_where_the_sigmoid_rounds_to_zero(self):
        with warnings.catch_warnings(action="error"):
            assert log_sigmoid([-1e4, 1e4]).tolist() == [-1e4, 0.0]


class TestSoftmaxCrossEntropy:
    @quick
    @given(matrices(3, 4), st.lists(st.integers(0, 3), min_size=3, max_size=3))
    def test_has_the_right_gradient(self, logits, labels):
        assert_right(partial(softmax_cross_entropy, y=np.eye(4)[labels]), logits=logits)

    @quick
    @given(matrices(3, 4))
    def test_has_the_right_gradient_for_labels_that_are_distributions(self, logits):
        y = np.random.default_rng(0).dirichlet(np.ones(4), size=3)
        assert_right(partial(softmax_cross_entropy, y=y), logits=logits)

    def test_has_the_gradient_prediction_minus_truth(self):
        logits, y = np.array([[1.0, 2.0, 3.0]]), np.array([[0.0, 1.0, 0.0]])
        result = softmax_cross_entropy(logits, y)
        np.testing.assert_allclose(result.logits, softmax(logits) - y)

    def test_of_a_sure_and_wrong_answer_is_large_but_finite(self):
        result = softmax_cross_entropy(np.array([1e4, -1e4]), np.array([0.0, 1.0]))
        assert result.loss == 2e4


class TestSoftmaxLoss:
    @quick
    @given(windows())
    def test_has_the_right_gradients(self, window):
        target, _, vectors, output, _ = window
        assert_right(partial(softmax_loss, target=target), predicted=vectors[0], output=output)

    @quick
    @given(windows())
    def test_is_minus_the_log_of_the_targets_softmax_probability(self, window):
        target, _, vectors, output, _ = window
        probability = softmax(output @ vectors[0])[target]
        loss = softmax_loss(vectors[0], target, output).loss
        assert loss == pytest.approx(-np.log(probability), abs=1e-12)

    def test_of_words_that_look_alike_is_the_log_of_their_number(self):
        loss = softmax_loss(np.ones(3), 2, np.zeros((7, 3))).loss
        assert loss == pytest.approx(np.log(7))


class TestNegativeSamplingLoss:
    @quick
    @given(windows())
    def test_has_the_right_gradients(self, window):
        target, _, vectors, output, negatives = window
        formula = partial(negative_sampling_loss, target=target, negatives=negatives)
        assert_right(formula, predicted=vectors[0], output=output)

    @quick
    @given(windows())
    def test_is_the_sum_that_the_paper_writes_down(self, window):
        target, _, vectors, output, negatives = window
        v = vectors[0]
        by_hand = -np.log(sigmoid(output[target] @ v))
        by_hand -= sum(np.log(sigmoid(-output[word] @ v)) for word in negatives)
        loss = negative_sampling_loss(v, target, output, negatives).loss
        assert loss == pytest.approx(by_hand, rel=1e-12)

    @quick
    @given(windows(), st.data())
    def test_counts_a_negative_drawn_twice_twice(self, window, data):
        target, _, vectors, output, _ = window
        word = data.draw(st.integers(0, len(output) - 1))
        none, once, twice = (
            negative_sampling_loss(vectors[0], target, output, [word] * times) for times in range(3)
        )
        for before, between, after in zip(none, once, twice, strict=True):
            np.testing.assert_allclose(after - between, between - before, rtol=1e-9, atol=1e-12)
        assert twice.loss > once.loss

    def test_counts_a_negative_that_is_the_target_as_both(self):
        v, output = np.array([1.0]), np.array([[0.5], [0.0]])
        result = negative_sampling_loss(v, 0, output, [0])
        assert result.output[0, 0] == pytest.approx(sigmoid(0.5) - sigmoid(-0.5))

    @quick
    @given(windows())
    def test_leaves_words_that_were_not_drawn_exactly_alone(self, window):
        target, _, vectors, output, negatives = window
        gradient = negative_sampling_loss(vectors[0], target, output, negatives).output
        others = sorted(set(range(len(output))) - {target, *negatives})
        assert not gradient[others].any()

    @quick
    @given(windows())
    def test_does_not_depend_on_the_order_of_the_negatives(self, window):
        target, _, vectors, output, negatives = window
        one = negative_sampling_loss(vectors[0], target, output, negatives)
        other = negative_sampling_loss(vectors[0], target, output, negatives[::-1])
        np.testing.assert_allclose(one.output, other.output, atol=1e-12)

    def test_keeps_the_small_error_of_a_model_that_is_sure_and_right(self):
        result = negative_sampling_loss(np.array([50.0]), 0, np.array([[1.0]]), [])
        assert result.output[0, 0] == pytest.approx(-50 * np.exp(-50.0), rel=1e-12, abs=0)

    def test_does_not_overflow(self):
        with warnings.catch_warnings(action="error"):
            v, output = np.array([100.0]), np.array([[-100.0], [100.0]])
            result = negative_sampling_loss(v, 0, output, [1])
        assert result.loss == 2e4
        assert result.output.tolist() == [[-100.0], [100.0]]


@pytest.mark.parametrize("model", [skipgram, cbow])
class TestEitherModel:
    @quick
    @given(window=windows())
    def test_has_the_right_gradients_with_the_softmax_loss(self, model, window):
        center, context, vectors, output, _ = window
        formula = partial(model, center, context, loss=softmax_loss)
        assert_right(formula, input=vectors, output=output)

    @quick
    @given(window=windows())
    def test_has_the_right_gradients_with_negative_sampling(self, model, window):
        center, context, vectors, output, negatives = window
        loss = partial(negative_sampling_loss, negatives=negatives)
        formula = partial(model, center, context, loss=loss)
        assert_right(formula, input=vectors, output=output)

    @quick
    @given(window=windows())
    def test_leaves_its_arguments_unchanged(self, model, window):
        center, context, vectors, output, _ = window
        before = vectors.copy(), output.copy()
        model(center, context, vectors, output, softmax_loss)
        np.testing.assert_array_equal((vectors, output), before)

    def test_takes_indices_from_a_list_or_an_array(self, model):
        vectors, output = np.random.default_rng(0).normal(size=(2, 5, 3))
        one = model(1, [0, 2], vectors, output, softmax_loss)
        other = model(np.int64(1), np.array([0, 2]), vectors, output, softmax_loss)
        assert one.loss == other.loss


class TestSkipgram:
    @quick
    @given(windows())
    def test_adds_up_one_prediction_for_each_context_word(self, window):
        center, context, vectors, output, _ = window
        result = skipgram(center, context, vectors, output, softmax_loss)
        each = [softmax_loss(vectors[center], target, output) for target in context]
        assert result.loss == pytest.approx(sum(one.loss for one in each))
        np.testing.assert_allclose(result.input[center], sum(one.predicted for one in each))
        np.testing.assert_allclose(result.output, sum(one.output for one in each))

    @quick
    @given(windows())
    def test_moves_no_input_vector_but_the_centers(self, window):
        center, context, vectors, output, _ = window
        result = skipgram(center, context, vectors, output, softmax_loss)
        assert not np.delete(result.input, center, axis=0).any()

    def test_lets_each_context_word_draw_its_own_negatives(self):
        vectors, output = np.random.default_rng(0).normal(size=(2, 5, 3))
        draws = iter([[3], [4, 4]])

        def loss(predicted, target, output):
            return negative_sampling_loss(predicted, target, output, next(draws))

        result = skipgram(0, [1, 2], vectors, output, loss)
        first = negative_sampling_loss(vectors[0], 1, output, [3])
        second = negative_sampling_loss(vectors[0], 2, output, [4, 4])
        np.testing.assert_allclose(result.output, first.output + second.output)

    def test_of_no_context_is_nothing(self):
        result = skipgram(0, [], np.ones((2, 3)), np.ones((2, 3)), softmax_loss)
        assert result.loss == 0
        assert not result.input.any()


class TestCbow:
    @quick
    @given(windows())
    def test_predicts_the_center_from_the_mean_of_the_context(self, window):
        center, context, vectors, output, _ = window
        mean = sum(vectors[word] for word in context) / len(context)
        result = cbow(center, context, vectors, output, softmax_loss)
        np.testing.assert_allclose(result.loss, softmax_loss(mean, center, output).loss, atol=1e-12)

    def test_shares_the_gradient_among_the_occurrences_in_the_context(self):
        vectors, output = np.random.default_rng(0).normal(size=(2, 4, 3))
        result = cbow(0, [1, 1, 2, 3], vectors, output, softmax_loss)
        np.testing.assert_allclose(result.input[1], 2 * result.input[2])
        np.testing.assert_allclose(result.input[3], result.input[2])
        assert not result.input[0].any()

    def test_of_no_context_says_what_to_do(self):
        with pytest.raises(ValueError, match="got 0: leave such a window out"):
            cbow(0, [], np.ones((2, 3)), np.ones((2, 3)), softmax_loss)


class TestGlove:
    @quick
    @given(cooccurrences())
    def test_has_the_right_gradients(self, drawn):
        data, learnt = drawn
        assert_right(partial(glove, **data), **learnt)

    @quick
    @given(cooccurrences())
    def test_is_the_sum_that_the_paper_writes_down(self, drawn):
        data, learnt = drawn
        by_hand = 0.0
        for i, j, x in zip(*data.values(), strict=True):
            f = (x / 100) ** 0.75 if x < 100 else 1.0
            score = learnt["input"][i] @ learnt["output"][j]
            bias = learnt["input_bias"][i] + learnt["output_bias"][j]
            by_hand += f * (score + bias - np.log(x)) ** 2
        assert glove(**data, **learnt).loss == pytest.approx(by_hand, abs=1e-12)

    def test_does_not_let_frequent_pairs_weigh_more_than_one(self):
        zeros = {"input": np.zeros((1, 2)), "output": np.zeros((1, 2))}
        biases = {"input_bias": np.zeros(1), "output_bias": np.zeros(1)}
        assert glove([0], [0], [100.0], **zeros, **biases).loss == np.log(100) ** 2
        assert glove([0], [0], [1e6], **zeros, **biases).loss == np.log(1e6) ** 2

    def test_of_counts_that_the_vectors_explain_is_zero_with_no_gradient(self):
        vectors, output = np.random.default_rng(0).normal(size=(2, 3, 4))
        center, context = np.divmod(np.arange(9), 3)
        count = np.exp(vectors @ output.T).ravel()
        biases = {"input_bias": np.zeros(3), "output_bias": np.zeros(3)}
        for part in glove(center, context, count, vectors, output, **biases):
            np.testing.assert_allclose(part, 0.0, atol=1e-14)


class TestTwoLayer:
    @quick
    @given(networks())
    def test_has_the_right_gradients_for_the_features_and_all_weights(self, network):
        x, y, weights = network
        assert_right(partial(two_layer, y=y), x=x, **weights)

    @quick
    @given(networks())
    def test_adds_up_minus_the_log_probabilities_of_the_true_classes(self, network):
        x, y, weights = network
        probabilities = softmax(two_layer_forward(x, **weights)[1])
        by_hand = -np.log(probabilities[y == 1]).sum()
        assert two_layer(x, y, **weights).loss == pytest.approx(by_hand, abs=1e-12)

    @quick
    @given(networks())
    def test_gives_rows_the_same_loss_together_as_alone(self, network):
        x, y, weights = network
        alone = sum(two_layer(x[[i]], y[[i]], **weights).loss for i in range(len(x)))
        assert two_layer(x, y, **weights).loss == pytest.approx(alone, abs=1e-12)

    @quick
    @given(networks())
    def test_has_as_many_parameters_as_its_weights_have_numbers(self, network):
        _, _, weights = network
        (dx, h), dy = weights["W1"].shape, len(weights["b2"])
        size = sum(array.size for array in weights.values())
        assert two_layer_parameter_count(dx, h, dy) == size

    @quick
    @given(networks())
    def test_gives_each_gradient_the_shape_of_its_argument(self, network):
        x, y, weights = network
        result = two_layer(x, y, **weights)
        assert result.x.shape == x.shape
        assert all(getattr(result, name).shape == weights[name].shape for name in weights)
