"""Vector files: read whatever others wrote, write what others read.

==================  ============================================================  =============
written as          what it is                                                    gensim reads
==================  ============================================================  =============
``name.txt``        GloVe text: a word and its numbers a line                     text, no_header
``name.vec``        word2vec text: the same under a header, rows and dimensions   text
``name.bin``        word2vec binary                                               binary
``name.npz``        NumPy arrays ``words``, ``ends``, ``matrix``; no pickle       -
``name.tsv``        TensorBoard projector: this, and ``name_metadata.tsv``        -
a folder            the same: ``vectors.tsv`` and ``metadata.tsv`` in it          -
==================  ============================================================  =============

The first three also packed, as in ``name.txt.gz``. All but the projector's pair, which has its
words in a file beside it, are told apart by what is in them, whatever their names. Every float32
reads back exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.stages.vectors.formats import binary, npz, projector
from pipeline.stages.vectors.formats.binary import read_binary, write_binary
from pipeline.stages.vectors.formats.npz import read_npz, write_npz
from pipeline.stages.vectors.formats.projector import read_projector, write_projector
from pipeline.stages.vectors.formats.reading import head
from pipeline.stages.vectors.formats.text import read_text, write_text
from pipeline.stages.vectors.word_vectors import WordVectors

__all__ = ["files_of", "read_text", "read_vectors", "write_text", "write_vectors"]

GZIP = b"\x1f\x8b"
WRITERS: dict[str, Callable[[WordVectors, Path], None]] = {
    ".txt": write_text,
    ".vec": partial(write_text, header=True),
    ".bin": write_binary,
    ".npz": write_npz,
    ".tsv": write_projector,
}
PACKED = (".txt", ".vec", ".bin")


def read_vectors(path: str | Path, words: Collection[str] | None = None) -> WordVectors:
    """Read word vectors of any format: GloVe, word2vec text or binary, .npz, projector.

    Parameters
    ----------
    path
        The file, or the folder of the projector's pair. Its content says which format it is.
    words
        Keep only these, in the order of the file; of text several times faster. Unset: all.

    Raises
    ------
    UserError
        If the file is damaged, naming the line or row; or has none of the words.
    """
    path = Path(path)
    if len(files_of(path)) > 1:
        return read_projector(path, words)
    start = head(path)
    if start.startswith(GZIP):
        raise UserError(f"{path} is packed by gzip; rename it to {path.name}.gz.")
    if start.startswith(npz.MAGIC):
        return read_npz(path, words)
    return (read_binary if binary.is_binary(path, start) else read_text)(path, words)


def files_of(path: Path) -> list[Path]:
    """Return the files that `read_vectors` reads: one, or the projector's two."""
    return projector.files(path) if path.is_dir() or projector.is_pair(path) else [path]


def write_vectors(vectors: WordVectors, path: str | Path) -> None:
    """Write word vectors in the format that the name asks for; the table above lists them.

    A file that is there is replaced when the new one is complete, and otherwise stays.

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
    elif inner.suffix in (PACKED if path.suffix == ".gz" else WRITERS):
        WRITERS[inner.suffix](vectors, path)
    else:
        raise UserError(
            f"{path}: no vectors format goes by this name; choose from {', '.join(WRITERS)} "
            f"({', '.join(PACKED)} also with .gz), or a folder for the projector."
        )
