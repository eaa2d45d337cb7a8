"""Tokenizing beside NLTK, and beside an older version of this project: same tokens, how fast.

    python benchmarks/tokenizing.py reviews.txt.gz
    python benchmarks/tokenizing.py reviews.txt.gz --beside ../older-checkout

The sides take turns on the same blocks of lines, in one process, by CPU seconds. An older version
runs in a process of its own, on the same lines.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer
from nltk.tokenize.treebank import TreebankWordTokenizer

from pipeline.core.files import read_lines
from pipeline.stages.corpus import Tokenizer
from pipeline.stages.corpus.tokenizers import TYPED
from pipeline.stages.corpus.treebank import ABBREVIATIONS

BLOCK = 1000  # lines
Sentences = list[list[str]]

# Reads all sentences of a file, as training does: by whichever version is on the path.
_WHOLE = """
import sys, time
from pathlib import Path
from pipeline.stages.corpus import Text
began = time.perf_counter()
tokens = sum(len(sentence) for sentence in Text((Path(sys.argv[1]),)))
print(tokens, time.perf_counter() - began)
"""


def main() -> None:
    """Compare, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("--lines", type=int, default=50_000)
    parser.add_argument("--beside", type=Path, help="a checkout of an older version")
    given = parser.parse_args()
    lines = [line for _, line in islice(read_lines(given.text), given.lines)]
    sides = {"ours": Tokenizer().sentences, "NLTK": nltk()}
    seconds = dict.fromkeys(sides, 0.0)
    tokens = 0
    for begin in range(0, len(lines), BLOCK):
        found = {}
        for name, tokenize in sides.items():
            began = time.process_time()
            found[name] = [tokenize(line) for line in lines[begin : begin + BLOCK]]
            seconds[name] += time.process_time() - began
        assert found["ours"] == found["NLTK"]
        tokens += sum(len(sentence) for text in found["ours"] for sentence in text)
    print(f"{tokens:,} tokens of {len(lines):,} lines, all the same")
    for name, taken in seconds.items():
        print(f"{name:5} {taken:7.1f} CPU s  {tokens / taken / 1e6:5.2f} M tokens a second")
    print(f"ours is {seconds['NLTK'] / seconds['ours']:.1f} times as fast as NLTK on one core")
    if given.beside:
        beside(given.text, given.beside)


def nltk() -> Callable[[str], Sentences]:
    """Return NLTK's own way from a text to lower-cased tokens."""
    parameters = PunktParameters()
    parameters.abbrev_types = set(ABBREVIATIONS)
    splitter, tokenizer = PunktSentenceTokenizer(parameters), TreebankWordTokenizer()

    def split(text: str) -> Sentences:
        sentences = splitter.tokenize(text.translate(str.maketrans(TYPED)))
        found = ([token.lower() for token in tokenizer.tokenize(s)] for s in sentences)
        return [tokens for tokens in found if tokens]

    return split


def beside(text: Path, checkout: Path) -> None:
    """Compare whole reads of the file, on all cores, three times in turns."""
    ratios = []
    for _ in range(3):
        ours, theirs = whole(text, Path(__file__).parent.parent), whole(text, checkout)
        assert ours[0] == theirs[0]
        ratios.append(theirs[1] / ours[1])
        print(f"on all cores: {ours[1]:.1f} s, before {theirs[1]:.1f} s: {ratios[-1]:.1f} times")
    print(f"median: {sorted(ratios)[1]:.1f} times as fast as {checkout}")


def whole(text: Path, root: Path) -> tuple[int, float]:
    """Return the number of tokens and the seconds it takes to read them."""
    done = subprocess.run(
        [sys.executable, "-c", _WHOLE, str(text)],
        env=os.environ | {"PYTHONPATH": str(root.resolve())},
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    tokens, seconds = done.stdout.split()
    return int(tokens), float(seconds)


if __name__ == "__main__":
    main()
