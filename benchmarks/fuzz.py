"""Give broken and hostile input to every reader.

    nice python benchmarks/fuzz.py
    python benchmarks/fuzz.py --inputs 5000 --only trees --seed 2

Prints a table. A fault is printed with its input, and the command exits with an error.
tests/fuzzing.py says what counts as a fault and how inputs are made.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from fuzzing import composing, fuzz, readers


def main() -> None:
    """Fuzz all readers, or those that --only names."""
    parser = argparse.ArgumentParser(description="Give broken and hostile input to every reader.")
    parser.add_argument("--inputs", type=int, default=100_000, help="smallest number in total")
    parser.add_argument("--only", default="", help="only readers whose name contains this")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    faults = total = 0
    print("| reader | inputs | refused | accepted | faults | s |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as made, composing():
        folder = Path(made)
        chosen = [one for one in readers(folder / "valid") if options.only in one.name]
        each = options.inputs / sum(one.share for one in chosen)
        for reader in chosen:
            began, count = time.monotonic(), int(each * reader.share) + 1
            tally = fuzz(reader, folder / "fuzz", count, options.seed)
            total += count
            faults += sum(tally.faults.values())
            print(
                f"| {reader.name} | {count:,} | {tally.refused:,} | {tally.accepted:,} "
                f"| {sum(tally.faults.values())} | {time.monotonic() - began:.0f} |",
                flush=True,
            )
            for what, times in tally.faults.most_common(10):
                print(f"  {times} x {what}\n    {str(tally.inputs[what])[:600]}", file=sys.stderr)
    print(f"| all | {total:,} | | | {faults} | |")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
