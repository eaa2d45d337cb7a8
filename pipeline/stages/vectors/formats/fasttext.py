"""fastText's binary models (``.bin``): vectors of words and of their character n-grams.

A word's vector is the mean of its own row and the rows of its n-grams, so that words the model has
never seen have vectors too (Bojanowski et al. 2017, "Enriching Word Vectors with Subword
Information"). The rows stand in one matrix: first the words, then ``bucket`` rows that n-grams
share by their hash. The file is read once from begin to end, and only needed rows are kept.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.core.errors import UserError, require
from pipeline.core.progress import progress
from pipeline.stages.vectors.formats.reading import Reading, opened
from pipeline.stages.vectors.formats.rows import DAMAGED, Gathered, require_finite
from pipeline.stages.vectors.word_vectors import WordVectors

log = logging.getLogger(__name__)

MAGIC = struct.pack("<i", 793712314)
VERSION = 12  # since May 2017; 11 differs only in models that are supervised or quantized
BLOCK = 1 << 22  # bytes of the matrix read at once
LONGEST_WORD = 1 << 16  # bytes
MOST_DIM, MOST_N = 1 << 16, 64
END_OF_SENTENCE = b"</s>"  # has no n-grams
_EXPORT = (
    "Export its vectors as text: fasttext print-word-vectors model.ftz < words.txt > vectors.txt."
)


class Model(NamedTuple):
    """What a file says before its matrix."""

    path: Path
    dim: int
    bucket: int
    minn: int
    maxn: int
    words: int  # rows of the matrix before those of n-grams
    known: dict[bytes, int]  # the row of each word; labels of classifiers are left out

    def rows_of(self, word: bytes) -> list[int]:
        """Return the rows of the matrix whose mean is a word's vector."""
        own = [self.known[word]] if word in self.known else []
        if word == END_OF_SENTENCE and own:
            return own
        return own + [self.words + bucket for bucket in self.ngrams(word)]

    def ngrams(self, word: bytes) -> list[int]:
        """Return the buckets of a word's character n-grams, as fastText numbers them."""
        text = b"<" + word + b">"
        begins = [i for i, byte in enumerate(text) if byte & 0xC0 != 0x80]  # of characters
        begins.append(len(text))
        count = len(begins) - 1
        buckets = []
        for first in range(count if self.bucket else 0):
            code = 0x811C9DC5  # FNV-1a, of signed bytes
            for n in range(1, min(self.maxn, count - first) + 1):
                for byte in text[begins[first + n - 1] : begins[first + n]]:
                    code = (code ^ (byte if byte < 128 else byte | 0xFFFFFF00)) * 0x01000193
                    code &= 0xFFFFFFFF
                alone = n == 1 and (first == 0 or first + n == count)  # the mark of begin or end
                if n >= self.minn and not alone:
                    buckets.append(code % self.bucket)
        return buckets


def is_fasttext(start: bytes) -> bool:
    """Tell by the first bytes whether a file is a fastText model."""
    return start.startswith(MAGIC)


def read_fasttext(path: Path, words: Collection[str] | None = None) -> WordVectors:
    """Read a fastText model: all its words, or those wanted, with vectors for unknown ones.

    Raises
    ------
    UserError
        If the model is damaged or quantized.
    """
    with opened(path) as file:
        try:
            model = _begin(path, file)
            rows = _matrix(model, file)
            gathered = Gathered(path, "word")
            asked = dict.fromkeys(word.encode(errors="surrogatepass") for word in words or ())
            wanted = [word for word in model.known if words is None or word in asked]
            unknown = [word for word in asked if word not in model.known]
            named = progress([*wanted, *unknown], "n-grams", "words", len(wanted) + len(unknown))
            ids = {word: model.rows_of(word) for word in named}
            made = [word for word, of_word in ids.items() if of_word]
            matrix = _means(model, file, [ids[word] for word in made], rows)
        except EOFError as error:
            raise UserError(f"{path}: the file ends early ({error}); fetch it again.") from error
        except struct.error as error:
            raise UserError(f"{path}: {error}. {DAMAGED}") from error
    require_finite(path, matrix, lambda i: f"word {i + 1}")
    gathered.add(made, np.arange(1, len(made) + 1), matrix)
    from_ngrams = len(made) - len(wanted)
    if from_ngrams > 0:
        log.info("%s: %s unknown words have vectors from their n-grams", path, from_ngrams)
    return gathered.vectors(words)


