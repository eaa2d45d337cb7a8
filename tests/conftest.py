from __future__ import annotations

import gc
import json
import os
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import forkserver
from pathlib import Path

import front
import pytest
import sketches
from filelock import FileLock
from hypothesis import settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

# The same examples each time; `pytest --hypothesis-profile thorough` looks ten times harder, and
# elsewhere each time.
settings.register_profile("default", max_examples=40, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=400, deadline=None)
settings.load_profile("default")
# Hypothesis also tries constants of loaded modules, and which are loaded depends on the tests that
# ran before in the process. Looking for them also makes MLflow import all that it loads lazily.
providers._get_local_constants = Constants

SENTENCES = {
    0: "(0 (1 Dreadful) (2 .))",
    1: "(1 (2 It) (1 (1 (2 does) (2 n't)) (2 work)))",
    2: "(2 (2 A) (2 film))",
    3: "(3 (2 It) (3 (4 works) (2 .)))",
    4: "(4 (4 Brilliant) (2 !))",
}


@pytest.fixture(scope="session")
def data():
    """The folder of real data, for the tests that need it."""
    folder = os.environ.get("YOURVECTORS_DATA")
    if not folder:
        pytest.skip("real data wanted: set YOURVECTORS_DATA to a folder with sst/ and glove/")
    return Path(folder)


def pytest_collection_modifyitems(items):
    """Tests that start servers are slow ones, too."""
    for item in items:
        if any(item.get_closest_marker(name) for name in ("browser", "postgres", "serving")):
            item.add_marker("slow")


def pytest_collection_finish():
    """Spare the garbage collector the million objects of imported libraries."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item):
    """Draw figures for tests marked so; for others an empty figure will do, which costs nothing."""
    sketches.real = item.get_closest_marker("figures") is not None


def pytest_sessionfinish():
    """End the server of `processes`, so that nothing outlives the tests."""
    forkserver._forkserver._stop()


@pytest.fixture(scope="session", autouse=True)
def _sketched():
    with sketches.instead_of_figures():
        yield


@pytest.fixture(scope="session", autouse=True)
def shared(tmp_path_factory):
    """A way to make a folder once for all tests, in whatever process they are.

    ``shared(name, make)`` returns the folder and what ``make(folder)`` returned, as JSON. Tests
    read it, and change only copies.
    """
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # each worker has a folder within that of all
        root = root.parent

    def get(name, make):
        folder, made = root / f"shared {name}", root / f"shared {name}.json"
        with FileLock(root / f"shared {name}.lock"):
            if not made.exists():
                folder.mkdir()
                made.write_text(json.dumps(make(folder)), encoding="utf-8")
        return folder, json.loads(made.read_text("utf-8"))

    front.shared = get
    return get


@pytest.fixture(scope="session")
def multirun(shared):
    """A tracked multirun, three arms by two seeds: its folder, and what was printed."""

    def make(folder):
        sizes = ["corpus.train=600", "corpus.dev=60", "corpus.test=60", "corpus.pretraining=500"]
        small = [*sizes, "sweep.strengths=[0.1,1]", "report.words=[the,good]"]
        arms = ["arm=own,glove,random", "seed=1,2"]
        done = front.call(folder, "-m", *arms, *small, front.store(folder))
        assert done.returncode == 0, done.stderr
        return done.stdout

    return shared("multirun", make)


@pytest.fixture
def treebank(tmp_path):
    """A folder with the smallest treebank there can be: a tree of each label in every split."""
    folder = tmp_path / "treebank"
    folder.mkdir()
    for name in ("train", "dev", "test"):
        trees = "".join(f"{tree}\n" for tree in SENTENCES.values())
        (folder / f"{name}.txt").write_text(trees, encoding="utf-8")
    return folder


@pytest.fixture
def file(tmp_path):
    """A way to write a file of text, where a test module has no other."""

    def write(content, name="pairs.txt"):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return path

    return write


@pytest.fixture
def local(tmp_path):
    """Tracking in an SQLite store of the test's own."""
    from front import empty_store

    from pipeline.tracking.client import Tracking

    (tmp_path / "store").mkdir()
    shutil.copyfile(empty_store(), tmp_path / "store" / "mlflow.db")
    return Tracking(uri=f"sqlite:///{tmp_path}/store/mlflow.db")


class Site:
    """A web site on this machine: `files` by path, and the paths that were asked for."""

    def __init__(self, address):
        self.address = address
        self.files: dict[str, bytes] = {}
        self.cut = 0  # bytes that are promised and never sent
        self.asked: list[str] = []

    def put(self, path, content):
        self.files[path] = content
        return self.address + path


@pytest.fixture
def site(monkeypatch):
    """A `Site` that is there for one test."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            site.asked.append(self.path)
            if self.path not in site.files:
                self.send_error(403, "no entry")
                return
            content = site.files[self.path]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) - site.cut])

        def log_message(self, *args):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site = Site(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield site
        server.shutdown()
        thread.join()
