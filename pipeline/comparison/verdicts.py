"""One verdict an arm: whether it is better than its reference, by every metric."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from pipeline.comparison.arms import Arm, Baseline
from pipeline.comparison.metrics import Metric
from pipeline.comparison.tests import (
    ALPHA,
    PairedTest,
    bootstrap,
    holm_factors,
    mcnemar,
    paired_test,
)
from pipeline.core.statistics import Interval
from pipeline.render.html import p_value

OPEN, BETTER, WORSE, APART = "open", "better", "worse", "apart"


@dataclass
class MetricTest:
    """The difference of two arms by one metric.

    Parameters
    ----------
    metric
        Which one.
    test
        The paired test of it.
    factor
        By which `p` is multiplied because several arms are tested (Holm 1979).
    """

    metric: Metric
    test: PairedTest
    factor: float = 1.0

    @property
    def p(self) -> float:
        """The p-value, adjusted for the number of arms."""
        return min(1.0, self.test.p * self.factor)

    @property
    def interval(self) -> Interval:
        """The interval at the adjusted level: it excludes 0 exactly where `p` is below 0.05."""
        return self.test.interval(ALPHA / self.factor)

    @property
    def gain(self) -> float:
        """The difference, positive where the arm is better than its reference."""
        return self.metric.sign * self.test.difference

    @property
    def kind(self) -> str:
        """``better``, ``worse``, or ``open``: no difference can be claimed."""
        if self.p >= ALPHA:
            return OPEN
        return BETTER if self.metric.sign * self.test.centre > 0 else WORSE

    def between(self) -> str:
        """Return the adjusted interval as text."""
        return f"{self.metric.show(self.interval.low)} to {self.metric.show(self.interval.high)}"


@dataclass
class Verdict:
    """An arm against its reference.

    Parameters
    ----------
    arm, against
        Both.
    tests
        By metric; accuracy first. Empty where they have different test sentences.
    family
        How many arms the p-values are adjusted for.
    """

    arm: Arm
    against: Arm
    tests: list[MetricTest] = field(default_factory=list)
    family: int = 1

    @property
    def main(self) -> MetricTest:
        """The test by accuracy, which decides."""
        return self.tests[0]

    @property
    def kind(self) -> str:
        """``better``, ``worse``, ``open`` or ``apart``: on different test sentences."""
        return self.main.kind if self.tests else APART

    @property
    def agreeing(self) -> int:
        """How many of the arm's seeds have the sign of the mean difference."""
        differences = self.main.test.difference, *self.by_seed()
        return sum(bool(np.sign(d) == np.sign(differences[0])) for d in differences[1:])

    def by_seed(self) -> list[float]:
        """Return the difference in accuracy of every run of the arm."""
        own = self.arm.measured(self.main.metric).values
        other = self.against.measured(self.main.metric).values
        return list(own - (other if self.same_seeds else other.mean()))

    @property
    def same_seeds(self) -> bool:
        """Whether both arms were run under the same seeds."""
        return len(self.arm.seeds) > 1 and self.arm.seeds == self.against.seeds

    @property
    def single(self) -> list[Arm]:
        """Which of the two could differ under another seed, and were run under one only."""
        return [one for one in (self.arm, self.against) if one.varies and len(one.seeds) == 1]

    def text(self) -> str:
        """Say it in a sentence."""
        arm, against = (
            f"{one.name} (one seed)" if one in self.single else one.name
            for one in (self.arm, self.against)
        )
        if not self.tests:
            return f"{arm} and {against} were scored on different test sentences."
        main = self.main
        adjusted = f", adjusted for {self.family} arms" if self.family > 1 else ""
        inside = f"95 % interval {main.between()}, p {p_value(main.p)}{adjusted}"
        if (seeds := len(self.arm.seeds)) > 1:
            inside += f"; {self.agreeing} of {seeds} seeds agree"
        if main.kind == OPEN:
            return (
                f"{arm} against {against}: {main.metric.show(main.test.difference)} points on "
                f"test; no difference can be claimed ({inside})."
            )
        size = main.metric.show_size(main.test.difference)
        return f"{arm} is {main.kind} than {against} by {size} on test ({inside})."

    def disagreements(self) -> list[str]:
        """Say which metrics claim something else than accuracy, or point the other way."""
        found = []
        for test in self.tests[1:]:
            label, size = test.metric.label, test.metric.show(test.test.difference)
            if test.kind not in {OPEN, self.kind}:
                found.append(f"by {label} it is {test.kind} ({size}, {test.between()})")
            elif test.gain * self.main.gain < 0:
                found.append(f"{label} points the other way ({size}, {test.between()})")
            elif test.kind != self.kind:
                found.append(f"{label} does not confirm it ({size}, {test.between()})")
        return found

    def doubts(self) -> list[str]:
        """Say what makes the comparison less than fair, or less than sure."""
        if not self.tests:
            return []
        arm, against, said = self.arm, self.against, []
        if disagreements := self.disagreements():
            said.append(f"The metrics do not agree: {'; '.join(disagreements)}.")
        if arm.features > against.features:
            said.append(
                f"{arm.name} has {arm.features:,} features and {against.name} {against.features:,}:"
                " part of the difference can be their number. match=dim compares equal numbers."
            )
        if against.coverage < arm.coverage - 0.005:
            said.append(
                f"{against.name} knows {against.coverage:.1%} of the running words and {arm.name} "
                f"{arm.coverage:.1%}: match=words compares them on the words that both know."
            )
        if names := [one.name for one in self.single]:
            said.append(
                f"One seed of {' and '.join(names)}: how much another seed would change is not "
                "covered. seed=1,2,3,4,5 runs more."
            )
        return said

    def detectable(self) -> str:
        """Say how large a difference has to be to be found."""
        level = ALPHA / max(self.family, 1)
        size = self.main.metric.show_size(self.main.test.detectable(level))
        return f"A true difference of {size} would be found on these sentences in 80 % of cases."


