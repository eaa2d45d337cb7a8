"""Do the word vectors you trained beat GloVe? Six stages as plain functions.

Neither Hydra nor MLflow is needed for them::

    import pipeline as yv

    corpus = yv.Sample().load()
    vocabulary = yv.build_vocab(corpus, yv.Vocab(min_count=2))
    vectors = yv.train_vectors(corpus, vocabulary, yv.SkipGram(dim=50))
    features = yv.featurize(corpus, vectors)
    swept = yv.sweep_strengths(features)
    best = yv.pick_best(swept, features)
    best.scores["test"]["accuracy"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.core.old_modules import accept_old_modules

if TYPE_CHECKING:
    from pipeline.api import *  # noqa: F403

    __version__: str

accept_old_modules()


def __getattr__(name: str) -> Any:
    """Import the public names when one is used, so that ``--help`` need not wait for them."""
    if name == "__version__":
        from importlib.metadata import version

        return version("yourvectors")
    if name.startswith("__") and name != "__all__":
        raise AttributeError(name)
    from importlib import import_module

    api = import_module("pipeline.api")
    # What is imported on the way becomes an attribute too, as after any import of a package.
    return globals()[name] if name in globals() else getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__getattr__("__all__")})
