"""Empty figures in place of drawn ones, for the many tests that do not look at them."""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure


def _png(width: int = 480, height: int = 360) -> bytes:
    """Return a white picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(height * (b"\0" + width * b"\xff"))
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


PNG = _png()
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
