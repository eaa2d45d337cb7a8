"""Old names of modules: still imported, with one line of notice.

Code and configurations of users have them, and models that version 0.1.0 saved.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

log = logging.getLogger(__name__)

OLD = {
    "arrays": "core.files",
    "best": "stages.best.best",
    "checkpoint": "stages.vectors.checkpoint",
    "classifiers": "stages.sweep.persistence",
    "classify": "stages.best.text_classifier",
    "config": "cli.config",
    "connecting": "tracking.client",
    "corpus": "stages.corpus",
    "corpus.base": "stages.corpus.corpus",
    "corpus.grammar": "stages.corpus.grammar",
    "corpus.lexicon": "stages.corpus.lexicon",
    "corpus.sample": "stages.corpus.sample",
    "corpus.sst": "stages.corpus.sst",
    "corpus.table": "stages.corpus.table",
    "corpus.text": "stages.corpus.unlabelled",
    "corpus.tokens": "stages.corpus.tokenizers",
    "corpus.treebank": "stages.corpus.treebank",
    "download": "core.download",
    "errors": "core.errors",
    "evaluation": "stages.evaluation.evaluation",
    "evaluation_files": "stages.evaluation.files",
    "explain": "stages.report.explain",
    "features": "stages.features.features",
    "fetching": "tracking.fetch",
    "files": "core.files",
    "formats": "stages.vectors.formats",
    "formats.binary": "stages.vectors.formats.binary",
    "formats.npz": "stages.vectors.formats.npz",
    "formats.projector": "stages.vectors.formats.projector",
    "formats.rows": "stages.vectors.formats.rows",
    "formats.text": "stages.vectors.formats.text",
    "glove": "stages.vectors.glove",
    "glove_kernels": "stages.vectors.kernels.glove",
    "kernels": "stages.vectors.kernels.word2vec",
    "mean_vectors": "stages.features.transformer",
    "mistakes": "stages.report.mistakes",
    "multirun": "cli.multirun",
    "objectives": "formulas.objectives",
    "pages": "render.html",
    "plots": "render.plots",
    "plots.arms": "render.plots.arms",
    "plots.run": "render.plots.run",
    "plots.style": "render.plots.style",
    "plots.svg": "render.plots.svg",
    "pretrained": "stages.vectors.pretrained",
    "progress": "core.progress",
    "records": "tracking.records",
    "registry": "tracking.registry",
    "runs": "stages.report.finished_run",
    "sending": "tracking.log_model",
    "serving": "tracking.served_model",
    "simd": "stages.vectors.kernels.simd",
    "spelling": "stages.vectors.subword",
    "statistics": "core.statistics",
    "store": "cache.store",
    "sweep": "stages.sweep.sweep",
    "trainer": "stages.vectors.loop",
    "training": "stages.vectors.train",
    "two_layer": "stages.sweep.two_layer",
    "uploading": "tracking.upload",
    "vectors": "stages.vectors.vectors",
    "vocab": "stages.vocab",
    "word2vec": "stages.vectors.word2vec",
    "wordvectors": "stages.vectors.word_vectors",
}
"""The module that took the place of each, both without ``pipeline.``."""

IN_FILES = {"classify", "two_layer"}  # named by saved models, which nobody can edit: no notice


class _Forward(Loader):
    """Makes a module that has the names of another one, or of the public API."""

    def __init__(self, new: str) -> None:
        self.new = new

    def exec_module(self, module: ModuleType) -> None:
        """Look up what is asked of the module in the one that took its place."""

        def look_up(name: str) -> Any:
            if name.startswith("__") and name != "__all__":
                raise AttributeError(name)
            target = import_module(self.new)
            if name == "__all__":
                return getattr(target, name, [key for key in vars(target) if key[0] != "_"])
            if hasattr(target, name):
                return getattr(target, name)
            api = import_module("pipeline.api")  # where the parts of a module went several ways
            if name in api.__all__:
                return getattr(api, name)
            raise AttributeError(f"{module.__name__} is now {self.new}, which has no {name}")

        module.__getattr__ = look_up  # type: ignore[method-assign]


class OldModules(MetaPathFinder):
    """Finds modules by their old names."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to make the module; None if it is not one of ours."""
        del path, target
        package, _, name = fullname.partition(".")
        if package != "pipeline" or name not in OLD:
            return None
        new = f"pipeline.{OLD[name]}"
        if name not in IN_FILES:
            log.warning("%s is now called %s; the old name still works.", fullname, new)
        is_package = any(other.startswith(f"{name}.") for other in OLD)
        return ModuleSpec(fullname, _Forward(new), is_package=is_package)


def accept_old_modules() -> None:
    """Let old names be imported, where no module has that name now."""
    if not any(isinstance(finder, OldModules) for finder in sys.meta_path):
        sys.meta_path.append(OldModules())
