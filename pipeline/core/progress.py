"""Progress bars: on a terminal a bar, elsewhere nothing in the way."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from tqdm.auto import tqdm

log = logging.getLogger(__name__)

T = TypeVar("T")


def progress(items: Iterable[T], name: str, unit: str, total: int | None = None) -> Iterator[T]:
    """Yield `items` with a bar that shows after two seconds how many are done."""
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
    """Say whether bars are seen by anyone: on a terminal."""
    return sys.stderr.isatty()


def bar(name: str, unit: str, total: int, delay: float = 0) -> Any:
    """Return a tqdm bar to be moved by hand, shown after `delay` seconds; use it in a ``with``."""
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
def saying_when_compiling() -> Iterator[None]:
    """Say so when numba has to compile: else the bar would stand still without a word."""
    from numba.core import event

    class Teller(event.Listener):
        said = False

        def on_start(self, _: event.Event) -> None:
            if not self.said:
                with tqdm.external_write_mode():
                    log.info("compiling the inner loops, once on this machine: some 15 seconds")
            self.said = True

        def on_end(self, _: event.Event) -> None:
            pass

    with event.install_listener("numba:compile", Teller()):
        yield
