"""What the formats share: the header, collecting rows, what a word may be."""

from __future__ import annotations

import contextlib
import gzip
import logging
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.core.errors import UserError, require
from pipeline.core.files import atomic
from pipeline.stages.vectors.word_vectors import WordVectors

log = logging.getLogger(__name__)

DAMAGED = "The file is damaged there, or not a vectors file."


class NoWordsError(UserError):
    """A file has none of the words wanted."""

    def __init__(self, path: Path, wanted: int, hint: str = "") -> None:
        super().__init__(
            f"{path} has none of the {wanted:,} words of the corpus. Is it in the same language, "
            "and lower-cased or not as the corpus is (corpus.lower)?" + f" {hint}".rstrip()
        )


class Header(NamedTuple):
    """The first line of word2vec files."""

    rows: int
    dim: int


def parse_header(path: Path, line: bytes) -> Header | None:
    """Return what a first line promises, if it is a header: two whole numbers."""
    fields = re.split(rb"[ \t]+", line.strip(b" \t\r\n"))
    if len(fields) != 2 or not all(field.isdigit() for field in fields):
        return None
    if max(map(len, fields)) > 18:
        raise UserError(f"{path}, line 1: no file is as large as this header says. {DAMAGED}")
    header = Header(*map(int, fields))
    require(header.dim, f"{path}, line 1: the header says 0 dimensions. {DAMAGED}")
    return header


