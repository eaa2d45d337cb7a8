"""Check every gradient of `pipeline.formulas.objectives` against finite differences.

    yourvectors gradcheck             # a table, and exit code 1 if any gradient is wrong
    yourvectors gradcheck --seeds 50  # more random points

A gradient derived by hand is right if it predicts how the loss changes with a small change of each
number. Check a formula of your own in the same way::

    errors = gradient_errors(partial(softmax_loss, target=2), predicted=v, output=U)
    assert errors["predicted"] < LIMIT
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from rich.console import Console
from rich.table import Table

from pipeline.formulas.objectives import (
    Floats,
    Window,
    cbow,
    glove,
    negative_sampling_loss,
    sigmoid,
    sigmoid_gradient,
    skipgram,
    softmax_cross_entropy,
    softmax_loss,
    two_layer,
)

LIMIT = 1e-6
"""The relative error from which on a gradient counts as wrong."""

STEP = 1e-3
"""The step of the differences. A smaller one adds more rounding error, which grows as ``1 / STEP``,
than it removes of the truncation error, which shrinks as ``STEP**4``."""

FLOOR = 1e-2
"""For gradients smaller than this, the absolute error counts: rounding limits it from below."""


def numerical_gradient(loss: Callable[[Floats], float], at: Floats, step: float = STEP) -> Floats:
    """Differentiate a scalar function by fourth-order central differences.

    For each entry of ``at``, with h the step::

        (8 [f(x + h) - f(x - h)] - [f(x + 2h) - f(x - 2h)]) / 12h

    Abramowitz and Stegun, 1964, "Handbook of mathematical functions", 25.3.
    """
    gradient = np.zeros(at.shape)
    for entry in np.ndindex(at.shape):

        def moved(steps: int, entry: tuple[int, ...] = entry) -> float:
            point = np.array(at, dtype=np.float64)
            point[entry] += steps * step
            return loss(point)

        near, far = moved(1) - moved(-1), moved(2) - moved(-2)
        gradient[entry] = (8.0 * near - far) / (12.0 * step)
    return gradient


def relative_error(analytic: Floats, numerical: Floats) -> float:
    """Return the largest ``|a - n| / max(|a|, |n|, FLOOR)`` over all entries of two gradients."""
    if analytic.shape != numerical.shape:
        raise ValueError(
            f"A gradient has the shape of its argument: got {analytic.shape}, "
            f"expected {numerical.shape}."
        )
    size = np.maximum(np.maximum(np.abs(analytic), np.abs(numerical)), FLOOR)
    # np.max, unlike max, lets a NaN through.
    return float(np.max(np.abs(analytic - numerical) / size, initial=0.0))


def gradient_errors(formula: Callable[..., Any], **at: Floats) -> dict[str, float]:
    """Compare every gradient that a formula returns with finite differences of its loss.

    Parameters
    ----------
    formula : callable
        Takes the arrays of ``at`` by name and returns a named tuple: ``loss``, and a gradient for
        each of them, under its name.
    **at : ndarray
        The point to check at.

    Returns
    -------
    dict
        The largest relative error of each gradient.
    """
    result = formula(**at)

    def loss_of(name: str) -> Callable[[Floats], float]:
        return lambda moved: float(formula(**{**at, name: moved}).loss)

    return {
        name: relative_error(getattr(result, name), numerical_gradient(loss_of(name), array))
        for name, array in at.items()
    }


# The formulas, each at a random point ---------------------------------------------------------

Case: TypeAlias = Callable[[np.random.Generator], dict[str, float]]


class _Elementwise(NamedTuple):
    loss: float
    x: Floats


def _sigmoid(rng: np.random.Generator) -> dict[str, float]:
    def summed(x: Floats) -> _Elementwise:
        s = sigmoid(x)
        return _Elementwise(loss=float(s.sum()), x=sigmoid_gradient(s))

    return gradient_errors(summed, x=3.0 * rng.normal(size=10))


def _softmax_cross_entropy(rng: np.random.Generator) -> dict[str, float]:
    rows, classes = rng.integers(2, 8, size=2)
    y = rng.dirichlet(np.ones(classes), size=rows)
    return gradient_errors(
        partial(softmax_cross_entropy, y=y), logits=rng.normal(size=(rows, classes))
    )


def _words(rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw input and output vectors of a small vocabulary."""
    words, dimensions = rng.integers(2, 9, size=2)
    return rng.normal(size=(words, dimensions)), rng.normal(size=(words, dimensions))


