"""Train on a text of any size: seconds, speed and the most memory, beside a small text.

    python benchmarks/large_text.py --reviews reviews.txt.gz --copies 20

The large text is the reviews so many times. In every copy each word that is not among the 1,000
most frequent gets the copy's number with a chance of one in ten, so the vocabulary grows as that of
real text does. Each size runs in a process of its own. Memory is that which the system cannot take
back; the last column counts the files too that are mapped into memory, which it can.
"""

from __future__ import annotations

import argparse
import gzip
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from threading import Thread

import numpy as np

import pipeline as yv
from pipeline.cache.stages import CachedStages


def write_copies(reviews: Path, folder: Path, copies: int) -> None:
    """Write a file for each copy."""
    with gzip.open(reviews, "rt", encoding="utf-8") as file:
        lines = file.read().splitlines()
    counted = Counter(word for line in lines for word in line.split())
    common = {word for word, _ in counted.most_common(1000)}
    for copy in range(copies):
        rng = np.random.default_rng(copy)
        with (folder / f"{copy:03}.txt").open("w", encoding="utf-8") as out:
            for line in lines:
                words = line.split()
                for i in np.flatnonzero(rng.random(len(words)) < 0.1).tolist() if copy else ():
                    if words[i] not in common:
                        words[i] += str(copy)
                out.write(" ".join(words) + "\n")


class Peak(Thread):
    """The most memory of this process that the system cannot take back: not mapped from a file."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes = 0
        self.start()

    def run(self) -> None:
        """Look every 20 ms."""
        while True:
            lines = Path("/proc/self/status").read_text().splitlines()
            now = next(line.split()[1] for line in lines if line.startswith("RssAnon"))
            self.bytes = max(self.bytes, 1024 * int(now))
            time.sleep(0.02)


def measure(folder: Path, cache: Path) -> None:
    """Print a row: count and encode a folder of text, then train one epoch on it."""
    size = sum(path.stat().st_size for path in folder.iterdir())
    peak = Peak()
    corpus = yv.Sample(text_splits=[], unlabelled=[str(folder)]).load()
    stages, began = CachedStages(yv.Cache(str(cache))), time.perf_counter()
    vocabulary = stages.vocab(corpus, yv.Vocab(min_count=5)).value
    encoded = time.perf_counter() - began
    first, peak.bytes = peak.bytes, 0
    began = time.perf_counter()
    yv.SkipGram(dim=50, epochs=1, threads=2).train(vocabulary)
    trained = time.perf_counter() - began
    words, most = len(vocabulary.tokens), peak.bytes
    resident = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    workers = 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    cells = [f"{size / 2**30:.2f} GB", f"{words:,}", f"{len(vocabulary):,}"]
    cells += [f"{encoded:.0f}", f"{words / encoded:,.0f}", f"{trained:.0f}"]
    memory = first, most, workers, resident
    cells += [f"{words / trained:,.0f}", *(f"{m / 2**30:.2f}" for m in memory)]
    print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Write the texts, then measure each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reviews", type=Path, help="a review per line, .gz")
    parser.add_argument("--copies", type=int, default=20)
    parser.add_argument("--measure", type=Path, nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        measure(*args.measure)
        return
    if args.reviews is None:
        parser.error("--reviews FILE: a review per line, .gz")
    print(
        "| text | words | vocabulary | encoding, s | words a second | training, s | words a second "
        "| GB, encoding | GB, training | GB, a worker | GB, with mapped files |\n"
        + "|---" * 11
        + "|",
        flush=True,
    )
    for copies in (1, args.copies):
        with tempfile.TemporaryDirectory(dir=".") as name:
            (texts := Path(name, "texts")).mkdir()
            write_copies(args.reviews, texts, copies)
            command = [sys.executable, __file__, "--measure", str(texts), str(Path(name, "cache"))]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
