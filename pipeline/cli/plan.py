"""Plan a multirun: its jobs are composed and checked before the first one starts."""

from __future__ import annotations

import itertools
import json
import logging
import os
import platform
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from pipeline.cli import config
from pipeline.cli.explain import LONGEST, explain, is_list, quoted
from pipeline.comparison import arm_names
from pipeline.comparison.rows import is_seed
from pipeline.core.errors import UserError, require
from pipeline.core.files import write_json
from pipeline.core.progress import progress
from pipeline.experiment import Experiment
from pipeline.stages.corpus import Sample
from pipeline.stages.vectors.both import Both
from pipeline.stages.vectors.formats import first_words, read_vectors
from pipeline.stages.vectors.loop import Combine
from pipeline.stages.vectors.pretrained import Pretrained
from pipeline.stages.vectors.vectors import Source
from pipeline.tracking.records import PARENT

log = logging.getLogger(__name__)

FILE = "jobs.json"
WHERE = "::"  # CONDITION::OVERRIDE is only for jobs with that condition
_CONDITIONAL = "where_"  # begins the keys of such overrides: Hydra has no syntax for them
_PLAIN = re.compile(r"(?P<key>\+{0,2}[\w@.:/$-]+)=(?P<value>.*)", re.DOTALL)


@dataclass
class Job:
    """A job: its number is the name of its folder."""

    overrides: list[str]
    plan: config.Plan = field(repr=False)


@dataclass(frozen=True)
class Place:
    """What a job knows about its multirun, from ``jobs.json``.

    Parameters
    ----------
    jobs
        The overrides of each planned job; empty if a sweeper chooses them one by one.
    common
        The overrides that all jobs have.
    parents
        The id of the parent run, by experiment.
    pid, host
        The process that started the multirun.
    """

    jobs: list[list[str]] = field(default_factory=list)
    common: list[str] = field(default_factory=list)
    parents: dict[str, str] = field(default_factory=dict)
    pid: int = field(default_factory=os.getpid)
    host: str = field(default_factory=platform.node)

    @classmethod
    def read(cls, folder: Path) -> Place:
        """Read what `write` wrote to a multirun's folder."""
        return cls(**json.loads((folder / FILE).read_text("utf-8")))

    def write(self, folder: Path) -> None:
        """Write ``jobs.json``."""
        write_json(folder / FILE, asdict(self))

    def name(self, overrides: list[str]) -> str:
        """Name a job by the overrides that not all jobs have, as the comparison does."""
        return arm_names([overrides, [item for item in overrides if item in self.common]])[0]

    def tags(self, experiment: str) -> dict[str, str]:
        """Return the MLflow tags of a job."""
        parent = self.parents.get(experiment)
        return {"role": "job"} | ({PARENT: parent} if parent else {})


@dataclass
class MultirunPlan:
    """All jobs of a multirun.

    Parameters
    ----------
    jobs
        In the order in which they are launched.
    common
        The overrides that all jobs have.
    swept
        The words of the command line with several values.
    """

    jobs: list[Job]
    common: list[str]
    swept: str


def as_lists(words: Sequence[str]) -> list[str]:
    """Turn a single value for a setting that is a list into a list of one."""
    return [_as_list(word) for word in words]


def _as_list(word: str) -> str:
    key, _, value = word.partition("=")
    is_single = value not in {"", "null"} and value[0] != "[" and not set(value) & {"(", "{"}
    if not is_single or not is_list(key):
        return word
    return f"{key}=" + ",".join(f"[{item}]" for item in value.split(","))


def for_each_job(words: Sequence[str]) -> list[str]:
    """Rewrite the overrides of a multirun so that Hydra applies them to its jobs alone.

    Hydra applies what is not swept to a configuration without the swept choices too, where
    ``corpus.path`` is not a key unless the corpus of all jobs is the default one.
    """
    rewritten: list[str] = []
    for word in words:
        match = _PLAIN.fullmatch(word)
        condition, _, rest = word.partition(WHERE)
        if _PLAIN.fullmatch(condition) and _PLAIN.fullmatch(rest):
            rewritten.append(f"+{_CONDITIONAL}{len(rewritten)}=choice({quoted(word)})")
        elif match and not match["key"].lstrip("+").startswith("hydra") and _is_plain(word):
            rewritten.append(f"{match['key']}=choice({match['value']})")
        else:
            rewritten.append(word)
    return rewritten


def _is_plain(word: str) -> bool:
    try:
        (override,) = _parse([word])
    except HydraException:  # it is explained when Hydra reads it
        return False
    return not override.is_sweep_override() and override.value() is not None


def _parse(words: Sequence[str]) -> list[Override]:
    parsed: list[Override] = OverridesParser.create().parse_overrides(list(words))
    return parsed


def plan_jobs(config_name: str, words: Sequence[str]) -> MultirunPlan:
    """Expand, compose and check every job of a multirun.

    Jobs whose numbers cannot differ become one job: vectors from a file have no seed. `UserError`
    if a job's configuration is wrong, or a file it needs is missing; it names the job.
    """
    choices, conditional = _choices(words)
    common = [values[0] for _, values in choices if len(values) == 1]
    swept = [word for word, values in choices if len(values) > 1]
    found = expand(words)
    if len(found) > 1:  # each takes a tenth of a second
        log.info("checking %d jobs", len(found))
    checked = progress(found, "checking", "jobs", len(found))
    jobs = _matched(config_name, [Job(job, _build(config_name, job)) for job in checked])
    typed = " ".join([*swept, *conditional]) or "multirun"
    return MultirunPlan(list(_different(jobs)), common, typed)


