"""Vector files: read what other programs write, write what they read.

=====================  =========================================================  ==============
file                   what it is                                                 gensim reads
=====================  =========================================================  ==============
``name.txt``           GloVe text: a word and its numbers a line                  text, no_header
``name.vec``           word2vec text: the same after a header, rows and           text
                       dimensions; also fastText's
``name.bin``           word2vec binary                                            binary
``name.npz``           NumPy arrays ``words``, ``ends``, ``matrix``; no pickle    -
``name.tsv``           TensorBoard projector: this and ``name_metadata.tsv``      -
a folder               the same: ``vectors.tsv`` and ``metadata.tsv`` in it       -
=====================  =========================================================  ==============

These are written and read. Only read are fastText models (``.bin``), other people's ``.npz``,
static embedding models (`formats.static`), and gensim's pickles if asked (`formats.gensim`). Text
and binary files may be compressed: ``.gz``, ``.bz2``, ``.xz``, ``.zst``, ``.zip``. All but the
projector's pair, whose words are in a file beside it, are recognised by their content, whatever
their names. Every float32 reads back exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.stages.vectors.formats import (
    binary,
    fasttext,
    foreign,
    gensim,
    npz,
    projector,
    static,
    text,
)
from pipeline.stages.vectors.formats.binary import read_binary, write_binary
from pipeline.stages.vectors.formats.npz import read_npz, write_npz
from pipeline.stages.vectors.formats.projector import read_projector, write_projector
from pipeline.stages.vectors.formats.reading import head
from pipeline.stages.vectors.formats.rows import NoWordsError
from pipeline.stages.vectors.formats.text import read_text, write_text
from pipeline.stages.vectors.word_vectors import WordVectors

__all__ = [
    "NoWordsError",
    "files_of",
    "first_words",
    "read_text",
    "read_vectors",
    "write_text",
    "write_vectors",
]

WRITERS: dict[str, Callable[[WordVectors, Path], None]] = {
    ".txt": write_text,
    ".vec": partial(write_text, header=True),
    ".bin": write_binary,
    ".npz": write_npz,
    ".tsv": write_projector,
}
COMPRESSED = (".txt", ".vec", ".bin")
SIGNS: tuple[tuple[Callable[[bytes], bool], Callable[..., WordVectors]], ...] = (
    (npz.is_npz, read_npz),
    (fasttext.is_fasttext, fasttext.read_fasttext),
    (static.is_safetensors, static.read_safetensors),
)


def read_vectors(
    path: str | Path, words: Collection[str] | None = None, *, unpickle: bool = False
) -> WordVectors:
    """Read word vectors of any format.

    Parameters
    ----------
    path
        The file, or the folder of a projector's pair or of a static model.
    words
        Keep only these, in the order of the file; of text several times faster. fastText and static
        models give unknown words a vector made from parts of the word. Unset: all.
    unpickle
        Open gensim's own files, which are pickles and can run any code.

    Raises
    ------
    UserError
        If the file is damaged, naming the line or row; is of another format, naming it; or has none
        of the words.
    """
    path = Path(path).expanduser()
    if static.is_model(path):
        return static.read_static(path, words)
    if projector.is_pair(path):
        return read_projector(path, words)
    start = head(path)
    if unpickle and foreign.is_pickle(start):
        return gensim.read_gensim(path, words)
    for is_this, read in SIGNS:
        if is_this(start):
            return read(path, words)
    foreign.refuse(path, start)
    return (read_binary if binary.is_binary(path, start) else read_text)(path, words)


def first_words(path: Path, count: int = 1000) -> list[str]:
    """Return the first words of a file; of text as many as there are in a block of it."""
    if not (static.is_model(path) or projector.is_pair(path)):
        start = head(path)
        if binary.is_binary(path, start):
            return binary.first_words(path, count)
        if not foreign.is_pickle(start) and not any(is_this(start) for is_this, _ in SIGNS):
            return text.first_words(path)[:count]
    return read_vectors(path, unpickle=True).words[:count]


def files_of(path: Path) -> list[Path]:
    """Return the files that `read_vectors` reads: mostly one."""
    if static.is_model(path) or path.suffix == ".safetensors":
        return static.files(path)
    if projector.is_pair(path):
        return projector.files(path)
    return gensim.files(path)


def write_vectors(vectors: WordVectors, path: str | Path) -> None:
    """Write word vectors in the format that the name's suffix stands for; see the table above.

    An existing file is replaced when the new one is complete, not before.

    Raises
    ------
    UserError
        If the name asks for no known format, the format cannot express a word (white space), a
        number is infinite or none, or the disk is full.
    """
    path = Path(path)
    inner = Path(path.stem) if path.suffix == ".gz" else path
    if path.is_dir() or not path.suffix:
        write_projector(vectors, path)
    elif inner.suffix in (COMPRESSED if path.suffix == ".gz" else WRITERS):
        WRITERS[inner.suffix](vectors, path)
    else:
        raise UserError(
            f"{path}: no vectors format has this suffix; choose from {', '.join(WRITERS)} "
            f"({', '.join(COMPRESSED)} also with .gz), or a folder for the projector."
        )
