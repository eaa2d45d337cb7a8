"""Compare the stages `vocab` and `vectors` with gensim, everything from the text file on included.

    python benchmarks/stages.py reviews.txt.gz --trees path/of/treebank

The text is lower-cased, split at white space and written to a temporary file, one document per
line. Both sides start from that file, alternately, with one thread each. The table shows the median
of the ratios of elapsed time. The compile cache is warm, as it is from the second run on.

Without arguments, both texts come from the folder named by the environment variable
YOURVECTORS_DATA.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from texts import documents, take

from pipeline import SkipGram, Sst, Text, Vocab, Vocabulary
from pipeline.stages.vocab import build


def ours(path: Path, min_count: int, trainer: SkipGram | None) -> Vocabulary:
    """Count, encode and, with a trainer, train."""
    vocabulary = build(Text((path,), lower=False, tokenized=True), Vocab(min_count=min_count))
    if trainer:
        trainer.train(vocabulary)
    return vocabulary


def gensims(path: Path, min_count: int, trainer: SkipGram | None) -> None:
    """Count and, with a trainer's settings, train."""
    from gensim.models import Word2Vec
    from gensim.models.word2vec import LineSentence

    settings = trainer or SkipGram()
    model = Word2Vec(
        vector_size=settings.dim,
        window=settings.window,
        negative=settings.negative,
        sample=settings.subsample,
        alpha=settings.learning_rate,
        min_alpha=settings.min_learning_rate,
        min_count=min_count,
        epochs=settings.epochs,
        sg=1,
        workers=1,
        seed=1,
    )
    sentences = LineSentence(str(path))
    model.build_vocab(sentences)
    if trainer:
        model.train(sentences, total_examples=model.corpus_count, epochs=model.epochs)


def compare(name: str, first: Callable[[], object], second: Callable[[], object], n: int) -> None:
    """Time both alternately; print a table row."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(n):
        for work, spent in zip((first, second), seconds, strict=True):
            began = time.perf_counter()
            work()
            spent.append(time.perf_counter() - began)
    ratio = median(b / a for a, b in zip(*seconds, strict=True))
    print(
        f"| {name} | {median(seconds[0]):.2f} | {median(seconds[1]):.2f} | {ratio:.1f} |",
        flush=True,
    )


def main() -> None:
    """Write the texts and compare both sides."""
    data = Path(os.environ.get("YOURVECTORS_DATA", "data"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", nargs="?", type=Path, default=data / "corpora/imdb_unsup.txt.gz")
    parser.add_argument("--trees", default=str(data / "sst"), help="folder of the treebank")
    parser.add_argument("--words", type=int, default=5_000_000, help="length of the text")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        reviews, trees = Path(folder) / "reviews.txt", Path(folder) / "trees.txt"
        taken = take(documents(args.text), args.words)
        reviews.write_text("".join(" ".join(tokens) + "\n" for tokens in taken))
        words = sum(map(len, taken))
        treebank = Sst(path=args.trees).load().text()
        trees.write_text("".join(" ".join(tokens) + "\n" for tokens in treebank))
        ours(trees, 1, SkipGram(epochs=1))  # compiles, or loads the compile cache

        print(
            f"{words:,} words\n\n| what | ours, s | gensim, s | times gensim |\n|---|---|---|---|"
        )
        rounds = args.rounds
        compare(
            "vocabulary and encoding, against the vocabulary alone",
            lambda: ours(reviews, 5, None),
            lambda: gensims(reviews, 5, None),
            rounds,
        )
        small = SkipGram(dim=50, epochs=20)
        compare(
            "the treebank's text: vocabulary and 50-d vectors, 20 epochs",
            lambda: ours(trees, 1, small),
            lambda: gensims(trees, 1, small),
            rounds,
        )
        large = SkipGram(dim=100, epochs=5, learning_rate=0.025)
        compare(
            "everything: vocabulary and 100-d vectors, 5 epochs",
            lambda: ours(reviews, 5, large),
            lambda: gensims(reviews, 5, large),
            max(1, rounds - 1),
        )


if __name__ == "__main__":
    main()
