"""The settings that every corpus has, and how a corpus is loaded and checked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from pipeline.core.errors import check_choice
from pipeline.core.notebook import displayed
from pipeline.core.progress import working
from pipeline.core.settings import Settings, bounded
from pipeline.stages.corpus.checks import check
from pipeline.stages.corpus.corpus import Corpus
from pipeline.stages.corpus.formats.splits import SPLITS
from pipeline.stages.corpus.sources import files_of
from pipeline.stages.corpus.tokenizers import Tokenizer
from pipeline.stages.corpus.unlabelled import Text


@displayed
@dataclass
class CorpusConfig(Settings):
    """The settings that every corpus has.

    Parameters
    ----------
    lower
        Lower-case every token.
    html
        ``strip`` HTML tags from raw text and decode entities, or ``keep`` them as they are.
    unlabelled
        Extra text, a sentence or document per line, or per row of a Parquet, Arrow or JSON lines
        file. Files, which may be compressed, folders, patterns like ``texts/*.gz``, and addresses
        like ``s3://bucket/texts/``. Used for vocabulary and vectors only.
    unlabelled_column
        The column of such tables that holds the text; unset: ``text``, or the only one of text.
    unlabelled_words
        How many words of them to take, from the first, up to the end of a sentence; unset: all.
    tokenized
        Whether the unlabelled text is tokenised already and only needs splitting at white space.
    text_splits
        The labelled splits whose sentences (never labels) vectors are trained on.
    duplicates
        ``keep`` texts that occur more than once, or ``drop`` all copies but one: the copy in test
        is kept rather than those in dev and train.
    """

    lower: bool = True
    html: str = "keep"
    unlabelled: list[str] = field(default_factory=list)
    unlabelled_column: str | None = None
    unlabelled_words: int | None = bounded(None, least=1)
    tokenized: bool = False
    text_splits: list[str] = field(default_factory=lambda: ["train"])
    duplicates: str = "keep"

    slow: ClassVar[bool] = False  # whether `load` takes so long that its result is cached

    def __post_init__(self) -> None:
        """Check values."""
        super().__post_init__()
        self.rules()  # checks its values
        check_choice("duplicates", self.duplicates, ("keep", "drop"))
        for name in self.text_splits:
            check_choice("text_splits", name, SPLITS)

    @property
    def task(self) -> str:
        """A name for the task, known before anything is read: the name of the MLflow experiment."""
        raise NotImplementedError

    def load(self) -> Corpus:
        """Read or make the corpus."""
        raise NotImplementedError

    def raw_rules(self) -> Tokenizer | None:
        """Return how labelled text is tokenized; None: it comes as tokens."""
        return None

    def files(self) -> list[Path]:
        """Return the files and folders of labelled text, downloaded first if none is named."""
        return []

    def extra_text(self) -> Text:
        """Return the unlabelled text."""
        paths = files_of(self.unlabelled)
        more = (self.tokenized, self.unlabelled_words, self.unlabelled_column)
        return Text(paths, self.rules(), *more)

    def rules(self) -> Tokenizer:
        """Return how raw text becomes tokens."""
        return Tokenizer(lower=self.lower, html=self.html)


def load_corpus(config: CorpusConfig) -> Corpus:
    """Read or make the corpus and check it: stage `corpus`."""
    corpus = config.load()
    if config.duplicates == "drop":
        corpus = corpus.without_copies()
    splits = {name: (split.sentences, split.labels) for name, split in corpus.splits.items()}
    with working("checking the texts"):
        found = tuple(check(splits, corpus.classes, config.raw_rules()))
    return replace(corpus, checks=(*corpus.checks, *found))
