"""The test sentences that arms disagree on, with the answer of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.stages.report.mistakes import containing
from pipeline.stages.report.report import Report

if TYPE_CHECKING:
    from pipeline.comparison.arms import Arm

SHOWN = 2000  # rows on the page, so that it stays below 5 MB; all are in sentences.csv


def disagreements(arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """Return the test sentences that some arms get right and others do not.

    Of an arm with several seeds the first run answers. Arms on other test sentences than the first
    arm are left out.

    Returns
    -------
    rows
        Each with its number ``test_sentence``, ``sentence``, ``true`` class, ``kinds`` such as
        negation, and ``answers`` by arm: ``predicted``, whether it is ``right``, and how many
        ``seeds`` are. First come those where the arms differ most in the probability that they give
        to the true class.
    """
    arms = [arm for arm in arms if arm.test_digest == arms[0].test_digest]
    if len(arms) < 2:
        return []
    tests = [arm.runs[0].test for arm in arms]
    first = tests[0]
    wrong = np.stack([test.wrong for test in tests])
    differ = np.flatnonzero(wrong.any(axis=0) & ~wrong.all(axis=0))
    given = np.stack([test.p_true for test in tests])
    order = differ[np.argsort(-np.ptp(given, axis=0)[differ], kind="stable")]
    config = Report.of(arms[0].runs[0].result["settings"])
    kinds = {
        "negation": containing(first, config.negations),
        "contrast": containing(first, config.contrasts),
    }
    unknown = [run.unknown() for run in (arm.runs[0] for arm in arms)]
    known = [counts for counts in unknown if counts is not None]
    if known:
        kinds["unknown words"] = np.any([counts > 0 for counts in known], axis=0)
    seeds = {arm.name: (arm.predicted == arm.true).sum(axis=0) for arm in arms}
    return [
        {
            "test_sentence": i,
            "sentence": " ".join(first.sentences[i]),
            "true": arms[0].classes[first.true[i]],
            "kinds": [name for name, members in kinds.items() if members[i]],
            "answers": {
                arm.name: {
                    "predicted": arm.classes[test.predicted[i]],
                    "right": not test.wrong[i],
                    "seeds": int(seeds[arm.name][i]),
                }
                for arm, test in zip(arms, tests, strict=True)
            },
        }
        for i in order.tolist()
    ]
