"""Measure the peak memory of the stages `vocab` and `vectors`.

    python benchmarks/memory.py reviews.txt.gz

For each trainer a new process reads the text, splits it at white space, and trains for one epoch.
The peak, minus what the process used after all imports and compilation, is divided by the size of
what has to be in memory: the encoded text and both vectors of every word.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import json, sys
from pathlib import Path
import pipeline as yv
from pipeline.stages.vocab import build

def peak():  # in bytes
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))

def vocabulary(min_count):
    return build(yv.Text((Path(sys.argv[1]),), tokenized=True), yv.Vocab(min_count))

trainer = getattr(yv, sys.argv[2])(dim=int(sys.argv[3]), epochs=1)
trainer.train(build([["a", "b", "c"]] * 20, yv.Vocab()))
before = peak()
text = vocabulary(5)
read = peak()
trained = trainer.train(text)
size = text.tokens.nbytes + text.offsets.nbytes + trained.input.nbytes + trained.output.nbytes
print(json.dumps([len(text.tokens), len(text), size, read - before, peak() - before]))
"""


def main() -> None:
    """Train in new processes; print a table."""
    data = Path(os.environ.get("YOURVECTORS_DATA", "data"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", nargs="?", type=Path, default=data / "corpora/imdb_unsup.txt.gz")
    args = parser.parse_args()
    print("| trainer | dim | words | vocabulary | must, MB | vocab, MB | vectors, MB | times |")
    print("|---" * 8 + "|")
    for trainer in ("SkipGram", "CBOW", "GloVe"):
        for dim in (100, 300):
            command = [sys.executable, "-c", PROGRAM, str(args.text), trainer, str(dim)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            words, vocabulary, size, read, peak = json.loads(done.stdout)
            cells = [trainer, str(dim), f"{words:,}", f"{vocabulary:,}"]
            cells += [f"{n / 1e6:.0f}" for n in (size, read, peak)]
            print(f"| {' | '.join(cells)} | {peak / size:.1f} |", flush=True)


if __name__ == "__main__":
    main()
