"""The names that people give to train, dev and test."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pipeline.core.errors import UserError

SPLITS = ("train", "dev", "test")
NAMES = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("dev", "development", "valid", "validation", "validate", "val"), "dev"),
    **dict.fromkeys(("test", "testing", "tst"), "test"),
}
UNLABELLED = frozenset({"unsup", "unsupervised", "unlabelled", "unlabeled"})
_NUMBERS = dict(zip("012", SPLITS, strict=True))


def split_names(places: Mapping[str, str]) -> dict[str, str]:
    """Return the split that each value of a split column means.

    `places` says where each value first occurs, for messages. 0, 1 and 2 mean train, dev and test;
    other numbers are used in more than one sense, so they raise `UserError`, as unknown names do.
    """
    found = {value: NAMES.get(value.lower(), "") for value in places}
    if not any(found.values()) and set(found) <= set(_NUMBERS) and "0" in found:
        return {value: _NUMBERS[value] for value in found}
    for value, split in found.items():
        if not split:
            raise UserError(
                f"{places[value]}: split '{value[:40]}' is not one of {', '.join(SPLITS)} (or 0, "
                "1, 2 for these)."
            )
    return found


def split_of_name(name: str) -> str:
    """Return the split that a name of a file or folder stands for, or nothing.

    >>> split_of_name("train-00000-of-00002.parquet"), split_of_name("my_dev_set.csv")
    ('train', 'dev')
    """
    words = re.split(r"[^a-z]+", name.lower())
    found = {NAMES[word] for word in words if word in NAMES}
    return found.pop() if len(found) == 1 else ""
