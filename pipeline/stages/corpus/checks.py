"""What a person should know about a corpus before believing a result on it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.corpus.drift import unlike
from pipeline.stages.corpus.duplicates import copies
from pipeline.stages.corpus.tokenizers import Tokenizer

log = logging.getLogger(__name__)

NEGLIGIBLE = 0.005  # share of copies up to which they are noted, not warned of
SAMPLE = 5_000  # texts looked at for HTML and for text without spaces
FREQUENT = 0.05  # share of texts with HTML, above which it is not chance
_SPACELESS = re.compile(  # scripts that are written without spaces between words
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]"
)
LONG_WORD = 6.0  # characters, mean: more than words of these scripts have
_HTML = ({"<", "br", ">"}, {"&", "amp", ";"}, {"&", "quot", ";"}, {"&", "#", ";"})


@dataclass(frozen=True)
class Check:
    """A finding about a corpus: what was found, and what can be done.

    Its ``kind`` is ``read``, ``duplicates``, ``splits``, ``spaces``, ``html``, ``empty`` or
    ``unlabelled``. A ``warning`` can make a result wrong; otherwise it is good to know.
    """

    kind: str
    message: str
    warning: bool = True

    def plain(self) -> dict[str, Any]:
        """Return the finding as plain JSON values; its level is ``warning`` or ``note``."""
        level = "warning" if self.warning else "note"
        return {"kind": self.kind, "level": level, "message": self.message}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Check:
        """Return the finding that `plain` has written."""
        return cls(values["kind"], values["message"], values["level"] == "warning")


def log_checks(checks: Iterable[Check]) -> None:
    """Log what was found about a corpus."""
    for found in checks:
        if found.warning:
            log.warning("WARNING: %s", found.message)
        else:
            log.info("  %-9s %s", "", found.message)


Sentences = Sequence[Sequence[str]]
Splits = Mapping[str, tuple[Sentences, NDArray[np.int64]]]


def check(splits: Splits, classes: Sequence[str], tokenizer: Tokenizer | None) -> Iterator[Check]:
    """Yield all findings about labelled splits, given as sentences and labels.

    `tokenizer` is how raw text became sentences; None: they came as tokens.
    """
    yield from _duplicates(splits)
    for found in unlike(splits, classes):
        yield Check("splits", f"train, dev and test may have been prepared differently: {found}")
    everything = list(islice(chain.from_iterable(s for s, _ in splits.values()), SAMPLE))
    if tokenizer is not None:
        yield from _spaces(everything, tokenizer)
        yield from _html(everything, tokenizer)
    yield from _empty(splits)


def _duplicates(splits: Splits) -> Iterator[Check]:
    exact, near = copies(list(chain.from_iterable(s for s, _ in splits.values())))
    ends = np.cumsum([len(y) for _, y in splits.values()])[:-1]
    exact_in, near_in = (
        dict(zip(splits, np.split(numbers, ends), strict=True)) for numbers in (exact, near)
    )
    for name, others in (("test", ("train", "dev")), ("dev", ("train",))):
        same, alike = (
            int(np.isin(part[name], np.concatenate([part[other] for other in others])).sum())
            for part in (exact_in, near_in)
        )
        if alike:
            size = len(near_in[name])
            nearly = f" ({alike - same:,} of them nearly)" if alike > same else ""
            yield Check(
                "duplicates",
                f"{alike:,} of the {size:,} {name} texts are also in {' or '.join(others)}"
                f"{nearly}. corpus.duplicates=drop leaves them out.",
                warning=alike > NEGLIGIBLE * size,
            )
    for name, numbers in near_in.items():
        again = len(numbers) - len(np.unique(numbers))
        if again > NEGLIGIBLE * len(numbers):  # a few short texts occur twice in any corpus
            yield Check(
                "duplicates",
                f"{again:,} of the {len(numbers):,} {name} texts are copies of another one there.",
                warning=again > 0.1 * len(numbers),
            )
    labels = np.concatenate([y for _, y in splits.values()])
    texts, _ = np.unique(np.stack([exact, labels]), axis=1)  # of each pair of text and label
    if ambiguous := int((np.unique(texts, return_counts=True)[1] > 1).sum()):
        yield Check(
            "duplicates",
            f"{ambiguous:,} texts occur with different labels.",
            warning=ambiguous > NEGLIGIBLE * len(labels),
        )


def _spaces(sentences: Sentences, tokenizer: Tokenizer) -> Iterator[Check]:
    """Warn of text in a script without spaces, if the tokenizer takes it for one word."""
    if tokenizer.name in {"characters", "icu"}:
        return
    tokens = [token for token in chain.from_iterable(sentences) if _SPACELESS.search(token)]
    written = sum(map(len, tokens))  # characters: few such words hold much text
    total = sum(map(len, chain.from_iterable(sentences)))
    if written > 0.1 * total and written / len(tokens) > LONG_WORD:
        yield Check(
            "spaces",
            f"the text has no spaces between words: {tokens[0][:20]} is one word. "
            "corpus.tokenizer=icu finds words, corpus.tokenizer=characters takes each character.",
        )


def _html(sentences: Sentences, tokenizer: Tokenizer) -> Iterator[Check]:
    if tokenizer.html == "strip":
        return
    marked = sum(any(mark <= words for mark in _HTML) for words in map(set, sentences))
    if marked > FREQUENT * len(sentences):
        yield Check(
            "html",
            f"{marked / len(sentences):.0%} of the texts hold HTML, such as <br />, whose parts "
            "count as words. corpus.html=strip takes it out.",
        )


def _empty(splits: Splits) -> Iterator[Check]:
    counts = {name: sum(not tokens for tokens in found) for name, (found, _) in splits.items()}
    if any(counts.values()):
        found = [f"{count:,} of {name}" for name, count in counts.items() if count]
        yield Check(
            "empty",
            f"texts without any word: {', '.join(found)}. Their features are all zero.",
            warning=any(n > NEGLIGIBLE * len(splits[name][1]) for name, n in counts.items()),
        )
