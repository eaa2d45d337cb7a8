"""The loss curve of a training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

POINTS = 200  # in the curve, roughly at most


class LossPoint(NamedTuple):
    """Mean loss of a pair since the previous point."""

    words_seen: int
    loss: float


@dataclass
class LossMeter:
    """Sums the loss in float64 and adds a point to the curve every ``interval`` words."""

    total: int
    interval: int

    def __post_init__(self) -> None:
        self.points: list[LossPoint] = []
        self.words = self.pairs = 0
        self.loss = 0.0
        self.next = self.interval

    def add(self, words: int, loss: float, pairs: int) -> float:
        """Add a chunk; return the mean loss of a pair since the last point."""
        self.words += words
        self.loss += loss
        self.pairs += pairs
        mean = self.loss / self.pairs if self.pairs else math.nan
        if self.pairs and (self.words >= self.next or self.words == self.total):
            self.points.append(LossPoint(self.words, mean))
            self.loss, self.pairs = 0.0, 0
            self.next = self.words + self.interval
        return mean

    def state(self) -> dict[str, Any]:
        """Return the meter's state as plain JSON values."""
        return dict(vars(self))

    @classmethod
    def restored(cls, state: dict[str, Any]) -> LossMeter:
        """Return a meter with this state."""
        meter = cls(state["total"], state["interval"])
        vars(meter).update(state, points=[LossPoint(*point) for point in state["points"]])
        return meter
