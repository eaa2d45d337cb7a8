"""Run experiments by Hydra.

One experiment, a comparison, anything changed by its name::

    yourvectors
    yourvectors -m vectors=skipgram,glove
    yourvectors vectors.dim=100 seed=2
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import logging
import math
import os
import platform
import shlex
import signal
import sys
import threading
import time
from concurrent.futures import BrokenExecutor
from pathlib import Path

import hydra
from filelock import FileLock
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from pipeline.cli import config
from pipeline.cli import explain as explain_module
from pipeline.cli.conf import CONF
from pipeline.cli.explain import dashed, explain
from pipeline.cli.multirun import Multirun
from pipeline.cli.plan import Place, as_lists, for_each_job
from pipeline.cli.run_folder import MARK, claim, is_done
from pipeline.cli.stop import exit_code, how_to_continue, stoppable
from pipeline.core.errors import UserError
from pipeline.core.files import write_json
from pipeline.core.locks import held
from pipeline.core.progress import close_bars
from pipeline.core.secrets import hide, mask
from pipeline.stages.report.result import dev_score, read_result
from pipeline.tracking.registry import NotRegisteredError, register
from pipeline.tracking.run import tracked
from pipeline.tracking.upload import NotUploadedError, keep_uploaded

log = logging.getLogger("pipeline")

failures: list[str] = []
SAFE = "yourvectors"  # value of PYTHONSAFEPATH, where any will do: this one shows who set it
_MULTIRUN = {"-m", "--multirun"}
FULL_ERROR = os.environ.get("HYDRA_FULL_ERROR") == "1"


def job(cfg: DictConfig) -> float:
    """Run one experiment; one that fails leaves ``error.json`` and lets the other jobs go on.

    Return its score on dev by ``best.metric``, for sweepers that search for the highest score; NaN
    if it failed.
    """
    settings = HydraConfig.get()
    folder = Path(settings.runtime.output_dir)
    start_in(settings.runtime.cwd)
    many = settings.mode is RunMode.MULTIRUN
    try:
        plan = config.build(cfg, settings.runtime.choices)
        place = Place.read(Path(settings.sweep.dir)) if many else None
        if place is not None:
            end_with(place)
        # A process of the same multirun, killed earlier, may still run this job.
        lock = FileLock(folder / ".hydra" / "lock")
        with held(lock, f"the same job, {folder}") if many else contextlib.nullcontext():
            run(plan, folder, place, list(settings.overrides.task))
        if plan.registry.name and not many:
            register(plan.registry.name, folder)
    except (NotUploadedError, NotRegisteredError) as error:  # the run itself is complete
        tell(str(error))
    except UserError as error:
        if FULL_ERROR:
            log.exception("the traceback, because of HYDRA_FULL_ERROR=1:")
        fail(folder, str(error))
    except OSError as error:
        fail(folder, f"{error.filename or folder}: {error.strerror or error}.")
    except Exception as error:
        if not many:
            raise
        log.exception("an error that should not happen:")
        fail(folder, f"{type(error).__name__}: {error}")
    complete = (folder / "result.json").exists() and not (folder / "error.json").exists()
    return dev_score(read_result(folder)) if complete else math.nan


def run(plan: config.Plan, folder: Path, place: Place | None, overrides: list[str]) -> None:
    """Run one experiment, tracked; a multirun's job, which has a `place`, unless it is done."""
    experiment, tracking = plan.experiment, plan.tracking
    name, tags = experiment.name or experiment.choices["vectors"], {"role": "run"}
    if place is not None:
        name = place.name(overrides) or name
        tags = place.tags(tracking.experiment_for(experiment.corpus.task))
        mark = folder / f"{MARK}.started"
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
        if is_done(folder, experiment):
            log.info("%s, %s: done already", name, here(folder))
            keep_uploaded(tracking, folder, name, tags)
            return
    else:
        config.check_files(experiment)
    claim(folder)
    log.info("%s, %s", name, here(folder))
    with tracked(tracking, folder, experiment.corpus.task, name, tags) as run_id:
        experiment.run(folder, run_id)
    if place is None:  # the jobs of a multirun have their comparison
        log.info("The page: %s", here(folder / "report" / "index.html"))
        if run_id:
            log.info("In MLflow: yourvectors ui %s", shlex.quote(here(folder)))


