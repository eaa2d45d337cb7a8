"""Fit the classifier with each of scikit-learn's solvers on the features of the treebank.

    python benchmarks/classifiers.py --trees trees

``averages`` are 600 dimensions of own vectors, ``with bigrams`` has sparse columns beside them,
``wide`` are 3,000 dimensions. ``sweep=logistic`` uses ``centred lbfgs`` and ``own newton``.
Every solver fits the same strengths, strongest first, each from the fit before, until no entry of
the mean gradient is above 1e-6. The last column is the largest difference of a dev probability from
those of the first solver. All on one thread.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

import pipeline as yv
from pipeline.stages.features.features import Bag, Features, Mean
from pipeline.stages.sweep.sweep import fit, inverse
from pipeline.stages.vectors.loop import Combine

STRENGTHS = (300, 100, 30, 10, 3, 1, 0.3, 0.1)


def features(corpus: yv.Corpus, dim: int, mean: Mean) -> Features:
    """Return the treebank's features with own vectors, both vectors of a word side by side."""
    vocabulary = yv.build_vocab(corpus)
    trainer = yv.SkipGram(dim=dim, epochs=2, subsample=0, combine=Combine.concat)
    return yv.featurize(corpus, yv.train_vectors(corpus, vocabulary, trainer), mean)


def measure(made: Features, solver: str, limit: int) -> tuple[float, bool, list[Any]]:
    """Return CPU seconds, whether all fits converged, and dev's probabilities at each strength."""
    named = "lbfgs" if " " in solver else solver
    model: Any = LogisticRegression(solver=named, tol=1e-6, max_iter=limit, warm_start=True)
    X, y, _ = made.training_data
    found, converged, began = [], True, time.process_time()
    for strength in STRENGTHS:
        model.set_params(C=inverse(strength))
        if " " in solver:
            fit(model.set_params(solver="lbfgs"), X, y)
        else:
            model.fit(X, y)
        converged &= bool(model.n_iter_.max() < limit)
        found.append(model.predict_proba(made.X["dev"]))
    return time.process_time() - began, converged, found


def main() -> None:
    """Print a row for each kind of features and solver."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trees", help="folder of the treebank (default: download it)")
    corpus = yv.Sst(path=parser.parse_args().trees).load()
    kinds = {
        "averages": (300, Mean(), ("centred lbfgs", "lbfgs", "newton-cg")),
        "with bigrams": (300, Mean(bag=Bag.bigrams), ("own newton", "newton-cg", "lbfgs", "saga")),
        "wide": (1500, Mean(), ("centred lbfgs", "newton-cg")),
    }
    print("| features | number | solver | CPU seconds | converged | difference |")
    print("|---|---|---|---|---|---|")
    with threadpool_limits(1):
        for kind, (dim, mean, solvers) in kinds.items():
            made, first = features(corpus, dim, mean), None
            for solver in solvers:
                taken, converged, found = measure(made, solver, 300 if solver == "saga" else 10_000)
                first = found if first is None else first
                apart = max(np.abs(a - b).max() for a, b in zip(first, found, strict=True))
                cells = [kind, f"{made.number:,}", solver, f"{taken:.1f}"]
                cells += ["yes" if converged else "no", f"{apart:.1e}"]
                print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
