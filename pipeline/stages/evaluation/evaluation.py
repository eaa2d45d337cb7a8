"""Stage `evaluation`: agreement with human judgements of similarity, and analogies solved.

It runs after `vectors`, if files to evaluate on are named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np

from pipeline.core.errors import SettingError
from pipeline.core.notebook import displayed
from pipeline.core.progress import progress
from pipeline.core.settings import Settings
from pipeline.stages.evaluation.files import read_pairs, read_questions
from pipeline.stages.evaluation.results import TOTAL, Analogies, Evaluated, Similarity, slug
from pipeline.stages.vectors.in_common import in_common
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocabulary

_BATCH = 512  # questions answered at once: bounds the memory of their (questions, V) scores


@displayed
@dataclass
class Evaluation(Settings):
    """What to evaluate vectors on, besides the sentences.

    Parameters
    ----------
    similarity
        Files of word pairs with human judgements, e.g. SimLex-999 or WordSim-353.
    analogies
        Files of analogy questions in sections, e.g. word2vec's ``questions-words.txt``.
    lower
        Lower-case the words of these files.
    vocabulary
        Search the answers of analogies among words that all of these vector files have, and leave
        out pairs and questions with other words: fewer words make analogies easier, so vectors are
        comparable only on the same ones. ``vocab`` stands for the words of stage `vocab`. Empty:
        all words.
    """

    similarity: list[str] = field(default_factory=list)
    analogies: list[str] = field(default_factory=list)
    lower: bool = True
    vocabulary: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse two files of one name: their metrics would have one name too."""
        super().__post_init__()
        for key in ("similarity", "analogies"):
            stems = [slug(Path(path).stem) for path in getattr(self, key)]
            twice = next((stem for stem in stems if stems.count(stem) > 1), None)
            if twice is not None:
                raise SettingError(
                    f"{key}: two files are called '{twice}', and their metrics would have the same "
                    "name; rename one."
                )

    def words(self) -> list[str]:
        """Return every word of the files, in order; `UserError` names a missing or broken file."""
        rows = [
            row[:2]
            for path in _paths(self.similarity)
            for row in read_pairs(path, lower=self.lower)
        ]
        questions = [
            question
            for path in _paths(self.analogies)
            for section in read_questions(path, lower=self.lower).values()
            for question in section
        ]
        return list(dict.fromkeys(chain.from_iterable([*rows, *questions])))


def _paths(names: Iterable[str]) -> Iterator[Path]:
    return (Path(name).expanduser() for name in names)


def evaluate(
    vectors: WordVectors, config: Evaluation, vocabulary: Vocabulary | None = None
) -> Evaluated:
    """Evaluate vectors on every file; pairs and questions with unknown words are left out.

    `vocabulary` is what ``vocab`` in ``config.vocabulary`` stands for.
    """
    known = in_common(vectors, config.vocabulary, "evaluation.vocabulary", vocabulary)
    if known is not None:
        kept = np.flatnonzero(known)
        words = [vectors.words[i] for i in kept]
        vectors = WordVectors(words, vectors.matrix[kept], vectors.provenance)
    pairs = [similarity(vectors, path, lower=config.lower) for path in _paths(config.similarity)]
    rows = [analogies(vectors, path, lower=config.lower) for path in _paths(config.analogies)]
    return Evaluated(pairs, [row for file in rows for row in file])


def similarity(vectors: WordVectors, path: Path, *, lower: bool = True) -> Similarity:
    """Correlate the vectors' cosine similarities with a file of human judgements."""
    from scipy.stats import spearmanr

    pairs = read_pairs(path, lower=lower)
    known = [(a, b, score) for a, b, score in pairs if a in vectors and b in vectors]
    rho = float("nan")
    if len(known) > 1:
        scores = np.array([score for _, _, score in known])
        first = vectors.unit[[vectors.index[a] for a, _, _ in known]].astype(np.float64)
        second = vectors.unit[[vectors.index[b] for _, b, _ in known]].astype(np.float64)
        cosines = (first * second).sum(axis=1)
        if np.ptp(scores) > 0 and np.ptp(cosines) > 0:  # without any order there is no correlation
            rho = float(spearmanr(cosines, scores).statistic)
    return Similarity(slug(path.stem), rho, len(known), len(pairs))


def analogies(vectors: WordVectors, path: Path, *, lower: bool = True) -> list[Analogies]:
    """Answer a file of analogy questions by 3CosAdd: the word nearest to b - a + c, none of them.

    Answers are searched among all words of `vectors`. There is a row for each section, then the
    ``total``.
    """
    name, rows = slug(path.stem), []
    sections = read_questions(path, lower=lower)
    for section, questions in progress(
        sections.items(), f"answering {name}", "sections", len(sections)
    ):
        known = [[vectors.index[w] for w in q] for q in questions if all(w in vectors for w in q)]
        correct = sum(
            _answered(vectors, np.array(known[i : i + _BATCH]))
            for i in range(0, len(known), _BATCH)
        )
        title = f"{section} (section)" if section == TOTAL else section
        rows.append(Analogies(name, title, correct, len(known), len(questions), len(vectors)))
    correct, seen, total = (
        sum(getattr(row, key) for row in rows) for key in ("correct", "seen", "total")
    )
    return [*rows, Analogies(name, TOTAL, correct, seen, total, len(vectors))]


def _answered(vectors: WordVectors, questions: np.ndarray) -> int:
    """Count the right answers to (n, 4) questions."""
    a, b, c, expected = questions.T
    unit = vectors.unit
    scores = (unit[b] - unit[a] + unit[c]) @ unit.T
    scores[np.arange(len(questions))[:, None], questions[:, :3]] = -np.inf
    answers = scores.argmax(axis=1)
    found = scores[np.arange(len(questions)), answers] > -np.inf  # where there are other words
    return int(np.sum((answers == expected) & found))