def here(path: Path) -> str:
    """Return a path as one would type it in the working folder."""
    inside = path.is_relative_to(Path.cwd())
    return str(path.relative_to(Path.cwd()) if inside else path)


def end_with(place: Place) -> None:
    """End this process when the multirun's process, which started it, is gone."""
    if os.getppid() != place.pid or platform.node() != place.host:
        return  # it is the multirun's own process, or one of a cluster

    def watch() -> None:
        while os.getppid() == place.pid:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def start_in(folder: str) -> None:
    """Work in the folder where the command was typed, also with ``hydra.job.chdir=true``.

    Modules there are found after those of Python and the package.
    """
    os.chdir(folder)
    sys.path[:] = [*(path for path in sys.path if path not in {"", folder}), folder]
    if os.environ.get("PYTHONSAFEPATH") == SAFE:  # the user's own programs need not inherit it
        del os.environ["PYTHONSAFEPATH"]


def fail(folder: Path, error: str) -> None:
    """Log why a run failed, and write it to ``error.json``."""
    tell(error)
    with contextlib.suppress(OSError):  # the error may be that the disk is full
        write_json(folder / "error.json", {"error": error})


def tell(error: str) -> None:
    """Log an error, and make the exit code 1."""
    failures.append(error)
    log.error("error: %s", error)


def main() -> None:
    """Run `job` by Hydra, and print each error in one line."""
    words = [hide(word) for word in sys.argv[1:]]
    explain_module.TYPED[:] = words
    if (said := dashed(words)) is not None:
        sys.exit(f"error: {mask(said)}")
    # Options first: Python's argument parser takes no overrides after an option among them.
    words = sorted(as_lists(words), key=lambda word: word not in _MULTIRUN)
    has_other_sweeper = any(word.startswith("hydra/sweeper=") for word in words)
    if _MULTIRUN & set(words) and not has_other_sweeper:
        words = for_each_job(words)
    sys.argv[1:] = words
    config.register()
    # A launcher's processes must not import the user's statistics.py instead of Python's.
    os.environ.setdefault("PYTHONSAFEPATH", SAFE)
    os.environ["HYDRA_FULL_ERROR"] = "1"  # let errors come here, to be explained
    logging.raiseExceptions = False  # no traceback because a log cannot be written to a full disk
    atexit.register(gc.freeze)  # saves a second: the last collection would visit a million objects
    Multirun.reset()
    try:
        with stoppable():
            hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(job)()
    except KeyboardInterrupt as stop:
        _stopped(explain_module.TYPED)
        sys.exit(exit_code(stop))
    except BrokenExecutor:  # by joblib
        log.error("error: the process of a job was killed; it may have used too much memory.")  # noqa: TRY400
        sys.exit(1)
    except BrokenPipeError:  # the reader of what --cfg prints has ended
        raise
    except (HydraException, OmegaConfBaseException, UserError, OSError, ValueError) as error:
        if FULL_ERROR or (said := _in_a_line(error)) is None:
            raise
        sys.exit(f"error: {mask(said)}")
    finally:
        if Multirun.current:
            Multirun.current.end("FAILED")
    sys.exit(1 if failures or Multirun.failed else 0)


def _stopped(words: list[str]) -> None:
    """Compare the jobs that are done, and print the command that continues."""
    close_bars()
    folder = None
    if Multirun.current:
        folder = Multirun.current.folder
        with contextlib.suppress(KeyboardInterrupt):  # the comparison can be made later
            Multirun.current.end("KILLED")
    print(how_to_continue(words, folder), file=sys.stderr)  # noqa: T201


def _in_a_line(error: Exception) -> str | None:
    """Explain an error; None for one that should not happen."""
    if isinstance(error, OSError) and not isinstance(error, HydraException):
        return f"{error.filename or Path.cwd()}: {error.strerror or error}."
    if isinstance(error, ValueError) and not isinstance(error, OmegaConfBaseException):
        return f"{error}." if "override" in str(error) else None  # Hydra's, for vectors=null
    return explain(error)
