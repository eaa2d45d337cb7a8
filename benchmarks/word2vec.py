"""Compare our word2vec with gensim's: speed, and the quality of the vectors.

    python benchmarks/word2vec.py reviews.txt.gz --eval path/of/similarity/files

The text has one document per line; it is lower-cased and split at white space. The trainers run
alternately in one process: other work on the machine changes absolute speeds but hardly the ratios,
and the table shows the median of the ratios. One thread is compared by CPU seconds, several by
elapsed time. Only training counts: both get a finished vocabulary, and our kernels are compiled
beforehand. Held-out loss is the loss on the words after the training text, every pair with its own
negatives (skip-gram only: CBOW does not predict from a single word).

Without arguments, the text is ``corpora/imdb_unsup.txt.gz`` and the similarity files are those in
``eval``, both in the folder named by the environment variable YOURVECTORS_DATA.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from texts import documents, take

from pipeline.stages.evaluation.evaluation import analogies, similarity
from pipeline.stages.vectors.word2vec import CBOW, Parallel, SkipGram
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocab, build

DIM, WINDOW, NEGATIVE, SAMPLE, MIN_COUNT = 100, 5, 5, 1e-3, 5
HELD_OUT = 200_000  # words
COMMON = 15_000  # analogy answers are searched among this many words

Floats = NDArray[np.floating[Any]]
Encoded = tuple[NDArray[np.int32], NDArray[np.int64]]


class Text(NamedTuple):
    """A vocabulary in the trainers' form, and the words after the training text."""

    words: list[str]
    counts: NDArray[np.int64]
    tokens: NDArray[np.int32]
    offsets: NDArray[np.int64]
    sentences: list[list[str]]
    held_out: Encoded


class Run(NamedTuple):
    """Cost and quality of one training."""

    cpu: float
    wall: float
    input: Floats
    output: Floats


def read(path: Path, words: int) -> Text:
    """Read the training text, and some more words to measure the loss on."""
    source = documents(path)
    sentences, held_out = take(source, words), take(source, HELD_OUT)
    known = build(sentences, Vocab(min_count=MIN_COUNT))
    return Text(
        known.words,
        known.counts,
        known.tokens,
        known.offsets,
        sentences,
        encode(held_out, known.index),
    )


def encode(sentences: list[list[str]], index: dict[str, int]) -> Encoded:
    """Return the ids of the known words, and where each sentence begins."""
    ids = [[index[word] for word in sentence if word in index] for sentence in sentences]
    offsets = np.cumsum([0, *map(len, ids)], dtype=np.int64)
    return np.fromiter((i for sentence in ids for i in sentence), np.int32), offsets


