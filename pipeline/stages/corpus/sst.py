"""The Stanford Sentiment Treebank (Socher et al. 2013), from a folder or downloaded."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.core.download import Archive, download
from pipeline.core.errors import UserError, require
from pipeline.core.files import read_lines
from pipeline.core.notebook import displayed
from pipeline.core.settings import bounded
from pipeline.stages.corpus.config import CorpusConfig
from pipeline.stages.corpus.corpus import FIVE_CLASSES, Corpus, Split
from pipeline.stages.corpus.formats.splits import SPLITS
from pipeline.stages.corpus.tokenizers import Tokenizer, lowered, unescape

log = logging.getLogger(__name__)

OFFICIAL = {"train": 8544, "dev": 1101, "test": 2210}
ARCHIVE = Archive(
    url="https://nlp.stanford.edu/sentiment/trainDevTestTrees_PTB.zip",
    sha256="5c613a4f673fc74097d523a2c83f38e0cc462984d847b82c7aaf36b01cbbbfcc",
    size=789_539,
)

_LABELS = {str(label): label for label in range(5)}
_LEAF = -1

# Only plain white space separates: "8 1/2" is one word, with a no-break space in it.
_PIECE = re.compile(r"\([ \t]*([^() \t\r\n]*)|\)|([^() \t\r\n]+)")


class Granularity(StrEnum):
    """How many classes: all five, or negative against positive with the neutral ones dropped."""

    five = "five"
    binary = "binary"


class Tree(NamedTuple):
    """A sentence, its label from 0 to 4, and its phrases.

    ``phrases`` has label, begin and end in ``tokens`` of every node below the root, each before its
    parts.
    """

    label: int
    tokens: list[str]
    phrases: list[tuple[int, int, int]]


@displayed
@dataclass
class Sst(CorpusConfig):
    r"""Penn-Treebank-style sentiment trees, a labelled sentence each.

    Parameters
    ----------
    path
        Folder with ``train.txt``, ``dev.txt`` and ``test.txt``; unset: download them.
    granularity
        ``five`` classes, or ``binary``: the neutral sentences dropped.
    unescape
        Turn the treebank's escapes back to text: ``-LRB-`` to ``(``, ``\/`` to ``/``.
    phrases
        Words that a labelled phrase of train must have at least for the classifier to learn from it
        too; unset: from sentences alone. Very short ones are mostly neutral and say little of
        sentences; 12 serve well.
    url
        Where to download from, for a mirror of the official archive.
    """

    path: str | None = None
    granularity: Granularity = Granularity.five
    unescape: bool = False
    phrases: int | None = bounded(None, least=1)
    url: str = ARCHIVE.url

    @property
    def task(self) -> str:
        """What is to be solved."""
        return f"sst-{5 if self.granularity is Granularity.five else 2}"

    def load(self) -> Corpus:
        """Read the three splits.

        Raises
        ------
        UserError
            For a missing folder or file, a broken tree, or a label outside 0-4.
        """
        files = self.files()
        folder = files[0].parent
        trees = {path.stem: read_trees(path) for path in files}
        _check_sizes(folder, {name: len(rows) for name, rows in trees.items()})
        return Corpus(
            task=self.task,
            classes=FIVE_CLASSES if self.granularity is Granularity.five else ("-", "+"),
            splits={n: self._split([(t.label, t.tokens) for t in trees[n]]) for n in SPLITS},
            phrases=None if self.phrases is None else self._phrases(trees["train"], self.phrases),
            text_splits=tuple(self.text_splits),
            unlabelled=self.extra_text(),
            ordinal=True,
        )

    def rules(self) -> Tokenizer:
        """Return how unlabelled text becomes tokens, with its brackets as those of the trees."""
        return replace(super().rules(), brackets=self.unescape)

    def files(self) -> list[Path]:
        """Return the files of the splits, which are downloaded first if no folder is named."""
        names = [f"{name}.txt" for name in SPLITS]
        if self.path is None:
            archive = Archive(self.url, ARCHIVE.sha256, ARCHIVE.size)
            folder = download(archive, [f"trees/{name}" for name in names], Path("data") / "sst")
        else:
            folder = Path(self.path).expanduser()
        require(
            not folder.is_file(),
            f"corpus.path={folder} is a file. corpus=table reads tables; corpus=sst needs a folder "
            "with train.txt, dev.txt and test.txt.",
        )
        require(
            folder.is_dir(),
            f"corpus.path={folder}: no such folder. It should hold train.txt, dev.txt and test.txt "
            "with a tree a line; leave corpus.path out to download them.",
        )
        return [folder / name for name in names]

    def _phrases(self, trees: list[Tree], least: int) -> Split:
        """Return the phrases of at least so many words."""
        return self._split(
            [
                (label, tree.tokens[begin:end])
                for tree in trees
                for label, begin, end in tree.phrases
                if end - begin >= least
            ]
        )

    def _split(self, rows: list[tuple[int, list[str]]]) -> Split:
        if self.granularity is Granularity.binary:
            rows = [(int(label > 2), tokens) for label, tokens in rows if label != 2]
        # Three words hold a no-break space; no vectors file can have them: they are left out.
        sentences = [[token for token in tokens if "\xa0" not in token] for _, tokens in rows]
        if self.unescape:
            sentences = [[unescape(token) for token in tokens] for tokens in sentences]
        if self.lower:
            sentences = lowered(sentences)
        return Split(sentences, np.array([label for label, _ in rows], np.int64))


def read_trees(path: Path) -> list[Tree]:
    """Read a file of trees, one a line, blank lines skipped; `UserError` names a broken one."""
    trees = []
    for number, line in read_lines(path):
        if line.strip():
            try:
                trees.append(parse_tree(line))
            except ValueError as error:
                raise UserError(
                    f"{path}, line {number}: {error}. "
                    "A tree looks like (3 (2 It) (3 (4 works) (2 .)))."
                ) from error
    require(trees, f"{path} has no trees; it should have one per line, like (3 (2 It) (4 works)).")
    return trees


def parse_tree(line: str) -> Tree:
    """Read a tree like ``(3 (2 It) (3 (4 works) (2 .)))``.

    `ValueError` is raised if brackets do not match, a label is not 0-4, or a node holds nothing, or
    a word and nodes.
    """
    tokens: list[str] = []
    labels: list[str] = []  # of all nodes, the root's first
    begins: list[int] = []
    ends: list[int] = []  # _LEAF while a node is open and holds a word
    held: list[int] = []  # the open nodes
    for match in _PIECE.finditer(line):
        label, word = match.groups()
        if not held and labels:
            raise ValueError(f"something follows the tree: {match.group().strip()!r}")
        if label is not None:
            if held and ends[held[-1]] == _LEAF:
                raise ValueError("a node holds both a word and other nodes")
            held.append(len(labels))
            labels.append(label)
            begins.append(len(tokens))
            ends.append(0)
        elif not held:
            raise ValueError(f"a tree must start with '(', not {match.group()!r}")
        elif word is None:
            node = held.pop()
            ends[node] = len(tokens)
            if begins[node] == ends[node]:
                raise ValueError("a node is empty")
        elif begins[held[-1]] < len(tokens):
            raise ValueError(f"the word {word!r} is not alone in its node")
        else:
            ends[held[-1]] = _LEAF
            tokens.append(word)
    if held or not labels:
        raise ValueError(f"{len(held)} bracket(s) never closed")
    (root, *_), *phrases = zip(_numbers(labels), begins, ends, strict=True)
    return Tree(root, tokens, phrases)


def _numbers(labels: list[str]) -> list[int]:
    try:
        return [_LABELS[label] for label in labels]
    except KeyError as wrong:
        raise ValueError(f"a node's label must be 0, 1, 2, 3 or 4, not {wrong}") from None


def _check_sizes(folder: Path, sizes: dict[str, int]) -> None:
    """Warn if the sizes are not those of the official split: scores are not comparable."""
    if sizes == OFFICIAL:
        return
    found, official = (", ".join(f"{n} {c:,}" for n, c in s.items()) for s in (sizes, OFFICIAL))
    joined = sizes["train"] == OFFICIAL["train"] + OFFICIAL["dev"]
    reason = " Its train.txt looks like train and dev joined: dev is no longer unseen!"
    log.warning(
        "WARNING: %s is not the official split of the treebank (%s sentences instead of %s), "
        "so its scores do not compare with published ones.%s",
        *(folder, found, official, reason if joined else ""),
    )