class Gathered:
    """Collects rows while they are read; the matrix grows in place, so it is never held twice."""

    def __init__(self, path: Path, unit: str) -> None:
        self.path = path
        self.unit = unit  # what the places of rows count, for messages: line, row or word
        self.rows = 0  # with those left out
        self.words: list[str] = []
        self._places: list[NDArray[np.int64]] = []  # from 1
        self._matrix = np.empty((0, 0), np.float32)
        self._broken: list[tuple[int, bytes]] = []  # place and word of rows left out

    def add(
        self, words: list[bytes], places: NDArray[np.int64], matrix: NDArray[np.float32]
    ) -> None:
        """Append rows; those whose word is not UTF-8 are counted and left out."""
        self.rows += len(words)
        texts = _decode(words)
        if None in texts:
            kept = [i for i, text in enumerate(texts) if text is not None]
            lost = [i for i, text in enumerate(texts) if text is None]
            self._broken += [(int(places[i]), words[i]) for i in lost]
            places, matrix = places[kept], matrix[kept]
        count = len(self.words)
        self.words += [text for text in texts if text is not None]
        need = len(self.words)
        if need == count:
            return
        if need > len(self._matrix):
            self._matrix.resize((max(need, count * 9 // 8), matrix.shape[1]), refcheck=False)
        self._matrix[count:need] = matrix
        self._places.append(places)

    def count_broken(self, rows: list[tuple[int, bytes]], of: int) -> None:
        """Count rows that were passed over: places and words that are not UTF-8, `of` so many."""
        self._broken, self.rows = rows, of

    def vectors(self, asked: Collection[str] | None) -> WordVectors:
        """Return all rows; where a word occurs twice, the first.

        Raises
        ------
        UserError
            If there are none, or so many words are not UTF-8 that the file has another encoding.
        """
        if self._broken:
            self._tell_broken()
        self._matrix.resize((len(self.words), self._matrix.shape[1]), refcheck=False)
        places = np.concatenate([np.empty(0, np.int64), *self._places])
        return finish(self.path, self.words, places, self._matrix, asked)

    def _tell_broken(self) -> None:
        count, (place, word) = len(self._broken), self._broken[0]
        where = f"{self.path}, {self.unit} {place:,}: the word {word[:40]!r} is not UTF-8"
        if 2 * count >= self.rows or count > max(10, self.rows // 100):
            raise UserError(
                f"{where}. Convert the file, e.g. iconv -f latin1 -t utf-8. Or it is damaged there."
            )
        log.warning("%s; rows left out for that: %s", where, f"{count:,}")


def finish(
    path: Path,
    words: list[str],
    places: NDArray[np.int64],
    matrix: NDArray[np.float32],
    asked: Collection[str] | None,
) -> WordVectors:
    """Make vectors of what was read from a file; `places` says where each row was."""
    if not words and asked is not None:
        raise NoWordsError(path, len(asked))
    require(words, f"{path} has a header but no vectors.")
    if len(set(words)) < len(words):
        first: dict[str, int] = {}
        again = [i for i, word in enumerate(words) if first.setdefault(word, i) != i]
        log.warning(
            "%s: %s rows are of words that came before; the first row of each counts (%s is at %s "
            "and %s)",
            path,
            f"{len(again):,}",
            shown(words[again[0]]),
            places[first[words[again[0]]]],
            places[again[0]],
        )
        words, matrix = list(first), matrix[list(first.values())]
    return WordVectors(words, matrix)


def select(
    path: Path, words: list[str], matrix: NDArray[Any], asked: Collection[str] | None
) -> WordVectors:
    """Make vectors of a whole file's words and matrix, or of the words asked for.

    Raises
    ------
    UserError
        If the matrix is not of finite numbers, a row for each word.
    """
    require(
        matrix.ndim == 2 and matrix.dtype.kind in "fiu" and len(matrix) == len(words),
        f"{path}: {len(words):,} words need a matrix of as many rows of numbers, not {matrix.dtype}"
        f" of shape {matrix.shape}. {DAMAGED}",
    )
    matrix = single(matrix)
    require_finite(path, matrix, lambda i: f"row {i + 1:,}")
    places = np.arange(1, len(words) + 1)
    if asked is not None:
        wanted = set(asked)
        kept = [i for i, word in enumerate(words) if word in wanted]
        words, matrix, places = [words[i] for i in kept], matrix[kept], places[kept]
    return finish(path, words, places, matrix, asked)


def encoded(words: Collection[str] | None) -> set[bytes] | None:
    """Return words as bytes; no file has those that UTF-8 cannot express."""
    return None if words is None else {word.encode(errors="surrogatepass") for word in words}


def decoded(path: Path, words: list[bytes]) -> list[str]:
    """Return all words of a file as text; refuse the file if one is not UTF-8."""
    texts = _decode(words)
    for row in (row for row, text in enumerate(texts) if text is None):
        raise UserError(
            f"{path}, row {row + 1:,}: the word {words[row][:40]!r} is not UTF-8. {DAMAGED}"
        )
    return cast("list[str]", texts)


def _decode(words: list[bytes]) -> Sequence[str | None]:
    """Return words as text, None for those that are not UTF-8."""
    with contextlib.suppress(UnicodeDecodeError):
        joined = b"\n".join(words).decode().split("\n")  # all at once: 5 times as fast
        if len(joined) == len(words):
            return joined
    texts: list[str | None] = []
    for word in words:
        try:
            texts.append(word.decode())
        except UnicodeDecodeError:
            texts.append(None)
    return texts


def shown(text: bytes | str) -> str:
    """Return the beginning of a text in quotes, for a message."""
    if isinstance(text, bytes):
        text = text[:160].decode(errors="backslashreplace")
    return repr(text if len(text) <= 40 else text[:39] + "…")


def single(numbers: ArrayLike) -> NDArray[np.float32]:
    """Return numbers as float32; those too large become infinite, which is refused afterwards."""
    with np.errstate(over="ignore"):
        return np.asarray(numbers).astype(np.float32, copy=False)


def require_finite(path: Path, matrix: NDArray[np.float32], place: Callable[[int], str]) -> None:
    """Refuse infinity and NaN; ``place(i)`` says where row i is."""
    # A sum is finite if all its terms are (or it overflows, hence the second look); it needs no
    # array of booleans as large as the matrix.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(matrix.sum(dtype=np.float64)):
            return
    finite = np.isfinite(matrix).all(axis=1)
    if not finite.all():
        raise UserError(
            f"{path}, {place(int(np.argmin(finite)))}: a number that is infinite or not a number. "
            "Leave this row out, or fetch the file again."
        )


def require_expressible(vectors: WordVectors, path: Path, white: str) -> None:
    """Refuse, before anything is written, vectors that would not read back the same."""
    require(len(vectors) and vectors.dim, f"{path}: there are no vectors to write.")
    for word in vectors.words:
        if white and (not word or any(space in word for space in white)):
            raise UserError(
                f"{path}: the word {shown(word)} holds white space; this format forbids it. "
                "Write .npz, or rename the word."
            )
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise UserError(f"{path}: UTF-8 cannot express the word {shown(word)}.") from error
    require_finite(path, vectors.matrix, lambda i: f"word {shown(vectors.words[i])}")


@contextlib.contextmanager
def replacing(*paths: Path) -> Iterator[list[IO[bytes]]]:
    """Open temporary files that replace `paths` once all are complete.

    Raises
    ------
    UserError
        If they cannot be written; what was there before stays.
    """
    try:
        with contextlib.ExitStack() as replaced:
            temporary = [replaced.enter_context(atomic(path)) for path in paths]
            with contextlib.ExitStack() as closed:
                yield [closed.enter_context(_open(path)) for path in temporary]
    except OSError as error:
        raise UserError(
            f"{paths[0]} cannot be written: {error.strerror or error}. "
            "Make room or choose another place; what was there before is unchanged."
        ) from error


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, "wb", compresslevel=6))
    return path.open("wb")
