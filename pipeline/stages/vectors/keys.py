"""How a vectors file writes the words of a corpus: with capitals, prefixes or suffixes.

``vectors.keys`` is ``as_is``, ``lower`` (capitals do not matter), ``conceptnet`` (``/c/en/word``),
``pos`` (``word_NOUN``), or a pattern such as ``en:{}``. ``auto`` tries those that the file's first
words suggest, if few words are found as they are.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.core.errors import SettingError
from pipeline.stages.vectors.formats import NoWordsError, first_words, read_vectors
from pipeline.stages.vectors.formats.rows import shown
from pipeline.stages.vectors.word_vectors import WordVectors

log = logging.getLogger(__name__)

AUTO, AS_IS, POS = "auto", "as_is", "pos"
PATTERNS = {AS_IS: "{}", "lower": "{}", "conceptnet": "/c/en/{}"}
ENOUGH = 0.6  # of the different words found as they are: no other way to write them is tried
COVERED = 0.9  # of the running words found as they are: the same
BETTER = 0.2  # more of them found in another way: it is taken without being asked for
NOTABLE = 0.02  # more of them found in another way: it is mentioned
LOW = 0.6  # of the running words: warned of
_PREFIX = re.compile(r"/c/[a-z]{2,3}/|[a-z]{2,3}:(?=\S)")
_TAG = re.compile(r"(?:[_|#/]|::)(?:[A-Z]{1,5}|[a-z]|noun|verb|adj|adv)$")
_LOOKED_AT = 300  # first words of a file, to find what stands around the corpus's words
_LONGEST = 60  # of them that are looked at


class Found(NamedTuple):
    """Vectors of a corpus's words."""

    vectors: WordVectors  # by the words as the corpus writes them
    keys: str  # how the file writes them
    share: float  # of the different words that have one
    coverage: float  # the share of the running words that have one


def check(keys: str) -> None:
    """Refuse an unknown way to write words."""
    if keys not in {AUTO, POS, *PATTERNS} and "{}" not in keys:
        raise SettingError(
            f"keys={keys[:40]}: choose from {AUTO}, {', '.join(PATTERNS)}, {POS}, or give a "
            "pattern with {} in the word's place, as in en:{}."
        )


def find(
    path: Path, words: Mapping[str, int], keys: str = AUTO, *, unpickle: bool = False
) -> Found:
    """Read the vectors of a corpus's words, however the file writes them.

    Parameters
    ----------
    path
        The file.
    words
        The words wanted, with their counts in the text.
    keys
        How the file writes them.
    unpickle
        Open gensim's own files; see `read_vectors`.

    Raises
    ------
    UserError
        If the file cannot be read, or has none of the words.
    """
    if keys not in {AUTO, AS_IS}:
        return _require_any(path, _find(path, words, keys, unpickle), words)
    as_is = _find(path, words, AS_IS, unpickle)
    if keys == AS_IS or as_is.share >= ENOUGH or as_is.coverage >= COVERED:
        return _require_any(path, as_is, words)
    others = [_find(path, words, other, unpickle) for other in _suggested(path, words)]
    best = max(others, key=lambda other: other.share)
    more = best.share - as_is.share
    change = f"{as_is.coverage:.1%} to {best.coverage:.1%} of the text's running words"
    if more >= BETTER or (more > 0 and not len(as_is.vectors)):
        log.warning(
            "%s: vectors.keys=%s raises coverage from %s; %s. vectors.keys=as_is leaves it.",
            *(path, best.keys, change, _beside(path, words)),
        )
        return best
    if more >= NOTABLE:
        log.info("%s: vectors.keys=%s would raise coverage from %s.", path, best.keys, change)
    elif as_is.coverage < LOW:
        log.warning(
            "%s covers only %.1f %% of the text's running words; %s.",
            *(path, 100 * as_is.coverage, _beside(path, words)),
        )
    return _require_any(path, as_is, words)


def _require_any(path: Path, found: Found, words: Mapping[str, int]) -> Found:
    if not len(found.vectors):
        beside = _beside(path, words)
        raise NoWordsError(path, len(words), f"{beside[0].upper()}{beside[1:]}.")
    return found


def _beside(path: Path, words: Mapping[str, int]) -> str:
    """Return the first words of the file beside those of the corpus."""
    theirs = ", ".join(map(shown, first_words(path, 3)))
    ours = ", ".join(map(shown, sorted(words, key=lambda word: -words[word])[:3]))
    return f"the file's words begin {theirs}, the corpus's {ours}"


def _suggested(path: Path, words: Iterable[str]) -> list[str]:
    """Return the ways to write words that the first words of a file suggest."""
    sample = first_words(path)
    prefixes = Counter(found[0] for word in sample if (found := _PREFIX.match(word)))
    ways = ["lower"]
    if prefixes.total() > len(sample) // 2:
        slashes = any(prefix.startswith("/c/") for prefix in prefixes)
        ways.append("conceptnet" if slashes else "en:{}")
        ways += [f"{prefix}{{}}" for prefix, _ in prefixes.most_common(2)]
    if sum(1 for word in sample if _TAG.search(word)) > len(sample) // 2:
        ways.append(POS)
    return [*ways, *(way for way in _around(sample, words) if way not in ways)]


def _around(sample: list[str], words: Iterable[str]) -> list[str]:
    """Return the pattern by which a third of a file's first words hold a word of the corpus."""
    known = {word.lower() for word in words if len(word) > 1}
    some = sample[:: max(1, len(sample) // _LOOKED_AT)]
    patterns: Counter[str] = Counter()
    for key in some:
        ends = range(min(len(key), _LONGEST) + 1)
        patterns.update(
            f"{key[:begin]}{{}}{key[end:]}"
            for begin in ends
            for end in ends[begin + 2 :]
            if key[begin:end].lower() in known
        )
    del patterns["{}"]
    return [way for way, count in patterns.most_common(1) if 3 * count >= len(some)]


def _patterns(path: Path, keys: str) -> list[str]:
    if keys != POS:
        return [PATTERNS.get(keys, keys)]
    tags = Counter(found[0] for word in first_words(path) if (found := _TAG.search(word)))
    return [f"{{}}{tag}" for tag, _ in tags.most_common(30)]


def _forms(word: str, keys: str) -> Iterator[str]:
    """Yield a word with other capitals, the likeliest first."""
    yield word
    if keys != AS_IS:
        yield from (word.lower(), word.capitalize(), word.upper())


def _find(path: Path, words: Mapping[str, int], keys: str, unpickle: bool) -> Found:
    patterns = _patterns(path, keys)
    written = {
        word: [[pattern.replace("{}", form) for pattern in patterns] for form in _forms(word, keys)]
        for word in words
    }
    asked = dict.fromkeys(key for forms in written.values() for form in forms for key in form)
    try:
        vectors = read_vectors(path, list(asked), unpickle=unpickle)
    except NoWordsError:
        return Found(WordVectors([], np.empty((0, 0), np.float32)), keys, 0.0, 0.0)
    rows: dict[str, int] = {}
    for word, forms in written.items():
        for form in forms:
            there = [vectors.index[key] for key in form if key in vectors.index]
            if there:  # of several suffixes the one that comes first in the file
                rows[word] = min(there)
                break
    rows = {word: rows[word] for word in sorted(rows, key=lambda word: rows[word])}
    matrix = vectors.matrix[list(rows.values())]
    share = len(rows) / max(1, len(words))
    total = sum(words.values())
    coverage = sum(words[word] for word in rows) / total if total else share
    return Found(WordVectors(list(rows), matrix), keys, share, coverage)
