"""The experiment: a corpus and six stages, each using the results of those before it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar

from threadpoolctl import threadpool_limits

from pipeline.cache.keys import run_key
from pipeline.cache.stages import CachedStages
from pipeline.cache.store import Cache, Outcome, timed
from pipeline.core.engine import Engine, Local
from pipeline.core.metrics import Metric, write_metrics
from pipeline.core.notebook import default_of, displayed
from pipeline.core.plain import json_digest, plain_or_digest
from pipeline.core.settings import old_names
from pipeline.stages.best.best import OnDev, pick_best
from pipeline.stages.corpus import CorpusConfig, Imdb, Sample, Sst, Table, check_text, log_checks
from pipeline.stages.evaluation.evaluation import Evaluation, evaluate
from pipeline.stages.features.features import Bag, Mean, featurize
from pipeline.stages.report.page import write_page
from pipeline.stages.report.report import Report, result, write_report
from pipeline.stages.report.result import Result, write_result
from pipeline.stages.sweep.sweep import (
    Logistic,
    OneVsRest,
    Sweepable,
    TwoLayer,
    check_takes,
)
from pipeline.stages.vectors.vectors import (
    CBOW,
    Both,
    GloVe,
    Pretrained,
    Random,
    SkipGram,
    Source,
)
from pipeline.stages.vocab import Vocab

log = logging.getLogger(__name__)


class StageResult(Protocol):
    """What a stage returns: it describes itself in words and in numbers."""

    def describe(self) -> str:
        """Return one line for the person at the terminal."""
        ...

    def metrics(self) -> Iterable[Metric]:
        """Return the metrics to track."""
        ...


P = ParamSpec("P")
T = TypeVar("T", bound=StageResult)


@dataclass
class StageRunner:
    """Runs stages; logs a line for each and collects metrics and times.

    Parameters
    ----------
    metrics
        The metrics of all stages so far.
    seconds
        How long each stage took. A result from the cache counts with the time it took to make.
    how
        How each result was obtained: ``made``, ``reused`` or ``loaded``.
    """

    metrics: list[Metric] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    how: dict[str, str] = field(default_factory=dict)

    def stage(self, name: str, make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a stage."""
        return self.cached(name, lambda: timed(lambda: make(*args, **kwargs)))

    def cached(
        self, name: str, make: Callable[P, Outcome[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a stage, or get its result from the cache, whichever `make` does."""
        began = time.perf_counter()
        value, how, seconds = make(*args, **kwargs)
        took = f"{time.perf_counter() - began:.1f} s"
        if how == "reused":
            took += f", made in {seconds:.1f} s"
        log.info("  %-9s %s (%s, %s)", name, value.describe(), how, took)
        self.seconds[name], self.how[name] = seconds, how
        self.metrics.append(Metric(f"time/{name}_s", seconds))
        self.metrics.extend(value.metrics())
        return value


def stage(**choices: type) -> Any:
    """Declare a stage by the choices for its configuration, the default first.

    The names are those of ``conf/STAGE/NAME.yaml``.
    """
    return field(default_factory=next(iter(choices.values())), metadata={"choices": choices})


@displayed
@dataclass
class Experiment:
    """One experiment: a configuration for each stage, which are listed here and nowhere else.

    Parameters
    ----------
    corpus, vocab, vectors, evaluation, features, sweep, best, report
        The configuration of each stage.
    seed
        Recorded with the results; random numbers follow the seed of their own stage.
    name
        The name of the run; unset: the vectors' name.
    choices
        The name of what was chosen for each stage, recorded with the results.
    cache
        Where results are cached.
    engine
        Where unlabelled text is tokenized; results do not depend on it.
    """

    corpus: CorpusConfig = stage(sample=Sample, sst=Sst, imdb=Imdb, table=Table)
    vocab: Vocab = stage(default=Vocab)
    vectors: Source = stage(
        skipgram=SkipGram,
        cbow=CBOW,
        glove_train=GloVe,
        glove=Pretrained,
        pretrained=Pretrained,
        both=Both,
        random=Random,
    )
    evaluation: Evaluation = stage(default=Evaluation)
    features: Mean = stage(mean=Mean)
    sweep: Sweepable = stage(logistic=Logistic, one_vs_rest=OneVsRest, two_layer=TwoLayer)
    best: OnDev = stage(dev=OnDev)
    report: Report = stage(default=Report)
    seed: int = 1
    name: str | None = None
    choices: dict[str, str] = field(default_factory=dict)
    cache: Cache = field(default_factory=Cache)
    engine: Engine = field(default_factory=Local)

    def __post_init__(self) -> None:
        """Fill in the choices that are not named."""
        kinds = {stage: type(getattr(self, stage)) for stage in STAGES}
        names = {
            stage: getattr(kind, "choice", kind.__name__.lower()) for stage, kind in kinds.items()
        }
        self.choices = names | self.choices

    def run(self, folder: Path, mlflow_run_id: str | None = None) -> Result:
        """Run all stages and write their results to `folder`.

        Returns
        -------
        Result
            The content of ``result.json``.

        Raises
        ------
        UserError
            If a stage finds its input wrong; see each stage.
        """
        # More BLAS threads are slower on matrices this narrow, and add up in another order.
        with threadpool_limits(1):
            return self._run(folder, mlflow_run_id)

    def _run(self, folder: Path, mlflow_run_id: str | None) -> Result:
        key = json_digest(run_key(self))
        also = self.evaluation.words()  # first: a broken file is found before anything is trained
        run, cached = StageRunner(), CachedStages(self.cache, self.engine)
        corpus = run.cached("corpus", cached.corpus, self.corpus)
        self.best.check(ordinal=corpus.ordinal)
        log_checks(corpus.checks)
        phrases, bag = corpus.phrases is not None, self.features.bag is not Bag.none
        check_takes(self.sweep, phrases=phrases, bag=bag)
        vocabulary = run.cached("vocab", cached.vocab, corpus, self.vocab)
        corpus = check_text(corpus, vocabulary.index, vocabulary.tokens)
        vectors = run.cached("vectors", cached.vectors, corpus, vocabulary, self.vectors, also)
        if also:
            evaluated = run.stage("evaluation", evaluate, vectors, self.evaluation, vocabulary)
            evaluated.save(folder / "evaluation")  # tables; the numbers are metrics
        features = run.stage("features", featurize, corpus, vectors, self.features, vocabulary)
        swept = run.cached("sweep", cached.sweep, features, self.sweep)
        best = run.stage("best", pick_best, swept, features, self.best)
        everything = (corpus, vocabulary, vectors, features, swept, best)
        run.stage("report", write_report, folder, *everything, self.features, self.report)
        numbers: Result = {
            "name": self.name or self.choices["vectors"],
            "corpus": self.choices["corpus"],
            "vectors": self.choices["vectors"],
            "seed": self.seed,
            **result(corpus, vocabulary, vectors, features, best),
            "mlflow_run_id": mlflow_run_id,
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "stages": run.how,
            "seconds": run.seconds,
            "settings": self.settings(),
            "settings_hash": self.settings_hash(),
            "key": "",
            "changed": self.changed(),
            "files": {},  # listed when it is written
        }
        write_metrics(folder, run.metrics)
        log.info("  drawing the page")
        write_page(folder, numbers)
        now = json_digest(run_key(self))
        # If a file changed or was downloaded during the run, the result is that of neither state.
        numbers["key"] = now if now == key else ""
        write_result(folder, numbers)  # last: a folder with it is complete
        return numbers

    def settings(self) -> dict[str, Any]:
        """Return every parameter of every stage as plain values by dotted name."""
        flat: dict[str, Any] = {}
        for stage in STAGES:
            chosen = getattr(self, stage)
            flat[stage] = self.choices.get(stage, type(chosen).__name__)
            flat |= _settings(stage, chosen)
        return flat

    def configs(self) -> dict[str, Any]:
        """Return the configuration of each stage."""
        return {stage: getattr(self, stage) for stage in STAGES}

    def changed(self) -> dict[str, Any]:
        """Return those of the settings that are not the defaults of what was chosen."""
        settings, plain = self.settings(), {}
        for stage in STAGES:
            chosen: Any = getattr(self, stage)
            usual: Any = Experiment.__dataclass_fields__[stage].default_factory
            if type(chosen) is not usual:
                plain[stage] = settings[stage]
            plain |= {name: settings[name] for name in _changed(stage, chosen)}
        return plain

    def settings_hash(self) -> str:
        """Return a short digest of the settings: the same for runs that ask for the same."""
        return json_digest(self.settings())[:12]


STAGES: dict[str, dict[str, type]] = {
    item.name: item.metadata["choices"] for item in fields(Experiment) if "choices" in item.metadata
}
"""The stages in order, and the configuration class of each choice."""


def _settings(prefix: str, config: Any) -> dict[str, Any]:
    """Return the parameters of a configuration, and of those in it, by dotted name."""
    flat: dict[str, Any] = {}
    old = old_names(config)
    names = [field.name for field in fields(config)] if is_dataclass(config) else list(vars(config))
    for name in names:
        if name in old:
            continue
        value = getattr(config, name)
        if is_dataclass(value) and not isinstance(value, type):
            flat[f"{prefix}.{name}"] = type(value).__name__
            flat |= _settings(f"{prefix}.{name}", value)
        else:
            flat[f"{prefix}.{name}"] = plain_or_digest(value)
    return flat


def _changed(prefix: str, config: Any) -> Iterator[str]:
    """Yield the dotted names of the parameters that are not the defaults of their classes."""
    for value in fields(config) if is_dataclass(config) else ():
        name, own = f"{prefix}.{value.name}", getattr(config, value.name)
        usual = default_of(value)
        if is_dataclass(own) and not isinstance(own, type):
            if type(own) is not type(usual):
                yield name
            yield from _changed(name, own)
        elif own != usual:
            yield name
