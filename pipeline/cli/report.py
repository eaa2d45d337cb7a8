"""Rebuild pages, or compare runs, without training again.

A run, a multirun, any runs side by side, and runs in MLflow by their id::

    yourvectors report outputs/runs/2026-01-31_12-00-00_0a1b2c3d
    yourvectors report outputs/multiruns/2026-01-31_12-00-00_0a1b2c3d
    yourvectors report outputs/runs/* --output outputs/all
    yourvectors report 0123456789abcdef0123456789abcdef
"""

from __future__ import annotations

import argparse
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.comparison import compare
from pipeline.core.errors import UserError, require
from pipeline.core.progress import progress
from pipeline.stages.report.finished_run import in_order
from pipeline.stages.report.page import rebuild_page
from pipeline.tracking.client import Tracking

log = logging.getLogger("pipeline")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line; print each error in one line."""
    parser = argparse.ArgumentParser(
        prog="yourvectors report|compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUN",
        help="folder of a run or of a multirun, or the id of a run in MLflow (a parent: its jobs)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        default=Path("outputs") / "report",
        help="folder for runs from MLflow, and for comparing runs of several places: %(default)s",
    )
    parser.add_argument(
        "--tracking-uri",
        metavar="URI",
        help="the tracking store; unset: MLFLOW_TRACKING_URI, or else outputs/mlflow.db",
    )
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        report(given.runs, given.output, Tracking(given.tracking_uri or "").uri)
    except UserError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(f"error: {error.filename or given.output}: {error.strerror or error}.")


def report(runs: Sequence[str], output: Path, uri: str) -> None:
    """Rebuild the page of each run, and compare them where there are several.

    Parameters
    ----------
    runs
        Folders of runs or multiruns, or ids of runs in MLflow.
    output
        Folder of the comparison, unless all runs are the jobs of one multirun.
    uri
        The tracking store that has the runs with these ids.

    Raises
    ------
    UserError
        If there is no such run, or it has not ended.
    """
    found: list[Path] = []
    for name in runs:
        path = Path(name)
        if re.fullmatch("[0-9a-f]{32}", name) and not path.exists():
            from pipeline.tracking.fetch import fetch  # it imports MLflow

            found += fetch(name, output / "runs", uri)
        else:
            found += _folders(path)
    folders = list(dict.fromkeys(found))
    done = [path for path in folders if len(folders) == 1 or (path / "result.json").exists()]
    pages = [rebuild_page(path) for path in progress(done, "making pages", "pages", len(done))]
    for page in pages:
        print(page)  # noqa: T201
    first = Path(runs[0])
    is_multirun = len(runs) == 1 and all(folder.parent == first for folder in folders)
    if len(folders) > 1 or is_multirun:
        comparison, place = compare(folders), first if is_multirun else output
        comparison.save(place)
        comparison.show().print(place / "comparison.html", markup=False, soft_wrap=True)


def _folders(path: Path) -> Iterator[Path]:
    """Yield a run's folder, or those of a multirun's jobs in their order."""
    require(path.is_dir(), f"{path}: no such folder, nor the id of a run in MLflow.")
    if _is_run(path):
        yield path
        return
    jobs = [folder for folder in path.iterdir() if _is_run(folder)]
    require(jobs, f"{path} is neither the folder of a run nor that of a multirun.")
    yield from in_order(jobs)


def _is_run(folder: Path) -> bool:
    """Return whether a run began here, however it ended."""
    marks = ("result.json", "error.json", ".hydra/overrides.yaml")
    return any((folder / mark).exists() for mark in marks)
