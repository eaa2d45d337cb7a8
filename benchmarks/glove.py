"""Compare our GloVe trainer with a C program on the same co-occurrences.

    python benchmarks/glove.py reviews.txt.gz
    python benchmarks/glove.py reviews.txt.gz --program GloVe/build/glove

The C program is `glove.c`, a plain implementation of the update, compiled here. ``--flags=-Ofast``
lets the compiler reorder sums. ``--program`` uses the GloVe authors' own program instead; it reads
the same files. The two alternate, on one thread. The table shows CPU seconds per epoch: half of the
difference between three epochs and one, so reading and initialisation do not count.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from texts import documents, take

from pipeline import Vocab, Vocabulary
from pipeline.stages.vectors.glove import GloVe, group
from pipeline.stages.vectors.kernels import glove as kernels
from pipeline.stages.vocab import build

RECORD = np.dtype([("center", "<i4"), ("context", "<i4"), ("count", "<f8")])
EPOCHS = 2  # timed, after the first


def write(folder: Path, vocabulary: Vocabulary, trainer: GloVe) -> None:
    """Write vocabulary and shuffled co-occurrences as the C program reads them."""
    pairs, values = trainer.count(vocabulary)
    records = np.zeros(2 * len(pairs), RECORD)  # the file has each pair twice, once in either order
    records["center"] = np.concatenate([pairs[:, 0], pairs[:, 1]]) + 1
    records["context"] = np.concatenate([pairs[:, 1], pairs[:, 0]]) + 1
    records["count"] = np.tile(np.exp(values[:, 0].astype(np.float64)), 2)
    np.random.default_rng(0).permutation(records).tofile(folder / "pairs.bin")
    counted = zip(vocabulary.words, vocabulary.counts.tolist(), strict=True)
    (folder / "words.txt").write_text("".join(f"{word} {n}\n" for word, n in counted))


def theirs(program: Path, folder: Path, trainer: GloVe) -> float:
    """Return the CPU seconds per epoch of the C program."""

    def seconds(epochs: int) -> float:
        options = {
            "-input-file": folder / "pairs.bin",
            "-vocab-file": folder / "words.txt",
            "-save-file": folder / "vectors",
            "-iter": epochs,
            "-vector-size": trainer.dim,
            "-x-max": trainer.x_max,
            "-alpha": trainer.alpha,
            "-eta": trainer.learning_rate,
            "-threads": 1,
            "-verbose": 0,
        }
        command = [program, *(str(word) for option in options.items() for word in option)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime

    return (seconds(1 + EPOCHS) - seconds(1)) / EPOCHS


def ours(vocabulary: Vocabulary, trainer: GloVe) -> float:
    """Return the CPU seconds per epoch of our trainer."""
    pairs, values = trainer.count(vocabulary)
    kernels.shuffle(pairs, values, np.uint64(1))
    group(pairs, values)
    table = trainer.start(len(vocabulary))
    rate = np.float32(trainer.learning_rate)
    kernels.fit(pairs, values, table, trainer.dim, rate)
    began = time.process_time()
    for _ in range(EPOCHS):
        kernels.fit(pairs, values, table, trainer.dim, rate)
    return (time.process_time() - began) / EPOCHS


def main() -> None:
    """Count once, time both alternately, print a table."""
    data = Path(os.environ.get("YOURVECTORS_DATA", "data"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", nargs="?", type=Path, default=data / "corpora/imdb_unsup.txt.gz")
    parser.add_argument("--program", type=Path, help="the authors' program (default: glove.c)")
    parser.add_argument("--flags", default="-O3 -march=native", help="compiler flags for glove.c")
    parser.add_argument("--words", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    vocabulary = build(take(documents(args.text), args.words), Vocab(min_count=5))
    print("| dim | pairs | ours, s an epoch | C, s | times C |\n" + "|---" * 5 + "|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = args.program
        if program is None:
            program = folder / "glove"
            source = Path(__file__).with_name("glove.c")
            flags = args.flags.split()
            subprocess.run(["cc", *flags, str(source), "-o", str(program), "-lm"], check=True)
        for dim in (50, 100):
            trainer = GloVe(dim=dim)
            write(folder, vocabulary, trainer)
            pairs = (folder / "pairs.bin").stat().st_size // RECORD.itemsize
            runs = [
                (ours(vocabulary, trainer), theirs(program, folder, trainer))
                for _ in range(args.rounds)
            ]
            ratio = median(b / a for a, b in runs)
            mine, other = (median(side) for side in zip(*runs, strict=True))
            print(f"| {dim} | {pairs:,} | {mine:.2f} | {other:.2f} | {ratio:.1f} |", flush=True)


if __name__ == "__main__":
    main()