def expand(words: Sequence[str]) -> list[list[str]]:
    """Return the overrides of every job that the words of `for_each_job` stand for."""
    choices, conditional = _choices(words)
    return [
        job
        for combination in itertools.product(*(values for _, values in choices))
        for job in _with_conditions(list(combination), conditional)
    ]


def _choices(words: Sequence[str]) -> tuple[list[tuple[str, list[str]]], list[str]]:
    """Return each word with the overrides that it stands for, and the words with a condition."""
    choices, conditional = [], []
    for item in _parse(words):
        if str(item.key_or_group).startswith(_CONDITIONAL):
            conditional.append(str(next(iter(item.sweep_iterator()))))
        else:
            choices.append((str(item.input_line), list(_values(item))))
    return choices, conditional


def _values(override: Override) -> Iterator[str]:
    """Yield an override for each value of a swept one."""
    key = override.get_key_element()
    if not override.is_sweep_override():
        yield f"{key}={override.get_value_element_as_str()}"
        return
    require(
        override.is_discrete_sweep(),
        f"{override.input_line}: an interval has infinitely many values; name some, or use "
        "hydra/sweeper=optuna.",
    )
    for value in override.sweep_string_iterator():
        yield f"{key}={value}"


def _with_conditions(job: list[str], conditional: Sequence[str]) -> Iterator[list[str]]:
    """Add the overrides whose condition a job fulfils; a swept one makes several jobs of it."""
    parts = [word.partition(WHERE) for word in conditional]
    added = _parse([rest for condition, _, rest in parts if condition in job])
    for combination in itertools.product(*map(_values, added)):
        yield [*job, *combination]


def _build(config_name: str, overrides: list[str]) -> config.Plan:
    """Compose and check a job."""
    try:
        cfg = compose(config_name, overrides, return_hydra_config=True)
        plan = config.build(cfg, cfg.hydra.runtime.choices)
        config.check_files(plan.experiment)
    except (UserError, HydraException, OmegaConfBaseException) as error:
        said = explain(error, overrides)
        room = LONGEST - len(said) - len(" (in the job )")
        if room > len("seed=1 ..."):
            job = textwrap.shorten(" ".join(overrides), room, placeholder=" ...")
            said += f" (in the job {job})"
        raise UserError(said) from error
    return plan


def _different(jobs: Iterable[Job]) -> Iterator[Job]:
    """Yield jobs that give different numbers; a job that stands for several loses its seed."""
    groups: dict[tuple[str, ...], list[Job]] = {}
    for job in jobs:
        experiment = job.plan.experiment
        key = experiment.settings_hash(), str(experiment.name), *_unseeded(job)
        groups.setdefault(key, []).append(job)
    for first, *others in groups.values():
        if others:
            seeds = {item for job in others for item in job.overrides} - set(first.overrides)
            first.overrides = _unseeded(first)
            name = first.plan.experiment.choices["vectors"]
            log.info("%s: no seed changes it, so it is run once (%d seeds)", name, len(seeds) + 1)
        yield first


def _unseeded(job: Job) -> list[str]:
    return [item for item in job.overrides if not is_seed(item.partition("=")[0])]


def _matched(config_name: str, jobs: Sequence[Job]) -> Iterator[Job]:
    """Add what ``match`` asks for: equal numbers of features, or the words that all know."""
    for job in jobs:
        extra = ""
        if job.plan.match is config.Match.words:
            extra = _common_words(jobs)
        elif job.plan.match is config.Match.dim:
            least = min(map(_features, jobs))
            extra = f"features.components={least}" if _features(job) > least else ""
        overrides = [*job.overrides, extra]
        yield Job(overrides, _build(config_name, overrides)) if extra else job


def _features(job: Job) -> int:
    """Return how many features a job will have, without running it."""
    experiment = job.plan.experiment
    return experiment.features.components or _dim(experiment, experiment.vectors)


def _dim(experiment: Experiment, vectors: Source) -> int:
    """Return how many dimensions vectors will have."""
    if isinstance(vectors, Both):
        return _dim(experiment, vectors.own) + _dim(experiment, vectors.pretrained)
    if isinstance(vectors, Pretrained) and vectors.dim is None:
        if vectors.is_of_corpus(isinstance(experiment.corpus, Sample)):
            return 50
        path = vectors.files()[0]
        return read_vectors(path, first_words(path, 3), unpickle=vectors.unpickle).dim
    dim = getattr(vectors, "dim", None)
    if not isinstance(dim, int):
        raise UserError(
            f"match=dim: vectors={experiment.choices['vectors']} do not say how many dimensions "
            "they have; set features.components for this arm."
        )
    return 2 * dim if getattr(vectors, "combine", None) is Combine.concat else dim


def _common_words(jobs: Sequence[Job]) -> str:
    """Restrict a job to the words of every vector file and, if any job trains, to the corpus's."""
    files: dict[str, None] = {}
    for other in jobs:
        experiment = other.plan.experiment
        vectors = experiment.vectors
        if isinstance(vectors, Both):  # it knows the words of both
            continue
        if isinstance(vectors, Pretrained):
            require(
                not vectors.is_of_corpus(isinstance(experiment.corpus, Sample)),
                "match=words: the sample's pretrained vectors are in no file, so their words are "
                "not known yet. Name a file, glove=FILE, or take match=dim.",
            )
        found = vectors.files() if hasattr(vectors, "files") else []
        files |= dict.fromkeys(map(str, found or ["vocab"]))
    require(
        files.keys() - {"vocab"},
        "match=words: no arm reads its vectors from a file, so all know the same words.",
    )
    return "features.vocabulary=[" + ",".join(map(quoted, files)) + "]"
