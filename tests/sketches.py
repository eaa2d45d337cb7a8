"""Empty figures in place of drawn ones, for the many tests that do not look at them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

PNG = bytes.fromhex(  # a white pixel
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c63f80f0001010100b138f6140000000049454e44ae4260"
    "82"
)
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1" width="1" height="1"></svg>'

real = True
_savefig = Figure.savefig


def _save(figure: Figure, file: Any, **more: Any) -> None:
    if real:
        _savefig(figure, file, **more)
    elif isinstance(file, (str, Path)):
        Path(file).write_bytes(SVG.encode() if Path(file).suffix == ".svg" else PNG)
    else:
        file.write(SVG if more.get("format") == "svg" else PNG)


@contextlib.contextmanager
def instead_of_figures() -> Iterator[None]:
    """Save empty figures unless `real` says otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", _save)
        yield


@contextlib.contextmanager
def real_figures() -> Iterator[None]:
    """Draw figures, whatever the test is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"{__name__}.real", True)
        yield
