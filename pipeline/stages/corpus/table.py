"""A labelled table of one's own: CSV or TSV with a text and a label a row."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import UserError, require, suggest
from pipeline.core.files import read_lines
from pipeline.core.progress import progress
from pipeline.stages.corpus.corpus import SPLITS, Corpus, CorpusConfig, Split
from pipeline.stages.corpus.parallel import tokenize_all
from pipeline.stages.corpus.tokenizers import Tokenizer

_SPLIT_NAMES = {"valid": "dev", "validation": "dev", "val": "dev", "training": "train"}


@dataclass
class Table(CorpusConfig):
    """A CSV or TSV file with a header line, a labelled text a row.

    Parameters
    ----------
    path
        The file; ``.tsv`` and ``.tab`` are tab-separated, all others comma-separated.
    text
        Column of the text.
    label
        Column of the label, a string or a number.
    split
        Column that says train, dev or test; unset: a stratified split is drawn by `seed`.
    classes
        The labels from lowest to highest; unset: numbers by size, strings by alphabet.
    tokenizer
        How texts become tokens: ``treebank``, ``whitespace``, ``characters``, ``regex``, ``icu`` or
        a function as ``module:function``.
    pattern
        The regular expression of ``tokenizer=regex``.
    dev, test
        Share of each class to go to dev and to test, where no `split` column is given.
    seed
        Of that split. It does not follow the run's seed, so that all runs share one split.
    ordinal
        Whether the order of the classes has a meaning.
    """

    path: str | None = None
    text: str = "text"
    label: str = "label"
    split: str | None = None
    classes: list[str] = field(default_factory=list)
    tokenizer: str = "treebank"
    pattern: str = r"\w+|[^\w\s]"
    dev: float = 0.1
    test: float = 0.2
    seed: int = 1
    ordinal: bool = False

    slow: ClassVar[bool] = True  # texts are tokenized

    def __post_init__(self) -> None:
        """Check values."""
        super().__post_init__()
        for name in ("dev", "test"):
            share = getattr(self, name)
            require(0 < share < 1, f"corpus.{name} must be a share between 0 and 1, not {share}.")
        require(
            self.dev + self.test < 1,
            f"corpus.dev={self.dev} and corpus.test={self.test} leave nothing to train on.",
        )
        require(self.seed >= 0, f"corpus.seed must be at least 0, not {self.seed}.")
        self.rules()  # checks its values

    def rules(self, *, brackets: bool = True) -> Tokenizer:
        """Return how raw text becomes tokens; `brackets` keeps ``(`` rather than ``-LRB-``."""
        rules = super().rules(brackets=brackets)
        return replace(rules, name=self.tokenizer, pattern=self.pattern)

    @property
    def task(self) -> str:
        """What is to be solved."""
        return Path(self.path or "table").stem

    def load(self) -> Corpus:
        """Read the table, tokenise its texts and split it.

        Raises
        ------
        UserError
            For a missing file, column, label or split value, naming the line.
        """
        if self.path is None:
            raise UserError("corpus.path is not set: name your CSV or TSV file.")
        path = Path(self.path).expanduser()
        rows = list(self._rows(path))
        require(rows, f"{path} has a header but no rows; add a labelled text a row.")
        classes = self._classes(path, [label for _, label, _ in rows])
        index = {name: i for i, name in enumerate(classes)}
        labels = np.array([index[label] for _, label, _ in rows], np.int64)
        parts = [part for *_, part in rows] if self.split else self._draw(path, labels)
        texts = progress((text for text, *_ in rows), "tokenizing", "texts", len(rows))
        sentences = [
            list(chain.from_iterable(found)) for found in tokenize_all(texts, self.rules())
        ]
        missing = [name for name in SPLITS if name not in parts]
        require(
            not missing,
            f"{path}: column '{self.split}' never says {' or '.join(missing)}; add such rows, or "
            "leave corpus.split out to have the splits drawn.",
        )
        splits = {}
        for name in SPLITS:
            members = [i for i, part in enumerate(parts) if part == name]
            splits[name] = Split([sentences[i] for i in members], labels[members])
        return self.corpus(classes, splits)

    def corpus(self, classes: tuple[str, ...], splits: dict[str, Split]) -> Corpus:
        """Return the corpus of what was read from the table."""
        return Corpus(
            task=self.task,
            classes=classes,
            splits=splits,
            text_splits=tuple(self.text_splits),
            unlabelled=self.extra_text(),
            ordinal=self.ordinal,
        )

    def _rows(self, path: Path) -> list[tuple[str, str, str]]:
        """Read (text, label, split) of every row."""
        name = path.name.removesuffix(".gz")
        delimiter = "\t" if name.endswith((".tsv", ".tab")) else ","
        csv.field_size_limit(2**31 - 1)  # a whole book may stand in one field
        # The csv module wants line ends, to keep those inside quotes.
        lines = (line + "\n" for _, line in read_lines(path))
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        line = 1  # where the row being read begins: it may take several
        try:
            header = next(reader, None)
            if header is None:
                raise UserError(f"{path} is empty; its first line should name the columns.")
            columns = [self.text, self.label, *([self.split] if self.split else [])]
            at = [_column(path, header, name) for name in columns]
            rows = []
            line = reader.line_num + 1
            for row in reader:
                where, line = f"{path}, line {line}", reader.line_num + 1
                if not row:
                    continue
                if len(row) != len(header):
                    raise UserError(
                        f"{where}: {len(row)} fields where the header has {len(header)}. "
                        "Quote a text that holds the separator."
                    )
                text, label, *rest = (row[i].strip() for i in at)
                require(
                    label,
                    f"{where}: the label in column '{self.label}' is empty. "
                    "Fill it in, or leave the row out.",
                )
                rows.append((text, label, _split_name(where, rest[0]) if rest else ""))
        except csv.Error as error:
            raise UserError(
                f"{path}, line {line}: {error}. A text that begins with a quotation mark must be "
                "quoted as a whole, the quotation marks in it doubled."
            ) from error
        return rows

    def _classes(self, path: Path, labels: list[str]) -> tuple[str, ...]:
        """Return the class names in order."""
        found = set(labels)
        if self.classes:
            unknown = sorted(found - set(self.classes))
            require(not unknown, f"{path} has labels that corpus.classes does not list: {unknown}.")
            return tuple(self.classes)
        try:
            return tuple(sorted(sorted(found), key=float))
        except ValueError:
            return tuple(sorted(found))

    def _draw(self, path: Path, labels: NDArray[np.int64]) -> list[str]:
        """Give each row to a split, so that every class is shared out alike."""
        from sklearn.model_selection import train_test_split

        try:
            rest, test = train_test_split(
                np.arange(len(labels)),
                test_size=self.test,
                stratify=labels,
                random_state=self.seed,
            )
            share = self.dev / (1 - self.test)
            _, dev = train_test_split(
                rest, test_size=share, stratify=labels[rest], random_state=self.seed
            )
        except ValueError as error:
            raise UserError(
                f"{path}: too few rows to share out to train, dev and test. {error} "
                "Add rows, leave rare classes out, or name a column in corpus.split."
            ) from error
        parts = ["train"] * len(labels)
        for name, members in (("dev", dev), ("test", test)):
            for i in members.tolist():
                parts[i] = name
        return parts


def _column(path: Path, header: list[str], name: str) -> int:
    names = [column.strip() for column in header]
    if name not in names:
        raise UserError(
            f"{path}: no column named '{name}'{suggest(name, names)}; it has {', '.join(names)}. "
            "Set corpus.text, corpus.label or corpus.split."
        )
    return names.index(name)


def _split_name(where: str, value: str) -> str:
    name = _SPLIT_NAMES.get(value.lower(), value.lower())
    require(name in SPLITS, f"{where}: split '{value}' is none of {', '.join(SPLITS)}.")
    return name
