"""Progress bars, shown only on a terminal."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO, TypeVar

from tqdm import tqdm

log = logging.getLogger(__name__)

T = TypeVar("T")


def progress(items: Iterable[T], name: str, unit: str, total: int | None = None) -> Iterator[T]:
    """Yield `items`; a bar, named for what is done to them, shows how many are done."""
    yield from tqdm(items, desc=name, **_options(unit, total))


def bar(name: str, unit: str, total: int) -> Any:
    """Return a tqdm bar to update by hand; use it in a ``with``."""
    return tqdm(desc=name, **_options(unit, total))


@contextlib.contextmanager
def working(name: str) -> Iterator[None]:
    """Show what is being done while the block runs, where there is nothing to count."""
    with tqdm(desc=name, bar_format="{desc} ...", leave=False, disable=None):
        yield


def _options(unit: str, total: int | None) -> dict[str, Any]:
    return {
        "total": total,
        "unit": f" {unit}",
        "unit_scale": (total or 0) >= 10_000,  # 3.27M words, but 7 strengths
        "leave": False,
        "disable": None,  # unless there is a terminal
    }


def shown() -> bool:
    """Return whether there is a terminal to show bars on."""
    return sys.stderr.isatty()


def close_bars() -> None:
    """Remove all bars from the terminal: what they count has been interrupted."""
    for one in list(getattr(tqdm, "_instances", ())):
        one.close()


class LogHandler(logging.StreamHandler[TextIO]):
    """Writes log lines above the bars, on lines of their own."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        with tqdm.external_write_mode(self.stream):
            super().emit(record)


@contextlib.contextmanager
def report_compilation() -> Iterator[None]:
    """Log a line when numba starts to compile, which explains why the bar does not move."""
    from numba.core import event

    class Reporter(event.Listener):
        reported = False

        def on_start(self, _: event.Event) -> None:
            if not self.reported:
                log.info("compiling the inner loops, once on this machine: some 15 seconds")
            self.reported = True

        def on_end(self, _: event.Event) -> None:
            pass

    with event.install_listener("numba:compile", Reporter()):
        yield
