"""Choose the settings of RESULTS.md by cross-validation, without looking at test.

    python benchmarks/selection.py --trees trees
    python benchmarks/selection.py --trees trees --reviews reviews.txt.gz
    python benchmarks/selection.py --trees trees --glove glove.6B.100d.txt

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
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

import pipeline as yv
from pipeline.stages.corpus.corpus import FIVE_CLASSES
from pipeline.stages.corpus.sst import Tree, read_trees
from pipeline.stages.features.features import Bag, BagValues, Mean, Weighting, featurize
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
BIGRAMS = Mean(bag=Bag.bigrams)
BAGS = [
    *(Mean(bag=bag, bag_scale=scale) for bag in (Bag.words, Bag.bigrams) for scale in (0.1, 0.4)),
    BIGRAMS,
    *(replace(BIGRAMS, bag_min_df=least) for least in (1, 5)),
    *(replace(BIGRAMS, bag_values=values) for values in (BagValues.counts, BagValues.log_ratio)),
]
WITH_BAG: list[Way] = [
    *((Combine.concat, mean, 0) for mean in BAGS),
    *((Combine.concat, BIGRAMS, least) for least in (12, 8, 4, 2)),
    *(
        (Combine.concat, mean, 8)
        for mean in (Mean(), Mean(bag=Bag.words), replace(BIGRAMS, bag_values=BagValues.log_ratio))
    ),
]
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
CHOSEN = replace(SMALL_STEPS, subword=10, dim=100)
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
    (CHOSEN, WITH_PHRASES),
    (CHOSEN, WITH_BAG),
]
ON_REVIEWS: list[tuple[Trainer, list[Way]]] = [
    (REVIEWS, WAYS[:3]),
    (replace(REVIEWS, window=5), PLAIN),
    (replace(REVIEWS, epochs=10), PLAIN),
    (replace(REVIEWS, dim=100), WITH_PHRASES),
    (REVIEWS, WITH_PHRASES[2:3]),
    (REVIEWS, WITH_BAG),
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
    phrases = [
        (label, tree.tokens[begin:end])
        for tree in seen
        for label, begin, end in tree.phrases
        if least and end - begin >= least
    ]
    train, test = (split([(tree.label, tree.tokens) for tree in part]) for part in (seen, held))
    corpus = yv.Corpus(
        "fold",
        FIVE_CLASSES,
        {"train": train, "dev": test, "test": test},
        phrases=split(phrases) if phrases else None,
    )
    features = featurize(corpus, vectors, mean)
    training_data = features.training_data
    model, found = None, []
    for strength in reversed(LOGISTIC.strengths):
        model = fit(LOGISTIC.classifier(strength, model), *training_data)
        found.append(float(np.mean(model.predict(features.X["test"]) == test.labels)))
    return np.array(found[::-1])


def split(rows: list[tuple[int, list[str]]]) -> yv.Split:
    """Return labels and tokens as a part of a corpus."""
    return yv.Split([tokens for _, tokens in rows], np.array([label for label, _ in rows]))


def score(
    name: str,
    trees: list[Tree],
    vectors: Callable[[list[int], Combine], WordVectors],
    ways: list[Way],
) -> None:
    """Print a row per way of using the vectors of a fold."""
    labels = np.array([tree.label for tree in trees])
    folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(labels, labels))
    for combine, mean, least in ways:
        found = [
            accuracies(trees, vectors(fold[0].tolist(), combine), mean, least, fold)
            for fold in folds
        ]
        means = np.mean(found, axis=0)
        best = int(means.argmax())
        learnt = f", phrases={least}" if least else ""
        cells = [name, combine.value, _said(mean) + learnt, f"{100 * means[best]:.2f}"]
        print(f"| {' | '.join(cells)} | {LOGISTIC.strengths[best]:.3g} |", flush=True)


def _said(config: Trainer | Mean) -> str:
    """Name the settings that differ from the baseline."""
    usual = type(config)()
    changed = [f"{k}={v}" for k, v in vars(config).items() if v != getattr(usual, k)]
    return ", ".join([type(config).__name__, *changed])


def main() -> None:
    """Search on the treebank's text, on the reviews, or with GloVe."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trees", help="folder of the treebank (default: download it)")
    parser.add_argument("--reviews", help="file with one review per line")
    parser.add_argument("--glove", help="file of GloVe vectors")
    parser.add_argument("--only", choices=["bag"], help="only the rows with a bag")
    args = parser.parse_args()
    extra = [args.reviews] if args.reviews else []
    corpus = yv.Sst(path=args.trees, unlabelled=extra).load()
    folder = Path(args.trees or Path("data") / "sst")
    trees = [
        tree._replace(tokens=[token.lower() for token in tree.tokens])
        for name in ("train", "dev")
        for tree in read_trees(folder / f"{name}.txt")
    ]
    reviews = build(corpus.unlabelled, yv.Vocab(min_count=2)) if extra else None

    def trained(trainer: Trainer) -> Callable[[list[int], Combine], WordVectors]:
        """Return a function that gives the vectors of a fold, trained when first asked for."""

        @cache
        def learnt(seen: tuple[int, ...]) -> tuple[Vocabulary, Trained]:
            text = reviews or build((trees[i].tokens for i in seen), yv.Vocab())
            return text, trainer.train(text)

        def vectors(seen: list[int], combine: Combine) -> WordVectors:
            text, made = learnt(() if reviews else tuple(seen))
            matrix = smooth(text.words, text.counts, made.matrix(combine), trainer.subword)
            return WordVectors(text.words, matrix)

        return vectors

    print("| trainer | vectors of a word | features | accuracy | strength |\n|---|---|---|---|---|")
    with threadpool_limits(1):
        if args.glove:
            words = {word for tree in trees for word in tree.tokens}
            known = yv.read_vectors(args.glove, words=words)
            score("GloVe", trees, lambda *_: known, PLAIN + WITH_BAG)
            return
        for trainer, ways in ON_REVIEWS if reviews else ON_TREEBANK:
            if args.only is None or ways is WITH_BAG:
                score(_said(trainer), trees, trained(trainer), ways)


if __name__ == "__main__":
    main()
