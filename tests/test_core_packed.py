from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
import sys
import zipfile

import pyarrow as pa
import pytest

from pipeline.core import packed
from pipeline.core.errors import UserError
from pipeline.core.files import count_lines, file_digest, open_bytes, read_lines
from pipeline.core.packed import LIMITS, Limits, archive_of, inner_name, position

TEXT = b"one\ntwo\n"


def zipped(content, name="text.txt", **others):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
        for other, text in others.items():
            archive.writestr(other, text)
    return buffer.getvalue()


COMPRESS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda content: pa.compress(content, codec="zstd", asbytes=True),
    ".zip": zipped,
}


@pytest.fixture(params=COMPRESS)
def suffix(request):
    return request.param


@pytest.fixture
def limits():
    """A way to set limits for one test."""
    tokens = []
    yield lambda **values: tokens.append(LIMITS.set(Limits(**values)))
    for token in tokens:
        LIMITS.reset(token)


def explain(path, read=lambda path: list(read_lines(path))):
    with pytest.raises(UserError) as error:
        read(path)
    assert len(str(error.value)) <= 300 + len(str(path))
    return str(error.value)


class TestEveryKind:
    def test_is_unpacked_while_it_is_read(self, suffix, tmp_path):
        path = tmp_path / f"text.txt{suffix}"
        path.write_bytes(COMPRESS[suffix](TEXT))
        assert list(read_lines(path)) == [(1, "one"), (2, "two")]
        assert count_lines(path) == 2
        assert inner_name(path) == "text.txt"

    def test_is_known_by_its_suffix_in_any_case(self, suffix, tmp_path):
        path = tmp_path / f"TEXT{suffix.upper()}"
        path.write_bytes(COMPRESS[suffix](TEXT))
        assert count_lines(path) == 2

    def test_may_be_of_several_parts_joined(self, suffix, tmp_path):
        if suffix == ".zip":
            pytest.skip("two zip archives joined are one zip archive")
        path = tmp_path / f"text{suffix}"
        path.write_bytes(COMPRESS[suffix](b"one\n") + COMPRESS[suffix](b"two\n"))
        assert list(read_lines(path)) == [(1, "one"), (2, "two")]

    @pytest.mark.parametrize("damage", ["cut", "altered", "other"])
    def test_that_is_damaged_says_so_and_what_to_do(self, suffix, damage, tmp_path):
        if (suffix, damage) == (".zst", "altered"):
            pytest.skip("pyarrow writes no checksum; the zstd program does")
        content = COMPRESS[suffix]("".join(f"sentence {i}\n" for i in range(20_000)).encode())
        half = len(content) // 2
        broken = {
            "cut": content[: half - 7],
            "altered": content[:half] + bytes(64) + content[half + 64 :],
            "other": b"never compressed at all\n",
        }
        path = tmp_path / f"text{suffix}"
        path.write_bytes(broken[damage])
        message = explain(path)
        assert message.startswith(f"{path}: the {packed.KINDS[suffix]} archive is broken (")
        assert message.endswith("Fetch or compress it again.")

    def test_tells_how_much_of_the_file_has_been_read(self, suffix, tmp_path):
        path = tmp_path / f"text{suffix}"
        path.write_bytes(COMPRESS[suffix](bytes(range(256)) * 4000))
        with open_bytes(path) as file:
            file.read()
            assert 0 < position(file) <= path.stat().st_size


