"""Compare results in a notebook, which have no folder on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.comparison.metrics import Measured, Metric, measure, metrics_of
from pipeline.comparison.tests import mean_interval, paired_test
from pipeline.comparison.verdicts import OPEN, MetricTest, adjust
from pipeline.core.errors import require
from pipeline.core.statistics import Interval, accuracy_interval
from pipeline.stages.best.best import Best

if TYPE_CHECKING:
    import pandas as pd

Bests = Mapping[str, Best | list[Best]]
"""A result for each name, or several: one for each seed."""


def compare_results(results: Bests, reference: str | None = None) -> pd.DataFrame:
    """Return a row for each name: its scores on test and its verdict against the reference.

    `difference` is in accuracy, with its 95 % interval; it, `p` and the verdicts are adjusted for
    the number of results (Holm 1979).

    Parameters
    ----------
    results
        What `pick_best` returned, by name; a list holds the same arm under several seeds.
    reference
        The name that the others are compared with. Unset: ``glove`` or ``pretrained`` if there is
        one, else the first.

    Raises
    ------
    UserError
        If there are fewer than two, or they were not scored on the same test sentences.
    """
    import pandas as pd

    arms = {name: one if isinstance(one, list) else [one] for name, one in results.items()}
    against = _check(arms, reference)
    metrics = metrics_of(ordinal=arms[against][0].features.ordinal)
    measured = {
        name: [_measured(metric, runs) for metric in metrics] for name, runs in arms.items()
    }
    tests = {
        name: [
            MetricTest(metric, paired_test(ours, theirs))
            for metric, ours, theirs in zip(metrics, found, measured[against], strict=True)
        ]
        for name, found in measured.items()
        if name != against
    }
    adjust(tests.values())
    rows: dict[str, dict[str, Any]] = {}
    for name, runs in arms.items():
        accuracy, macro_f1 = measured[name][:2]
        low, high = mean_interval(accuracy).of_share() if len(runs) > 1 else _interval(runs[0])
        rows[name] = {"verdict": "reference", "accuracy": accuracy.mean, "low": low, "high": high}
        rows[name] |= {"macro_f1": macro_f1.mean}
        if name in tests:
            rows[name] |= _tested(tests[name])
    columns = ["verdict", "accuracy", "low", "high", "macro_f1", "difference", "difference_low"]
    columns += ["difference_high", "p", "macro_f1_verdict"]
    return pd.DataFrame(list(rows.values()), pd.Index(rows, name=f"against {against}"), columns)


def _measured(metric: Metric, runs: Sequence[Best]) -> Measured:
    """Return a metric of one arm's runs on test."""
    features = runs[0].features
    predicted = np.stack([run.predicted["test"] for run in runs])
    return measure(metric, features.y["test"], predicted, len(features.classes))


def _check(arms: Mapping[str, Sequence[Best]], reference: str | None) -> str:
    """Return the name of the reference; refuse what cannot be compared."""
    require(len(arms) > 1, "compare needs at least two results, such as {'own': a, 'glove': b}.")
    for name, runs in arms.items():
        require(
            bool(runs) and all(isinstance(run, Best) for run in runs),
            f"results[{name!r}] must be what pick_best returned, or a list of these.",
        )
    first = next(iter(arms.values()))[0].features
    for name, runs in arms.items():
        for run in runs:
            same = np.array_equal(run.features.y["test"], first.y["test"])
            same &= run.features.sentences.get("test") == first.sentences.get("test")
            require(
                same and run.features.classes == first.classes,
                f"results[{name!r}] was scored on other test sentences than the first.",
            )
    usual = next((name for name in ("glove", "pretrained") if name in arms), next(iter(arms)))
    reference = usual if reference is None else reference
    require(
        reference in arms, f"reference {reference!r} is not one of {', '.join(map(repr, arms))}."
    )
    return reference


def _interval(run: Best) -> Interval:
    right = run.predicted["test"] == run.features.y["test"]
    return accuracy_interval(int(right.sum()), len(right))


def _tested(tests: Sequence[MetricTest]) -> dict[str, Any]:
    main, macro_f1 = tests[0], tests[1]
    low, high = main.interval
    return {
        "verdict": _word(main),
        "difference": main.test.difference,
        "difference_low": low,
        "difference_high": high,
        "p": main.p,
        "macro_f1_verdict": _word(macro_f1),
    }


def _word(test: MetricTest) -> str:
    return "cannot tell" if test.kind == OPEN else test.kind