def _begin(path: Path, file: Reading) -> Model:
    """Read settings and dictionary."""
    _, version = struct.unpack("<2i", file.exactly(8))
    require(
        version in {VERSION, VERSION - 1},
        f"{path}: fastText models of version {version} cannot be read; export it as text, .vec.",
    )
    dim, *_, model, bucket, minn, maxn, _, _ = struct.unpack("<12id", file.exactly(56))
    if version < VERSION and model == 3:
        maxn = 0  # as fastText does for old supervised models
    require(
        0 < dim <= MOST_DIM and bucket >= 0 and maxn <= MOST_N,
        f"{path}: {dim} dimensions, {bucket} buckets, n-grams of up to {maxn}. {DAMAGED}",
    )
    size, words, labels, _, pruned = struct.unpack("<3i2q", file.exactly(28))
    require(
        0 <= words <= size == words + labels,
        f"{path}: {size} entries for {words} words and {labels} labels. {DAMAGED}",
    )
    require(pruned <= 0, f"{path} is a pruned model. {_EXPORT}")
    known: dict[bytes, int] = {}
    for i, (word, kind) in enumerate(_entries(path, file, size)):
        if kind == 0:
            known.setdefault(word, i)
    return Model(path, dim, bucket, minn, maxn, words, known)


def _entries(path: Path, file: Reading, count: int) -> Iterator[tuple[bytes, int]]:
    """Yield words with their types (0: word, 1: label); each is followed by a zero and a count."""
    window, at = b"", 0
    for row in range(count):
        while (end := window.find(b"\0", at)) < 0 or end + 10 > len(window):
            if len(window) - at > LONGEST_WORD:
                raise UserError(f"{path}, word {row + 1:,}: it has no end. {DAMAGED}")
            more = file.read(1 << 16)
            if not more:
                raise EOFError(f"in its dictionary, word {row + 1:,} of {count:,}")
            window, at = window[at:] + more, 0
        yield window[at:end], window[end + 9]
        at = end + 10
    file.unread(window[at:])


def _matrix(model: Model, file: Reading) -> int:
    """Read the shape of the matrix; return its rows."""
    if file.exactly(1) != b"\0":
        raise UserError(f"{model.path} is a quantized model (.ftz). {_EXPORT}")
    rows, dim = struct.unpack("<2q", file.exactly(16))
    least = max([model.words, *model.known.values()]) + (model.bucket if model.maxn > 0 else 0)
    require(
        dim == model.dim and least <= rows < 1 << 40,
        f"{model.path}: a matrix of {rows} x {dim} where at least {least} x {model.dim} are needed."
        f" {DAMAGED}",
    )
    left = file.left()
    if left is not None and left < 4 * rows * dim:
        raise EOFError(f"{4 * rows * dim:,} bytes of a matrix promised, {left:,} there")
    return int(rows)


def _means(model: Model, file: Reading, ids: list[list[int]], rows: int) -> np.ndarray:
    """Read the matrix block by block, and return the means of the rows named, (words, dim)."""
    from scipy import sparse

    lengths = np.array([len(of_word) for of_word in ids], np.int64)
    flat = np.fromiter((row for of_word in ids for row in of_word), np.int64, lengths.sum())
    weights = np.repeat(1 / lengths, lengths)
    word_of = np.repeat(np.arange(len(ids)), lengths)
    order = np.argsort(flat, kind="stable")
    flat, weights, word_of = flat[order], weights[order], word_of[order]
    sums = np.zeros((len(ids), model.dim))
    size = 4 * model.dim
    step = max(1, BLOCK // size)
    at = 0
    for begin in range(0, int(flat[-1]) + 1 if len(flat) else 0, step):
        end = min(rows, begin + step)
        upto = int(np.searchsorted(flat, end))
        if upto == at:
            file.skip((end - begin) * size)
            continue
        block = np.frombuffer(file.exactly((end - begin) * size), "<f4").reshape(-1, model.dim)
        places = word_of[at:upto], flat[at:upto] - begin
        part = sparse.coo_array((weights[at:upto], places), shape=(len(ids), end - begin))
        with np.errstate(invalid="ignore"):  # what is not finite is refused afterwards
            sums += part @ block
        at = upto
    with np.errstate(over="ignore", invalid="ignore"):
        return sums.astype(np.float32)
