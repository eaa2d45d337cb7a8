"""Text files in any of the usual encodings: UTF-8, UTF-16, and the Windows code page 1252."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pipeline.core.errors import UserError, require
from pipeline.core.files import open_bytes
from pipeline.core.packed import LIMITS

BLOCK = 1 << 20  # bytes
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_HIGH = bytes(range(0x80, 0x100))
_SPACES = b" \t\r\n"
_UNDEFINED = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")  # in cp1252
_UTF8_CHARACTER = re.compile(rb"[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")
# Western text in code page 1252 has a smaller share of bytes beyond ASCII; Greek, Cyrillic, Chinese
# and Japanese text a larger one, in any encoding.
WESTERN = 0.35


def decoded(path: Path, given: str | None) -> tuple[Iterator[tuple[int, str]], list[str]]:
    """Return the lines of a text file, with their numbers from 1, and a note if it is not UTF-8.

    The file may be packed; `given` is its encoding, if that is known.
    """
    encoding = encoding_of(path, given)
    notes = [] if encoding.startswith("utf-8") else [f"{path.name} is read as {encoding.upper()}"]
    return _lines(path, encoding), notes


def _lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    longest = LIMITS.get().line
    number = 0
    with open_bytes(path) as file:
        text = io.TextIOWrapper(file, encoding)
        try:
            while line := text.readline(longest + 1):
                number += 1
                require(
                    len(line) <= longest,
                    f"{path}, line {number}: longer than {longest >> 20} MB. It is not text, or "
                    "raise the limit, limits.line_mb.",
                )
                yield number, line.removesuffix("\n")
        except UnicodeError as error:
            raise UserError(
                f"{path}, after line {number}: not written in {encoding} ({error.args[-1]}). "
                "Name its encoding in corpus.encoding, or convert the file."
            ) from error
        finally:
            text.detach()


def encoding_of(path: Path, given: str | None = None) -> str:
    """Return the encoding of a text file: the given one, or the one that the file's bytes show."""
    if given:
        return known_encoding(given)
    with open_bytes(path) as file:
        head = file.peek(4)[:4] if isinstance(file, io.BufferedReader) else b""
        for mark, encoding in _MARKS.items():
            if head.startswith(mark):
                return encoding
        return _unmarked(path, file)


def known_encoding(name: str) -> str:
    """Return Python's name of an encoding; raise `UserError` if there is none."""
    try:
        return codecs.lookup(name).name
    except LookupError as error:
        raise UserError(f"corpus.encoding={name}: no such encoding.") from error


def _unmarked(path: Path, file: IO[bytes]) -> str:
    """Find out the encoding of a file that does not begin with a mark."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines = 0
    while block := file.read(BLOCK):
        if not lines and block.count(0) > len(block) // 4:
            return "utf-16-le" if block[1::2].count(0) > block[::2].count(0) else "utf-16-be"
        try:
            decoder.decode(block)
        except UnicodeDecodeError as error:
            line = lines + error.object.count(b"\n", 0, error.start) + 1
            where = f"{path}, line {line}: byte {error.object[error.start]:#04x}"
            return _western(where, block, file)
        lines += block.count(b"\n")
    return "utf-8"


def _western(where: str, block: bytes, file: IO[bytes]) -> str:
    """Return ``cp1252`` if that is what a file which is not UTF-8 looks like."""
    written = high = utf8 = undefined = 0
    while block:
        written += len(block.translate(None, _SPACES))
        high += len(block) - len(block.translate(None, _HIGH))
        utf8 += len(_UTF8_CHARACTER.findall(block))
        undefined += len(_UNDEFINED.findall(block))
        block = file.read(BLOCK)
    if undefined or high > WESTERN * written or 2 * utf8 > high // 2:
        raise UserError(
            f"{where} is not UTF-8. Name the file's encoding in corpus.encoding, e.g. "
            "cp1252, gb18030 or shift_jis, or convert it by iconv."
        )
    return "cp1252"
