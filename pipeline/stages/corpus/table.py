"""Labelled texts of your own: a table in any usual format, or a folder for each class."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from pipeline.core.errors import SettingError, require
from pipeline.core.notebook import displayed
from pipeline.core.progress import progress
from pipeline.core.settings import bounded
from pipeline.stages.corpus.checks import Check
from pipeline.stages.corpus.config import CorpusConfig
from pipeline.stages.corpus.corpus import Corpus, Split
from pipeline.stages.corpus.draw import draw_splits
from pipeline.stages.corpus.encoded import tokenize_all
from pipeline.stages.corpus.formats import Columns, Rows, read_files, read_path
from pipeline.stages.corpus.formats.splits import SPLITS, split_names, split_of_name
from pipeline.stages.corpus.labels import classes_of
from pipeline.stages.corpus.tokenizers import Tokenizer


@displayed
@dataclass
class Table(CorpusConfig):
    r"""A labelled text per row, in a file or folder of any format that ``docs/data.md`` lists.

    Parameters
    ----------
    path
        A file, a list of files, a folder of files, or a folder or archive with a folder for each
        class.
    train_file, dev_file, test_file
        One file, or a list of files, for each split, in place of `path`. Without `dev_file`, dev
        is drawn from train.
    format
        ``auto``, or one of ``csv``, ``json``, ``jsonl``, ``parquet``, ``arrow``, ``xlsx`` and
        ``folders``.
    text, label
        Columns of the text and of the label; in a table without a header, their numbers from 0.
    split
        Column that says train, dev or test. Without it, and unless files or folders say it, a
        stratified split is drawn by `seed`.
    header
        Whether a table's first line names its columns; unset: it does, unless `text` is a number.
    delimiter, quoting, encoding
        What separates columns, whether quotation marks enclose fields, how the text is encoded;
        unset: found out, and reported.
    classes
        The labels from lowest to highest; unset: numbers by size, words by alphabet.
    merge_labels
        Take labels that differ only in spelling (``Pos`` and ``pos``, ``1`` and ``1.0``) as one.
    drop_labels
        Labels whose rows are left out.
    max_classes
        More classes than this are taken for a mistake in `label`.
    tokenizer
        How texts become tokens: ``treebank``, ``whitespace``, ``characters``, ``regex``, ``icu`` or
        a function as ``module:function``.
    pattern
        The regular expression of ``tokenizer=regex``.
    dev, test
        Share of each class that is drawn for dev and test; where test is given, the share of train
        that is drawn for dev.
    seed
        Of that draw. It does not follow the run's seed, so all runs share one split.
    ordinal
        Whether the order of the classes has a meaning.
    """

    path: Any = None
    train_file: Any = None
    dev_file: Any = None
    test_file: Any = None
    format: str = "auto"
    text: str = "text"
    label: str = "label"
    split: str | None = None
    header: bool | None = None
    delimiter: str | None = None
    quoting: bool | None = None
    encoding: str | None = None
    classes: list[str] = field(default_factory=list)
    merge_labels: bool = False
    drop_labels: list[str] = field(default_factory=list)
    max_classes: int = 1000
    tokenizer: str = "treebank"
    pattern: str = r"\w+|[^\w\s]"
    dev: float = bounded(0.1, above=0, below=1)
    test: float = bounded(0.2, above=0, below=1)
    seed: int = bounded(1, least=0)
    ordinal: bool = False

    slow: ClassVar[bool] = True  # texts are tokenized

    def __post_init__(self) -> None:
        """Check values."""
        super().__post_init__()
        if self.dev + self.test >= 1:
            raise SettingError(f"dev={self.dev} and test={self.test} leave nothing to train on.")
        if self.delimiter is not None and len(self.delimiter) != 1:
            raise SettingError(f"delimiter must be one character, not '{self.delimiter}'.")
        Table.files(self)  # checks the names; a subclass may download files

    def rules(self) -> Tokenizer:
        """Return how raw text becomes tokens."""
        return replace(super().rules(), name=self.tokenizer, pattern=self.pattern)

    def raw_rules(self) -> Tokenizer:
        """Return how the texts were tokenized."""
        return self.rules()

    @property
    def task(self) -> str:
        """The name of the file or folder; of several files named by split, that of their folder."""
        paths = self.files()
        if not paths:
            return "table"
        first = paths[0].absolute()
        return first.parent.name if len(paths) > 1 and split_of_name(first.name) else first.stem

    def files(self) -> list[Path]:
        """Return all files and folders that are read."""
        names = ("path", "train_file", "dev_file", "test_file")
        return [path for name in names for path in self._paths(name)]

    def load(self) -> Corpus:
        """Read the texts, tokenize and split them.

        Raises
        ------
        UserError
            For a missing file, column, label or split, naming its place.
        """
        rows = self._read()
        where = str(self.files()[0]) if len(self.files()) == 1 else self.task
        require(len(rows), f"{where} has no rows; add a labelled text per row.")
        classes, labels, notes = classes_of(
            where if rows.classes else f"{where}: column '{self.label}'",
            rows.labels,
            self.classes or rows.classes,
            merge=self.merge_labels,
            most=self.max_classes,
        )
        index = {name: i for i, name in enumerate(classes)}
        y = np.array([index[label] for label in labels], np.int64)
        tokenized = tokenize_all(rows.texts, self.rules())
        tokenized = progress(tokenized, "tokenizing", "texts", len(rows))
        sentences = [list(chain.from_iterable(found)) for found in tokenized]
        parts, drawn = draw_splits(
            where,
            sentences,
            y,
            rows.splits,
            classes=classes,
            dev=self.dev,
            test=self.test,
            seed=self.seed,
        )
        everything, part = Split(sentences, y), np.array(parts)
        return Corpus(
            task=self.task,
            classes=classes,
            splits={name: everything.where(part == name) for name in SPLITS},
            text_splits=tuple(self.text_splits),
            unlabelled=self.extra_text(),
            ordinal=self.ordinal,
            checks=tuple(
                Check("read", note, warning=False) for note in [*rows.notes, *notes, *drawn]
            ),
        )

    def _read(self) -> Rows:
        """Read all rows; their splits are train, dev or test, or empty for all."""
        columns = Columns(**{one.name: getattr(self, one.name) for one in fields(Columns)})
        if self.train_file or self.test_file:
            return self._read_split_files(columns)
        require(not self.dev_file, "corpus.dev_file needs corpus.train_file and corpus.test_file.")
        paths = self.files()
        require(paths, "corpus.path is not set: name your file or folder.")
        if len(paths) > 1:
            rows = read_files(paths, columns, self.format)
        else:
            rows = read_path(paths[0], columns, self.format)
        if self.split:
            named = split_names(rows.places)
            rows.splits = [named[value] for value in rows.splits]
            if set(named) == {"0", "1", "2"}:
                rows.notes.append("splits 0, 1 and 2 are read as train, dev and test")
        return rows

    def _read_split_files(self, columns: Columns) -> Rows:
        require(not self.path, "corpus.path and corpus.train_file: give one of them.")
        require(self.train_file, "corpus.train_file is not set.")
        require(self.test_file, "corpus.test_file is not set.")
        require(self.split is None, "corpus.split and corpus.train_file: give one of them.")
        rows = Rows()
        for split in SPLITS:
            for path in self._paths(f"{split}_file"):
                rows.extend(read_path(path, columns, self.format), split)
        return rows

    def _paths(self, name: str) -> list[Path]:
        """Return the paths that a setting names: one, or a list."""
        value = getattr(self, name)
        if not value:
            return []
        names = value if isinstance(value, list | tuple) else [value]
        if not all(isinstance(one, str | int | Path) for one in names):
            raise SettingError(
                f"{name} must be the name of a file, or a list of names, not {value!r}."
            )
        return [Path(str(one)).expanduser() for one in names]
