"""What every corpus is: labelled splits of tokenised sentences, and text to train vectors on."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import check_choice, require
from pipeline.core.metrics import Metric
from pipeline.core.notebook import displayed
from pipeline.core.progress import working
from pipeline.core.settings import Settings, bounded
from pipeline.stages.corpus.checks import Check, check
from pipeline.stages.corpus.duplicates import copies
from pipeline.stages.corpus.formats.rows import listed
from pipeline.stages.corpus.formats.splits import SPLITS
from pipeline.stages.corpus.labels import counted
from pipeline.stages.corpus.overlap import check_overlap
from pipeline.stages.corpus.sources import files_of
from pipeline.stages.corpus.tokenizers import Tokenizer
from pipeline.stages.corpus.unlabelled import Text

log = logging.getLogger(__name__)

FIVE_CLASSES = ("- -", "-", "neut", "+", "+ +")  # of sentiment, from worst to best


@displayed
@dataclass(frozen=True)
class Split:
    """Labelled sentences: ``sentences[i]`` is a list of tokens, ``labels[i]`` its class index."""

    sentences: list[list[str]]
    labels: NDArray[np.int64]

    def facts(self) -> dict[str, Any]:
        """Return what a notebook shows."""
        return {"sentences": len(self), "tokens": sum(map(len, self.sentences))}

    def __len__(self) -> int:
        """Return the number of sentences."""
        return len(self.sentences)

    @cached_property
    def digest(self) -> str:
        """The sha256 over every token and label."""
        digest = hashlib.sha256(np.asarray(self.labels, "<i8").tobytes())
        for sentence in self.sentences:
            digest.update("\x1f".join(sentence).encode() + b"\x1e")
        return digest.hexdigest()


@dataclass(frozen=True)
class Pretraining:
    """A text that stands for somebody else's large corpus.

    Parameters
    ----------
    key
        Names its content.
    sentences
        Gives its sentences.
    note
        Tells the reader of a comparison that vectors trained on it are no GloVe.
    """

    key: str
    sentences: Callable[[], Iterator[list[str]]]
    note: str = ""


@displayed
@dataclass(frozen=True)
class Corpus:
    """Three labelled splits, the names of their classes, and the text vectors may be trained on.

    Parameters
    ----------
    task
        What is to be solved, e.g. ``sst-5``: runs of one task can be compared.
    classes
        Class names in order, the index of each being its label.
    splits
        ``train``, ``dev`` and ``test``.
    text_splits
        The splits whose sentences (never labels) belong to the training text of vectors.
    unlabelled
        Further text for vocabulary and vectors.
    pretraining
        A larger text for the corpus's own pretrained vectors, where it has one.
    ordinal
        Whether the classes are ordered, so that the distance of a mistake has a meaning.
    also
        Words beyond its own that are going to be asked for: no part of its digest.
    phrases
        Labelled parts of train's sentences that the classifier learns from too.
    checks
        What a person should know about the corpus: no part of its digest.
    """

    task: str
    classes: tuple[str, ...]
    splits: dict[str, Split]
    text_splits: tuple[str, ...] = ("train",)
    unlabelled: Text = field(default_factory=Text)
    pretraining: Pretraining | None = None
    ordinal: bool = False
    also: tuple[str, ...] = ()
    phrases: Split | None = None
    checks: tuple[Check, ...] = ()

    def __post_init__(self) -> None:
        """Check that each split can serve its purpose."""
        for name in SPLITS:
            split = self.splits[name]
            require(len(split), f"corpus {self.task}: the {name} split has no sentences.")
            missing = self._missing(split)
            require(
                not missing,
                f"corpus {self.task}: the {name} split has no sentence of class {missing}. "
                "Add some, or make the split another way.",
            )
        missing = self._missing(self.phrases) if self.phrases is not None else ""
        require(
            not missing,
            f"corpus {self.task}: there is no phrase of class {missing}; take shorter ones too "
            "(corpus.phrases), or none.",
        )
        require(
            len(self.classes) > 1,
            f"corpus {self.task}: only one class, {self.classes[0]!r}: nothing to classify.",
        )

    def facts(self) -> dict[str, Any]:
        """Return what a notebook shows."""
        sizes = {name: len(split) for name, split in self.splits.items()}
        return {"task": self.task, "classes": self.classes, **sizes}

    def _missing(self, split: Split) -> str:
        """Name the classes that have no sentence."""
        missing = np.setdiff1d(np.arange(len(self.classes)), split.labels)
        return listed((repr(self.classes[i]) for i in missing.tolist()), 5)

    def text(self) -> Iterator[list[str]]:
        """Yield the sentences that vectors may be trained on, labelled splits first."""
        labelled = (self.splits[name].sentences for name in self.text_splits)
        return chain(chain.from_iterable(labelled), self.unlabelled)

    def words(self) -> Counter[str]:
        """Count every token of the labelled splits: the words a classifier will meet."""
        sentences = chain.from_iterable(split.sentences for split in self.splits.values())
        return Counter(chain.from_iterable(sentences))

    @cached_property
    def digest(self) -> str:
        """The sha256 of everything in the corpus."""
        parts = [self.task, *self.classes, *(self.splits[name].digest for name in SPLITS)]
        parts += [*self.text_splits, self.unlabelled.digest]
        parts += [self.phrases.digest] if self.phrases is not None else []
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @cached_property
    def text_digest(self) -> str:
        """The sha256 of all that `text` yields; no file is tokenised for it."""
        digest = hashlib.sha256(self.unlabelled.digest.encode())
        for name in self.text_splits:
            for sentence in self.splits[name].sentences:
                digest.update("\x1f".join(sentence).encode() + b"\x1e")
        return digest.hexdigest()

    def describe(self) -> str:
        """Return one line for the person at the terminal."""
        sizes = " / ".join(f"{len(self.splits[name]):,}" for name in SPLITS)
        more = f", {len(self.phrases):,} phrases" if self.phrases is not None else ""
        if self.unlabelled.paths:
            more += f", and {len(self.unlabelled.paths)} unlabelled file(s)"
        labels = np.concatenate([split.labels for split in self.splits.values()])
        counts = np.bincount(labels, minlength=len(self.classes)).tolist()
        return f"{self.task}: {sizes} sentences{more}; {counted(self.classes, counts)}"

    def metrics(self) -> Iterator[Metric]:
        """Yield the size of each split."""
        for name, split in self.splits.items():
            yield Metric(f"corpus/{name}_sentences", len(split))
        if self.phrases is not None:
            yield Metric("corpus/phrases", len(self.phrases))

    def summary(self) -> dict[str, Any]:
        """Return sizes, class counts and digests, as plain JSON values."""

        def facts(split: Split) -> dict[str, Any]:
            return {
                "sentences": len(split),
                "tokens": sum(map(len, split.sentences)),
                "labels": np.bincount(split.labels, minlength=len(self.classes)).tolist(),
                "digest": split.digest,
            }

        return {
            "task": self.task,
            "classes": list(self.classes),
            "splits": {name: facts(split) for name, split in self.splits.items()},
            "phrases": facts(self.phrases) if self.phrases is not None else None,
            "text_splits": list(self.text_splits),
            "unlabelled": [str(path) for path in self.unlabelled.paths],
            "tokenizer": self.unlabelled.tokenizer.settings(),
            "checks": [found.plain() for found in self.checks],
            "digest": self.digest,
        }

    def without_copies(self) -> Corpus:
        """Return the corpus with one of each group of copies: test's before dev's and train's."""
        order = ("test", "dev", "train")
        _, groups = copies([tokens for name in order for tokens in self.splits[name].sentences])
        first = np.zeros(len(groups), bool)
        first[np.unique(groups, return_index=True)[1]] = True
        splits, begin = {}, 0
        for name in order:
            split = self.splits[name]
            kept = np.flatnonzero(first[begin : begin + len(split)])
            begin += len(split)
            splits[name] = Split([split.sentences[i] for i in kept.tolist()], split.labels[kept])
        counts = {name: len(self.splits[name]) - len(splits[name]) for name in SPLITS}
        if not any(counts.values()):
            return self
        parts = ", ".join(f"{count:,} of {name}" for name, count in counts.items() if count)
        note = Check("duplicates", f"copies left out: {parts}", warning=False)
        return replace(
            self,
            splits={name: splits[name] for name in SPLITS},
            phrases=self._unseen_phrases(),
            checks=(*self.checks, note),
        )

    def _unseen_phrases(self) -> Split | None:
        """Return the phrases that are no sentence of dev or test."""
        if self.phrases is None:
            return None
        seen = {tuple(s) for name in ("dev", "test") for s in self.splits[name].sentences}
        kept = [i for i, tokens in enumerate(self.phrases.sentences) if tuple(tokens) not in seen]
        return Split([self.phrases.sentences[i] for i in kept], self.phrases.labels[kept])