def timed(train: Callable[[], tuple[Floats, Floats]]) -> Run:
    """Train; return elapsed and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    vectors = train()
    return Run(time.process_time() - cpu, time.perf_counter() - wall, *vectors)


def ours(
    text: Text, model: type[SkipGram | CBOW], args: Any, threads: int, parallel: Parallel, seed: int
) -> Run:
    """Train with our kernels."""
    trainer = model(
        dim=DIM,
        window=WINDOW,
        negative=NEGATIVE,
        subsample=SAMPLE,
        learning_rate=args.rate,
        epochs=args.epochs,
        threads=threads,
        parallel=parallel,
        seed=seed,
    )

    def train() -> tuple[Floats, Floats]:
        trained = trainer.train(text)
        return trained.input, trained.output

    return timed(train)


def gensims(text: Text, model: type[SkipGram | CBOW], args: Any, threads: int, seed: int) -> Run:
    """Train with gensim."""
    from gensim.models import Word2Vec

    theirs = Word2Vec(
        vector_size=DIM,
        window=WINDOW,
        negative=NEGATIVE,
        sample=SAMPLE,
        min_count=MIN_COUNT,
        sg=int(model is SkipGram),
        alpha=args.rate,
        min_alpha=1e-4,
        epochs=args.epochs,
        workers=threads,
        seed=seed,
    )
    theirs.build_vocab(text.sentences)
    order = [theirs.wv.key_to_index[word] for word in text.words]

    def train() -> tuple[Floats, Floats]:
        theirs.train(text.sentences, total_examples=len(text.sentences), epochs=args.epochs)
        return theirs.wv.vectors[order], theirs.syn1neg[order]

    return timed(train)


def held_out_loss(text: Text, run: Run) -> float:
    """Mean negative-sampling loss of neighbouring words, each pair with fresh negatives."""
    random = np.random.default_rng(7)
    tokens, offsets = text.held_out
    sentence = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    pairs = []
    for distance in range(1, WINDOW + 1):
        near = sentence[:-distance] == sentence[distance:]
        near &= random.random(len(near)) < 1 - (distance - 1) / WINDOW
        a, b = tokens[:-distance][near], tokens[distance:][near]
        pairs += [np.stack([a, b]), np.stack([b, a])]
    words, centers = np.concatenate(pairs, axis=1)[:, :: 1 + len(pairs)]
    chance = text.counts**0.75
    negatives = random.choice(len(chance), (NEGATIVE, len(words)), p=chance / chance.sum())
    v = run.input[words]
    loss = np.logaddexp(0, -np.einsum("nd,nd->n", v, run.output[centers])).sum()
    for drawn in negatives:
        loss += np.logaddexp(0, np.einsum("nd,nd->n", v, run.output[drawn])).sum()
    return float(loss / len(words))


def quality(text: Text, run: Run, evaluation: Path) -> list[float]:
    """Return WordSim-353, SimLex-999, analogies and held-out loss."""
    vectors = WordVectors(text.words, run.input)
    common = WordVectors(text.words[:COMMON], run.input[:COMMON])
    return [
        similarity(vectors, evaluation / "EN-WS-353-ALL.txt").spearman,
        similarity(vectors, evaluation / "EN-SIMLEX-999.txt").spearman,
        analogies(common, evaluation / "questions-words.txt")[-1].accuracy,
        held_out_loss(text, run),
    ]


def compare(text: Text, model: type[SkipGram | CBOW], threads: int, args: Any) -> None:
    """Train alternately; print a table row per trainer."""
    ways = [Parallel.exact] if threads == 1 else [*Parallel]
    runs: dict[str, list[Run]] = {name: [] for name in (*(way.value for way in ways), "gensim")}
    for seed in range(1, args.rounds + 1):
        for way in ways:
            runs[way.value].append(ours(text, model, args, threads, way, seed))
        runs["gensim"].append(gensims(text, model, args, threads, seed))
    clock = "cpu" if threads == 1 else "wall"
    seconds = {name: [getattr(run, clock) for run in some] for name, some in runs.items()}
    total = args.epochs * len(text.tokens) / 1e6
    for name, some in runs.items():
        both = zip(seconds[name], seconds["gensim"], strict=True)
        figures = [total / median(seconds[name]), median(b / a for a, b in both)]
        figures += np.mean([quality(text, run, args.eval) for run in some], axis=0).tolist()
        if model is CBOW:
            figures.pop()
        cells = [model.__name__, str(threads), clock, name, *(f"{x:.3f}" for x in figures)]
        print("| " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """Read the text; compare both models with one and with two threads."""
    data = Path(os.environ.get("YOURVECTORS_DATA", "data"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", nargs="?", type=Path, default=data / "corpora/imdb_unsup.txt.gz")
    parser.add_argument("--eval", type=Path, default=data / "eval", help="similarity files")
    parser.add_argument(
        "--words", type=int, default=5_000_000, help="length of the training text in words"
    )
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument(
        "--rounds", type=int, default=3, help="rounds of both trainers, one seed each"
    )
    parser.add_argument("--rate", type=float, default=0.025, help="initial learning rate")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    args = parser.parse_args()
    text = read(args.text, args.words)
    print(f"{args.words:,} words, {len(text.words):,} different, {args.epochs} epochs\n")
    print("| model | threads | clock | trainer | M words/s | times gensim", end=" ")
    print("| WordSim | SimLex | analogies | held-out |\n|" + "---|" * 10)
    tiny = text._replace(tokens=text.tokens[:1000], offsets=np.array([0, 1000]))
    for model in (SkipGram, CBOW):
        model(dim=DIM, epochs=1).train(tiny)  # compiles
        for threads in args.threads:
            compare(text, model, threads, args)


if __name__ == "__main__":
    main()
