from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.journal import Journal, Metric, read_metrics

quick = settings(max_examples=30, deadline=None)


@dataclass
class Made:
    number: int

    def describe(self):
        return f"made {self.number}"

    def metrics(self):
        yield Metric("stage/number", self.number)


def test_a_stage_is_called_with_what_it_takes_and_what_it_makes_is_handed_on():
    assert Journal().stage("stage", Made, number=3) == Made(3)


def test_a_stage_leaves_its_seconds_and_its_metrics():
    journal = Journal()
    journal.stage("stage", Made, 3)
    seconds = journal.seconds["stage"]
    assert seconds >= 0
    assert journal.metrics == [Metric("time/stage_s", seconds), Metric("stage/number", 3)]


def test_a_stage_says_what_it_made_how_and_how_long_it_took(caplog):
    caplog.set_level(logging.INFO)
    Journal().stage("stage", Made, 3)
    assert caplog.messages == ["  stage     made 3 (made, 0.0 s)"]


def test_what_a_stage_gives_may_be_kept_elsewhere(caplog):
    def keep(stage, make, number):
        assert (stage, make) == ("stage", Made)
        return Made(number + 1), "reused"

    caplog.set_level(logging.INFO)
    journal = Journal(keep=keep)
    assert journal.stage("stage", Made, 3) == Made(4)
    assert journal.stages == {"stage": "reused"}
    assert caplog.messages == ["  stage     made 4 (reused, 0.0 s)"]


@quick
@given(
    st.lists(
        st.builds(
            Metric,
            st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1),
            st.floats(allow_nan=False),
            st.integers(0, 2**62),
        )
    )
)
def test_metrics_read_back_exactly(tmp_path_factory, metrics):
    folder = tmp_path_factory.mktemp("journal")
    Journal(metrics).save(folder)
    assert read_metrics(folder) == metrics


def test_numbers_of_numpy_are_numbers_too(tmp_path):
    Journal([Metric("a", np.float64(0.1)), Metric("b", np.float32(0.5)), Metric("c", 7)]).save(
        tmp_path
    )
    assert [metric.value for metric in read_metrics(tmp_path)] == [0.1, 0.5, 7.0]
