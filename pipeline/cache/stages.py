"""The stages as the store knows them: what their results depend on, and how each is kept.

Code counts too: that of the stage and of one's own classes, and the versions of the packages that
a number can depend on.
"""

from __future__ import annotations

import json
import logging
import math
import platform
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import metadata
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from pipeline.cache import keys as depends
from pipeline.cache.code import UnknownError
from pipeline.cache.source import NoSourceError, source_digest
from pipeline.cache.store import Cache, Store
from pipeline.core.arrays import read_array, write_array
from pipeline.core.errors import UserError
from pipeline.core.files import write_json
from pipeline.stages.best.best import Best
from pipeline.stages.corpus import SPLITS, Corpus, Split, Table
from pipeline.stages.evaluation.evaluation import Analogies, Evaluated, Similarity
from pipeline.stages.features.features import Features
from pipeline.stages.report import PageContent, ReportFolder
from pipeline.stages.sweep.sweep import Sweep
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocabulary, encode

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class CachedRunner:
    """Calls a stage's function, unless what it would give is in the store."""

    def __init__(self, cache: Cache) -> None:
        self.store = Store(Path(cache.path).expanduser())
        self.files: dict[str, str | None] = {}  # the digest of what was stored for a stage

    def __call__(
        self, stage: str, make: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> tuple[T, str]:
        """Return what `make` gives, and whether it was ``made``, ``loaded`` or ``reused``."""
        kept = ADAPTERS[stage]
        try:
            what = self._what(stage, make, *args, **kwargs)
        except (UnknownError, NoSourceError) as why:
            log.info("  %-9s is not stored: %s", stage, why)
            return make(*args, **kwargs), "made"
        except (OSError, UserError):  # of a file that is missing: the stage says it better
            return make(*args, **kwargs), "made"
        if what is None:
            return make(*args, **kwargs), "loaded"
        value, reused, self.files[stage] = self.store.get(
            stage,
            what,
            make=lambda: make(*args, **kwargs),
            save=kept.save,
            load=lambda folder: kept.load(folder, *args, **kwargs),
        )
        return value, "reused" if reused else "made"

    def _what(
        self, stage: str, make: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> dict[str, Any] | None:
        """Return all that determines what `make` gives; None: it is not for the store."""
        kept = ADAPTERS[stage]
        if (what := kept.depends(*args, **kwargs)) is None:
            return None
        files = {name: self.files.get(name) for name in kept.files_of}
        for name, digest in files.items():
            if digest is None:
                raise UnknownError(f"what stage {name} gave is not either")
        kinds = {type(arg).__module__ for arg in args}
        modules = {make.__module__, *filter(depends.is_own, kinds)}
        return {
            "stage": stage,
            **what,
            "given": files,
            "code": {module: source_digest(module) for module in sorted(modules)},
            "python": platform.python_version(),
            "packages": {name: metadata.version(name) for name in kept.packages},
        }


def _save(value: Any, folder: Path) -> None:
    value.save(folder)


@dataclass(frozen=True)
class StageAdapter:
    """How a stage is kept.

    Parameters
    ----------
    depends
        Turns what the stage takes into the values that determine what it gives.
    load
        Reads the result from a folder, with what the stage takes.
    packages
        Whose versions matter, besides Python's.
    save
        Writes the result to a folder.
    files_of
        Stages whose stored files it depends on, as they are.
    """

    depends: Callable[..., dict[str, Any] | None]
    load: Callable[..., Any]
    packages: tuple[str, ...]
    save: Callable[[Any, Path], object] = _save
    files_of: tuple[str, ...] = ()


def _save_corpus(corpus: Corpus, folder: Path) -> None:
    sentences = chain.from_iterable(split.sentences for split in corpus.splits.values())
    words, tokens, offsets = encode(sentences)
    write_json(folder / "corpus.json", {"classes": corpus.classes, "words": words})
    write_array(folder / "tokens.npy", tokens)
    write_array(folder / "offsets.npy", offsets)
    for name, split in corpus.splits.items():
        write_array(folder / f"{name}.labels.npy", split.labels)


def _load_corpus(folder: Path, config: Table) -> Corpus:
    facts = json.loads((folder / "corpus.json").read_text("utf-8"))
    words, tokens = facts["words"], read_array(folder / "tokens.npy")
    ends = pairwise(read_array(folder / "offsets.npy").tolist())
    sentences = ([words[i] for i in tokens[begin:end].tolist()] for begin, end in ends)
    labels = {name: read_array(folder / f"{name}.labels.npy") for name in SPLITS}
    splits = {name: Split(list(islice(sentences, len(y))), y) for name, y in labels.items()}
    return config.corpus(tuple(facts["classes"]), splits)


def _save_evaluation(evaluated: Evaluated, folder: Path) -> None:
    rows = asdict(evaluated)
    for row in rows["similarity"]:
        row["spearman"] = None if math.isnan(row["spearman"]) else row["spearman"]
    write_json(folder / "evaluation.json", rows)


def _load_evaluation(folder: Path, *_: Any) -> Evaluated:
    rows = json.loads((folder / "evaluation.json").read_text("utf-8"))
    for row in rows["similarity"]:
        row["spearman"] = math.nan if row["spearman"] is None else row["spearman"]
    pairs = [Similarity(**row) for row in rows["similarity"]]
    return Evaluated(pairs, [Analogies(**row) for row in rows["analogies"]])


# Not `vectors`: they are large, and kept already.
_REPORTED = ("corpus", "vocab", "sweep", "best", "report")


def _depends_report(folder: Path, *given: Any) -> dict[str, Any]:
    if any((folder / part).exists() for part in _REPORTED):
        raise UnknownError(f"{folder} holds files of an earlier run")
    return depends.report(folder, *given)


def _save_report(written: ReportFolder, folder: Path) -> None:
    for part in _REPORTED:
        if (written.folder / part).is_dir():
            shutil.copytree(written.folder / part, folder / part)


def _load_report(
    stored: Path, folder: Path, _corpus: Corpus, _vocab: Vocabulary, vectors: WordVectors, *_: Any
) -> ReportFolder:
    for path in stored.iterdir():
        if path.is_dir():
            shutil.copytree(path, folder / path.name, dirs_exist_ok=True)
    vectors.save(folder / "vectors")
    return ReportFolder(folder)


_NUMERICS = ("numpy", "scipy", "scikit-learn")
_DRAWING = (*_NUMERICS, "pandas", "matplotlib", "adjustText", "skops")

ADAPTERS = {
    "corpus": StageAdapter(depends.corpus, _load_corpus, ("nltk", "scikit-learn"), _save_corpus),
    "vocab": StageAdapter(depends.vocab, lambda folder, *_: Vocabulary.load(folder), ("nltk",)),
    "vectors": StageAdapter(
        depends.vectors, lambda folder, *_: WordVectors.load(folder), (*_NUMERICS, "numba")
    ),
    "evaluation": StageAdapter(depends.evaluation, _load_evaluation, _NUMERICS, _save_evaluation),
    "features": StageAdapter(depends.features, lambda folder, *_: Features.load(folder), _NUMERICS),
    "sweep": StageAdapter(depends.sweep, lambda folder, *_: Sweep.load(folder), _NUMERICS),
    "best": StageAdapter(
        depends.best,
        lambda folder, swept, *_: Best.load(folder, swept),
        _NUMERICS,
        files_of=("sweep",),
    ),
    "report": StageAdapter(
        _depends_report,
        _load_report,
        _DRAWING,
        _save_report,
        files_of=("vectors", "features", "sweep", "best"),
    ),
    "page": StageAdapter(
        depends.page,
        lambda stored, folder, _: PageContent.load(stored, folder),
        _DRAWING,
        files_of=("report",),
    ),
}
