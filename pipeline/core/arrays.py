"""Arrays in files of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.files import write


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write an array as ``.npy``."""
    write(path, lambda file: np.save(file, array, allow_pickle=False))


def read_array(path: Path) -> NDArray[Any]:
    """Return the array of an ``.npy`` file, memory-mapped: only what is looked at is read."""
    # "c" rather than "r": compiled code takes a read-only array for another type.
    return np.asarray(np.load(path, mmap_mode="c", allow_pickle=False))
