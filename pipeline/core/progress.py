"""Progress bars on a terminal; nothing where there is none."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from tqdm import tqdm

log = logging.getLogger(__name__)

T = TypeVar("T")


def progress(items: Iterable[T], name: str, unit: str, total: int | None = None) -> Iterator[T]:
    """Yield `items`; a bar that appears after two seconds shows how many are done."""
    yield from tqdm(
        items,
        desc=name,
        total=total,
        unit=f" {unit}",
        unit_scale=True,
        delay=2,
        leave=False,
        disable=None,  # where there is no terminal
    )


def shown() -> bool:
    """Return whether there is a terminal to show bars on."""
    return sys.stderr.isatty()


def bar(name: str, unit: str, total: int, delay: float = 0) -> Any:
    """Return a tqdm bar to update by hand, shown after `delay` seconds; use it in a ``with``."""
    return tqdm(
        desc=name,
        total=total,
        unit=f" {unit}",
        unit_scale=True,
        delay=delay,
        leave=False,
        disable=None,
    )


@contextlib.contextmanager
def report_compilation() -> Iterator[None]:
    """Log a line when numba starts to compile; otherwise the bar would stand still unexplained."""
    from numba.core import event

    class Reporter(event.Listener):
        reported = False

        def on_start(self, _: event.Event) -> None:
            if not self.reported:
                with tqdm.external_write_mode():
                    log.info("compiling the inner loops, once on this machine: some 15 seconds")
            self.reported = True

        def on_end(self, _: event.Event) -> None:
            pass

    with event.install_listener("numba:compile", Reporter()):
        yield
