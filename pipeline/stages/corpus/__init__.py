"""Corpora: the embedded `Sample`, the `Sst` treebank, and your own `Table`."""

from pipeline.stages.corpus.checks import Check, log_checks
from pipeline.stages.corpus.config import CorpusConfig, load_corpus
from pipeline.stages.corpus.corpus import Corpus, Pretraining, Split
from pipeline.stages.corpus.formats.splits import SPLITS
from pipeline.stages.corpus.imdb import Imdb
from pipeline.stages.corpus.overlap import check_text
from pipeline.stages.corpus.sample import Sample
from pipeline.stages.corpus.sst import Granularity, Sst
from pipeline.stages.corpus.table import Table
from pipeline.stages.corpus.tokenizers import Tokenizer, tokenize
from pipeline.stages.corpus.unlabelled import Text

__all__ = [
    "SPLITS",
    "Check",
    "Corpus",
    "CorpusConfig",
    "Granularity",
    "Imdb",
    "Pretraining",
    "Sample",
    "Split",
    "Sst",
    "Table",
    "Text",
    "Tokenizer",
    "check_text",
    "load_corpus",
    "log_checks",
    "tokenize",
]