class TestZip:
    def test_a_member_is_named_as_if_the_archive_were_a_folder(self, tmp_path):
        path = tmp_path / "two.zip"
        path.write_bytes(zipped("a\n", "in/a.txt", **{"b.txt": "b\n"}))
        assert list(read_lines(path / "in" / "a.txt")) == [(1, "a")]
        assert list(read_lines(path / "b.txt")) == [(1, "b")]
        assert archive_of(path / "in" / "a.txt") == (path, "in/a.txt")
        assert file_digest(path / "b.txt") == file_digest(path)

    def test_of_several_files_one_must_be_named(self, tmp_path):
        path = tmp_path / "two.zip"
        path.write_bytes(zipped("a\n", "a.txt", **{"b.txt": "b\n"}))
        message = explain(path)
        assert message == f"{path} holds 2 files: a.txt, b.txt. Name one, as in two.zip/a.txt."

    def test_what_is_no_content_does_not_count(self, tmp_path):
        path = tmp_path / "one.zip"
        others = {"__MACOSX/._any": "x", "x/README.md": "x", "LICENSE": "x", ".DS_Store": "x"}
        path.write_bytes(zipped("a\n", "any name", **others))
        assert list(read_lines(path)) == [(1, "a")]

    def test_a_member_that_is_missing_is_named_with_those_there_are(self, tmp_path):
        path = tmp_path / "one.zip"
        path.write_bytes(zipped("a\n", "a.txt"))
        assert explain(path / "b.txt") == f"{path} has no b.txt; it holds a.txt."

    def test_an_archive_of_nothing_says_so(self, tmp_path):
        path = tmp_path / "none.zip"
        zipfile.ZipFile(path, "w").close()
        assert explain(path) == f"{path} holds 0 files."

    def test_an_encrypted_member_is_refused(self, tmp_path):
        content = bytearray(zipped("a\n"))
        content[content.index(b"PK\x01\x02") + 8] |= 1
        content[6] |= 1
        path = tmp_path / "secret.zip"
        path.write_bytes(content)
        assert "encrypted" in explain(path)

    def test_long_names_do_not_make_long_messages(self, tmp_path):
        path = tmp_path / "many.zip"
        path.write_bytes(zipped("a\n", "a" * 5000, **{f"{i}" * 5000: "b" for i in range(50)}))
        explain(path)
        explain(path / ("c" * 200))


class TestLimits:
    def test_a_line_without_end_is_refused_with_the_limit_that_says_so(
        self, suffix, limits, tmp_path
    ):
        limits(line_mb=1)
        path = tmp_path / f"text{suffix}"
        path.write_bytes(COMPRESS[suffix](b"one\n" + bytes(2 << 20)))
        message = explain(path)
        assert message.startswith(f"{path}, line 2: longer than 1 MB.")
        assert message.endswith("limits.line_mb.")
        limits(line_mb=3)
        assert len(list(read_lines(path))) == 2

    def test_a_small_file_of_much_content_is_refused_with_the_limit_that_says_so(
        self, suffix, limits, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(packed, "UNSUSPICIOUS", 1 << 16)
        path = tmp_path / f"text{suffix}"
        path.write_bytes(COMPRESS[suffix](b"\n" * (1 << 21)))
        assert "unpacks to more than 200 times its size (limits.ratio)" in explain(path)
        limits(ratio=1_000_000)
        assert count_lines(path) == 1 << 21

    def test_what_is_unpacked_has_a_limit_too(self, limits, tmp_path, monkeypatch):
        monkeypatch.setattr(packed, "UNSUSPICIOUS", 0)
        limits(unpacked_gb=1, ratio=1 << 40)
        path = tmp_path / "text.gz"
        path.write_bytes(gzip.compress(b"one\n"))
        with open_bytes(path) as file:
            file.raw.size = 1 << 30
            with pytest.raises(UserError, match=r"more than 1 GB \(limits\.unpacked_gb\)"):
                file.read()

    @pytest.mark.parametrize("name", ["line_mb", "unpacked_gb", "ratio"])
    def test_are_checked(self, name):
        with pytest.raises(UserError, match=f"{name} must be at least 1, not 0"):
            Limits(**{name: 0})


BOMBS = """
import resource, sys, time
from pathlib import Path
from pipeline.core.errors import UserError
from pipeline.core.files import read_lines
import pyarrow
from pipeline.core import packed
packed.LIMITS.set(packed.Limits(line_mb=2))
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (32 << 20), -1))
for path in sys.argv[1:]:
    try:
        print(sum(1 for _ in read_lines(Path(path))))
    except UserError as error:
        print(error)
"""


def test_bombs_are_refused_in_little_memory(tmp_path):
    block = bytes(1 << 20)
    paths = []
    for suffix, opened in ((".gz", gzip.open), (".bz2", bz2.open), (".xz", lzma.open)):
        path = tmp_path / f"zeros{suffix}"
        with opened(
            path, "wb", **({"preset": 0} if suffix == ".xz" else {"compresslevel": 1})
        ) as f:
            for _ in range(24):
                f.write(block)
        paths.append(path)
    path = tmp_path / "zeros.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a", "w") as f:
        for _ in range(24):
            f.write(block)
    path = tmp_path / "zeros.zst"
    with pa.CompressedOutputStream(path, "zstd") as f:
        for _ in range(24):
            f.write(block)
    paths += [tmp_path / "zeros.zip", path]
    command = [sys.executable, "-c", BOMBS, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for path, line in zip(paths, done.stdout.splitlines(), strict=True):
        assert line.startswith(f"{path}")
        assert "limits." in line
