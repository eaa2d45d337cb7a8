"""Files of word pairs that people judged, and of analogy questions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.core.errors import UserError, require
from pipeline.core.files import read_lines


def read_pairs(path: Path, *, lower: bool = False) -> list[tuple[str, str, float]]:
    """Read a word similarity file: two words and a score a line, tab- or space-separated.

    Raises
    ------
    UserError
        Naming the line that is not of this form. A header is allowed, and lines that begin with #.
    """
    pairs = []
    first = True
    case: Callable[[str], str] = str.lower if lower else str
    for number, line in read_lines(path):
        if not line.strip() or line.startswith("#"):
            continue
        header, first = first, False
        fields = (
            line.replace(",", "\t").split("\t") if "\t" in line or "," in line else line.split()
        )
        try:
            pairs.append((case(fields[0].strip()), case(fields[1].strip()), _score(fields[2])))
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


def read_questions(path: Path, *, lower: bool = False) -> dict[str, list[list[str]]]:
    """Read an analogy file: ``: section`` lines, and four words a line (Mikolov et al. 2013).

    Raises
    ------
    UserError
        Naming the line that is not of this form.
    """
    sections: dict[str, list[list[str]]] = {}
    section = sections.setdefault("all", [])
    for number, line in read_lines(path):
        words = (line.lower() if lower and not line.startswith(":") else line).split()
        if words[:1] == [":"]:
            section = sections.setdefault(" ".join(words[1:]), [])
        elif len(words) == 4:
            section.append(words)
        elif words:
            raise UserError(f"{path}, line {number}: expected four words, found {len(words)}.")
    sections = {name: questions for name, questions in sections.items() if questions}
    require(sections, f"{path} holds no analogy questions.")
    return sections
