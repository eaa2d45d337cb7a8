"""Files of word pairs with human judgements, and of analogy questions, as they are published."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.core.errors import UserError, require
from pipeline.core.files import read_lines


def read_pairs(path: Path, *, lower: bool = False) -> list[tuple[str, str, float]]:
    """Read a word similarity file: two words and a score on each line.

    The columns are separated by tabs, commas, semicolons or spaces, as in the first line. The score
    is in the first column after the words that is a number: SimLex-999 and SimVerb-3500 have the
    part of speech before it. A header, and lines that begin with #, are skipped. `UserError` names
    a line of another form.
    """
    lines = [(n, text) for n, text in read_lines(path) if text.strip() and text[0] != "#"]
    separator = next((mark for mark in "\t,;" if lines and mark in lines[0][1]), None)
    rows = [(number, [word.strip() for word in text.split(separator)]) for number, text in lines]
    if rows and not _score_column(rows[0][1]):
        del rows[0]  # a header
    require(rows, f"{path} has no word pairs.")
    column = _score_column(rows[0][1])
    case: Callable[[str], str] = str.lower if lower else str
    pairs = []
    for number, fields in rows:
        if not 0 < column < len(fields) or not _is_number(fields[column]):
            raise UserError(
                f"{path}, line {number}: expected two words and a score, e.g. 'old new 1.58'."
            )
        pairs.append((case(fields[0]), case(fields[1]), float(fields[column])))
    return pairs


def _score_column(fields: list[str]) -> int:
    """Return the first column after the words that is a number; 0 if there is none."""
    return next((i for i in range(2, len(fields)) if _is_number(fields[i])), 0)


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def read_questions(path: Path, *, lower: bool = False) -> dict[str, list[list[str]]]:
    """Read an analogy file: ``: section`` lines, and four words a line (Mikolov et al. 2013).

    `UserError` names a line of another form.
    """
    sections: dict[str, list[list[str]]] = {}
    section = "all"
    for number, line in read_lines(path):
        words = (line.lower() if lower else line).split()
        if line.startswith(":"):
            section = " ".join(line[1:].split())
        elif len(words) == 4:
            sections.setdefault(section, []).append(words)
        elif words:
            raise UserError(f"{path}, line {number}: expected four words, found {len(words)}.")
    require(sections, f"{path} has no analogy questions.")
    return sections
