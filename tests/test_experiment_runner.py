"""The stage runner: what it logs and notes of each stage."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pipeline.cache.store import Outcome
from pipeline.core.metrics import Metric
from pipeline.experiment import StageRunner


@dataclass
class Made:
    number: int

    def describe(self):
        return f"made {self.number}"

    def metrics(self):
        yield Metric("stage/number", self.number)


@pytest.fixture
def run():
    return StageRunner()


def test_a_stage_is_called_with_its_arguments_and_its_result_returned(run):
    assert run.stage("stage", Made, number=3) == Made(3)


def test_a_stage_leaves_its_seconds_and_its_metrics(run):
    run.stage("stage", Made, 3)
    seconds = run.seconds["stage"]
    assert seconds >= 0
    assert run.metrics == [Metric("time/stage_s", seconds), Metric("stage/number", 3)]
    assert run.how == {"stage": "made"}


def test_a_stage_logs_its_result_and_time(run, caplog):
    caplog.set_level("INFO")
    run.stage("stage", Made, 3)
    assert caplog.messages == ["  stage     made 3 (made, 0.0 s)"]


def test_a_reused_result_counts_with_the_time_it_took_to_make(run, caplog):
    caplog.set_level("INFO")
    assert run.cached("stage", lambda n: Outcome(Made(n), "reused", 12.34), 4) == Made(4)
    assert run.how == {"stage": "reused"}
    assert run.seconds == {"stage": 12.34}
    assert run.metrics[0] == Metric("time/stage_s", 12.34)
    assert caplog.messages == ["  stage     made 4 (reused, 0.0 s, made in 12.3 s)"]
