"""What every corpus is: labelled splits of tokenised sentences, and text to train vectors on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import require
from pipeline.core.metrics import Metric
from pipeline.core.notebook import displayed
from pipeline.stages.corpus.checks import Check
from pipeline.stages.corpus.duplicates import copies
from pipeline.stages.corpus.formats.rows import listed
from pipeline.stages.corpus.formats.splits import SPLITS
from pipeline.stages.corpus.labels import counted
from pipeline.stages.corpus.unlabelled import Text

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

    def where(self, chosen: NDArray[np.bool_]) -> Split:
        """Return the sentences for which the (n,) array is true."""
        kept = np.flatnonzero(chosen)
        return Split([self.sentences[i] for i in kept.tolist()], self.labels[kept])

    @cached_property
    def digest(self) -> str:
        """The sha256 over every token and label."""
        return _digest(np.asarray(self.labels, "<i8").tobytes(), self.sentences)


def _digest(begin: bytes, sentences: Iterable[list[str]]) -> str:
    digest = hashlib.sha256(begin)
    for sentence in sentences:
        digest.update("\x1f".join(sentence).encode() + b"\x1e")
    return digest.hexdigest()


@dataclass(frozen=True)
class Pretraining:
    """A text used in place of somebody else's large corpus.

    Parameters
    ----------
    key
        Names its content.
    sentences
        Returns its sentences.
    note
        Says in a comparison that vectors trained on it are not GloVe.
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
        Further words that will be looked up: no part of its digest.
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
                "Add some, or split the texts in another way.",
            )
        missing = self._missing(self.phrases) if self.phrases is not None else ""
        require(
            not missing,
            f"corpus {self.task}: there is no phrase of class {missing}; lower "
            "corpus.phrases, or leave it out.",
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
        return chain(self.labelled_text(), self.unlabelled)

    def labelled_text(self) -> Iterator[list[str]]:
        """Yield those of them that belong to labelled splits."""
        return chain.from_iterable(self.splits[name].sentences for name in self.text_splits)

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
        return _digest(self.unlabelled.digest.encode(), self.labelled_text())

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
            counts = np.bincount(split.labels, minlength=len(self.classes)).tolist()
            return {**split.facts(), "labels": counts, "digest": split.digest}

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
        first = groups == np.arange(len(groups))
        ends = np.cumsum([len(self.splits[name]) for name in order])[:-1]
        kept = dict(zip(order, np.split(first, ends), strict=True))
        left_out = {name: int((~kept[name]).sum()) for name in SPLITS}
        if not any(left_out.values()):
            return self
        parts = ", ".join(f"{count:,} of {name}" for name, count in left_out.items() if count)
        note = Check("duplicates", f"copies left out: {parts}", warning=False)
        return replace(
            self,
            splits={name: self.splits[name].where(kept[name]) for name in SPLITS},
            phrases=self._unseen_phrases(),
            checks=(*self.checks, note),
        )

    def _unseen_phrases(self) -> Split | None:
        """Return the phrases that are not sentences of dev or test."""
        if self.phrases is None:
            return None
        seen = {tuple(s) for name in ("dev", "test") for s in self.splits[name].sentences}
        return self.phrases.where(np.array([tuple(s) not in seen for s in self.phrases.sentences]))
