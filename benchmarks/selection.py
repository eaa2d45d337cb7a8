"""How the settings of RESULTS.md were chosen: by cross-validation in which test has no part.

    python benchmarks/selection.py --trees trees
    python benchmarks/selection.py --trees trees --reviews reviews.txt.gz

Dev alone is too small to tell settings apart: 1,101 sentences have a standard error of 1.5 points.
So the 9,645 sentences of train and dev are split in five: the classifier learns from four parts and
is scored on the fifth. Vectors must not have seen that either: on the treebank's text they are
trained five times, on the four parts alone; on the reviews once, and on nothing else. A setting's
score is the mean over folds, at the best strength; its standard error is half a point.
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
from pipeline.features import Mean, average, word_counts, word_weights
from pipeline.sweep import Logistic, fit
from pipeline.trainer import Combine, Trained
from pipeline.vocab import Vocabulary, build
from pipeline.wordvectors import WordVectors

Trainer = yv.SkipGram | yv.CBOW
Way = tuple[Combine, Mean]
Train = Callable[[Trainer, list[int]], tuple[Vocabulary, Trained]]
"""Gives vectors that have not seen other sentences than these."""

LOGISTIC = Logistic(np.logspace(-1, 3, 9).tolist(), tol=1e-4)
PLAIN: list[Way] = [(Combine.concat, Mean())]
WAYS: list[Way] = [
    *((combine, Mean()) for combine in Combine),
    *((Combine.concat, Mean(weighting=weighting)) for weighting in ("idf", "sif")),
    (Combine.concat, Mean(unit=True)),
]
TREEBANK = yv.SkipGram(dim=50, subsample=0)
REVIEWS = yv.SkipGram(dim=300, epochs=5, window=10, threads=2)
ON_TREEBANK: list[tuple[Trainer, list[Way]]] = [
    (TREEBANK, WAYS),
    *((replace(TREEBANK, window=window), PLAIN) for window in (5, 10, 25)),
    *((replace(TREEBANK, epochs=epochs), PLAIN) for epochs in (10, 40)),
    *((replace(TREEBANK, negative=negative), PLAIN) for negative in (2, 10)),
    *((replace(TREEBANK, subsample=threshold), PLAIN) for threshold in (1e-3, 1e-4)),
    (replace(TREEBANK, learning_rate=0.025), PLAIN),
    (yv.CBOW(dim=50, window=15, subsample=0), PLAIN),
    *((replace(TREEBANK, dim=dim), PLAIN) for dim in (100, 300)),
]
ON_REVIEWS: list[tuple[Trainer, list[Way]]] = [
    (REVIEWS, WAYS[:-1]),
    (replace(REVIEWS, window=15), PLAIN),
    (replace(REVIEWS, epochs=10), PLAIN),
    (replace(REVIEWS, dim=100), PLAIN),
]


def accuracies(
    sentences: list[list[str]],
    labels: NDArray[np.int64],
    vectors: WordVectors,
    mean: Mean,
    fold: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> NDArray[np.float64]:
    """Return the accuracy on the fifth part at each strength."""
    counts, lengths = word_counts(sentences, vectors)
    seen, held = fold
    weights = word_weights(counts[seen], lengths[seen], mean)
    X = average(counts, lengths, vectors, mean, weights)
    model, found = None, []
    for strength in reversed(LOGISTIC.strengths):
        model = fit(LOGISTIC.classifier(strength, model), X[seen], labels[seen])
        found.append(float(np.mean(model.predict(X[held]) == labels[held])))
    return np.array(found[::-1])


def score(corpus: yv.Corpus, train: Train, trials: list[tuple[Trainer, list[Way]]]) -> None:
    """Print a row a setting."""
    parts = [corpus.splits[name] for name in ("train", "dev")]
    sentences = [tokens for part in parts for tokens in part.sentences]
    labels = np.concatenate([part.labels for part in parts])
    folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(labels, labels))
    print("| trainer | vectors of a word | features | accuracy | strength |\n|---|---|---|---|---|")
    for trainer, ways in trials:
        found: list[list[NDArray[np.float64]]] = [[] for _ in ways]
        for fold in folds:
            vocabulary, trained = train(trainer, fold[0].tolist())
            for way, (combine, mean) in enumerate(ways):
                vectors = WordVectors(vocabulary.words, trained.matrix(combine))
                found[way].append(accuracies(sentences, labels, vectors, mean, fold))
        for (combine, mean), scores in zip(ways, found, strict=True):
            means = np.mean(scores, axis=0)
            best = int(means.argmax())
            cells = [_said(trainer), combine.value, _said(mean), f"{100 * means[best]:.2f}"]
            print(f"| {' | '.join(cells)} | {LOGISTIC.strengths[best]:.3g} |", flush=True)


def _said(config: Trainer | Mean) -> str:
    """Name what is not as usual."""
    usual = type(config)()
    changed = [f"{k}={v}" for k, v in vars(config).items() if v != getattr(usual, k)]
    return ", ".join([type(config).__name__, *changed])


def main() -> None:
    """Search on the treebank's own text, or on the reviews."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trees", help="folder of the treebank; unset: it is downloaded")
    parser.add_argument("--reviews", type=Path, help="a review a line; unset: the treebank's text")
    args = parser.parse_args()
    extra = [str(args.reviews)] if args.reviews else []
    corpus = yv.Sst(path=args.trees, unlabelled=extra).load()
    texts = [tokens for name in ("train", "dev") for tokens in corpus.splits[name].sentences]
    done: dict[str, Trained] = {}
    reviews = build(corpus.unlabelled, yv.Vocab(min_count=2)) if extra else None

    def on_treebank(trainer: Trainer, seen: list[int]) -> tuple[Vocabulary, Trained]:
        vocabulary = build((texts[i] for i in seen), yv.Vocab())
        return vocabulary, trainer.train(vocabulary)

    def on_reviews(trainer: Trainer, _: list[int]) -> tuple[Vocabulary, Trained]:
        assert reviews is not None
        if repr(trainer) not in done:
            done[repr(trainer)] = trainer.train(reviews)
        return reviews, done[repr(trainer)]

    with threadpool_limits(1):
        if reviews is None:
            score(corpus, on_treebank, ON_TREEBANK)
        else:
            score(corpus, on_reviews, ON_REVIEWS)


if __name__ == "__main__":
    main()
