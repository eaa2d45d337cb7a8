"""Every formula once, with its loss and all gradients, written to be read.

How word2vec learns, in three sentences:

1. A word in the middle of a window, the *center*, should predict the words around it, the
   *context* (`skipgram`), or the other way round (`cbow`).
2. A prediction compares a *predicted* vector with the *output* vectors of words. The word that is
   really there, the *target*, should fit best: `softmax_loss` compares it with the whole
   vocabulary, `negative_sampling_loss` only with a few random words, the *negatives*.
3. So a word has two vectors: a row of ``input`` for when it is given, and a row of ``output`` for
   when it is predicted.

A function that returns a named tuple returns the ``loss`` first and then the gradients. The
gradient with respect to an argument has that argument's name and shape: ``skipgram(...).output`` is
the gradient with respect to ``output``. Arrays are float64, and no argument is ever changed.
``yourvectors gradcheck`` compares every gradient with finite differences.

Sizes in the docstrings: V words of D dimensions; N rows of Dx features, H hidden units, Dy classes.

Examples
--------
>>> input, output = np.eye(3), np.zeros((3, 3))
>>> window = skipgram(center=1, context=[0, 2], input=input, output=output, loss=softmax_loss)
>>> f"{window.loss / np.log(3):.6f}"  # two guesses, each among three words that look alike
'2.000000'
>>> window.output[:, 1] < 0  # a step downhill brings the words 0 and 2 closer to word 1
array([ True, False,  True])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]
Indices: TypeAlias = Sequence[int] | NDArray[np.integer]


# Building blocks -----------------------------------------------------------------------------


def sigmoid(x: ArrayLike) -> Floats:
    """Return the logistic sigmoid, ``1 / (1 + exp(-x))``."""
    with np.errstate(over="ignore"):  # an infinite exp gives 0, as it should
        s: Floats = 1.0 / (1.0 + np.exp(-np.asarray(x, dtype=np.float64)))
    return s


def sigmoid_gradient(s: ArrayLike) -> Floats:
    """Return the derivative of the sigmoid from its value ``s = sigmoid(x)``: ``s (1 - s)``."""
    s = np.asarray(s, dtype=np.float64)
    return s * (1.0 - s)


def log_sigmoid(x: ArrayLike) -> Floats:
    """Return log sigmoid(x) = ``-log(1 + exp(-x))``; finite where the sigmoid rounds to 0."""
    return -np.logaddexp(0.0, -np.asarray(x, dtype=np.float64))


def log_softmax(x: ArrayLike) -> Floats:
    """Return the log softmax along the last axis: ``x - log sum_j exp(x_j)``.

    A constant added to a row changes nothing, so the largest entry is shifted to 0, where ``exp``
    cannot overflow.
    """
    x = np.asarray(x, dtype=np.float64)
    shifted: Floats = x - x.max(axis=-1, keepdims=True)
    log_total: Floats = np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return shifted - log_total


def softmax(x: ArrayLike) -> Floats:
    """Return the softmax along the last axis: ``exp(x_i) / sum_j exp(x_j)``."""
    probabilities: Floats = np.exp(log_softmax(x))
    return probabilities


class SoftmaxCrossEntropy(NamedTuple):
    """What `softmax_cross_entropy` returns: the loss and its gradient (..., Dy)."""

    loss: float
    logits: Floats


def softmax_cross_entropy(logits: Floats, y: Floats) -> SoftmaxCrossEntropy:
    """Return the cross-entropy of the softmax of the logits and ``y``, summed over rows.

    With ``y_hat = softmax(logits)``, and both ``logits`` and ``y`` (..., Dy)::

        loss = -sum y log y_hat        d loss / d logits = y_hat - y

    Each row of ``y`` sums to one; usually it is one-hot. Bridle, 1990, "Probabilistic
    interpretation of feedforward classification network outputs".
    """
    log_y_hat = log_softmax(logits)
    return SoftmaxCrossEntropy(loss=-float(np.sum(y * log_y_hat)), logits=np.exp(log_y_hat) - y)


# word2vec: one prediction --------------------------------------------------------------------


class Prediction(NamedTuple):
    """Loss of one prediction, its gradients for ``predicted`` (D,) and all of ``output`` (V, D)."""

    loss: float
    predicted: Floats
    output: Floats


PredictionLoss: TypeAlias = Callable[[Floats, int, Floats], Prediction]
"""What `skipgram` and `cbow` accept: a function of (predicted, target, output)."""


def softmax_loss(predicted: Floats, target: int, output: Floats) -> Prediction:
    """Predict the target among all V words, with V dot products.

    With the predicted vector v (D,), the target's index o and output vectors U (V, D)::

        y_hat = softmax(U v)           loss = -log y_hat_o
        d loss / d v = U^T (y_hat - y)            d loss / d U = (y_hat - y) v^T

    where y is one-hot at o. Mikolov et al., 2013, "Distributed representations of words and
    phrases and their compositionality", eq. 2.
    """
    y = np.zeros(len(output))
    y[target] = 1.0
    loss, error = softmax_cross_entropy(output @ predicted, y)
    return Prediction(loss, predicted=error @ output, output=np.outer(error, predicted))


def negative_sampling_loss(
    predicted: Floats, target: int, output: Floats, negatives: Indices
) -> Prediction:
    """Distinguish the target from K random words, with K + 1 dot products instead of V.

    With the predicted vector v (D,), output vectors u (rows of ``output``, (V, D)), the target's
    index o and the negatives' indices n_1 ... n_K::

        loss = -log sigmoid(u_o . v) - sum_k log sigmoid(-u_{n_k} . v)
        d loss / d v       = -sigmoid(-u_o . v) u_o + sum_k sigmoid(u_{n_k} . v) u_{n_k}
        d loss / d u_o     = -sigmoid(-u_o . v) v
        d loss / d u_{n_k} =  sigmoid(u_{n_k} . v) v

    A word drawn twice counts twice, a negative equal to the target counts as both, and a word that
    is not drawn has a gradient of exactly zero. Mikolov et al., 2013, "Distributed representations
    of words and phrases and their compositionality", eq. 4.
    """
    drawn = np.array([target, *negatives])
    sign = np.where(np.arange(len(drawn)) == 0, 1.0, -1.0)
    scores = sign * (output[drawn] @ predicted)
    # sigmoid(x) - 1 would lose the small errors of a good model to rounding; -sigmoid(-x) does not.
    error = -sign * sigmoid(-scores)
    gradient = np.zeros(output.shape)
    np.add.at(gradient, drawn, np.outer(error, predicted))
    return Prediction(
        loss=-float(np.sum(log_sigmoid(scores))), predicted=error @ output[drawn], output=gradient
    )


# word2vec: one window ------------------------------------------------------------------------


class Window(NamedTuple):
    """Loss of one window and its gradients for all of ``input`` and ``output``, both (V, D)."""

    loss: float
    input: Floats
    output: Floats


def skipgram(
    center: int,
    context: Indices,
    input: Floats,  # noqa: A002 - the word2vec term
    output: Floats,
    loss: PredictionLoss,
) -> Window:
    """Predict every context word from the center word.

    The input vector v of the center word predicts each context word by itself::

        J = sum_{o in context} loss(v, o, output)

    ``loss`` is called once per context word, in order, so that it can draw new negatives.
    Mikolov et al., 2013, "Efficient estimation of word representations in vector space".
    """
    total, inputs, outputs = 0.0, np.zeros(input.shape), np.zeros(output.shape)
    for target in context:
        prediction = loss(input[center], int(target), output)
        total += prediction.loss
        inputs[center] += prediction.predicted
        outputs += prediction.output
    return Window(total, inputs, outputs)


def cbow(
    center: int,
    context: Indices,
    input: Floats,  # noqa: A002 - the word2vec term
    output: Floats,
    loss: PredictionLoss,
) -> Window:
    """Predict the center word from the mean of its context words' input vectors.

    With C context words, where a repeated one counts as often as it occurs::

        v = 1/C sum_{c in context} input_c         J = loss(v, center, output)
        d J / d input_c = 1/C d J / d v            for each occurrence of c

    The mean is word2vec's choice, gensim's ``cbow_mean=1``. Both programs then omit the 1/C and
    step by d J / d v; this function returns the true gradient (Irsoy et al., 2021, "Corrected CBOW
    performs as well as skip-gram"). For the model's source see `skipgram`.
    """
    if len(context) == 0:
        raise ValueError("cbow needs 1 or more context words, got 0: leave such a window out.")
    context = np.asarray(context)
    prediction = loss(input[context].mean(axis=0), center, output)
    inputs = np.zeros(input.shape)
    np.add.at(inputs, context, prediction.predicted / len(context))
    return Window(prediction.loss, inputs, prediction.output)


# GloVe ---------------------------------------------------------------------------------------


class GloVe(NamedTuple):
    """What `glove` returns: gradients for vectors (V, D) and biases (V,)."""

    loss: float
    input: Floats
    output: Floats
    input_bias: Floats
    output_bias: Floats


def glove(
    center: Indices,
    context: Indices,
    count: ArrayLike,
    input: Floats,  # noqa: A002 - the word2vec term
    output: Floats,
    *,
    input_bias: Floats,
    output_bias: Floats,
    x_max: float = 100.0,
    alpha: float = 0.75,
) -> GloVe:
    """Fit dot products to the logarithms of co-occurrence counts, by weighted least squares.

    ``center`` i, ``context`` j and ``count`` X, each (B,): word j occurred X > 0 times around
    word i. With input vectors v, output vectors u and their biases b and c::

        error = v_i . u_j + b_i + c_j - log X          f(X) = min(1, (X / x_max)^alpha)
        J = sum f(X) error^2
        d J / d v_i = 2 f error u_j     d J / d u_j = 2 f error v_i     d J / d b_i = 2 f error

    f limits the weight of frequent pairs and reduces that of rare, noisy ones. Pennington et
    al., 2014, "GloVe: global vectors for word representation", eq. 8 and 9.
    """
    center, context, count = np.asarray(center), np.asarray(context), np.asarray(count, float)
    v, u = input[center], output[context]
    weight = np.minimum(1.0, (count / x_max) ** alpha)
    error = np.sum(v * u, axis=1) + input_bias[center] + output_bias[context] - np.log(count)
    slope = 2.0 * weight * error
    gradients = GloVe(
        loss=float(np.sum(weight * error**2)),
        input=np.zeros(input.shape),
        output=np.zeros(output.shape),
        input_bias=np.zeros(input_bias.shape),
        output_bias=np.zeros(output_bias.shape),
    )
    np.add.at(gradients.input, center, slope[:, None] * u)
    np.add.at(gradients.output, context, slope[:, None] * v)
    np.add.at(gradients.input_bias, center, slope)
    np.add.at(gradients.output_bias, context, slope)
    return gradients


# The two-layer network -----------------------------------------------------------------------


class TwoLayer(NamedTuple):
    """What `two_layer` returns: gradients for the features and all the weights and biases."""

    loss: float
    x: Floats
    W1: Floats
    b1: Floats
    W2: Floats
    b2: Floats


def two_layer_forward(
    x: Floats, W1: Floats, b1: Floats, W2: Floats, b2: Floats
) -> tuple[Floats, Floats]:
    """Return hidden layer ``h = sigmoid(x W1 + b1)`` (N, H) and logits ``h W2 + b2`` (N, Dy)."""
    h = sigmoid(x @ W1 + b1)
    return h, h @ W2 + b2


def two_layer(x: Floats, y: Floats, *, W1: Floats, b1: Floats, W2: Floats, b2: Floats) -> TwoLayer:
    """Classify with one hidden layer of sigmoids; the loss is the cross-entropy, summed over rows.

    With x (N, Dx), y (N, Dy) one-hot, W1 (Dx, H), b1 (H,), W2 (H, Dy), b2 (Dy,)::

        h = sigmoid(x W1 + b1)      y_hat = softmax(h W2 + b2)      loss = -sum y log y_hat

        e2 = y_hat - y                   d W2 = h^T e2     d b2 = sum of e2's rows
        e1 = (e2 W2^T) * h (1 - h)       d W1 = x^T e1     d b1 = sum of e1's rows     d x = e1 W1^T

    Rumelhart et al., 1986, "Learning representations by back-propagating errors".
    """
    h, logits = two_layer_forward(x, W1, b1, W2, b2)
    loss, e2 = softmax_cross_entropy(logits, y)
    e1 = (e2 @ W2.T) * sigmoid_gradient(h)
    return TwoLayer(
        loss, x=e1 @ W1.T, W1=x.T @ e1, b1=e1.sum(axis=0), W2=h.T @ e2, b2=e2.sum(axis=0)
    )


def two_layer_parameter_count(Dx: int, H: int, Dy: int) -> int:
    """Return the number of parameters: W2 and b2, then W1 and b1."""
    return H * Dy + Dy + Dx * H + H
