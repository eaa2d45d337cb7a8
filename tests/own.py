"""A class of a user's own for tests: vectors that nobody makes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Own:
    value: object = None
    more: list = field(default_factory=list)

    def make(self, corpus, vocabulary):
        raise NotImplementedError
