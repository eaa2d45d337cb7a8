"""The experiment: a corpus and six stages, each taking what those before it gave."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from pipeline.cache.stages import CachedRunner
from pipeline.cache.store import Cache
from pipeline.core.journal import Journal, anew
from pipeline.core.plain import plain_or_digest
from pipeline.core.renamed import old_names
from pipeline.stages.best.best import OnDev, pick_best
from pipeline.stages.corpus import CorpusConfig, Sample, load_corpus
from pipeline.stages.evaluation.evaluation import Evaluation, evaluate
from pipeline.stages.features.features import Mean, featurize
from pipeline.stages.report import Report, draw_page, result, write_page, write_report
from pipeline.stages.report.result import Result, write_result
from pipeline.stages.sweep.sweep import Logistic, Sweepable, check_takes_weights, sweep_strengths
from pipeline.stages.vectors.vectors import SkipGram, Source, train_vectors
from pipeline.stages.vocab import Vocab, build_vocab

STAGES = ("corpus", "vocab", "vectors", "evaluation", "features", "sweep", "best", "report")


@dataclass
class Experiment:
    """What to do in each stage, and how to call it.

    Parameters
    ----------
    corpus, vocab, vectors, evaluation, features, sweep, best, report
        A configuration a stage.
    seed
        Noted with the results; what is drawn follows the seed of its own stage.
    name
        Of the run; unset: the vectors' name.
    choices
        Names of what was chosen for each of them, noted with the results.
    cache
        Where what the stages give is kept, and found again.
    """

    corpus: CorpusConfig = field(default_factory=Sample)
    vocab: Vocab = field(default_factory=Vocab)
    vectors: Source = field(default_factory=SkipGram)
    evaluation: Evaluation = field(default_factory=Evaluation)
    features: Mean = field(default_factory=Mean)
    sweep: Sweepable = field(default_factory=Logistic)
    best: OnDev = field(default_factory=OnDev)
    report: Report = field(default_factory=Report)
    seed: int = 1
    name: str | None = None
    choices: dict[str, str] = field(default_factory=dict)
    cache: Cache = field(default_factory=Cache)

    def __post_init__(self) -> None:
        """Name what was not named."""
        names = {stage: type(getattr(self, stage)).__name__.lower() for stage in STAGES}
        self.choices = names | self.choices

    def run(self, folder: Path, mlflow_run_id: str | None = None) -> Result:
        """Run all stages; what they gave goes to `folder`. Return the content of ``result.json``.

        Raises
        ------
        UserError
            If a stage finds its input wrong; see each stage.
        """
        also = self.evaluation.words()  # first: a broken file is found before anything is trained
        run = Journal(keep=CachedRunner(self.cache) if self.cache.enabled else anew)
        corpus = run.stage("corpus", load_corpus, self.corpus)
        if corpus.phrases is not None:
            check_takes_weights(self.sweep)
        vocabulary = run.stage("vocab", build_vocab, corpus, self.vocab)
        saving = self.cache.checkpoint_minutes, Path(self.cache.path).expanduser() / "training"
        source = self.vectors, also, *saving
        vectors = run.stage("vectors", train_vectors, corpus, vocabulary, *source)
        if also:
            evaluated = run.stage("evaluation", evaluate, vectors, self.evaluation)
            evaluated.save(folder / "evaluation")  # tables; the numbers are metrics
        features = run.stage("features", featurize, corpus, vectors, self.features, vocabulary)
        swept = run.stage("sweep", sweep_strengths, features, self.sweep)
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
            "stages": run.stages,
            "seconds": run.seconds,
            "settings": self.settings(),
            "settings_hash": self.settings_hash(),
            "changed": self.changed(),
            "files": {},  # listed when it is written
        }
        run.save(folder)
        drawn, _ = run.keep("page", draw_page, folder, numbers)
        write_page(folder, numbers, drawn)
        write_result(folder, numbers)  # last: a folder with it is complete
        return numbers

    def settings(self) -> dict[str, Any]:
        """Return every parameter of every stage as plain values by dotted name."""
        flat: dict[str, Any] = {}
        for stage in STAGES:
            chosen = getattr(self, stage)
            flat[stage] = self.choices.get(stage, type(chosen).__name__)
            values = asdict(chosen) if is_dataclass(chosen) else vars(chosen)  # type: ignore[arg-type]
            old = old_names(chosen)
            for name, value in values.items():
                if name not in old:
                    flat[f"{stage}.{name}"] = plain_or_digest(value)
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
            for value in fields(chosen) if is_dataclass(chosen) else ():
                made = value.default_factory() if callable(value.default_factory) else value.default
                if getattr(chosen, value.name) != made:
                    plain[f"{stage}.{value.name}"] = settings[f"{stage}.{value.name}"]
        return plain

    def settings_hash(self) -> str:
        """Return a short digest of the settings: the same for runs that ask for the same."""
        text = json.dumps(self.settings(), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]
