"""Upload later what a tracking store did not take: ``python -m pipeline upload FOLDER``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.tracking.records import read
from pipeline.tracking.upload import upload


def main(arguments: Sequence[str] | None = None) -> None:
    """Upload what a folder holds and the store lacks."""
    parser = argparse.ArgumentParser("python -m pipeline upload", description=main.__doc__)
    parser.add_argument("folder", type=Path, help="of a run or a multirun")
    parser.add_argument("--uri", help="the tracking store; unset: the one the run was meant for")
    given = parser.parse_args(arguments)
    try:
        upload(given.folder, given.uri)
    except UserError as error:
        sys.exit(f"error: {error}")
    for record in read(given.folder):
        print(f"{record.name}: {record.experiment} on {record.uri}, run {record.run_id}")  # noqa: T201
