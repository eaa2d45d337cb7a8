"""Everything that a result depends on, as plain JSON values.

`run_key` is for a whole run, the other keys are for the stages that are cached. An input that is
missing in a key causes stale results; one too many only costs time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import secrets
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from types import FunctionType, MethodType
from typing import Any, Protocol

from pipeline.cache.code import is_own, own_code, package_digest
from pipeline.cache.inputs import UnknownError, named_files, path_digest, path_exists, texts
from pipeline.core.errors import UserError
from pipeline.core.plain import NotPlainError, json_digest, plain
from pipeline.core.settings import old_names
from pipeline.stages.corpus import Corpus, CorpusConfig, Pretraining, Sample, Text
from pipeline.stages.corpus.sources import digest_of, files_of, is_remote
from pipeline.stages.features.features import Features
from pipeline.stages.sweep.sweep import Sweepable
from pipeline.stages.vectors.loop import Trainer
from pipeline.stages.vectors.train import POSTPROCESSING, THREADS, reproducible
from pipeline.stages.vectors.vectors import Source, files_read
from pipeline.stages.vocab import Vocab, Vocabulary

Plain = dict[str, Any]

# Packages whose version can change a number.
PACKAGES = (
    *("numpy", "scipy", "scikit-learn", "numba", "llvmlite", "pandas", "pyarrow"),
    *("nltk", "regex", "icu4py", "openpyxl"),
)

_FUNCTION = re.compile(r"[^\W\d][\w.]*:[^\W\d]\w*")  # module:function


class Runnable(Protocol):
    """An experiment."""

    def settings(self) -> Plain:
        """Return every setting as plain values by dotted name."""

    def configs(self) -> dict[str, Any]:
        """Return the configuration of each stage."""


def run_key(experiment: Runnable) -> Plain:
    """Return everything that the result of a run depends on, as plain JSON values.

    Two runs with equal keys have equal results. If something cannot be known, the key is random.
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
            "files": {
                stage: named_files(plain_settings(config), own=is_own(type(config)))
                for stage, config in configs.items()
            },
            "files_read": _files_read(configs),
            "code": package_digest(),
            "own_code": {stage: _code_of(config) for stage, config in configs.items()},
        }
    except (UnknownError, UserError, OSError) as error:
        key["unknown"] = [str(error), secrets.token_hex(8)]
    return key


@cache  # what is imported does not change, even if something is installed later
def versions() -> dict[str, str | None]:
    """Return the versions of the packages that a number can depend on; None where not installed."""
    found: dict[str, str | None] = dict.fromkeys(PACKAGES)
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _code_of(config: Any) -> Plain:
    """Return the digests of the user's own code: the configuration's class, functions it names."""
    names = [text for text in texts(plain_settings(config)) if _FUNCTION.fullmatch(text)]
    return own_code([config], [name.partition(":")[0] for name in names])


def _files_read(configs: Plain) -> Plain:
    """Return digests of the files that are read, also of those that no setting names.

    Files that must be downloaded are downloaded now.
    """
    corpus, vectors = configs["corpus"], configs["vectors"]
    remote = [name for name in corpus.unlabelled if is_remote(name)]
    return {
        "corpus": _digests(_files_of_corpus(corpus)),
        "unlabelled": [[str(path), digest_of(path)] for path in files_of(remote)],
        "vectors": _digests(files_read(vectors, has_pretraining=isinstance(corpus, Sample))),
    }


def _files_of_corpus(config: CorpusConfig) -> list[Path]:
    """Return the files that a corpus of ours reads, unlabelled text left out."""
    return [] if is_own(type(config)) else config.files()


def _digests(paths: Iterable[Path]) -> list[str | None]:
    return [path_digest(path) if path_exists(path) else None for path in paths]


# The cache's keys -----------------------------------------------------------------------------


def corpus(config: CorpusConfig) -> Plain:
    """Return what the labelled sentences depend on; unlabelled text is not part of the entry."""
    found = described(config)
    settings = {name: value for name, value in found.items() if name not in _UNLABELLED_TEXT}
    return _entry(settings, [config], files=_digests(_files_of_corpus(config)))


def text_block(lines: list[str], text: Text) -> Plain:
    """Return what a block of unlabelled text depends on after it was tokenized."""
    content = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return _entry({"rules": text.rules.settings()}, [text.rules], block=content)


def vocab(corpus: Corpus, config: Vocab) -> Plain:
    """Return what the vocabulary depends on: the text, not its labels."""
    text = corpus.unlabelled
    return _entry(described(config), [config, text.rules], text=corpus.text_digest)


