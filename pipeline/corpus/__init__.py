"""Corpora: the embedded `Sample`, the `Sst` treebank, and a `Table` of one's own."""

from pipeline.corpus.base import SPLITS, Corpus, CorpusConfig, Pretraining, Split, load_corpus
from pipeline.corpus.sample import Sample
from pipeline.corpus.sst import Granularity, Sst
from pipeline.corpus.table import Table
from pipeline.corpus.text import Text
from pipeline.corpus.tokens import sentences, tokenize

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
    "load_corpus",
    "sentences",
    "tokenize",
]
