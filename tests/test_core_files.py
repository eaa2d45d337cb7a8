from __future__ import annotations

import gzip
import hashlib
import json
import os
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.files import atomic, file_digest, open_bytes, read_lines, write_json

quick = settings(max_examples=30, deadline=None)


def explain(path):
    with pytest.raises(UserError) as error:
        list(read_lines(path))
    return str(error.value)


@pytest.fixture(params=["text.txt", "text.txt.gz"])
def file(request, tmp_path):
    """A way to write a file of bytes, plain or packed."""

    def write(content):
        path = tmp_path / request.param
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        return path

    return write


class TestReadLines:
    def test_numbers_lines_from_one_and_takes_their_ends_off(self, file):
        assert list(read_lines(file(b"a\nb \r\n\nc"))) == [(1, "a"), (2, "b "), (3, ""), (4, "c")]

    def test_leaves_a_byte_order_mark_out(self, file):
        assert list(read_lines(file(b"\xef\xbb\xbfa\n"))) == [(1, "a")]

    @quick
    @given(
        lines=st.lists(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\ufeff"))
        ),
        suffix=st.sampled_from([".txt", ".gz"]),
    )
    def test_ends_a_line_at_a_newline_and_nowhere_else(self, lines, suffix, tmp_path_factory):
        path = tmp_path_factory.mktemp("lines") / f"text{suffix}"
        content = "".join(f"{line}\n" for line in lines).encode()
        path.write_bytes(gzip.compress(content) if suffix == ".gz" else content)
        assert list(read_lines(path)) == list(enumerate(lines, 1))

    def test_bytes_that_are_not_utf8_name_their_line_and_a_remedy(self, file):
        path = file("gut\nhübsch\n".encode("latin-1"))
        assert explain(path) == (
            f"{path}, line 2: byte 0xfc is not UTF-8. Convert the file, "
            "e.g. iconv -f latin1 -t utf-8."
        )

    def test_a_file_of_utf16_is_not_taken_for_text(self, file):
        path = file("gut\n".encode("utf-16"))
        assert explain(path).startswith(f"{path}, line 1: byte 0xff is not UTF-8.")

    @pytest.mark.parametrize("name", ["text.txt", "text.gz"])
    def test_a_missing_file_says_that_its_folder_is_there(self, name, tmp_path):
        path = tmp_path / name
        assert explain(path) == (
            f"{path}: no such file. Its folder {tmp_path} exists; check the name."
        )

    def test_a_missing_folder_is_said_to_miss_too(self, tmp_path):
        path = tmp_path / "none" / "text.txt"
        assert f"Its folder {path.parent} does not exist either." in explain(path)

    @pytest.mark.parametrize("name", ["texts", "texts.gz"])
    def test_a_folder_is_no_file(self, name, tmp_path):
        path = tmp_path / name
        path.mkdir()
        assert explain(path) == f"{path} is a folder; name a file in it."

    def test_what_the_system_refuses_is_passed_on(self, tmp_path):
        (tmp_path / "file").touch()
        path = tmp_path / "file" / "text.txt"
        assert explain(path) == f"{path} cannot be read: Not a directory."

    @pytest.mark.parametrize(
        "damage",
        [
            pytest.param(lambda packed: packed[:-20], id="cut short"),
            pytest.param(lambda packed: packed[:100] + b"\xff" * 50 + packed[150:], id="altered"),
            pytest.param(lambda _: b"never packed at all\n", id="not packed"),
            pytest.param(lambda packed: packed[:-8] + bytes(8), id="wrong checksum"),
        ],
    )
    def test_a_broken_archive_says_so_and_what_to_do(self, damage, tmp_path):
        path = tmp_path / "text.gz"
        text = "".join(f"sentence {i}\n" for i in range(5000))
        path.write_bytes(damage(gzip.compress(text.encode())))
        message = explain(path)
        assert message.startswith(f"{path}: the gzip archive is broken (")
        assert message.endswith("Fetch or compress it again.")


def test_open_bytes_can_leave_an_archive_packed(tmp_path):
    path = tmp_path / "text.gz"
    path.write_bytes(gzip.compress(b"text"))
    with open_bytes(path, unpack=False) as packed, open_bytes(path) as unpacked:
        assert packed.read() == path.read_bytes()
        assert unpacked.read() == b"text"


class TestAtomic:
    def test_takes_the_place_of_what_was_there_at_the_end_and_not_before(self, tmp_path):
        path = tmp_path / "result.txt"
        path.write_text("old")
        with atomic(path) as temporary:
            temporary.write_text("half of the n")
            assert path.read_text() == "old"
            temporary.write_text("new")
        assert path.read_text() == "new"

    @pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt, SystemExit])
    def test_an_interrupted_write_leaves_what_was_there_and_nothing_else(
        self, interruption, tmp_path
    ):
        path = tmp_path / "result.txt"
        path.write_text("old")

        def write():
            with atomic(path) as temporary:
                temporary.write_text("half of the n")
                raise interruption

        with pytest.raises(interruption):
            write()
        assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"result.txt": "old"}

    def test_an_interrupted_first_write_leaves_nothing(self, tmp_path):
        with pytest.raises(ValueError, match="cannot say"), atomic(tmp_path / "result.txt"):
            raise ValueError("cannot say")
        assert list(tmp_path.iterdir()) == []

    def test_makes_the_folders_on_the_way(self, tmp_path):
        with atomic(tmp_path / "a" / "b" / "result.txt") as temporary:
            temporary.write_text("new")
        assert (tmp_path / "a" / "b" / "result.txt").read_text() == "new"

    def test_keeps_the_ending_which_writers_go_by(self, tmp_path):
        with atomic(tmp_path / "result.csv.gz") as temporary:
            assert temporary.suffix == ".gz"
            assert temporary.parent == tmp_path

    def test_two_writers_of_one_file_do_not_meet(self, tmp_path):
        path = tmp_path / "result.txt"
        with atomic(path) as first, atomic(path) as second:
            first.write_text("first")
            second.write_text("second")
        assert path.read_text() == "first"  # the last to end

    def test_others_may_read_what_was_written_as_far_as_the_umask_allows(self, tmp_path):
        umask = os.umask(0o027)
        try:
            with atomic(tmp_path / "result.txt"):
                pass
            assert os.umask(0o027) == 0o027
        finally:
            os.umask(umask)
        assert stat.S_IMODE((tmp_path / "result.txt").stat().st_mode) == 0o640


class TestWriteJson:
    def test_writes_what_json_reads_back(self, tmp_path):
        value = {"naïve": [1, 2.5, None, "``"]}
        write_json(tmp_path / "value.json", value)
        text = (tmp_path / "value.json").read_text("utf-8")
        assert json.loads(text) == value
        assert "naïve" in text

    def test_what_json_cannot_say_leaves_the_old_file(self, tmp_path):
        write_json(tmp_path / "value.json", 1)
        with pytest.raises(ValueError, match="JSON"):
            write_json(tmp_path / "value.json", float("nan"))
        assert json.loads((tmp_path / "value.json").read_text()) == 1


class TestFileDigest:
    def test_is_the_sha256_of_the_bytes_as_they_stand(self, file):
        path = file(b"text\n")
        assert file_digest(path) == hashlib.sha256(path.read_bytes()).hexdigest()

    @pytest.mark.parametrize("name", ["text.txt", "text.gz"])
    def test_a_missing_file_is_named(self, name, tmp_path):
        with pytest.raises(UserError) as error:
            file_digest(tmp_path / name)
        assert str(error.value).startswith(f"{tmp_path / name}: no such file.")
