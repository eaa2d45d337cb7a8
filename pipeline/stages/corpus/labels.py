"""From the labels in a file to classes: which differ only in spelling, which are missing values."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pipeline.core.errors import UserError, require
from pipeline.stages.corpus.formats.rows import cut, listed

_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_MISSING = frozenset(
    {
        *("nan", "null", "n/a", "<na>", "nat", "undefined", "nil", r"\n"),
        *("#n/a", "#name?", "#ref!", "#value!", "#div/0!", "#num!", "#null!"),  # errors of a sheet
    }
)
_BRACKETED = re.compile(r"[(<\[](?:null|none|missing|blank|empty|nan|na|n/a)[)>\]]")
_MISSING_AMONG_NUMBERS = frozenset({"none", "na", "-", "?", ".", "unknown"})
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]")
_DASH = re.compile(r"[\u2010-\u2015\u2212]")
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*")
_BETWEEN = re.compile(r"[|;,/+&]")  # labels of one text, in files with several a text
_LIST = re.compile(r"""\[\s*(['"]).*\1\s*\]|\[[\d\s,]+\]""")  # as Python and JSON write it
_DIGITS_APART = re.compile(r"(?<=\d)[ '\u2019](?=\d{3}(?:\D|$))")  # 1 000 and 1'000


def classes_of(
    where: str, labels: Sequence[str], given: Sequence[str], *, merge: bool, most: int
) -> tuple[tuple[str, ...], list[str], list[str]]:
    """Return the classes in order, the class of each label, and notes.

    `UserError` is raised if labels differ only in spelling, or look like missing values, like
    several labels at once, or like no classes at all.

    Parameters
    ----------
    where
        The file and column, for messages.
    labels
        As the file has them.
    given
        The classes in order; empty: found out, numbers by size and words by alphabet.
    merge
        Take labels that differ only in spelling as one class.
    most
        How many classes there may be.
    """
    merged = _merged(Counter(labels), given) if merge else {}
    labels = [merged.get(label, label) for label in labels]
    notes = (
        [f"labels merged: {listed(f'{a} into {b}' for a, b in merged.items())}"] if merged else []
    )
    counts = Counter(labels)
    if given:
        _check_given(where, counts, given)
        return tuple(given), labels, notes
    _check_number(where, counts, len(labels), most)
    _check_spelling(where, counts)
    _check_missing(where, counts)
    _check_several(where, counts)
    return in_order(counts), labels, notes


def counted(classes: Sequence[str], counts: Sequence[int], most: int = 10) -> str:
    """Return the classes with their counts, in words.

    >>> counted(["neg", "pos"], [120, 80])
    '2 classes: neg 120, pos 80'
    """
    pairs = [f"{cut(name)} {count:,}" for name, count in zip(classes, counts, strict=True)]
    return f"{len(classes):,} classes: {listed(pairs, most, width=40)}"


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Return labels in order: numbers by size, anything else by alphabet."""
    names = sorted(set(labels))
    if all(_number(name) is not None for name in names):
        names.sort(key=lambda name: _number(name) or 0.0)
    return tuple(names)


def spelling_key(label: str) -> str:
    """Return what is left of a label without case, spaces, marks, and ways to write a number.

    Invisible characters, which spreadsheets and web pages leave behind, are left out too.

    >>> spelling_key(" Very_Good! "), spelling_key("1,000"), spelling_key("1.0")
    ('very good', '1000', '1')
    """
    text = unicodedata.normalize("NFKC", _DASH.sub("-", _INVISIBLE.sub("", label)))
    text = " ".join(text.casefold().replace("i\u0307", "i").replace("\u0131", "i").split())
    text = re.sub(r"(?<=\d) %$", "%", _DIGITS_APART.sub("", text))
    number = _number(text)
    if number is not None:
        return f"{number:.15g}"
    text = re.sub(r"(?<=\w)[-_\s]+(?=\w)", " ", text)
    return text.strip(".,;:!\"'` ") or text


def _number(text: str) -> float | None:
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    return float(text) if _NUMBER.fullmatch(text) else None


def _merged(counts: Mapping[str, int], given: Sequence[str]) -> dict[str, str]:
    """Return the class of each label that is written another way: a given one, or the commonest."""
    names = given or sorted(counts, key=lambda label: (counts[label], -len(label), label))
    classes = {spelling_key(name): name for name in names}
    found = {label: classes.get(spelling_key(label), label) for label in sorted(counts)}
    return {label: name for label, name in found.items() if label not in {*given, name}}


def _check_given(where: str, counts: Mapping[str, int], given: Sequence[str]) -> None:
    unknown = sorted(set(counts) - set(given))
    if not unknown:
        return
    alike = [f"{label!r} like {name!r}" for label, name in _merged(counts, given).items()]
    hint = f" Some differ only in spelling ({listed(alike, 3, 50)}): corpus.merge_labels=true."
    raise UserError(
        f"{where} has labels that corpus.classes does not list: {listed(map(repr, unknown), 6)}."
        + (hint if alike else "")
    )


def _check_spelling(where: str, counts: Mapping[str, int]) -> None:
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for label in sorted(counts):
        groups[spelling_key(label)].append(label)
    alike = [
        " and ".join(f"{cut(label)!r} ({counts[label]:,})" for label in group[:3])
        for group in groups.values()
        if len(group) > 1
    ]
    require(
        not alike,
        f"{where} has labels that differ only in spelling: {listed(alike, 2, 70)}. "
        "corpus.merge_labels=true takes them as one class; if they are different classes, list "
        "all in corpus.classes.",
    )


def _check_missing(where: str, counts: Mapping[str, int]) -> None:
    numbers = all(_number(n) is not None for n in counts if n.lower() not in _MISSING_AMONG_NUMBERS)
    words = _MISSING | (_MISSING_AMONG_NUMBERS if numbers else frozenset())
    found = sorted(n for n in counts if n.lower() in words or _BRACKETED.fullmatch(n.lower()))
    if found:
        some = listed((f"{name!r} ({counts[name]:,} rows)" for name in found), 3)
        raise UserError(
            f"{where}: {some} looks like a missing value. {_dropping(found[0])} leaves such rows "
            "out; if it is a class, list all classes in corpus.classes."
        )


def _dropping(label: str) -> str:
    """Return the override that leaves out a label, quoted for Hydra and the shell if need be."""
    if re.fullmatch(r"[\w/.-]+", label):
        return f"corpus.drop_labels=[{label}]"
    return f"'corpus.drop_labels=[\"{label}\"]'"


def _check_several(where: str, counts: Mapping[str, int]) -> None:
    """Refuse combinations of labels, such as ``a|b`` beside ``a`` and ``b``."""
    parts = {
        label: [part.strip() for part in _BETWEEN.split(label)]
        for label in counts
        if _BETWEEN.search(label)
    }
    seen = Counter(part for found in parts.values() for part in set(found))
    several = [
        label
        for label, found in parts.items()
        if len(set(found)) > 1
        and all(part and (part in counts or seen[part] > 1) for part in found)
    ]
    several += [
        label
        for label in counts
        if _DECIMAL_COMMA.fullmatch(label)
        and label not in several
        and any(_number(other) == float(label.replace(",", ".")) for other in counts)
    ]
    if several and all(_DECIMAL_COMMA.fullmatch(label) for label in several):
        raise UserError(
            f"{where} has numbers with a decimal comma, or two labels in one: "
            f"{listed(map(repr, several), 3)}. Write numbers with a point, or choose one label for "
            "each text. If each is a class as it is, list all in corpus.classes."
        )
    lists = [label for label in counts if _LIST.fullmatch(label)]
    several += lists if any("," in label for label in lists) else []
    require(
        not several,
        f"{where} has several labels in one: {listed(map(repr, several), 3)}. A text has exactly "
        "one label here: choose one for each text. If each combination is a class of its own, list "
        "all classes in corpus.classes.",
    )


def _check_number(where: str, counts: Mapping[str, int], rows: int, most: int) -> None:
    require(
        len(counts) <= most,
        f"{where} has {len(counts):,} different labels in {rows:,} rows ({listed(counts, 3)}), "
        f"more than corpus.max_classes={most:,}. Is it the label? If so, raise that setting.",
    )