def training(vocabulary: Vocabulary, trainer: Trainer) -> Plain:
    """Return what the training of vectors depends on; how they are combined is not part of it."""
    key = finished(vocabulary, trainer)
    if not is_own(type(trainer)):
        for name in (*POSTPROCESSING, *(THREADS if reproducible(trainer) else ())):
            key["config"].pop(name, None)
    return key


def finished(vocabulary: Vocabulary, trainer: Trainer) -> Plain:
    """Return what trained vectors depend on after they were combined and smoothed."""
    files = _digests(files_read(trainer))
    return _entry(
        described(trainer), [trainer], files=files, text=vocabulary.digest, machine=machine()
    )


def vectors(
    corpus: Corpus, vocabulary: Vocabulary, source: Source, also: Iterable[str] = ()
) -> Plain:
    """Return what vectors of any other source depend on: everything it is given."""
    return _entry(
        described(source),
        [source],
        files=_digests(files_read(source)),
        corpus=[corpus.digest, corpus.ordinal],
        pretraining=corpus.pretraining.key if corpus.pretraining else None,
        text=vocabulary.digest,
        also=json_digest(list(also)),
        machine=machine(),
    )


def pretrained(text: Pretraining, trainer: Trainer, config: Vocab) -> Plain:
    """Return what vectors trained on a corpus's own larger text depend on."""
    make = text.sentences
    if not isinstance(make, FunctionType | MethodType):
        raise UnknownError("the code of corpus.pretraining is not a function")
    settings = described(trainer) | {"vocab": described(config)}
    modules = [make.__module__]
    return _entry(settings, [trainer], modules, text=text.key, machine=machine())


def sweep(features: Features, config: Sweepable) -> Plain:
    """Return what the sweep depends on: the test split is not part of it."""
    used = {part: digest for part, digest in features.digest.items() if part != "test"}
    classes = [list(features.classes), features.ordinal]
    return _entry(described(config), [config], features=used, classes=classes, machine=machine())


# Settings of a corpus that only concern its unlabelled text.
_UNLABELLED_TEXT = {"unlabelled", "unlabelled_column", "unlabelled_words", "tokenized"}


def _entry(settings: Plain, configs: list[Any], modules: Iterable[str] = (), **more: Any) -> Plain:
    """Return a key: settings, inputs, code and versions."""
    return {
        "config": settings,
        **more,
        "code": package_digest(),
        "own_code": [own_code([], modules), *(_code_of(config) for config in configs)],
        "python": platform.python_version(),
        "packages": versions(),
    }


@cache
def machine() -> Plain:
    """Return what decides, to the last bit, how this machine computes with floats.

    That is which instructions numba and the BLAS library use: a fused multiply-add rounds once, two
    instructions round twice.
    """
    import llvmlite.binding as llvm
    from threadpoolctl import threadpool_info

    features = ",".join(sorted(name for name, on in llvm.get_host_cpu_features().items() if on))
    blas = [
        {name: library.get(name) for name in ("internal_api", "version", "architecture")}
        for library in threadpool_info()
        if library["user_api"] == "blas" and "numpy" in library["filepath"]
    ]
    overrides = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("NUMBA_", "OPENBLAS_", "MKL_", "NPY_"))
        and not name.endswith(("_THREADS", "_DIR"))
    }
    return {
        "kind": platform.machine(),
        "processor": llvm.get_host_cpu_name(),
        "features": json_digest(features),
        "blas": blas,
        "overrides": overrides,
    }


# Configurations -------------------------------------------------------------------------------


def described(config: Any) -> Plain:
    """Return class and settings of a configuration, with digests of the files these name.

    For our own classes a file's name and content count, not its folder. `UnknownError` for a
    setting that has no plain value.
    """
    kind, settings = type(config), plain_settings(config)
    files = named_files(settings, own=is_own(kind))
    if is_own(kind):
        settings["files"] = files
    else:
        for name, found in files.items():
            settings[name] = [[Path(text).name, digest] for text, digest in found]
    return {"class": f"{kind.__module__}.{kind.__qualname__}", **settings}


def plain_settings(config: Any) -> Plain:
    """Return the settings of a configuration as plain values; all attributes of a user's own.

    `UnknownError` for a setting that has no plain value.
    """
    old = old_names(config)
    names = [f.name for f in fields(config) if f.name not in old] if is_dataclass(config) else []
    if is_own(type(config)):
        names += [name for name in getattr(config, "__dict__", {}) if name not in names]
    settings = {}
    for name in names:
        try:
            settings[name] = plain(getattr(config, name))
        except NotPlainError as error:
            raise UnknownError(f"{type(config).__name__}.{name}: {error}") from error
    return settings
