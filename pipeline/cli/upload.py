"""Upload what a tracking store did not take: ``yourvectors upload FOLDER``."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.core.secrets import MaskingFormatter
from pipeline.tracking.records import read
from pipeline.tracking.upload import upload


def main(arguments: Sequence[str] | None = None) -> None:
    """Send everything in the folder of a run or multirun that the tracking store lacks."""
    parser = argparse.ArgumentParser("yourvectors upload", description=main.__doc__)
    parser.add_argument("folder", type=Path, help="folder of a run or a multirun")
    parser.add_argument("--uri", help="the tracking store; unset: that of the run")
    given = parser.parse_args(arguments)
    console = logging.StreamHandler()
    console.setFormatter(MaskingFormatter("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[console])
    try:
        upload(given.folder, given.uri)
    except UserError as error:
        sys.exit(f"error: {error}")
    for record in read(given.folder):
        print(f"{record.name}: {record.experiment} on {record.uri}, run {record.run_id}")  # noqa: T201
