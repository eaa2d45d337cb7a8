"""The public names of the package, imported when the first of them is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.cache.store import Cache
from pipeline.comparison import Comparison, compare
from pipeline.core.errors import UserError
from pipeline.experiment import Experiment
from pipeline.stages.best.best import Best, OnDev, Ties, pick_best
from pipeline.stages.best.text_classifier import TextClassifier
from pipeline.stages.corpus import (
    Corpus,
    Granularity,
    Imdb,
    Sample,
    Split,
    Sst,
    Table,
    Text,
    Tokenizer,
    tokenize,
)
from pipeline.stages.features.features import Bag, Features, Mean, Unknown, featurize
from pipeline.stages.report.page import write_page
from pipeline.stages.report.report import Report, write_report
from pipeline.stages.sweep.sweep import Logistic, OneVsRest, Sweep, TwoLayer, sweep_strengths
from pipeline.stages.vectors.formats import read_text, read_vectors, write_text, write_vectors
from pipeline.stages.vectors.loop import Combine
from pipeline.stages.vectors.vectors import (
    CBOW,
    Both,
    GloVe,
    Glove,
    GloveTrain,
    Pretrained,
    Random,
    SkipGram,
    WordVectors,
    train_vectors,
)
from pipeline.stages.vectors.word2vec import Loss
from pipeline.stages.vocab import Vocab, Vocabulary, build_vocab

if TYPE_CHECKING:
    from pipeline.stages.features.transformer import MeanVectors

__all__ = [
    "CBOW",
    "Bag",
    "Best",
    "Both",
    "Cache",
    "Combine",
    "Comparison",
    "Corpus",
    "Experiment",
    "Features",
    "GloVe",
    "Glove",
    "GloveTrain",
    "Granularity",
    "Imdb",
    "Logistic",
    "Loss",
    "Mean",
    "MeanVectors",
    "OnDev",
    "OneVsRest",
    "Pretrained",
    "Random",
    "Report",
    "Sample",
    "SkipGram",
    "Split",
    "Sst",
    "Sweep",
    "Table",
    "Text",
    "TextClassifier",
    "Ties",
    "Tokenizer",
    "TwoLayer",
    "Unknown",
    "UserError",
    "Vocab",
    "Vocabulary",
    "WordVectors",
    "build_vocab",
    "compare",
    "featurize",
    "pick_best",
    "read_text",
    "read_vectors",
    "sweep_strengths",
    "tokenize",
    "train_vectors",
    "write_page",
    "write_report",
    "write_text",
    "write_vectors",
]


def __getattr__(name: str) -> Any:
    """Import `MeanVectors` when it is used: it needs scikit-learn, which takes a second."""
    if name == "MeanVectors":
        from pipeline.stages.features.transformer import MeanVectors

        return MeanVectors
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
