"""Corpora: the embedded `Sample`, the `Sst` treebank, and a `Table` of one's own."""

from pipeline.stages.corpus.corpus import (
    SPLITS,
    Corpus,
    CorpusConfig,
    Pretraining,
    Split,
    load_corpus,
)
from pipeline.stages.corpus.sample import Sample
from pipeline.stages.corpus.sst import Granularity, Sst
from pipeline.stages.corpus.table import Table
from pipeline.stages.corpus.tokenizers import Tokenizer, tokenize
from pipeline.stages.corpus.unlabelled import Text

__all__ = [
    "SPLITS",
    "Corpus",
    "CorpusConfig",
    "Granularity",
    "Pretraining",
    "Sample",
    "Split",
    "Sst",
    "Table",
    "Text",
    "Tokenizer",
    "load_corpus",
    "tokenize",
]
