"""MLflow servers on loopback: a real one that can be killed and restarted, and one that is fake."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until `url` answers."""
    end = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310 - loopback
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.2)
        else:
            return


class Server:
    """``mlflow server`` on a store, with artifacts through its proxy; or ``mlflow ui``."""

    def __init__(self, folder: Path, store: str | None = None, command: str = "server") -> None:
        self.command = command
        self.folder = folder
        self.store = store or f"sqlite:///{folder}/mlflow.db"
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        command = [sys.executable, "-m", "mlflow", self.command, "--workers", "1"]
        command += ["--port", str(self.port), "--backend-store-uri", self.store]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        env = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        log = self.folder / "log"
        with log.open("a") as file:
            self.process = subprocess.Popen(
                command, stdout=file, stderr=file, env=env, start_new_session=True
            )
        wait_for(f"{self.uri}/health", self.process, log)
        return self

    def kill(self) -> None:
        """Kill it with its workers, as a crash would."""
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)
            self.process = None


def land(uri: str, folder: Path, name: str) -> None:
    """Track a run, in a process of its own."""
    from pipeline.tracking.client import Tracking
    from pipeline.tracking.run import tracked

    with tracked(Tracking(uri=uri), folder, "task", name, {"role": "run"}):
        pass


class Fake:
    """A server on loopback that answers every request alike, and notes what it was sent."""

    def __init__(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.sent: list[bytes] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                fake.sent.append(f"{self.path} {self.headers}".encode() + self.rfile.read(size))
                if not status:
                    self.wfile.write(body)  # no HTTP
                    return
                answer = (status, headers) if self.path != "/login" else (200, {})
                self.send_response(answer[0])
                for name, value in answer[1].items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - http.server's name

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.uri = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
