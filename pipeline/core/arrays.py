"""Arrays as ``.npy`` files."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.files import write


def write_array(path: Path, array: NDArray[Any], *, durable: bool = False) -> None:
    """Write an array as ``.npy``; see `files.atomic`."""

    def save(file: Path) -> None:
        try:
            np.save(file, array, allow_pickle=False)
        except OSError as error:
            if error.errno is None:  # NumPy's "1000 requested and 200 written"
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
            raise

    write(path, save, durable=durable)


def read_array(path: Path) -> NDArray[Any]:
    """Return the array of an ``.npy`` file, memory-mapped: only what is used is read."""
    # "c" (copy on write) rather than "r": to compiled code a read-only array has another type.
    return np.asarray(np.load(path, mmap_mode="c", allow_pickle=False))
