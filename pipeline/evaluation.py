"""Intrinsic evaluation: agreement with people on similarity, and analogies solved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import UserError, require
from pipeline.files import read_lines
from pipeline.wordvectors import WordVectors

_BATCH = 512  # questions answered at once: bounds the memory of their (questions, V) scores


@dataclass(frozen=True)
class Similarity:
    """How vectors rank word pairs, against people.

    Parameters
    ----------
    name
        The file's.
    spearman
        Rank correlation of cosine similarity with people's judgements, over the pairs found; nan
        for fewer than two, or where all are alike.
    found, total
        Pairs of which both words have vectors, and all pairs of the file.
    """

    name: str
    spearman: float
    found: int
    total: int


@dataclass(frozen=True)
class Analogies:
    """How many questions "a is to b as c is to ?" were answered with the very word expected.

    Parameters
    ----------
    name
        The section's, or ``total``.
    correct, seen, total
        Questions answered rightly, those whose four words have vectors, and all.
    """

    name: str
    correct: int
    seen: int
    total: int

    @property
    def accuracy(self) -> float:
        """Share of the questions seen; nan where there are none."""
        return self.correct / self.seen if self.seen else float("nan")


def read_pairs(path: Path) -> list[tuple[str, str, float]]:
    """Read a word similarity file: two words and a score a line, tab- or space-separated.

    Raises
    ------
    UserError
        Naming the line that is not of this form. A header is allowed, and lines that begin with #.
    """
    pairs = []
    first = True
    for number, line in read_lines(path):
        if not line.strip() or line.startswith("#"):
            continue
        header, first = first, False
        fields = (
            line.replace(",", "\t").split("\t") if "\t" in line or "," in line else line.split()
        )
        try:
            pairs.append((fields[0].strip(), fields[1].strip(), _score(fields[2])))
        except (IndexError, ValueError) as error:
            if header:
                continue
            raise UserError(
                f"{path}, line {number}: expected two words and a score, e.g. 'old new 1.58'."
            ) from error
    require(pairs, f"{path} holds no word pairs.")
    return pairs


def _score(text: str) -> float:
    score = float(text)
    if not np.isfinite(score):
        raise ValueError(text)
    return score


def similarity(vectors: WordVectors, path: Path, *, lower: bool = True) -> Similarity:
    """Correlate the vectors' cosine similarities with a file of human judgements.

    Raises
    ------
    UserError
        If the file is not one of word pairs.
    """
    from scipy.stats import spearmanr

    pairs = read_pairs(path)
    if lower:
        pairs = [(a.lower(), b.lower(), score) for a, b, score in pairs]
    known = [(a, b, score) for a, b, score in pairs if a in vectors and b in vectors]
    rho = float("nan")
    if len(known) > 1:
        scores = np.array([score for _, _, score in known])
        first = vectors.unit[[vectors.index[a] for a, _, _ in known]].astype(np.float64)
        second = vectors.unit[[vectors.index[b] for _, b, _ in known]].astype(np.float64)
        cosines = (first * second).sum(axis=1)
        if np.ptp(scores) > 0 and np.ptp(cosines) > 0:  # without any order there is no correlation
            rho = float(spearmanr(cosines, scores).statistic)
    return Similarity(path.stem, rho, len(known), len(pairs))


def read_questions(path: Path) -> dict[str, list[list[str]]]:
    """Read an analogy file: ``: section`` lines, and four words a line (Mikolov et al. 2013).

    Raises
    ------
    UserError
        Naming the line that is not of this form.
    """
    sections: dict[str, list[list[str]]] = {}
    section = sections.setdefault("all", [])
    for number, line in read_lines(path):
        words = line.split()
        if words[:1] == [":"]:
            section = sections.setdefault(" ".join(words[1:]), [])
        elif len(words) == 4:
            section.append(words)
        elif words:
            raise UserError(f"{path}, line {number}: expected four words, found {len(words)}.")
    sections = {name: questions for name, questions in sections.items() if questions}
    require(sections, f"{path} holds no analogy questions.")
    return sections


def analogies(vectors: WordVectors, path: Path, *, lower: bool = True) -> list[Analogies]:
    """Answer a file of analogy questions by 3CosAdd: the word nearest to b - a + c, none of them.

    The vocabulary is searched whole. A row a section, then ``total``.

    Raises
    ------
    UserError
        If the file is not one of analogies.
    """
    rows = []
    for name, questions in read_questions(path).items():
        asked = [[w.lower() for w in q] for q in questions] if lower else questions
        seen = [[vectors.index[w] for w in q] for q in asked if all(w in vectors for w in q)]
        correct = sum(
            _answered(vectors, np.array(seen[i : i + _BATCH])) for i in range(0, len(seen), _BATCH)
        )
        rows.append(Analogies(name, correct, len(seen), len(questions)))
    sums = (sum(getattr(row, key) for row in rows) for key in ("correct", "seen", "total"))
    return [*rows, Analogies("total", *sums)]


def _answered(vectors: WordVectors, questions: np.ndarray) -> int:
    """Count the right answers to (n, 4) questions."""
    a, b, c, expected = questions.T
    unit = vectors.unit
    scores = (unit[b] - unit[a] + unit[c]) @ unit.T
    scores[np.arange(len(questions))[:, None], questions[:, :3]] = -np.inf
    answers = scores.argmax(axis=1)
    found = scores[np.arange(len(questions)), answers] > -np.inf  # where there are other words
    return int(np.sum((answers == expected) & found))
