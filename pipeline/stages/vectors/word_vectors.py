"""`WordVectors`: words and a matrix with a row for each, trained or loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError, require, suggest
from pipeline.core.files import write, write_array, write_json
from pipeline.core.metrics import Metric
from pipeline.core.notebook import displayed

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.render.plots import Axes


@displayed
@dataclass(frozen=True, eq=False)
class WordVectors:
    """Word vectors.

    Parameters
    ----------
    words
        V distinct words.
    matrix
        (V, D) float32, a row per word.
    provenance
        Where they come from, as plain JSON values.
    curve
        (points, 2) float64: words seen in training, mean loss per pair since the previous point.
    """

    words: list[str]
    matrix: NDArray[np.float32]
    provenance: dict[str, Any] = field(default_factory=dict)
    curve: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, 2)))

    def __post_init__(self) -> None:
        """Check that words and rows match."""
        require(
            self.matrix.ndim == 2 and len(self.words) == len(self.matrix),
            f"{len(self.words)} words need a matrix with as many rows, not one of shape "
            f"{self.matrix.shape}.",
        )
        require(len(self.index) == len(self.words), "each word may have only one vector.")

    def facts(self) -> dict[str, Any]:
        """Return what a notebook shows."""
        source = self.provenance.get("source")
        return {"words": len(self), "dim": self.dim, "source": source, "first": self.words[:5]}

    def __len__(self) -> int:
        """Return the number of words."""
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        """Return whether `word` has a vector."""
        return word in self.index

    def __getitem__(self, word: str) -> NDArray[np.float32]:
        """Return the (D,) vector of `word`; `KeyError` where it has none."""
        vector: NDArray[np.float32] = self.matrix[self.index[word]]
        return vector

    def __sklearn_clone__(self) -> WordVectors:
        """Return itself: clones of an estimator share the vectors, which nobody changes."""
        return self

    @property
    def dim(self) -> int:
        """The number of dimensions D."""
        return int(self.matrix.shape[1])

    @cached_property
    def index(self) -> dict[str, int]:
        """The row of each word."""
        return {word: i for i, word in enumerate(self.words)}

    @cached_property
    def digest(self) -> str:
        """The sha256 of words and matrix."""
        digest = hashlib.sha256("\n".join(self.words).encode())
        digest.update(np.ascontiguousarray(self.matrix, "<f4").data)
        return digest.hexdigest()

    @cached_property
    def unit(self) -> NDArray[np.float32]:
        """The matrix with every row scaled to length one; zero rows stay zero."""
        # Sums in float64: squares of float32 vanish below 1e-23 and overflow above 1e19.
        length = np.sqrt(np.einsum("vd,vd->v", self.matrix, self.matrix, dtype=np.float64))
        length[length == 0] = 1
        scaled = np.empty(self.matrix.shape, np.float32)
        np.divide(self.matrix, length[:, None], out=scaled, casting="same_kind")
        return scaled

    def describe(self) -> str:
        """Return one line for the terminal."""
        return f"{len(self):,} words, {self.dim} dimensions"

    def metrics(self) -> Iterator[Metric]:
        """Yield the loss curve, step = words seen in training."""
        yield Metric("vectors/words", len(self))
        yield Metric("vectors/dim", self.dim)
        for words_seen, loss in self.curve.tolist():
            yield Metric("vectors/loss", loss, int(words_seen))

    def nearest(self, word: str, n: int = 10) -> list[tuple[str, float]]:
        """Return the `n` words most similar to `word`, with their cosine similarity.

        Raises
        ------
        UserError
            If `word` has no vector.
        """
        return self._closest(self._unit_of(word), n, exclude=[word])

    def most_similar(self, word: str, n: int = 10) -> pd.DataFrame:
        """Return the `n` words most similar to `word` as a table: ``word`` and ``cosine``.

        Raises
        ------
        UserError
            If `word` has no vector.
        """
        import pandas as pd

        return pd.DataFrame(self.nearest(word, n), columns=["word", "cosine"])

    def plot(self, words: list[str]) -> Axes:
        """Draw those of `words` that have vectors, projected onto their two main directions."""
        from pipeline.render import plots

        return plots.in_notebook(plots.word_map(*self.project(words)))

    def analogy(self, a: str, b: str, c: str, n: int = 10) -> list[tuple[str, float]]:
        """Return the `n` words that are to `c` as `b` is to `a` (3CosAdd, Mikolov et al. 2013)."""
        unit_a, unit_b, unit_c = map(self._unit_of, (a, b, c))
        return self._closest(unit_b - unit_a + unit_c, n, exclude=[a, b, c])

    def _unit_of(self, word: str) -> NDArray[np.float32]:
        if word not in self.index:
            raise UserError(f"'{word}' has no vector{suggest(word, self.words)}.")
        unit: NDArray[np.float32] = self.unit[self.index[word]]
        return unit

    def _closest(
        self, target: NDArray[np.float32], n: int, exclude: list[str]
    ) -> list[tuple[str, float]]:
        similarity = self.unit @ target
        similarity[[self.index[word] for word in exclude]] = -np.inf
        n = max(0, min(n, len(self) - len(set(exclude))))
        order = np.argsort(-similarity, kind="stable")[:n]
        return [(self.words[i], float(similarity[i])) for i in order.tolist()]

    def project(self, words: list[str]) -> tuple[list[str], NDArray[np.float64]]:
        """Project those of `words` that have vectors onto their two main directions (PCA).

        Returns
        -------
        words, points
            The words that have vectors, and their points, (n, 2). The sign of each direction is
            fixed: its largest coordinate is positive.
        """
        known = [word for word in dict.fromkeys(words) if word in self.index]
        points = np.zeros((len(known), 2))
        if len(known) > 1:
            rows = self.matrix[[self.index[word] for word in known]].astype(np.float64)
            points = principal_plane(rows)
        return known, points

    def save(self, folder: Path) -> None:
        """Write ``words.txt``, ``matrix.npy``, ``loss.csv`` and ``provenance.json``.

        Raises
        ------
        UserError
            If a word contains a line end, which `load` would take for the end of the word.
        """
        broken = next((word for word in self.words if "\n" in word), None)
        require(broken is None, f"the word {broken!r} holds the end of a line; rename it.")
        text = "".join(f"{word}\n" for word in self.words)
        write(folder / "words.txt", lambda file: file.write_bytes(text.encode()))
        write_array(folder / "matrix.npy", self.matrix)
        header = "words_seen,loss"
        write(
            folder / "loss.csv",
            lambda file: np.savetxt(file, self.curve, "%.17g", ",", header=header, comments=""),
        )
        write_json(folder / "provenance.json", self.provenance)

    @classmethod
    def load(cls, folder: Path) -> WordVectors:
        """Read what `save` wrote; the matrix is memory-mapped."""
        # As bytes: a word may contain what text mode takes for a line end.
        words = (folder / "words.txt").read_bytes().decode().split("\n")[:-1]
        points = (folder / "loss.csv").read_text("utf-8").splitlines()[1:]
        curve = np.array([[float(n) for n in point.split(",")] for point in points], np.float64)
        return cls(
            words=words,
            matrix=np.load(folder / "matrix.npy", mmap_mode="r"),
            provenance=json.loads((folder / "provenance.json").read_text("utf-8")),
            curve=curve.reshape(-1, 2),
        )


def principal_plane(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Project `rows`, (n, D), onto their two principal directions (PCA): (n, 2).

    The sign of each direction is fixed: its largest coordinate is positive.
    """
    centered = rows - rows.mean(axis=0)
    _, directions = np.linalg.eigh(centered.T @ centered)  # by rising variance
    plane = centered @ directions[:, ::-1][:, :2]
    plane = np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))
    signs = np.sign(plane[np.abs(plane).argmax(axis=0), range(2)])
    signed: NDArray[np.float64] = plane * np.where(signs, signs, 1)
    return signed
