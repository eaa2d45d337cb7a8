"""The front door: ``python -m pipeline``.

One experiment, a comparison, anything changed by its name::

    python -m pipeline
    python -m pipeline -m vectors=skipgram,glove
    python -m pipeline vectors.dim=100 seed=2
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from threadpoolctl import threadpool_limits

from pipeline import config
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.multirun import Multirun, parent
from pipeline.tracking import tracked

log = logging.getLogger("pipeline")

failures: list[str] = []
FULL_ERROR = os.environ.get("HYDRA_FULL_ERROR") == "1"


def job(cfg: DictConfig) -> None:
    """Run one experiment; one that fails leaves ``error.json`` and lets the other jobs go on."""
    settings = HydraConfig.get()
    folder = Path(settings.runtime.output_dir)
    many = settings.mode is RunMode.MULTIRUN
    for name in ("result.json", "error.json", "metrics.csv"):  # of an earlier run in this folder
        (folder / name).unlink(missing_ok=True)
    try:
        experiment, tracking = config.build(cfg, settings.runtime.choices)
        name = experiment.name or experiment.choices["vectors"]
        tags = {"role": "job" if many else "run"}
        if many and (parent_id := parent()):
            tags["mlflow.parentRunId"] = parent_id
        log.info("%s, %s", name, folder)
        # Two BLAS threads are slower than one on matrices this narrow, and add up differently.
        with (
            threadpool_limits(1),
            tracked(tracking, folder, experiment.corpus.task, name, tags) as run_id,
        ):
            experiment.run(folder, run_id)
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


def fail(folder: Path, error: str) -> None:
    """Note and say why a run failed."""
    failures.append(error)
    log.error("error: %s", error)
    with contextlib.suppress(OSError):  # a full disk may be the very error
        write_json(folder / "error.json", {"error": error})


def main() -> None:
    """Run `job` by Hydra, and turn errors into one line each."""
    sys.path.insert(0, str(Path.cwd()))  # for code of one's own, as python -m does
    config.register()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come here, and are told in our own words
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the runs are ended in order
    enter = hydra.main(version_base="1.3", config_path=str(config.CONF), config_name="config")
    status = "FAILED"
    try:
        enter(job)()
    except (HydraException, OmegaConfBaseException, UserError) as error:
        if FULL_ERROR:
            raise
        sys.exit(f"error: {config.explain(error)}")
    except OSError as error:
        if FULL_ERROR:
            raise
        sys.exit(f"error: {error.filename}: {error.strerror}.")
    except ValueError as error:
        if FULL_ERROR or "override" not in str(error):  # Hydra's, for vectors=null and the like
            raise
        sys.exit(f"error: {error}.")
    except KeyboardInterrupt:
        status = "KILLED"
        print("stopped", file=sys.stderr)  # noqa: T201
        sys.exit(130)
    finally:
        if Multirun.current:
            Multirun.current.end(status)
    sys.exit(1 if failures or Multirun.failed else 0)


if __name__ == "__main__":
    main()