def _softmax_loss(rng: np.random.Generator) -> dict[str, float]:
    vectors, output = _words(rng)
    formula = partial(softmax_loss, target=int(rng.integers(len(output))))
    return gradient_errors(formula, predicted=vectors[0], output=output)


def _negative_sampling_loss(rng: np.random.Generator) -> dict[str, float]:
    vectors, output = _words(rng)
    target, *negatives = rng.integers(len(output), size=6).tolist()
    formula = partial(negative_sampling_loss, target=target, negatives=negatives)
    return gradient_errors(formula, predicted=vectors[0], output=output)


def _window(model: Callable[..., Window], sampled: bool) -> Case:
    """Make the case of skip-gram or CBOW with one of the two losses."""

    def case(rng: np.random.Generator) -> dict[str, float]:
        vectors, output = _words(rng)
        center, *context = rng.integers(len(output), size=rng.integers(2, 8)).tolist()
        negatives = rng.integers(len(output), size=5).tolist()
        loss = partial(negative_sampling_loss, negatives=negatives)
        formula = partial(
            model, center=center, context=context, loss=loss if sampled else softmax_loss
        )
        return gradient_errors(formula, input=vectors, output=output)

    return case


def _glove(rng: np.random.Generator) -> dict[str, float]:
    vectors, output = _words(rng)
    center, context = rng.integers(len(output), size=(2, 10))
    formula = partial(glove, center=center, context=context, count=rng.uniform(0.1, 200, size=10))
    input_bias, output_bias = rng.normal(size=(2, len(output)))
    return gradient_errors(
        formula, input=vectors, output=output, input_bias=input_bias, output_bias=output_bias
    )


def _two_layer(rng: np.random.Generator) -> dict[str, float]:
    rows, features, hidden, classes = rng.integers(2, 7, size=4)
    return gradient_errors(
        partial(two_layer, y=np.eye(classes)[rng.integers(classes, size=rows)]),
        x=rng.normal(size=(rows, features)),
        W1=rng.normal(size=(features, hidden)),
        b1=rng.normal(size=hidden),
        W2=rng.normal(size=(hidden, classes)),
        b2=rng.normal(size=classes),
    )


CASES: dict[str, Case] = {
    "sigmoid": _sigmoid,
    "softmax_cross_entropy": _softmax_cross_entropy,
    "softmax_loss": _softmax_loss,
    "negative_sampling_loss": _negative_sampling_loss,
    "skipgram, softmax": _window(skipgram, sampled=False),
    "skipgram, negative sampling": _window(skipgram, sampled=True),
    "cbow, softmax": _window(cbow, sampled=False),
    "cbow, negative sampling": _window(cbow, sampled=True),
    "glove": _glove,
    "two_layer": _two_layer,
}


def worst_errors(case: Case, seeds: Iterable[int]) -> dict[str, float]:
    """Return the largest error of each gradient of a case over several random points."""
    errors = [case(np.random.default_rng(seed)) for seed in seeds]
    return {name: float(np.max([error[name] for error in errors])) for name in errors[0]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 if any gradient is wrong and 0 otherwise."""
    parser = argparse.ArgumentParser(
        prog="yourvectors gradcheck",
        description="Check every gradient in `formulas.objectives` against finite differences.",
    )
    parser.add_argument("--seeds", type=int, default=5, help="random points a formula (default: 5)")
    points = parser.parse_args(arguments).seeds
    if points < 1:
        parser.error(f"--seeds must be 1 or more, got {points}")

    table = Table("formula", "gradient", "largest relative error", "")
    right = True
    for formula, case in CASES.items():
        for gradient, error in worst_errors(case, range(points)).items():
            passed = error < LIMIT  # a NaN fails
            right = right and passed
            table.add_row(formula, gradient, f"{error:.1e}", "ok" if passed else "WRONG")
        table.add_section()
    console = Console()
    console.print(table)
    verdict = "Every gradient agrees" if right else "A gradient does NOT agree"
    console.print(f"{verdict} with finite differences (limit {LIMIT}, random points {points}).")
    return 0 if right else 1
