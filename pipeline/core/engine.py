"""Where independent tasks run: in processes on this machine, or on a Ray cluster."""

from __future__ import annotations

import logging
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import import_module
from typing import Any, Protocol, TypeVar

from pipeline.core.errors import UserError
from pipeline.core.notebook import displayed
from pipeline.core.settings import Settings, bounded

log = logging.getLogger(__name__)

T = TypeVar("T")

_NO_MEMORY = (
    "engine=ray: a task ran out of memory. Let fewer run at a time on each node (ray start "
    "--num-cpus=N), then give the same command again; it goes on with what is not done yet."
)
_NO_STORE = (
    "engine=ray: a node's object store is full. Make it larger (ray start "
    "--object-store-memory=BYTES) or free its disk, then give the same command again; it goes on "
    "with what is not done yet."
)


class LostError(UserError):
    """The engine lost a task for good. An error of the task itself is raised unchanged."""


class Engine(Protocol):
    """Runs tasks. What a task returns never depends on where it runs."""

    @property
    def ahead(self) -> int:
        """How many tasks may be under way: what memory is needed for."""
        ...

    @property
    def elsewhere(self) -> bool:
        """Whether tasks run on other machines, so that a single long one is worth sending."""
        ...

    def share(self, value: Any) -> Any:
        """Return an argument for tasks that stands for a value, so that it is sent only once."""
        ...

    def submit(self, task: Callable[..., T], *arguments: Any, cores: int = 1) -> Callable[[], T]:
        """Start a task that uses so many cores; return a function that waits for its result."""
        ...


def in_order(engine: Engine, tasks: Iterable[Callable[[], T]]) -> Iterator[T]:
    """Run tasks and yield their results in order; few are under way at a time, to save memory."""
    waiting: deque[Callable[[], T]] = deque()
    for task in tasks:
        waiting.append(engine.submit(task))
        if len(waiting) > engine.ahead:
            yield waiting.popleft()()
    for result in waiting:
        yield result()


@displayed
@dataclass
class Local:
    """Processes on this machine, one for each core.

    The first task is done by this process when its result is asked for: a single one is not worth
    starting others, and while it runs they can start.
    """

    def __post_init__(self) -> None:
        """Begin without a task; a field would be a setting."""
        self._begun = False

    @property
    def ahead(self) -> int:
        """Two tasks for each core; none in a process that was started as one of many."""
        return 0 if multiprocessing.parent_process() else 2 * _cores()

    @property
    def elsewhere(self) -> bool:
        """No."""
        return False

    def share(self, value: Any) -> Any:
        """Return the value."""
        return value

    def submit(
        self,
        task: Callable[..., T],
        *arguments: Any,
        cores: int = 1,  # noqa: ARG002
    ) -> Callable[[], T]:
        """Start a task."""
        if not self.ahead or not self._begun:
            self._begun = True
            return partial(task, *arguments)
        from joblib.externals.loky import get_reusable_executor

        result: Callable[[], T] = (
            get_reusable_executor(_cores(), timeout=10).submit(task, *arguments).result
        )
        return result


@displayed
@dataclass
class Ray(Settings):
    """Tasks of a Ray cluster, or of Ray on this machine: blocks of text, and rounds of a training.

    A task that is lost, with its node or for lack of memory, is run again: what it returns does not
    depend on where.

    Parameters
    ----------
    address
        The cluster: ``auto`` for the one that this machine is part of, or ``HOST:PORT``. Unset: Ray
        is started on this machine.
    retries
        How often a lost task is run again.
    """

    address: str | None = None
    retries: int = bounded(3, least=0)

    @cached_property
    def _ray(self) -> Any:
        """Ray, connected to the cluster."""
        try:
            ray: Any = import_module("ray")
        except ImportError as error:
            raise UserError(
                "engine=ray needs the extra 'ray': pip install 'yourvectors[ray]'."
            ) from error
        if not ray.is_initialized():
            try:
                ray.init(self.address, log_to_driver=False, logging_level=logging.ERROR)
            except Exception as error:  # Ray has many errors of its own
                said = str(error).partition("\n")[0][:120]
                raise UserError(
                    f"engine.address={self.address}: no Ray cluster answers there ({said}). Start "
                    "one with ray start --head, or leave the address out."
                ) from error
            cpus = int(ray.cluster_resources().get("CPU", 0))
            log.info("  %-9s %s node(s), %s cores", "ray", len(ray.nodes()), cpus)
        return ray

    @property
    def ahead(self) -> int:
        """Two tasks for each core of the cluster."""
        return 2 * int(self._ray.cluster_resources().get("CPU", 1))

    @property
    def elsewhere(self) -> bool:
        """Yes."""
        return True

    def share(self, value: Any) -> Any:
        """Put the value into the object store."""
        with self._explained():
            return self._ray.put(value)

    def submit(self, task: Callable[..., T], *arguments: Any, cores: int = 1) -> Callable[[], T]:
        """Start a task; where no node has so many cores, it takes all of one."""
        ray = self._ray
        nodes = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
        cpus = max(1, min(cores, int(max(nodes, default=1))))
        remote = ray.remote(num_cpus=cpus, max_retries=self.retries)(_call)
        with self._explained():
            reference = remote.remote(task, *arguments)

        def wait() -> T:
            with self._explained():
                result: T = ray.get(reference)
            return result

        return wait

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn the errors of Ray into one line; raise errors of the task itself unchanged."""
        errors = self._ray.exceptions
        try:
            yield
        except errors.RayTaskError as error:
            if isinstance(error.cause, MemoryError):
                raise LostError(_NO_MEMORY) from error
            raise error.cause from error
        except errors.OutOfMemoryError as error:
            raise LostError(_NO_MEMORY) from error
        except (errors.ObjectStoreFullError, errors.OutOfDiskError) as error:
            raise LostError(_NO_STORE) from error
        except errors.RayError as error:
            said = (str(error).strip() or type(error).__name__).partition("\n")[0][:150]
            raise LostError(
                f"engine=ray: a task was lost {self.retries + 1} times ({said}). The same "
                "command goes on with what is not done yet."
            ) from error


def _call(task: Callable[..., T], *arguments: Any) -> T:
    return task(*arguments)


def _cores() -> int:
    from joblib import cpu_count

    return int(cpu_count())