def baseline_doubt(arm: Arm, baseline: Baseline) -> str | None:
    """Say that an arm is not clearly better than always giving the same answer, or None."""
    accuracy = arm.metrics[0]
    if arm.interval(accuracy).low > baseline.accuracy:
        return None
    return (
        f"{arm.name} ({arm.spread('test_accuracy').mean:.1%} of test right) is not clearly better "
        f"than always answering '{baseline.label}' ({baseline.accuracy:.1%}); look at macro-F1."
    )


def judge(arms: Sequence[Arm]) -> list[Verdict]:
    """Compare each arm with its reference; p-values are adjusted for the number of arms.

    References are the arms with ``vectors=glove`` or ``pretrained``, or where there are none those
    with the vectors of the first arm. Of several it is the one with the same file, then with the
    most equal settings, then with the nearest number of features, then the best on dev. Where all
    arms have the same vectors, the first is the reference of the others.
    """
    if not arms:
        return []
    found = {arm.vectors for arm in arms}
    base = next((name for name in ("glove", "pretrained") if name in found), arms[0].vectors)
    bases = [arm for arm in arms if arm.vectors == base]
    others = [arm for arm in arms if arm.vectors != base]
    if not others:
        bases, others = bases[:1], bases[1:]
    verdicts = [Verdict(arm, max(bases, key=partial(_likeness, arm))) for arm in others]
    tested = [v for v in verdicts if v.arm.test_digest == v.against.test_digest]
    for verdict in tested:
        verdict.family = len(tested)
        ours, theirs, paired = verdict.arm.measured, verdict.against.measured, verdict.same_seeds
        verdict.tests = [
            MetricTest(metric, paired_test(ours(metric), theirs(metric), same_seeds=paired))
            for metric in verdict.arm.metrics
        ]
    adjust([verdict.tests for verdict in tested])
    return verdicts


def adjust(tests: Iterable[Sequence[MetricTest]]) -> None:
    """Adjust the p-values of each metric for the number of arms; `tests` has a row an arm."""
    for column in zip(*tests, strict=True):
        factors = holm_factors([test.test.p for test in column])
        for test, factor in zip(column, factors, strict=True):
            test.factor = factor


def _likeness(arm: Arm, reference: Arm) -> tuple[float, ...]:
    """Return what makes a reference a fair one, the weightiest first; max() takes the first."""
    own, other = arm.rows[0], reference.rows[0]
    theirs = other["settings"]
    same = sum(key in theirs and theirs[key] == value for key, value in own["settings"].items())
    return (
        arm.test_digest == reference.test_digest,
        own["file"] is not None and own["file"] == other["file"],
        same,
        -abs(arm.features - reference.features),
        reference.spread("dev_accuracy").mean,
    )


def note(verdicts: Sequence[Verdict]) -> None:
    """Write each verdict into the rows of its arm."""
    for verdict in verdicts:
        for row in verdict.against.rows:
            row["reference"] = True
        if not verdict.tests:
            for row in verdict.arm.rows:
                row["against"] = verdict.against.name
            continue
        right = verdict.arm.predicted == verdict.arm.true
        theirs = verdict.against.predicted == verdict.against.true
        drawn = bootstrap(right, theirs, same_seeds=verdict.same_seeds)
        main, plain = verdict.main, verdict.main.test.interval()
        for i, row in enumerate(verdict.arm.rows):
            other = theirs[i if verdict.same_seeds else 0]
            row["against"] = verdict.against.name
            row["only_this"] = int((right[i] & ~other).sum())
            row["only_reference"] = int((other & ~right[i]).sum())
            row["mcnemar_p"] = mcnemar(row["only_this"], row["only_reference"])
            row["difference"] = main.test.difference
            row["difference_low"], row["difference_high"] = plain
            row["p"] = main.test.p
            row["bootstrap_low"], row["bootstrap_high"] = drawn
            row["p_holm"] = main.p
            row["adjusted_low"], row["adjusted_high"] = main.interval
