"""Every configuration file composes and makes what it says."""

from __future__ import annotations

import functools
import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from pipeline.cli import config
from pipeline.core.download import OFFLINE
from pipeline.core.errors import UserError
from pipeline.experiment import STAGES, Experiment

CONF = Path(__file__).parent.parent / "conf"
CHOICES = sorted(
    f"{path.parent.name}={path.stem}"
    for path in CONF.glob("*/*.yaml")
    if path.parent.name not in {"experiment", "arm"}
)
EXPERIMENTS = sorted(path.stem for path in CONF.glob("experiment/*.yaml"))
ARMS = {path.stem: path for path in sorted(CONF.glob("arm/*.yaml"))}


@pytest.fixture(autouse=True, scope="module")
def hydra():
    config.register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield


@functools.cache
def build(*overrides: str) -> tuple[Experiment, config.Tracking]:
    cfg = compose("config", list(overrides), return_hydra_config=True)
    return config.build(cfg, cfg.hydra.runtime.choices)[:2]


@pytest.mark.parametrize("choice", CHOICES)
def test_every_choice_of_every_group_composes_and_validates(choice):
    experiment, tracking = build(choice)
    group, name = choice.split("=")
    if group == "tracking":
        assert tracking.enabled is (name != "off")
    elif group == "cache":
        assert experiment.cache.enabled is (name != "off")
    elif group == "engine":
        assert type(experiment.engine).__name__.lower() == name
        assert group not in experiment.choices  # results do not depend on it
    elif group == "registry":
        assert tracking.enabled
    else:
        assert experiment.choices[group] == name


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_run_is_named_by_its_experiment_and_the_exercise_s_by_its_vectors(name):
    built = build(f"experiment={name}", "unlabelled=[a.txt]", "glove=g.txt")[0]
    assert built.name == (None if name == "assignment" else name)


@pytest.mark.parametrize("vectors", ["glove", "random", "cbow"])
def test_the_exercise_s_protocol_holds_for_any_vectors(vectors):
    experiment, _ = build("experiment=assignment", f"vectors={vectors}")
    assert experiment.choices["vectors"] == vectors
    assert experiment.choices["sweep"] == "one_vs_rest"


class TestArms:
    @pytest.mark.parametrize("arm", ARMS)
    def test_an_arm_brings_its_vectors_into_any_experiment(self, arm):
        (vectors,) = re.findall(r"override /vectors: (\w+)", ARMS[arm].read_text("utf-8"))
        for experiment in (
            "assignment",
            "glove50",
            "reviews300",
            "treebank50",
        ):  # others extend them
            others = [f"experiment={experiment}", "unlabelled=[a.txt]"]
            assert build(f"arm={arm}", *others)[0].choices["vectors"] == vectors

    @pytest.mark.parametrize("arm", ARMS)
    def test_a_run_is_named_by_its_arm_unless_it_has_a_name(self, arm):
        assert build(f"arm={arm}")[0].name == arm
        assert build(f"arm={arm}", "name=mine")[0].name == "mine"

    def test_only_own300_reads_the_unlabelled_text(self):
        for arm in ARMS:
            corpus = build(f"arm={arm}", "unlabelled=[a.txt]")[0].corpus
            assert corpus.unlabelled == (["a.txt"] if arm == "own300" else [])

    def test_what_is_said_on_the_command_line_holds_in_an_arm(self):
        assert build("arm=own300", "vectors.dim=7")[0].vectors.dim == 7


def test_an_experiment_on_unlabelled_text_wants_some():
    with pytest.raises(UserError, match=r"unlabelled is empty; name files, e.g. 'unlabelled="):
        build("experiment=reviews300")


def test_an_experiment_that_starts_from_pretrained_vectors_wants_them():
    with pytest.raises(UserError, match=r"glove is not set; name a file: glove=FILE\."):
        build("experiment=init100")


def test_every_file_says_in_a_comment_what_it_is_for():
    for path in CONF.glob("*/*.yaml"):
        assert path.read_text("utf-8").startswith("#"), path


def test_there_is_a_group_for_every_stage():
    for stage in STAGES:
        assert (CONF / stage).is_dir(), stage


def test_the_files_define_no_default_of_python_again():
    """What a bare Python object has is what the command line has, the shared seed aside."""
    experiment, _ = build()
    bare = Experiment()
    for stage in STAGES:
        ours, theirs = getattr(experiment, stage), getattr(bare, stage)
        assert type(ours) is type(theirs)
        assert ours == theirs


def test_the_exercise_is_the_exercise():
    experiment, _ = build("experiment=assignment")
    vectors = experiment.vectors
    assert (vectors.dim, vectors.negative, vectors.window) == (10, 10, 5)
    assert vectors.subsample == 1e-5
    assert vectors.combine.value == "concat"
    assert experiment.features.unknown.value == "zero"
    assert experiment.choices["sweep"] == "one_vs_rest"


def test_the_seed_reaches_the_vectors_and_not_the_corpus():
    experiment, _ = build("seed=7")
    assert experiment.vectors.seed == 7
    assert experiment.corpus.seed == 1


def test_one_override_names_the_glove_file_for_a_whole_multirun():
    experiment, _ = build("vectors=glove", "glove=some/file.txt")
    assert experiment.vectors.path == "some/file.txt"
    build("vectors=skipgram", "glove=some/file.txt")


def test_offline_is_said_to_downloads_and_no_part_of_what_a_run_is():
    build_ = build.__wrapped__  # each time, for its effect
    online, _ = build_("corpus=sst", "vectors=glove")
    assert not OFFLINE.get()
    offline, _ = build_("corpus=sst", "vectors=glove", "offline=true")
    assert OFFLINE.get()
    assert offline.settings_hash() == online.settings_hash()
    build_()
    assert not OFFLINE.get()


def test_strengths_can_be_given_as_a_logspace():
    experiment, _ = build("sweep.strengths=${logspace:-2,2,5}")
    assert experiment.sweep.strengths == pytest.approx([0.01, 0.1, 1, 10, 100])


def test_every_parameter_is_described_where_it_is_defined():
    for schemas in config.SCHEMAS.values():
        for schema in schemas.values():
            assert is_dataclass(schema)
            described = "\n".join(base.__doc__ or "" for base in schema.__mro__)
            for field in fields(schema):
                assert field.name in described, f"{schema.__name__}.{field.name}"


def test_stamps_sort_by_time_and_never_repeat():
    stamps = [config.stamp() for _ in range(1000)]
    assert len(set(stamps)) == 1000
    assert [stamp[:19] for stamp in stamps] == sorted(stamp[:19] for stamp in stamps)
