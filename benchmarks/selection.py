"""Choose the settings of RESULTS.md by cross-validation, without looking at test.

    python benchmarks/selection.py --trees trees
    python benchmarks/selection.py --trees trees --reviews reviews.txt.gz

Dev alone is too small to tell settings apart: an accuracy on 1,101 sentences has a standard error
of 1.5 points. So the 9,645 sentences of train and dev are split into five folds: the classifier
learns from four and is scored on the fifth. The vectors must not see the fifth fold either: on the
treebank's text they are trained five times, on four folds each; on the reviews they are trained
once, on the reviews only. The score of a setting is its mean over folds at the best strength; its
standard error is half a point.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

import pipeline as yv
from pipeline.stages.corpus.corpus import FIVE_CLASSES
from pipeline.stages.corpus.sst import Tree, read_trees
from pipeline.stages.features.features import (
    PHRASES,
    Features,
    Mean,
    Weighting,
    average,
    word_counts,
    word_weights,
)
from pipeline.stages.sweep.sweep import Logistic, fit
from pipeline.stages.vectors.loop import Combine, Trained
from pipeline.stages.vectors.subword import smooth
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocabulary, build

Trainer = yv.SkipGram | yv.CBOW
Way = tuple[Combine, Mean, int]
"""Which vector of a word, how to average, and words of the least phrase learnt from; 0: of none."""
Train = Callable[[Trainer, list[int]], tuple[Vocabulary, Trained]]
"""Gives vectors that have not seen other sentences than these."""

LOGISTIC = Logistic(np.logspace(-0.5, 2.5, 7).tolist(), tol=1e-4)
PLAIN: list[Way] = [(Combine.concat, Mean(), 0)]
WITH_PHRASES: list[Way] = [(Combine.concat, Mean(), least) for least in (0, 8, 12, 16)]
WAYS: list[Way] = [
    *((combine, Mean(), 0) for combine in Combine),
    *(
        (Combine.concat, Mean(weighting=weighting), 0)
        for weighting in (Weighting.idf, Weighting.sif)
    ),
    (Combine.concat, Mean(normalize=True), 0),
]
TREEBANK = yv.SkipGram(dim=50, subsample=0)
SMALL_STEPS = replace(TREEBANK, learning_rate=0.025)
REVIEWS = yv.SkipGram(dim=300, epochs=5, window=10, threads=2)
ON_TREEBANK: list[tuple[Trainer, list[Way]]] = [
    (TREEBANK, WAYS),
    *((replace(TREEBANK, window=window), PLAIN) for window in (5, 10, 25)),
    *((replace(TREEBANK, epochs=epochs), PLAIN) for epochs in (10, 40)),
    *((replace(TREEBANK, negative=negative), PLAIN) for negative in (2, 10)),
    *((replace(TREEBANK, subsample=threshold), PLAIN) for threshold in (1e-3, 1e-4)),
    *((replace(SMALL_STEPS, subword=prior), PLAIN) for prior in (0, 3, 10, 30)),
    (yv.CBOW(dim=50, window=15, subsample=0), PLAIN),
    *((replace(TREEBANK, dim=dim), PLAIN) for dim in (100, 300)),
    (replace(SMALL_STEPS, subword=10, dim=100), WITH_PHRASES),
]
ON_REVIEWS: list[tuple[Trainer, list[Way]]] = [
    (REVIEWS, WAYS[:3]),
    (replace(REVIEWS, window=5), PLAIN),
    (replace(REVIEWS, epochs=10), PLAIN),
    (replace(REVIEWS, dim=100), WITH_PHRASES),
    (REVIEWS, WITH_PHRASES[2:3]),
]


def accuracies(
    trees: list[Tree],
    vectors: WordVectors,
    mean: Mean,
    least: int,
    fold: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> NDArray[np.float64]:
    """Return the accuracy on the held-out fold at each strength."""
    seen, held = ([trees[i] for i in part] for part in fold)
    parts = {
        "train": [(tree.label, tree.tokens) for tree in seen],
        "held": [(tree.label, tree.tokens) for tree in held],
    }
    if least:
        parts[PHRASES] = [
            (label, tree.tokens[begin:end])
            for tree in seen
            for label, begin, end in tree.phrases
            if end - begin >= least
        ]
    counted = {
        name: word_counts([tokens for _, tokens in rows], vectors.index, len(vectors))
        for name, rows in parts.items()
    }
    weights = word_weights(*counted["train"], mean)
    X = {name: average(*both, vectors, mean, weights) for name, both in counted.items()}
    y = {name: np.array([label for label, _ in rows]) for name, rows in parts.items()}
    training_data = Features(X, y, {}, FIVE_CLASSES).training_data
    model, found = None, []
    for strength in reversed(LOGISTIC.strengths):
        model = fit(LOGISTIC.classifier(strength, model), *training_data)
        found.append(float(np.mean(model.predict(X["held"]) == y["held"])))
    return np.array(found[::-1])


def score(trees: list[Tree], train: Train, trials: list[tuple[Trainer, list[Way]]]) -> None:
    """Print a row per setting."""
    labels = np.array([tree.label for tree in trees])
    folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(labels, labels))
    print("| trainer | vectors of a word | features | accuracy | strength |\n|---|---|---|---|---|")
    for trainer, ways in trials:
        found: list[list[NDArray[np.float64]]] = [[] for _ in ways]
        for fold in folds:
            vocabulary, trained = train(trainer, fold[0].tolist())
            for way, (combine, mean, least) in enumerate(ways):
                matrix = trained.matrix(combine)
                matrix = smooth(vocabulary.words, vocabulary.counts, matrix, trainer.subword)
                vectors = WordVectors(vocabulary.words, matrix)
                found[way].append(accuracies(trees, vectors, mean, least, fold))
        for (combine, mean, least), scores in zip(ways, found, strict=True):
            means = np.mean(scores, axis=0)
            best = int(means.argmax())
            learnt = f", phrases={least}" if least else ""
            cells = [_said(trainer), combine.value, _said(mean) + learnt]
            cells.append(f"{100 * means[best]:.2f}")
            print(f"| {' | '.join(cells)} | {LOGISTIC.strengths[best]:.3g} |", flush=True)


def _said(config: Trainer | Mean) -> str:
    """Name the settings that differ from the baseline."""
    usual = type(config)()
    changed = [f"{k}={v}" for k, v in vars(config).items() if v != getattr(usual, k)]
    return ", ".join([type(config).__name__, *changed])


def main() -> None:
    """Search on the treebank's text, or on the reviews."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trees", help="folder of the treebank (default: download it)")
    parser.add_argument(
        "--reviews", type=Path, help="file with one review per line (default: the treebank's text)"
    )
    args = parser.parse_args()
    extra = [str(args.reviews)] if args.reviews else []
    corpus = yv.Sst(path=args.trees, unlabelled=extra).load()
    folder = Path(args.trees or Path("data") / "sst")
    trees = [
        tree._replace(tokens=[token.lower() for token in tree.tokens])
        for name in ("train", "dev")
        for tree in read_trees(folder / f"{name}.txt")
    ]
    done: dict[str, Trained] = {}
    reviews = build(corpus.unlabelled, yv.Vocab(min_count=2)) if extra else None

    def on_treebank(trainer: Trainer, seen: list[int]) -> tuple[Vocabulary, Trained]:
        vocabulary = build((trees[i].tokens for i in seen), yv.Vocab())
        return vocabulary, trainer.train(vocabulary)

    def on_reviews(trainer: Trainer, _: list[int]) -> tuple[Vocabulary, Trained]:
        assert reviews is not None
        if repr(trainer) not in done:
            done[repr(trainer)] = trainer.train(reviews)
        return reviews, done[repr(trainer)]

    with threadpool_limits(1):
        if reviews is None:
            score(trees, on_treebank, ON_TREEBANK)
        else:
            score(trees, on_reviews, ON_REVIEWS)


if __name__ == "__main__":
    main()
