"""Where independent tasks run: in processes on this machine, or on a Ray cluster."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

T = TypeVar("T")


class Engine(Protocol):
    """Runs tasks. What a task returns never depends on where it runs."""

    @property
    def ahead(self) -> int:
        """How many tasks may be under way: what memory is needed for."""
        ...

    def submit(self, task: Callable[[], T]) -> Callable[[], T]:
        """Start a task; return a function that waits for what it returns."""
        ...


@dataclass
class Local:
    """Processes on this machine, one for each core.

    The first task is done by this process when its result is asked for: a single one is not worth
    starting others, and more of them start meanwhile.
    """

    _begun: bool = field(default=False, init=False, repr=False)

    @property
    def ahead(self) -> int:
        """Two tasks for each core; none in a process that was started as one of many."""
        return 0 if multiprocessing.parent_process() else 2 * _cores()

    def submit(self, task: Callable[[], T]) -> Callable[[], T]:
        """Start a task."""
        if not self.ahead or not self._begun:
            self._begun = True
            return task
        from joblib.externals.loky import get_reusable_executor

        result: Callable[[], T] = get_reusable_executor(_cores(), timeout=10).submit(task).result
        return result


def _cores() -> int:
    from joblib import cpu_count

    return int(cpu_count())
