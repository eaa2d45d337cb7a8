"""Arrays as ``.npy`` files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.files import write


def write_array(path: Path, array: NDArray[Any], *, durable: bool = False) -> None:
    """Write an array as ``.npy``; see `files.atomic`."""
    write(path, lambda file: np.save(file, array, allow_pickle=False), durable=durable)


def read_array(path: Path) -> NDArray[Any]:
    """Return the array of an ``.npy`` file, memory-mapped: only what is used is read."""
    # "c" (copy on write) rather than "r": to compiled code a read-only array has another type.
    return np.asarray(np.load(path, mmap_mode="c", allow_pickle=False))
