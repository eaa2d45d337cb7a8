"""Compare our reader of GloVe text with gensim's: seconds and memory.

    python benchmarks/loading.py

Writes a file of 400,000 random vectors with 50 dimensions in GloVe's format. Our reader and
gensim's read it alternately, each time in a new process. The table shows the median of the ratios:
other work on the machine changes absolute speeds but hardly the ratios. Memory is the peak of the
process minus what it used before reading. "First" includes the import of pyarrow, which a process
pays once; the import of gensim is not included. gensim cannot read only the words needed, so it
always reads all. Seconds are CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

SEED = 1
READERS = {  # the timed code, run in a new process after the code it needs
    "gensim": (
        "from gensim.models import KeyedVectors",
        "vectors = KeyedVectors.load_word2vec_format(path, no_header=True, binary=False).vectors",
    ),
    "all rows": ("read_vectors(path, warm)", "vectors = read_vectors(path).matrix"),
    "all rows, first": ("", "vectors = read_vectors(path).matrix"),
    "needed rows": ("read_vectors(path, warm)", "vectors = read_vectors(path, words).matrix"),
    "needed rows, first": ("", "vectors = read_vectors(path, words).matrix"),
}
PROGRAM = """
import json, resource, sys, time
from pipeline.stages.vectors.formats import read_vectors
path, every, rows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
words = [f"word{{i}}" for i in range(0, rows, every)]
warm = words[:1]
{before}
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
memory, start = peak(), time.process_time()
{reading}
seconds = time.process_time() - start
print(json.dumps([seconds, peak() - memory, len(vectors), float(vectors.sum(dtype="f8"))]))
"""


def make(path: Path, rows: int, dim: int) -> None:
    """Write random vectors in GloVe's format, with five significant digits."""
    rng = np.random.default_rng(SEED)
    form = " ".join(["%.5g"] * dim)
    with path.open("w", encoding="utf-8") as file:
        for i in range(rows):
            file.write(f"word{i} {form % tuple(rng.normal(0, 0.6, dim).tolist())}\n")


def run(name: str, path: Path, every: int, rows: int) -> tuple[float, float, int, float]:
    """Read in a new process; return seconds, MB, rows and their sum."""
    before, reading = READERS[name]
    program = PROGRAM.format(before=before, reading=reading)
    command = [sys.executable, "-c", program, str(path), str(every), str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, memory, count, total = json.loads(done.stdout)
    return seconds, memory, count, total


def compare(path: Path, rows: int, rounds: int, every: int) -> dict[str, Any]:
    """Time all readers alternately, gensim included."""
    runs = defaultdict(list)
    for name in READERS:  # fills the page cache
        if name != "gensim":
            run(name, path, every, rows)
    for _ in range(rounds):
        for name in READERS:
            runs[name].append(run(name, path, every, rows))
    assert {r[2:] for r in runs["all rows"]} == {r[2:] for r in runs["gensim"]}
    return runs


def main() -> None:
    """Write the file, time the readers, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--dim", type=int, default=50)
    parser.add_argument("--every", type=int, default=20, help="one word in this many is needed")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.txt"
        make(path, args.rows, args.dim)
        size = path.stat().st_size / 1e6
        print(f"{args.rows:,} x {args.dim}, {size:.0f} MB, {args.rounds} rounds\n")
        runs = compare(path, args.rows, args.rounds, args.every)
    print("| reader | rows | seconds | times gensim | MB | of gensim's MB |\n" + "|---" * 6 + "|")
    for name, some in runs.items():
        pairs = list(zip(some, runs["gensim"], strict=True))
        speed = median(theirs[0] / ours[0] for ours, theirs in pairs)
        memory = median(ours[1] / theirs[1] for ours, theirs in pairs)
        seconds, used = median(r[0] for r in some), median(r[1] for r in some)
        cells = [name, f"{some[0][2]:,}", f"{seconds:.2f}", f"{speed:.1f}", f"{used:.0f}"]
        print(f"| {' | '.join(cells)} | {memory:.0%} |", flush=True)


if __name__ == "__main__":
    main()
