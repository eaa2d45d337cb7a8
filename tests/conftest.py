from __future__ import annotations

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

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
