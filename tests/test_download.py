from __future__ import annotations

import hashlib
import io
import zipfile
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from pipeline.download import Archive, download
from pipeline.errors import UserError

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

    def test_a_transfer_that_breaks_off_leaves_nothing_and_the_next_one_works(
        self, trees, site, folder
    ):
        site.cut = 50
        message = explain(trees, list(MEMBERS), folder)
        assert message.startswith(f"cannot download {trees.url}: ")
        assert contents(folder) == {}
        site.cut = 0
        download(trees, list(MEMBERS), folder)
        assert contents(folder).keys() == {"train.txt", "dev.txt"}

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
