"""What each stage's result depends on, as plain values: the store's keys are made of them.

A function a stage, called like the stage's own. To name too little is to reuse what should have
been made anew; to name too much, to make again what is there.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from pipeline.cache.store import digest_of
from pipeline.core.files import file_digest
from pipeline.stages.best.best import Best, OnDev
from pipeline.stages.corpus import Corpus, CorpusConfig, Table
from pipeline.stages.evaluation.evaluation import Evaluation
from pipeline.stages.features.features import Features, Mean
from pipeline.stages.report import Report
from pipeline.stages.sweep.sweep import Sweep, Sweepable
from pipeline.stages.vectors.formats import files_of
from pipeline.stages.vectors.loop import Trainer
from pipeline.stages.vectors.pretrained import ARCHIVE, Glove
from pipeline.stages.vectors.vectors import Source
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocab, Vocabulary

Plain = dict[str, Any]

# What these tell is of no concern to what is read from the table.
_NOT_OF_TABLE = {"unlabelled", "unlabelled_words", "tokenized", "text_splits", "ordinal"}


class UnknownError(Exception):
    """What a result depends on cannot be known."""


def corpus(config: CorpusConfig) -> Plain | None:
    """Return what the labelled sentences depend on; None: they are had in a second, or not ours."""
    if type(config) is not Table or config.path is None:
        return None
    told = {name: value for name, value in described(config).items() if name not in _NOT_OF_TABLE}
    path = Path(config.path).expanduser()
    return {"config": told | {"path": path.name}, "file": file_digest(path)}


def vocab(corpus: Corpus, config: Vocab) -> Plain:
    """Return what the vocabulary depends on: the text, whatever its labels."""
    return {"config": described(config), "text": corpus.text_digest}


def vectors(
    corpus: Corpus, vocabulary: Vocabulary, source: Source, also: Iterable[str] = (), *_: Any
) -> Plain:
    """Return what vectors depend on: if trained, of the corpus only the text, and no checkpoint."""
    if isinstance(source, Trainer):
        return {"config": described(source), "text": vocabulary.digest}
    if type(source) is Glove:
        words = sorted({*vocabulary.words, *corpus.words(), *also})
        return {"dim": source.dim, "file": _glove(source, corpus), "words": digest_of(words)}
    return {
        "config": described(source),
        "corpus": [corpus.digest, corpus.ordinal],
        "pretraining": corpus.pretraining.key if corpus.pretraining else None,
        "text": vocabulary.digest,
        "also": digest_of(list(also)),
    }


def _glove(source: Glove, corpus: Corpus) -> Any:
    """Name the file by its content, one that need not be there yet by what it will be."""
    if source.path is not None:
        path = Path(source.path).expanduser()
        return [path.name, *(file_digest(file) for file in files_of(path))]
    return corpus.pretraining.key if corpus.pretraining else ARCHIVE.sha256


def evaluation(vectors: WordVectors, config: Evaluation) -> Plain:
    """Return what the scores of vectors depend on."""
    files = {
        kind: [[Path(name).stem, file_digest(Path(name).expanduser())] for name in names]
        for kind, names in (("similarity", config.similarity), ("analogies", config.analogies))
    }
    return {"config": described(config) | files, "vectors": vectors.digest}


def features(corpus: Corpus, vectors: WordVectors, config: Mean) -> Plain:
    """Return what features depend on: the labelled sentences and the vectors."""
    return {
        "config": described(config),
        "splits": [[name, split.digest] for name, split in corpus.splits.items()],
        "phrases": corpus.phrases.digest if corpus.phrases is not None else None,
        "classes": [corpus.classes, corpus.ordinal],
        "vectors": vectors.digest,
    }


def sweep(features: Features, config: Sweepable) -> Plain:
    """Return what the sweep depends on, and test is no part of it."""
    seen = {part: digest for part, digest in features.digest.items() if part != "test"}
    return {"config": described(config), "features": seen}


def best(_: Sweep, features: Features, config: OnDev) -> Plain:
    """Return what the choice and its scores depend on, besides the sweep."""
    return {"config": described(config), "features": [features.digest, features.ordinal]}


def report(
    folder: Path,  # noqa: ARG001 - where it stands is no part of it
    corpus: Corpus,
    vocabulary: Vocabulary,
    vectors: WordVectors,  # noqa: ARG001 - these four by their files: more than their digests say
    features: Features,  # noqa: ARG001
    swept: Sweep,  # noqa: ARG001
    best: Best,  # noqa: ARG001
    mean: Mean,
    config: Report,
) -> Plain:
    """Return what the report depends on, besides the files of other stages."""
    unlabelled = [str(path) for path in corpus.unlabelled.paths]
    return {
        "config": described(config),
        "mean": described(mean),
        "corpus": [corpus.digest, corpus.ordinal, unlabelled],
        "vocab": vocabulary.digest,
    }


def page(folder: Path, result: Plain) -> Plain:
    """Return what the drawn part of the page depends on, besides the report: on no time."""
    this_time = {"seconds", "stages", "mlflow_run_id"}
    tables = sorted((folder / "evaluation").glob("*.csv"))
    return {
        "result": {name: value for name, value in result.items() if name not in this_time},
        "evaluation": [[path.name, file_digest(path)] for path in tables],
    }


def is_own(module: str) -> bool:
    """Tell whether a module is somebody's own: neither of this package nor of Python."""
    return module.partition(".")[0] not in {*sys.stdlib_module_names, __name__.partition(".")[0]}


def described(config: Any) -> Plain:
    """Return class and fields of a configuration; with a field that names a file, its digest.

    The latter only of classes of one's own, which may read it: what ours read is told above.

    Raises
    ------
    UnknownError
        For a field that has no plain value, or names a folder.
    """
    kind = type(config)
    names = [f.name for f in fields(config)] if is_dataclass(config) else list(vars(config))
    told = {name: _plain(getattr(config, name), f"{kind.__name__}.{name}") for name in names}
    if is_own(kind.__module__):
        for name, value in told.items():
            path = Path(value).expanduser() if isinstance(value, str) and value else None
            if path is not None and path.exists():
                if path.is_dir():
                    raise UnknownError(f"{kind.__name__}.{name} names a folder")
                told[name] = [value, file_digest(path)]
    return {"class": f"{kind.__module__}.{kind.__qualname__}", **told}


def _plain(value: Any, name: str) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no such numbers
    if isinstance(value, str | bool | int | float | None):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list | tuple):
        return [_plain(item, name) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item, name) for key, item in value.items()}
    raise UnknownError(f"{name} has no plain value")
