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
    part of speech before it. A header, and lines that begin with #, are skipped.

    Raises
    ------
    UserError
        If a line has another form; the message names it.
    """
    pairs = []
    separator: str | None = None
    column = 0
    case: Callable[[str], str] = str.lower if lower else str
    seen = 0
    for number, line in read_lines(path):
        if not line.strip() or line.startswith("#"):
            continue
        seen += 1
        if seen == 1:
            separator = next((mark for mark in "\t,;" if mark in line), None)
        fields = [field.strip() for field in line.split(separator)]
        if not column:
            column = next((i for i in range(2, len(fields)) if _is_number(fields[i])), 0)
            if not column and seen == 1:
                continue  # a header
        if not 0 < column < len(fields) or not _is_number(fields[column]):
            raise UserError(
                f"{path}, line {number}: expected two words and a score, e.g. 'old new 1.58'."
            )
        pairs.append((case(fields[0]), case(fields[1]), float(fields[column])))
    require(pairs, f"{path} holds no word pairs.")
    return pairs


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def read_questions(path: Path, *, lower: bool = False) -> dict[str, list[list[str]]]:
    """Read an analogy file: ``: section`` lines, and four words a line (Mikolov et al. 2013).

    Raises
    ------
    UserError
        If a line has another form; the message names it.
    """
    sections: dict[str, list[list[str]]] = {}
    section = sections.setdefault("all", [])
    for number, line in read_lines(path):
        words = (line.lower() if lower and not line.startswith(":") else line).split()
        if line.startswith(":"):
            section = sections.setdefault(" ".join(line[1:].split()), [])
        elif len(words) == 4:
            section.append(words)
        elif words:
            raise UserError(f"{path}, line {number}: expected four words, found {len(words)}.")
    sections = {name: questions for name, questions in sections.items() if questions}
    require(sections, f"{path} holds no analogy questions.")
    return sections
