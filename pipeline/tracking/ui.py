"""Open MLflow's UI on the comparison of the last multirun: ``yourvectors ui``."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from pipeline.core.errors import UserError, require
from pipeline.core.secrets import hide, mask
from pipeline.tracking import sqlite
from pipeline.tracking.client import Tracking, whole_address
from pipeline.tracking.records import FILE, read

# Without this, MLflow's UI opens in its mode for language models.
_MODE = "workflowType=machine_learning"
_PATIENCE = 120.0  # seconds that a server may take to start


def main(arguments: Sequence[str] | None = None) -> None:
    """Open MLflow's UI on the comparison of a multirun's jobs, or on a run."""
    parser = argparse.ArgumentParser("yourvectors ui", description=main.__doc__)
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        help="folder of a run or multirun; unset: the last multirun in outputs/, or the last run",
    )
    parser.add_argument("--uri", help="the tracking store; unset: that of the folder")
    parser.add_argument("--port", type=int, default=5000, help="of the local server: %(default)s")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    given = parser.parse_args(arguments)
    try:
        require(
            given.folder is None or read(given.folder),
            f"{given.folder}: no {FILE}. Name the folder of a run or multirun that was tracked, or "
            f"upload it: yourvectors upload {given.folder}",
        )
        folder = given.folder or last_folder(Path("outputs"))
        _open(given.uri, folder, given.port, not given.no_browser)
    except UserError as error:
        sys.exit(f"error: {error}")


def last_folder(outputs: Path) -> Path | None:
    """Return the folder of the multirun that was tracked last, or else of the last run."""
    for kind in ("multiruns", "runs"):
        found = sorted(outputs.glob(f"{kind}/*/{FILE}"), key=lambda path: path.stat().st_mtime)
        if found:
            return found[-1].parent
    return None


def page_of(folder: Path | None) -> str:
    """Return the page of a folder's runs, without the server's address."""
    records = read(folder) if folder else []
    if folder is None or not records or records[0].experiment_id is None:
        return f"#/experiments?{_MODE}"
    jobs = [one for job in records[0].jobs for one in read(folder / job)]
    uri, experiment = records[0].uri, records[0].experiment_id
    here = [one for one in jobs if (one.uri, one.experiment_id) == (uri, experiment)]
    ids = [one.run_id for one in here if one.run_id]
    if len(ids) > 1:
        runs = json.dumps(ids, separators=(",", ":"))
        return f'#/compare-runs?runs={runs}&experiments=["{experiment}"]&{_MODE}'
    run_id = ids[0] if ids else records[0].run_id
    return f"#/experiments/{experiment}/runs/{run_id}?{_MODE}"


def _open(uri: str | None, folder: Path | None, port: int, browser: bool) -> None:
    records = read(folder) if folder else []
    uri = hide(uri) if uri else records[0].uri if records else Tracking().uri
    page = page_of(folder) if not records or records[0].uri == uri else page_of(None)
    if uri.startswith("http"):
        _show(f"{uri.rstrip('/')}/{page}", browser)
        return
    require(
        uri != "databricks" and not uri.startswith("databricks:"),
        "Databricks has its own UI: open your workspace, and there Experiments.",
    )
    if path := sqlite.path_of(uri):
        missing = f"{path}: no tracking store yet. Run an experiment first, or name one by --uri."
        require(path.exists(), missing)
        sqlite.check(path)
    _serve(uri, page, _free_port(port), browser)


def _serve(uri: str, page: str, port: int, browser: bool) -> None:
    """Run MLflow's server until it is stopped; show the page as soon as it answers."""
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    env = os.environ | {
        "MLFLOW_BACKEND_STORE_URI": whole_address(uri),  # not an argument: anyone sees these
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    print(f"starting MLflow on {uri} ...", file=sys.stderr)  # noqa: T201
    for number in (signal.SIGINT, signal.SIGTERM):  # background jobs of a shell ignore Ctrl-C
        signal.signal(number, signal.default_int_handler)
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(f"{address}/health", server, log)
            _show(f"{address}/{page}", browser)
            print("Ctrl-C stops it.", file=sys.stderr)  # noqa: T201
            server.wait()
        except KeyboardInterrupt:
            pass
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            server.wait()


def _wait(url: str, server: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 - on this machine
        except OSError:
            if server.poll() is not None:
                log.seek(0)
                *_, last = ["no reason given", *log.read().decode(errors="replace").splitlines()]
                raise UserError(f"MLflow's server has stopped: {mask(last)[:200]}") from None
            require(time.monotonic() < end, f"MLflow's server does not answer at {url}.")
            time.sleep(0.2)
        else:
            return


def _free_port(wanted: int) -> int:
    """Return the first free port from the wanted one on."""
    for port in range(wanted, wanted + 20):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise UserError(f"the ports {wanted} to {wanted + 19} are in use; name another by --port.")


def _show(address: str, browser: bool) -> None:
    print(address, flush=True)  # noqa: T201
    if browser:
        webbrowser.open(address)
