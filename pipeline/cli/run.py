"""The front door: ``python -m pipeline``.

One experiment, a comparison, anything changed by its name::

    python -m pipeline
    python -m pipeline -m vectors=skipgram,glove
    python -m pipeline vectors.dim=100 seed=2
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import logging
import os
import signal
import sys
from concurrent.futures import BrokenExecutor
from pathlib import Path

import hydra
from filelock import FileLock
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from threadpoolctl import threadpool_limits

from pipeline.cli import config
from pipeline.cli.multirun import Multirun, Place, is_done
from pipeline.core.errors import UserError
from pipeline.core.files import write_json
from pipeline.core.secrets import hide, mask
from pipeline.stages.report.result import read_result
from pipeline.tracking.registry import NotRegisteredError, register
from pipeline.tracking.run import tracked
from pipeline.tracking.upload import NotUploadedError, keep_uploaded

log = logging.getLogger("pipeline")

failures: list[str] = []
FULL_ERROR = os.environ.get("HYDRA_FULL_ERROR") == "1"


def job(cfg: DictConfig) -> float:
    """Run one experiment; one that fails leaves ``error.json`` and lets the other jobs go on.

    Return the accuracy on dev, for sweepers that look for the highest; NaN if it failed.
    """
    settings = HydraConfig.get()
    folder = Path(settings.runtime.output_dir)
    many = settings.mode is RunMode.MULTIRUN
    try:
        plan = config.build(cfg, settings.runtime.choices)
        # A worker of a multirun that was killed may still be at it.
        with FileLock(folder / ".hydra" / "lock") if many else contextlib.nullcontext():
            run(plan, folder, list(settings.overrides.task) if many else None)
        if plan.registry.name and not many:
            register(plan.registry.name, folder)
    except (NotUploadedError, NotRegisteredError) as error:  # the run itself is complete
        tell(str(error))
    except UserError as error:
        if FULL_ERROR:
            log.exception("the traceback that was asked for:")
        fail(folder, str(error))
    except OSError as error:
        fail(folder, f"{error.filename or folder}: {error.strerror or error}.")
    except Exception as error:
        if not many:
            raise
        log.exception("an error that should not happen:")
        fail(folder, f"{type(error).__name__}: {error}")
    return _dev_accuracy(folder)


def _dev_accuracy(folder: Path) -> float:
    if not (folder / "result.json").exists() or (folder / "error.json").exists():
        return float("nan")
    return read_result(folder)["dev"]["accuracy"]


def run(plan: config.Plan, folder: Path, overrides: list[str] | None) -> None:
    """Run one experiment, tracked; a multirun's job, with `overrides`, may be done already."""
    experiment, tracking, _ = plan
    name, tags = experiment.name or experiment.choices["vectors"], {"role": "run"}
    if overrides is not None:
        place = Place.of_this_job()
        name = place.name(overrides) or name
        tags = place.tags(tracking.experiment_for(experiment.corpus.task))
        if is_done(folder, experiment):
            log.info("%s, %s: done already", name, folder)
            keep_uploaded(tracking, folder, name, tags)
            return
    for file in ("result.json", "error.json", "metrics.csv"):  # of an earlier run in this folder
        (folder / file).unlink(missing_ok=True)
    log.info("%s, %s", name, folder)
    # Two BLAS threads are slower than one on matrices this narrow, and add up differently.
    with (
        threadpool_limits(1),
        tracked(tracking, folder, experiment.corpus.task, name, tags) as run_id,
    ):
        experiment.run(folder, run_id)


def fail(folder: Path, error: str) -> None:
    """Note and say why a run failed."""
    tell(error)
    with contextlib.suppress(OSError):  # a full disk may be the very error
        write_json(folder / "error.json", {"error": error})


def tell(error: str) -> None:
    """Say what went wrong; the exit code will say it too."""
    failures.append(error)
    log.error("error: %s", error)


class Terminated(KeyboardInterrupt):
    """SIGTERM has come."""


def terminate(*_: object) -> None:
    """Stop as Ctrl-C does."""
    raise Terminated


def main() -> None:
    """Run `job` by Hydra, and turn errors into one line each."""
    sys.argv[1:] = [hide(word) for word in sys.argv[1:]]
    sys.path.insert(0, str(Path.cwd()))  # for code of one's own, as python -m does
    config.register()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here, and are told in our own words
    signal.signal(signal.SIGTERM, terminate)  # so that the runs are ended in order
    atexit.register(gc.freeze)  # else a million objects are looked through once more: a second
    enter = hydra.main(version_base="1.3", config_path=str(config.CONF), config_name="config")
    status = "FAILED"
    try:
        enter(job)()
    except (HydraException, OmegaConfBaseException, UserError) as error:
        if FULL_ERROR:
            raise
        sys.exit(f"error: {mask(config.explain(error))}")
    except OSError as error:
        if FULL_ERROR:
            raise
        sys.exit(f"error: {error.filename}: {error.strerror}.")
    except ValueError as error:
        if FULL_ERROR or "override" not in str(error):  # Hydra's, for vectors=null and the like
            raise
        sys.exit(f"error: {error}.")
    except BrokenExecutor:  # joblib's word for it
        log.error("error: the process of a job was killed, perhaps for want of memory.")  # noqa: TRY400
        sys.exit(1)
    except KeyboardInterrupt as stop:
        status = "KILLED"
        print("stopped", file=sys.stderr)  # noqa: T201
        sys.exit(143 if isinstance(stop, Terminated) else 130)
    finally:
        if Multirun.current:
            Multirun.current.end(status)
    sys.exit(1 if failures or Multirun.failed else 0)
