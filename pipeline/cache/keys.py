"""What each stage's result depends on, as plain values: the store's keys are made of them.

A function a stage, called like the stage's own. To name too little is to reuse what should have
been made anew; to name too much, to make again what is there.
"""

from __future__ import annotations

import contextlib
import platform
import re
import secrets
import sys
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from pipeline.cache.code import UnknownError, own_code, package_digest
from pipeline.cache.inputs import named_files, path_digest, texts
from pipeline.cache.store import digest_of
from pipeline.core.errors import UserError
from pipeline.core.files import file_digest
from pipeline.core.plain import NotPlainError, plain
from pipeline.stages.best.best import Best, OnDev
from pipeline.stages.corpus import Corpus, CorpusConfig, Sample, Sst, Table
from pipeline.stages.evaluation.evaluation import Evaluation
from pipeline.stages.features.averaging import VOCAB, Mean
from pipeline.stages.features.features import Features
from pipeline.stages.report import Report
from pipeline.stages.sweep.sweep import Sweep, Sweepable
from pipeline.stages.vectors.loop import Trainer
from pipeline.stages.vectors.pretrained import Pretrained
from pipeline.stages.vectors.pretrained import digest_of as vectors_digest
from pipeline.stages.vectors.vectors import Source
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocab, Vocabulary

Plain = dict[str, Any]

# What these tell is of no concern to what is read from the table.
_NOT_OF_TABLE = {"unlabelled", "unlabelled_words", "tokenized", "text_splits", "ordinal"}


# Packages whose version can change a number.
PACKAGES = ("numpy", "scipy", "scikit-learn", "numba", "llvmlite", "pandas", "pyarrow", "nltk")


_FUNCTION = re.compile(r"[^\W\d][\w.]*:[^\W\d]\w*")  # module:function


class Runnable(Protocol):
    """An experiment."""

    def settings(self) -> Plain:
        """Return every setting as plain values by dotted name."""
        ...

    def configs(self) -> dict[str, Any]:
        """Return the configuration of each stage."""
        ...


def run_key(experiment: Runnable) -> Plain:
    """Return everything that the result of a run depends on, as plain JSON values.

    Two runs with equal keys have equal results. Where something cannot be known, the key differs
    from every other one, its own on another day included.
    """
    key: Plain = {
        "settings": experiment.settings(),
        "python": platform.python_version(),
        "packages": versions(),
    }
    try:
        configs = experiment.configs()
        key |= {
            "configs": {stage: described(config) for stage, config in configs.items()},
            "files": {stage: _files(config) for stage, config in configs.items()},
            "downloads": _downloads(configs),
            "code": package_digest(),
            "own_code": {stage: code_of(config) for stage, config in configs.items()},
        }
    except (UnknownError, UserError, OSError) as error:
        key["unknown"] = [str(error), secrets.token_hex(8)]
    return key


def versions() -> dict[str, str | None]:
    """Return the versions of the packages that a number can depend on; None where not installed."""
    found: dict[str, str | None] = dict.fromkeys(PACKAGES)
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _files(config: Any) -> Plain:
    """Return the digests of all files that a configuration names."""
    return named_files(plain_settings(config), own=is_own(type(config).__module__))


def code_of(config: Any) -> Plain:
    """Return the digests of a user's own code that a configuration is made of, or names."""
    names = [text for text in texts(plain_settings(config)) if _FUNCTION.fullmatch(text)]
    return own_code([config], [name.partition(":")[0] for name in names])


def _downloads(configs: Plain) -> Plain:
    """Return the digests of the files that no setting names: they are downloaded if need be."""
    corpus, vectors = configs["corpus"], configs["vectors"]
    found = {}
    if isinstance(corpus, Sst) and corpus.path is None:
        found["corpus"] = [path_digest(path) for path in corpus.files()]
    if isinstance(vectors, Pretrained) and vectors.is_downloaded(isinstance(corpus, Sample)):
        found["vectors"] = [vectors_digest(vectors.downloaded())]
    return found


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
    if type(source) is Pretrained:
        words = sorted({*vocabulary.words, *corpus.words(), *also})
        return {
            "config": [source.dim, source.keys, source.unpickle],
            "file": source.file_key(corpus),
            "words": digest_of(words),
        }
    return {
        "config": described(source),
        "corpus": [corpus.digest, corpus.ordinal],
        "pretraining": corpus.pretraining.key if corpus.pretraining else None,
        "text": vocabulary.digest,
        "also": digest_of(list(also)),
    }


def evaluation(vectors: WordVectors, config: Evaluation) -> Plain:
    """Return what the scores of vectors depend on."""
    files = {
        kind: [[Path(name).stem, file_digest(Path(name).expanduser())] for name in names]
        for kind, names in (("similarity", config.similarity), ("analogies", config.analogies))
    }
    return {"config": described(config) | files, "vectors": vectors.digest}


def features(
    corpus: Corpus, vectors: WordVectors, config: Mean, vocabulary: Vocabulary | None = None
) -> Plain:
    """Return what features depend on: the labelled sentences, the vectors, the words in use."""
    files = [
        vocabulary.digest if vocabulary and name == VOCAB else path_digest(Path(name).expanduser())
        for name in config.vocabulary
    ]
    return {
        "config": described(config) | {"vocabulary": files},
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


def described(config: Any) -> Plain:
    """Return class and settings of a configuration, and digests of the files that these name.

    Raises
    ------
    UnknownError
        For a setting that has no plain value.
    """
    settings = plain_settings(config)
    own = is_own(type(config).__module__)
    return {
        "class": _name(type(config)),
        **settings,
        **(named_files(settings, own=True) if own else {}),
    }


def plain_settings(config: Any) -> Plain:
    """Return the settings of a configuration as plain values: its fields and attributes.

    Raises
    ------
    UnknownError
        For a setting that has no plain value.
    """
    names = [field.name for field in fields(config)] if is_dataclass(config) else []
    names += [name for name in getattr(config, "__dict__", {}) if name not in names]
    settings = {}
    for name in names:
        try:
            settings[name] = plain(getattr(config, name))
        except NotPlainError as error:
            raise UnknownError(f"{type(config).__name__}.{name}: {error}") from error
    return settings


def is_own(module: str) -> bool:
    """Return whether a module is a user's own: neither of this package nor of Python."""
    return module.partition(".")[0] not in {*sys.stdlib_module_names, __name__.partition(".")[0]}
