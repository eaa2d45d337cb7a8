from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import logging
import random
import struct
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Barrier

import pytest

from pipeline.core import download as module
from pipeline.core.download import OFFLINE, Archive, download, fetch, redirected
from pipeline.core.errors import UserError
from pipeline.core.secrets import hide

MEMBERS = {"trees/train.txt": "(3 good)", "trees/dev.txt": "(1 bad)"}


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, text in members.items():
            file.writestr(name, text)
    return buffer.getvalue()


def archive(url, content):
    return Archive(url, hashlib.sha256(content).hexdigest(), len(content))


@pytest.fixture
def trees(site):
    """The archive of trees on the site."""
    content = zipped(MEMBERS)
    return archive(site.put("/trees.zip", content), content)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "trees"


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Nobody waits here."""
    monkeypatch.setattr(module, "PAUSE", 0)


def explain(*arguments):
    with pytest.raises(UserError) as error:
        download(*arguments)
    return str(error.value)


def contents(folder):
    return {p.name: p.read_text() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


def test_the_members_asked_for_stand_in_the_folder_under_their_bare_names(trees, folder):
    assert download(trees, ["trees/train.txt"], folder) == folder
    assert contents(folder) == {"train.txt": "(3 good)"}


def test_what_is_there_is_not_fetched_again(trees, folder, site):
    download(trees, list(MEMBERS), folder)
    (folder / "dev.txt").write_text("my own")
    download(trees, list(MEMBERS), folder)
    assert site.asked == ["/trees.zip"]
    assert contents(folder) == {"train.txt": "(3 good)", "dev.txt": "my own"}


def test_what_is_missing_is_fetched_and_what_is_there_left_alone(trees, folder):
    folder.mkdir(parents=True)
    (folder / "dev.txt").write_text("my own")
    download(trees, list(MEMBERS), folder)
    assert contents(folder) == {"train.txt": "(3 good)", "dev.txt": "my own"}


def test_of_many_who_ask_at_once_one_fetches(trees, folder, site):
    together = Barrier(4)

    def ask(_):
        together.wait()
        return contents(download(trees, list(MEMBERS), folder))

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    assert answers == [{"train.txt": "(3 good)", "dev.txt": "(1 bad)"}] * 4
    assert site.asked == ["/trees.zip"]


@pytest.mark.parametrize("name", ["../../escaped.txt", "/escaped.txt", "a/../../../escaped.txt"])
def test_a_member_cannot_leave_the_folder(name, site, folder, tmp_path):
    content = zipped({name: "text"})
    download(archive(site.put("/evil.zip", content), content), [name], folder)
    assert contents(tmp_path) == {"escaped.txt": "text"}
    assert (folder / "escaped.txt").is_file()


class TestFailure:
    def test_another_file_than_the_one_expected_is_refused(self, site, folder):
        url = site.put("/trees.zip", zipped({"trees/train.txt": "(0 altered)"}))
        message = explain(archive(url, zipped(MEMBERS)), ["trees/train.txt"], folder)
        assert f"{url} is not the file expected" in message
        assert "name a mirror by its url, or fetch the file yourself" in message
        assert contents(folder) == {}

    def test_a_server_that_refuses_is_named_with_its_answer_and_a_remedy(self, site, folder):
        url = f"{site.address}/none.zip"
        message = explain(archive(url, b""), ["trees/train.txt"], folder)
        assert message.startswith(f"cannot download {url}: 403 Client Error: no entry")
        assert "Check the network, name a mirror by its url, or fetch the file" in message
        assert contents(folder) == {}

    def test_a_server_that_is_not_there_is_named_with_a_remedy(self, folder, monkeypatch):
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        url = "http://127.0.0.1:1/trees.zip"
        message = explain(archive(url, b""), ["trees/train.txt"], folder)
        assert message.startswith(f"cannot download {url}: ")
        assert "Check the network, name a mirror by its url" in message

    @pytest.mark.parametrize("url", ["trees.zip", "gopher://example.org/trees.zip"])
    def test_what_is_no_address_is_named_with_a_remedy(self, url, folder):
        message = explain(archive(url, b""), ["trees/train.txt"], folder)
        assert message.startswith(f"cannot download {url}: ")
        assert "name a mirror by its url" in message

    def test_a_member_that_is_missing_is_named_and_the_archive_removed(self, trees, folder):
        message = explain(trees, ["trees/test.txt"], folder)
        assert "no item named 'trees/test.txt' in the archive" in message
        assert "name a mirror by its url" in message
        assert contents(folder) == {}

    def test_what_is_no_archive_is_refused(self, site, folder):
        content = b"<html>moved</html>"
        message = explain(archive(site.put("/trees.zip", content), content), ["a.txt"], folder)
        assert "not a zip file" in message
        assert "name a mirror by its url" in message
        assert contents(folder) == {}

    @pytest.mark.parametrize("field", ["size", "method", "flags"])
    def test_a_member_that_lies_about_itself_is_refused_and_leaves_nothing(
        self, field, site, folder
    ):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("bomb.txt", b"0" * 10_000_000)
        content = bytearray(buffer.getvalue())
        entry = content.index(b"PK\x01\x02")  # its line in the table of contents
        local = content.index(b"PK\x03\x04")
        match field:
            case "size":  # unpacked, as a claim
                struct.pack_into("<I", content, entry + 24, 10)
            case "method":
                struct.pack_into("<H", content, entry + 10, 97)
            case _:  # encrypted
                struct.pack_into("<H", content, entry + 8, 1)
                struct.pack_into("<H", content, local + 6, 1)
        url = site.put("/bomb.zip", bytes(content))
        message = explain(archive(url, bytes(content)), ["bomb.txt"], folder)
        assert message.startswith("the archive lacks what is needed: ")
        assert contents(folder) == {}


CONTENT = zipped({"v.txt": random.Random(1).randbytes(300_000).hex()})  # noqa: S311


BEGUN = 2 * module.CHUNK  # what comes before a transfer breaks off


class Host:
    """A web server that behaves as its test says: `behave(handler, time)`, times from 1."""

    def __init__(self):
        self.behave = None
        self.ranges = []
        self.free = threading.Event()  # of stalling


def send(handler, content, *, status=200, length=None, headers=()):
    handler.send_response(status)
    for name, value in headers:
        handler.send_header(name, value)
    if length is not False:
        handler.send_header("Content-Length", str(len(content) if length is None else length))
    handler.end_headers()
    handler.wfile.write(content)


def send_rest(handler, content=CONTENT, upto=None):
    """Send what is asked for, as a server does that can go on where a transfer broke off."""
    begin = int(handler.headers["Range"].removeprefix("bytes=").rstrip("-"))
    about = f"bytes {begin}-{len(content) - 1}/{len(content)}"
    rest = len(content) - begin
    sent = content[begin:upto]
    send(handler, sent, status=206, length=rest, headers=[("Content-Range", about)])


@pytest.fixture
def host(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(module, "TIMEOUT", 0.5)
    host = Host()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            host.ranges.append(self.headers["Range"])
            host.behave(self, len(host.ranges))

        def log_message(self, *args):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        host.url = f"http://127.0.0.1:{server.server_port}/v.zip"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield host
        host.free.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def wanted(host):
    return archive(host.url, CONTENT)


def is_there(folder):
    found = [path.name for path in folder.iterdir() if path.name != ".lock"]
    return found == ["v.txt"] and len((folder / "v.txt").read_bytes()) == 600_000


class TestServerThat:
    def test_goes_away_half_way_is_asked_for_the_rest(self, host, wanted, folder):
        def behave(handler, time):
            if time == 1:
                send(handler, CONTENT[:BEGUN], length=len(CONTENT))
            elif time == 2:
                send_rest(handler, upto=2 * BEGUN)
            else:
                send_rest(handler)

        host.behave = behave
        download(wanted, ["v.txt"], folder)
        assert is_there(folder)
        assert host.ranges == [None, "bytes=131072-", "bytes=262144-"]

    def test_cannot_go_on_is_asked_for_all_again(self, host, wanted, folder):
        host.behave = lambda handler, time: send(
            handler, CONTENT[: None if time == 3 else BEGUN], length=len(CONTENT)
        )
        download(wanted, ["v.txt"], folder)
        assert is_there(folder)

    def test_stalls_is_not_waited_for_without_end(self, host, wanted, folder):
        def behave(handler, time):
            if time == 1:
                send(handler, CONTENT[:BEGUN], length=len(CONTENT))
                handler.wfile.flush()
                host.free.wait(20)
            else:
                send_rest(handler)

        host.behave = behave
        download(wanted, ["v.txt"], folder)
        assert is_there(folder)
        assert host.ranges == [None, "bytes=131072-"]

    def test_never_answers_is_given_up(self, host, wanted, folder):
        host.behave = lambda *_: host.free.wait(20)
        message = explain(wanted, ["v.txt"], folder)
        assert message.startswith(f"cannot download {host.url}: ")
        assert "timed out" in message
        assert contents(folder) == {}

    def test_always_breaks_off_is_given_up_and_the_next_run_goes_on(self, host, wanted, folder):
        host.behave = lambda handler, _: send(handler, CONTENT[:BEGUN], length=len(CONTENT))
        message = explain(wanted, ["v.txt"], folder)
        assert message.startswith(f"cannot download {host.url}: ")
        assert len(host.ranges) == module.ATTEMPTS
        assert not (folder / "v.txt").exists()
        host.behave = lambda handler, _: send_rest(handler)
        download(wanted, ["v.txt"], folder)
        assert is_there(folder)
        assert host.ranges[-1] == "bytes=131072-"

    def test_promises_more_than_there_is_is_told_of(self, host, wanted, folder):
        host.behave = lambda handler, _: send(handler, CONTENT, length=len(CONTENT) + 1000)
        message = explain(wanted, ["v.txt"], folder)
        assert message.startswith(f"cannot download {host.url}: ")
        assert not (folder / "v.txt").exists()

    @pytest.mark.parametrize("length", [1000, None])
    def test_sends_less_and_says_so_is_told_of(self, length, host, wanted, folder):
        host.behave = lambda handler, _: send(handler, CONTENT[:1000], length=length)
        assert f"{host.url} is not the file expected" in explain(wanted, ["v.txt"], folder)
        assert contents(folder) == {}

    def test_never_ends_is_not_listened_to_for_longer_than_the_file_is(self, host, wanted, folder):
        sent = []

        def behave(handler, _):
            send(handler, b"", length=False)
            while not host.free.is_set():
                sent.append(handler.wfile.write(bytes(1 << 16)))

        def until_it_hangs_up(handler, time):
            try:
                behave(handler, time)
            except OSError:
                host.free.set()

        host.behave = until_it_hangs_up
        assert "it is longer than" in explain(wanted, ["v.txt"], folder)
        assert contents(folder) == {}
        assert host.free.wait(20)
        assert sum(sent) < 100_000_000

    def test_sends_another_rest_is_found_out_and_the_next_run_begins_anew(
        self, host, wanted, folder
    ):
        other = CONTENT[:BEGUN] + bytes(len(CONTENT) - BEGUN)

        def behave(handler, time):
            if time == 1:
                send(handler, CONTENT[:BEGUN], length=len(CONTENT))
            else:
                send_rest(handler, other)

        host.behave = behave
        assert "is not the file expected" in explain(wanted, ["v.txt"], folder)
        assert contents(folder) == {}
        host.behave = lambda handler, _: send(handler, CONTENT)
        download(wanted, ["v.txt"], folder)
        assert is_there(folder)

    def test_redirects_is_followed(self, host, wanted, folder):
        def behave(handler, time):
            if time == 1:
                send(handler, b"", status=302, headers=[("Location", "/elsewhere.zip")])
            else:
                send(handler, CONTENT)

        host.behave = behave
        download(wanted, ["v.txt"], folder)
        assert is_there(folder)

    @pytest.mark.parametrize("target", ["/v.zip", "file:///etc/passwd", "http://["])
    def test_redirects_in_a_circle_or_to_nowhere_is_told_of(self, target, host, wanted, folder):
        host.behave = lambda handler, _: send(
            handler, b"", status=302, headers=[("Location", target)]
        )
        message = explain(wanted, ["v.txt"], folder)
        assert host.url in message
        assert "name a mirror by its url" in message
        assert contents(folder) == {}


def test_what_another_address_had_begun_to_send_is_not_gone_on_with(host, wanted, folder):
    folder.mkdir(parents=True)
    (folder / "0123.part").write_bytes(b"something else")
    host.behave = lambda handler, _: send(handler, CONTENT)
    download(wanted, ["v.txt"], folder)
    assert is_there(folder)


def test_what_another_run_left_unpacked_is_not_fetched_again(host, wanted, folder):
    folder.mkdir(parents=True)
    (folder / "archive.zip").write_bytes(CONTENT)
    download(wanted, ["v.txt"], folder)
    assert is_there(folder)
    assert host.ranges == []


class TestFetch:
    """A file kept as it is published."""

    @pytest.fixture
    def path(self, folder):
        return folder / "v.zip"

    def test_is_fetched_once(self, site, path):
        file = archive(site.put("/v.zip", CONTENT), CONTENT)
        assert fetch(file, path).read_bytes() == CONTENT
        assert fetch(file, path) == path
        assert site.asked == ["/v.zip"]

    def test_of_many_who_ask_at_once_one_fetches(self, site, path):
        file = archive(site.put("/v.zip", CONTENT), CONTENT)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: fetch(file, path), range(4)))
        assert site.asked == ["/v.zip"]

    def test_without_a_published_digest_the_first_one_is_recorded(self, site, path):
        fetch(Archive(site.put("/v.zip", CONTENT)), path)
        digest = hashlib.sha256(CONTENT).hexdigest()
        assert (path.parent / "v.zip.sha256").read_text() == f"{digest}  v.zip\n"

    def test_a_later_download_must_have_the_recorded_digest(self, site, path):
        file = Archive(site.put("/v.zip", CONTENT))
        fetch(file, path)
        path.unlink()
        assert fetch(file, path).read_bytes() == CONTENT
        path.unlink()
        site.put("/v.zip", b"another file")
        with pytest.raises(UserError, match="is not the file expected: its sha256 is ") as error:
            fetch(file, path)
        assert f"(recorded in {path}.sha256)" in str(error.value)
        assert not path.exists()

    @pytest.mark.parametrize("page", [b"<!DOCTYPE html><html>", b"\n <HTML><body>log in"])
    @pytest.mark.parametrize("known", [True, False])
    def test_a_web_page_is_no_archive(self, page, known, site, path):
        url = site.put("/v.zip", page)
        with pytest.raises(UserError, match="is not the file expected: it is a web page"):
            fetch(archive(url, CONTENT) if known else Archive(url), path)
        assert contents(path.parent) == {}

    def test_is_resumed_without_a_known_size(self, host, path):
        def behave(handler, time):
            if time == 1:
                send(handler, CONTENT[:BEGUN], length=len(CONTENT))
            else:
                send_rest(handler)

        host.behave = behave
        assert fetch(Archive(host.url), path).read_bytes() == CONTENT
        assert host.ranges == [None, "bytes=131072-"]

    def test_a_server_that_never_ends_is_not_listened_to_for_ever(self, host, path, monkeypatch):
        monkeypatch.setattr(module, "LARGEST", 1 << 20)

        def behave(handler, _):
            send(handler, b"", length=False)
            with contextlib.suppress(OSError):
                while not host.free.is_set():
                    handler.wfile.write(bytes(1 << 16))

        host.behave = behave
        with pytest.raises(UserError, match="it is longer than 1,048,576 bytes"):
            fetch(Archive(host.url), path)

    def test_offline_says_where_to_put_it(self, site, path):
        token = OFFLINE.set(True)
        with pytest.raises(UserError, match=r"v\.zip must be downloaded, and offline=true forbids"):
            fetch(Archive(site.put("/v.zip", CONTENT)), path)
        OFFLINE.reset(token)
        assert site.asked == []


def test_a_password_in_the_address_is_sent_and_never_shown(host, folder, caplog):
    seen = []

    def behave(handler, _):
        seen.append(handler.headers["Authorization"])
        send(handler, b"", status=403 if len(seen) > 1 else 302, headers=[("Location", "/else")])

    host.behave = behave
    url = hide(host.url.replace("://", "://me:planted@"))
    with caplog.at_level(logging.INFO), pytest.raises(UserError, match="403") as error:
        fetch(Archive(url), folder / "v.zip")
    assert seen == [f"Basic {base64.b64encode(b'me:planted').decode()}"] * 2
    assert "planted" not in str(error.value) + caplog.text


class TestRedirect:
    @pytest.mark.parametrize(
        ("url", "location", "target"),
        [
            ("https://a.org/x.zip", "https://b.org/y", "https://b.org/y"),
            ("https://a.org/x.zip", "/y", "https://a.org/y"),
            ("http://a.org/x.zip", "https://b.org/y", "https://b.org/y"),
            ("http://a.org/x.zip", "http://b.org/y", "http://b.org/y"),
        ],
    )
    def test_to_no_less_safe_an_address_is_followed(self, url, location, target):
        assert redirected(url, location) == target

    @pytest.mark.parametrize(
        ("url", "location"),
        [
            ("https://a.org/x.zip", "http://a.org/x.zip"),
            ("https://a.org/x.zip", "file:///etc/passwd"),
            ("http://a.org/x.zip", "file:///etc/passwd"),
            ("http://a.org/x.zip", "ftp://a.org/x.zip"),
            ("https://a.org/x.zip", "https://["),
        ],
    )
    def test_to_a_less_safe_address_is_refused(self, url, location):
        with pytest.raises(UserError) as error:
            redirected(url, location)
        assert f"cannot download {url}: it redirects to {location}" in str(error.value)
        assert "name a mirror by its url" in str(error.value)


class TestOffline:
    @pytest.fixture(autouse=True)
    def offline(self):
        token = OFFLINE.set(True)
        yield
        OFFLINE.reset(token)

    def test_names_the_files_where_to_put_them_and_where_they_are(self, trees, folder, site):
        message = explain(trees, ["trees/train.txt", "trees/dev.txt"], folder)
        assert message.startswith("train.txt, dev.txt must be downloaded, and offline=true forbids")
        assert str(folder) in message
        assert trees.url in message
        assert site.asked == []

    def test_takes_what_is_there(self, trees, folder):
        folder.mkdir(parents=True)
        (folder / "train.txt").write_text("my own")
        assert download(trees, ["trees/train.txt"], folder) == folder