@displayed
@dataclass
class CorpusConfig(Settings):
    """What every corpus can be told.

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
        ``keep`` texts that occur more than once, or ``drop`` all copies but one: a copy in test
        stays, those of it in dev and train go.
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
        CorpusConfig.rules(self)  # checks its values
        check_choice("duplicates", self.duplicates, ("keep", "drop"))
        for name in self.text_splits:
            check_choice("text_splits", name, SPLITS)

    @property
    def task(self) -> str:
        """What is to be solved, known before anything is read: one MLflow experiment a task."""
        raise NotImplementedError

    def load(self) -> Corpus:
        """Read or make the corpus."""
        raise NotImplementedError

    def raw_rules(self) -> Tokenizer | None:
        """Return how labelled text was tokenized; None: it comes as tokens."""
        return None

    def files(self) -> list[Path]:
        """Return the files and folders of labelled text, downloaded first if none is named."""
        return []

    def extra_text(self, *, brackets: bool = True) -> Text:
        """Return the unlabelled text; `brackets` keeps ``(`` rather than ``-LRB-``."""
        return Text(
            files_of(self.unlabelled),
            self.rules(brackets=brackets),
            *(self.tokenized, self.unlabelled_words, self.unlabelled_column),
        )

    def rules(self, *, brackets: bool = True) -> Tokenizer:
        """Return how raw text becomes tokens; `brackets` keeps ``(`` rather than ``-LRB-``."""
        return Tokenizer(lower=self.lower, brackets=brackets, html=self.html)


def load_corpus(config: CorpusConfig) -> Corpus:
    """Read or make the corpus and check it: stage `corpus`."""
    corpus = config.load()
    if config.duplicates == "drop":
        corpus = corpus.without_copies()
    splits = {name: (split.sentences, split.labels) for name, split in corpus.splits.items()}
    with working("checking the texts"):
        found = tuple(check(splits, corpus.classes, config.raw_rules()))
    return replace(corpus, checks=(*corpus.checks, *found))


def check_text(corpus: Corpus, index: Mapping[str, int], tokens: NDArray[np.int32]) -> Corpus:
    """Return the corpus, checked for test texts that are in its unlabelled text.

    Parameters
    ----------
    corpus
        A corpus.
    index
        The number of each word of the vocabulary.
    tokens
        (N,) `Corpus.text` as such numbers, words that are not in the vocabulary left out.
    """
    if not corpus.unlabelled.paths:
        return corpus
    labelled = (corpus.splits[name].sentences for name in corpus.text_splits)
    words = chain.from_iterable(chain.from_iterable(labelled))
    begin = sum(word in index for word in words)
    found = check_overlap(corpus.splits["test"].sentences, index, tokens[begin:])
    log_checks(found)
    return replace(corpus, checks=(*corpus.checks, *found))


def log_checks(checks: Iterable[Check]) -> None:
    """Tell the person at the terminal what was found about a corpus."""
    for found in checks:
        if found.warning:
            log.warning("WARNING: %s", found.message)
        else:
            log.info("  %-9s %s", "", found.message)
