"""The law of the cache: nothing stale.

For every leaf of the configuration, every input file and every code file: to change it and run with
a warm cache equals to run with ``cache=off`` in a fresh folder. And `run_key` differs whenever
results do.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tarfile
from dataclasses import MISSING, fields, replace
from enum import Enum
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import experiment as module
from pipeline.cache import code, keys, observe
from pipeline.cache.keys import run_key
from pipeline.cache.stages import CORPUS_FACTS
from pipeline.cache.store import Cache
from pipeline.cli.config import SCHEMAS
from pipeline.core.errors import UserError
from pipeline.core.settings import old_names
from pipeline.experiment import STAGES, Experiment
from pipeline.stages.corpus import Corpus, Imdb, Sample, Sst, Table
from pipeline.stages.evaluation.evaluation import Evaluation
from pipeline.stages.report.report import ReportFolder
from pipeline.stages.sweep.sweep import Logistic, OneVsRest, TwoLayer
from pipeline.stages.vectors.loop import Combine
from pipeline.stages.vectors.vectors import CBOW, Both, GloVe, Pretrained, Random, SkipGram
from pipeline.stages.vectors.word2vec import Loss

WORDS = "good bad fine dull great awful film plot cast scene not very a the".split()  # noqa: SIM905
STRENGTHS = [0.1, 1.0]
WARM = Cache("warm")  # shared by all tests


def texts(seed, count=60):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, 6)) for _ in range(count)]


def write_inputs(folder):
    """Write one file of every kind that a setting can name."""
    parts = ["train", "train", "dev", "test"]
    rows = [
        f"{text} (A) Film.,{text},{i // 4 % 2},{'xy'[i // 8 % 2]},{parts[i % 4]},{parts[-i % 4]}"
        for i, text in enumerate(texts(0))
    ]
    table = "\n".join(["text,other,label,mood,part,third", *rows]) + "\n"
    (folder / "table.csv").write_text(table)
    (folder / "other.csv").write_text(table.replace("dull", "fine"))
    (folder / "more.txt").write_text("\n".join(texts(1, 30)) + "\nIt is (very) good. Not bad!\n")
    (folder / "even.txt").write_text("\n".join(texts(2, 30)) + "\n")
    for name, dim, seed in (("glove.txt", 3, 1), ("better.txt", 3, 2), ("wide.txt", 4, 3)):
        matrix = np.random.default_rng(seed).normal(size=(len(WORDS), dim)).round(3)
        lines = [
            f"{word} {' '.join(map(str, row))}"
            for word, row in zip(WORDS, matrix.tolist(), strict=True)
        ]
        (folder / name).write_text("\n".join(lines) + "\n")
    (folder / "vectors.tsv").write_text("".join(f"{i}\t{i % 3}\n" for i in range(len(WORDS))))
    (folder / "metadata.tsv").write_text("".join(f"{word}\n" for word in WORDS))
    (folder / "pairs.txt").write_text("good bad 1\nfine great 5\nDull Awful 4\n")
    (folder / "pairs2.txt").write_text("good bad 3\nfilm plot 5\n")
    (folder / "questions.txt").write_text(": one\ngood bad great awful\nfilm plot Good Bad\n")
    (folder / "questions2.txt").write_text(": one\nfine dull great awful\n")
    (folder / "data" / "glove").mkdir(parents=True)  # as if they were downloaded
    shutil.copy(folder / "wide.txt", folder / "data" / "glove" / "glove.6B.100d.txt")
    for name in ("films", "plays"):
        for i, text in enumerate(texts(len(name), 80)):
            path = folder / name / ("train", "test")[i // 40] / ("neg", "pos")[i % 2] / f"{i}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text} <br /> {name} {i}")
    (folder / "data" / "imdb").mkdir()
    with tarfile.open(folder / "data" / "imdb" / "aclImdb_v1.tar.gz", "w:gz") as archive:
        archive.add(folder / "plays", "aclImdb")
    for name in ("trees", "forest", "data/sst"):
        (folder / name).mkdir()
        for i, split in enumerate(("train", "dev", "test")):
            trees = [
                f"({n % 5} ({(n + 1) % 5} (2 {') (2 '.join(text.split())})) (2 -LRB-) (2 Film))"
                for n, text in enumerate(texts(10 * i + len(name)))
            ]
            (folder / name / f"{split}.txt").write_text("\n".join(trees) + "\n")


CORPORA = {
    Table: Table(path="table.csv", split="part", unlabelled=["more.txt"]),
    Sst: Sst(path="trees", unlabelled=["more.txt"], phrases=3),
    Imdb: Imdb(path="films", unlabelled=["more.txt"], dev=0.2),
    Sample: Sample(train=50, dev=50, test=50, pretraining=60, unlabelled=["more.txt"]),
}
VECTORS = {
    SkipGram: SkipGram(dim=3, epochs=1, subsample=0.1),
    CBOW: CBOW(dim=3, epochs=1, subsample=0.1),
    GloVe: GloVe(dim=3, epochs=2, window=3),
    Pretrained: Pretrained(path="glove.txt"),
    Random: Random(dim=3),
    Both: Both(SkipGram(dim=3, epochs=1, subsample=0.1), Pretrained(path="glove.txt")),
}
SWEEPS = {
    Logistic: Logistic(STRENGTHS),
    OneVsRest: OneVsRest(STRENGTHS),
    TwoLayer: TwoLayer(STRENGTHS, max_iter=20, hidden=2),
}
# Another value of a setting, where one cannot be made from its type.
OTHERS = {
    "corpus.path": {Table: "other.csv", Sst: "forest", Imdb: "plays"},
    "corpus.train_file": "table.csv",
    "corpus.dev_file": "table.csv",
    "corpus.test_file": "table.csv",
    "corpus.format": {Table: "csv", Imdb: "folders"},
    "corpus.header": True,
    "corpus.delimiter": ",",
    "corpus.quoting": False,
    "corpus.encoding": "latin-1",
    "corpus.drop_labels": ["1"],
    "corpus.duplicates": "drop",
    "corpus.text": "other",
    "corpus.label": "mood",
    "corpus.split": "third",
    "corpus.classes": ["1", "0"],
    "corpus.text_splits": ["train", "dev"],
    "corpus.unlabelled": ["more.txt", "even.txt"],
    "corpus.unlabelled_column": "review",
    "corpus.unlabelled_words": 20,
    "corpus.granularity": "binary",
    "corpus.dev": {Table: 0.2, Imdb: 0.3, Sample: 60},
    "corpus.test": {Table: 0.3, Imdb: 0.3, Sample: 60},
    "corpus.html": {Imdb: "keep", Table: "strip", Sst: "strip", Sample: "strip"},
    "corpus.tokenizer": "whitespace",
    "corpus.pattern": "[a-z]+",
    "corpus.url": "http://127.0.0.1/nowhere.zip",
    "vocab.min_count": 12,
    "vocab.max_size": 9,
    "vectors.path": "better.txt",
    "vectors.name": "6B.100d",
    "vectors.keys": "lower",
    "vectors.url": "http://127.0.0.1/nowhere.zip",
    "vectors.dim": {Pretrained: 3},
    "vectors.init": "glove.txt",
    "vectors.own": CBOW(dim=3, epochs=1),
    "vectors.pretrained": Pretrained(path="better.txt"),
    "features.components": 2,
    "features.vocabulary": ["vocab"],
    "evaluation.vocabulary": ["vocab"],
    "vectors.loss": Loss.softmax,
    "evaluation.similarity": ["pairs2.txt"],
    "evaluation.analogies": ["questions2.txt"],
    "sweep.strengths": [0.1, 2.0],
    "sweep.max_iter": 3,
    "report.words": ["good"],
    "report.negations": ["never"],
    "report.contrasts": ["but"],
    "report.learning_curve": [0.5],
}


def base(corpus=Table, vectors=SkipGram, sweep=Logistic):
    evaluation = Evaluation(similarity=["pairs.txt"], analogies=["questions.txt"])
    return Experiment(
        corpus=CORPORA[corpus], vectors=VECTORS[vectors], sweep=SWEEPS[sweep], evaluation=evaluation
    )


BASES = [
    *(base(corpus=kind) for kind in SCHEMAS["corpus"].values()),
    *(base(vectors=kind) for kind in SCHEMAS["vectors"].values()),
    *(base(sweep=kind) for kind in SCHEMAS["sweep"].values()),
    base(corpus=Sample, vectors=Pretrained),
]
BASES[-1].vectors = Pretrained(dim=3)  # trained on the sample's own larger text


def other_value(stage, config, field):
    """Return another value of a setting."""
    value = getattr(config, field.name)
    found = OTHERS.get(f"{stage}.{field.name}", MISSING)
    if isinstance(found, dict):
        found = found.get(type(config), MISSING)
    if found is not MISSING and found != value:
        return found
    if isinstance(value, Enum):
        return next(choice for choice in type(value) if choice is not value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value / 2 or 0.5
    raise AssertionError(f"name another value of {stage}.{field.name} in OTHERS of {__file__}")


def leaves():
    """Return every leaf of the configuration, with an experiment that has it: each class once."""
    found, seen = [], set()
    for made in BASES:
        for stage in STAGES:
            config = getattr(made, stage)
            kind = (stage, type(config), made is BASES[-1] and stage in {"corpus", "vectors"})
            if kind not in seen:
                seen.add(kind)
                old = old_names(config)
                found += [(made, stage, f) for f in fields(config) if f.name not in old]
    return found


LEAVES = leaves()


@pytest.fixture(scope="module", autouse=True)
def here(tmp_path_factory, shared):
    """A folder with all inputs, and a cache that has all the base experiments.

    Figures and pages, which are not cached, are left out.
    """
    folder = tmp_path_factory.mktemp("law")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "write_report", note)
        patch.setattr(module, "write_page", lambda *_: None)

        def make(folder):
            patch.chdir(folder)
            write_inputs(folder)
            for made in BASES:
                assert "test" in outcome(replace(made, cache=WARM), "run")

        shutil.copytree(shared("law", make)[0], folder, dirs_exist_ok=True)
        patch.chdir(folder)
        yield folder


def numbers(X):
    dense = X if isinstance(X, np.ndarray) else X.toarray()
    return dense.tobytes().hex()


def note(folder, corpus, vocabulary, vectors, features, swept, best, *_):
    """Write down everything that the stages made, in place of a report."""
    tokens = {name: split.sentences for name, split in corpus.splits.items()}
    noted = {
        "corpus": [corpus.summary(), corpus.digest, corpus.ordinal, tokens],
        "vocab": [vocabulary.words, vocabulary.counts.tolist(), vocabulary.digest],
        "vectors": [vectors.words, vectors.matrix.tobytes().hex(), vectors.curve.tolist()],
        "provenance": vectors.provenance,
        "features": {name: numbers(X) for name, X in features.X.items()},
        "sweep": swept.rows,
        "best": [best.strength, {k: v.tolist() for k, v in best.predicted.items()}],
    }
    (folder / "report").mkdir(parents=True, exist_ok=True)
    (folder / "report" / "noted.json").write_text(json.dumps(noted))
    return ReportFolder(folder)


def outcome(made, folder):
    """Run an experiment; return all that must not depend on the cache, or its error."""
    try:
        result = made.run(Path(folder))
    except UserError as error:
        return str(error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for name in ("seconds", "stages", "mlflow_run_id"):
        del result[name]
    del result["files"]["metrics.csv"]  # which has the seconds; all other files have their sha256
    return result


def assert_not_stale(made):
    """Compare a warm run with one without a cache; return the result."""
    made.cache = WARM
    key = run_key(made)
    warm = outcome(made, "run")
    assert run_key(made) == key
    made.cache = Cache(enabled=False)
    assert warm == outcome(made, "run")
    assert not Path("outputs").exists()
    return warm


def changed(made, stage, **values):
    return replace(made, choices={}, **{stage: replace(getattr(made, stage), **values)})


@pytest.mark.parametrize(
    ("made", "stage", "field"),
    [
        pytest.param(
            *leaf, id=f"{type(getattr(leaf[0], leaf[1])).__name__}.{leaf[2].name}-{number}"
        )
        for number, leaf in enumerate(LEAVES)
    ],
)
def test_a_changed_setting(made, stage, field):
    values = {field.name: other_value(stage, getattr(made, stage), field)}
    if field.name == "name":
        values["path"] = None
    if field.name == "freeze":
        combine = Combine.sum if isinstance(made.vectors, GloVe) else Combine.input
        made = changed(made, stage, init="glove.txt", combine=combine)
    other = changed(made, stage, **values)
    assert_not_stale(other)
    assert run_key(other) != run_key(replace(made, choices={}))


@pytest.mark.parametrize(
    ("name", "made"),
    [
        *((name, base()) for name in ("table.csv", "more.txt", "pairs.txt", "questions.txt")),
        ("glove.txt", base(vectors=Pretrained)),
        ("glove.txt", base(vectors=Both)),
        ("glove.txt", changed(base(), "vectors", init="glove.txt")),
        ("vectors.tsv", changed(base(vectors=Pretrained), "vectors", path="vectors.tsv")),
        ("metadata.tsv", changed(base(vectors=Pretrained), "vectors", path="vectors.tsv")),
        (
            "data/glove/glove.6B.100d.txt",
            changed(base(vectors=Pretrained), "vectors", path=None, name="6B.100d"),
        ),
        *((f"trees/{split}.txt", base(corpus=Sst)) for split in ("train", "dev", "test")),
        ("films/test/pos/41.txt", base(corpus=Imdb)),
        ("data/sst/test.txt", changed(base(corpus=Sst), "corpus", path=None)),
    ],
)
def test_a_changed_file(name, made):
    before = assert_not_stale(made)
    key, content = run_key(made), Path(name).read_text()
    try:
        edits = [
            ("films", "good", 1),
            ("good", "fine", 1),
            ("great 5", "great 0", 1),
            ("Good Bad", "Bad Good", 1),
        ]
        edited = content
        for old, new, count in edits:
            edited = edited.replace(old, new, count)
        edited = edited.replace("0\t0", "1\t1", 1)
        Path(name).write_text(edited.replace(": one\n", ": one\nfilm plot good bad\n"))
        assert assert_not_stale(made) != before
        assert run_key(made) != key
    finally:
        Path(name).write_text(content)
    assert assert_not_stale(made) == before
    assert run_key(made) == key


@pytest.mark.parametrize("made", BASES)
def test_changed_code(made, monkeypatch):
    assert_not_stale(made)
    made.cache = WARM
    result = made.run(Path("run"))
    assert {"reused"} == {result["stages"][stage] for stage in cached_stages(made)}
    key = run_key(made)
    monkeypatch.setattr(keys, "package_digest", lambda: f"edited for {id(made)}")
    assert run_key(made) != key
    result = made.run(Path("run"))
    assert "reused" not in result["stages"].values()
    shutil.rmtree("run")


def cached_stages(made):
    """Return the stages whose results are cached in these experiments."""
    return ["vocab", "vectors", "sweep", *(["corpus"] if isinstance(made.corpus, Table) else [])]


def test_every_file_of_the_package_is_its_code(tmp_path):
    copy = shutil.copytree(code.PACKAGE, tmp_path / "pipeline")
    digests = {code.tree_digest(copy)}
    assert digests == {code.package_digest()}
    files = [path for path in copy.rglob("*") if path.suffix in {".py", ".txt", ".j2", ".css"}]
    for path in files:
        content = path.read_bytes()
        path.write_bytes(content + b" ")
        digests.add(code.tree_digest(copy))
        path.write_bytes(content)
    (copy / "new.txt").touch()
    digests.add(code.tree_digest(copy))
    assert len(digests) == len(files) + 2


@pytest.mark.parametrize(
    "name",
    ["NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES"],
)
def test_changed_instructions_of_the_processor(name, monkeypatch):
    made = base()
    made.cache = WARM
    outcome(made, "run")
    monkeypatch.setenv(name, "generic")
    keys.machine.cache_clear()
    result = made.run(Path("run"))
    assert (result["stages"]["vectors"], result["stages"]["sweep"]) == ("made", "made")
    monkeypatch.undo()
    keys.machine.cache_clear()


SIMPLE = [leaf for leaf in LEAVES if leaf[1] in {"corpus", "vocab", "vectors", "sweep"}]


@given(st.lists(st.tuples(st.sampled_from(SIMPLE), st.booleans()), min_size=1, max_size=5))
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_changes_one_after_the_other(changes):
    """Settings and files change in any order, all with one cache."""
    content, made = Path("more.txt").read_text(), base()
    for (first, stage, field), edit in changes:
        config = getattr(made, stage)
        if field.name in vars(config) and field.name != "name":
            original = getattr(getattr(first, stage), field.name)
            is_original = getattr(config, field.name) == original
            value = other_value(stage, config, field) if is_original else original
            with contextlib.suppress(UserError):  # some values exclude one another
                made = changed(made, stage, **{field.name: value})
        if edit:
            Path("more.txt").write_text(Path("more.txt").read_text() + "A good plot.\n")
        assert_not_stale(made)
    Path("more.txt").write_text(content)


class TestOnesOwnCode:
    """A class of the user's own, its helper, and what it reads from the corpus."""

    HELPER = "SCALE = 2\n"
    MODULE = """
import os, law_helper; y = 1
from dataclasses import dataclass, field
from pathlib import Path
import numpy as np
from pipeline import WordVectors

@dataclass
class Own:
    files: dict = field(default_factory=dict)
    reads: bool = False

    def make(self, corpus, vocabulary):
        size = sum(len(Path(name).read_text()) for name in self.files.values())
        if self.reads:
            size += sum(map(len, corpus.unlabelled))
        rows = [[law_helper.SCALE * len(word), size % 97 / 97] for word in vocabulary.words]
        return WordVectors(vocabulary.words, np.array(rows, np.float32))
"""

    @pytest.fixture(autouse=True)
    def modules(self, here, monkeypatch):
        (here / "elsewhere").mkdir(exist_ok=True)
        monkeypatch.syspath_prepend(here / "elsewhere")
        monkeypatch.syspath_prepend(here)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        self.write(self.MODULE, self.HELPER)
        yield
        self.forget()

    @staticmethod
    def forget():
        for name in ("law_own", "law_helper"):
            sys.modules.pop(name, None)
        code.LOADED.clear()

    def write(self, module, helper):
        Path("law_own.py").write_text(module)
        Path("elsewhere/law_helper.py").write_text(helper)
        self.forget()

    def made(self, **values):
        with observe.importing():
            from law_own import Own
        return replace(base(), vectors=Own(**values), choices={})

    def reused(self, made):
        made.cache = WARM
        result = made.run(Path("run"))
        shutil.rmtree("run")
        return result["stages"]["vectors"] == "reused"

    def test_is_known_again(self):
        assert_not_stale(self.made())
        assert self.reused(self.made())

    def test_edited(self):
        before = assert_not_stale(self.made())
        self.write(self.MODULE.replace("size % 97", "1 + size % 97"), self.HELPER)
        edited = assert_not_stale(self.made())
        assert edited != before
        self.write(self.MODULE, "SCALE = 3\n")
        assert assert_not_stale(self.made()) not in (before, edited)
        self.write(self.MODULE, self.HELPER)
        assert self.reused(self.made())

    def test_with_a_file_in_a_dictionary(self):
        made = self.made(files={"first": "even.txt"})
        before, content = assert_not_stale(made), Path("even.txt").read_text()
        Path("even.txt").write_text(content + "More of it.\n")
        assert assert_not_stale(made) != before
        Path("even.txt").write_text(content)
        assert assert_not_stale(made) == before

    @pytest.mark.parametrize("when", ["import", "make"])
    def test_that_reads_a_file_which_no_setting_names(self, when):
        Path("hidden.txt").write_text("some")
        line = "Path('hidden.txt').read_text()"
        if when == "import":
            text = self.MODULE.replace("@dataclass", f"HIDDEN = len({line})\n\n@dataclass")
            self.write(text.replace("size % 97", "HIDDEN"), self.HELPER)
        else:
            self.write(self.MODULE.replace("size % 97", f"len({line})"), self.HELPER)
        before = assert_not_stale(self.made())
        assert self.reused(self.made())
        Path("hidden.txt").write_text("some more")
        self.forget()
        assert assert_not_stale(self.made()) != before
        assert self.reused(self.made())

    def test_that_asks_elsewhere_is_not_cached(self):
        line = "sub.run(['true'])"
        text = self.MODULE.replace("import os", "import subprocess as sub, os")
        self.write(text.replace("size = ", f"{line}; size = "), self.HELPER)
        assert_not_stale(self.made())
        assert not self.reused(self.made())

    def test_that_reads_the_unlabelled_text(self):
        made = self.made(reads=True)
        made.vocab = replace(made.vocab, max_size=3)
        before, content = assert_not_stale(made), Path("more.txt").read_text()
        Path("more.txt").write_text(content.replace("good", "good good"))
        assert assert_not_stale(made) != before
        Path("more.txt").write_text(content)


def test_what_is_saved_of_a_corpus_is_all_there_is_in_it():
    apart = {"splits", "phrases", "unlabelled", "pretraining", "also", "checks"}
    assert {field.name for field in fields(Corpus)} == {*CORPUS_FACTS, *apart}


def test_the_count(capsys):
    with capsys.disabled():
        print(f"\nthe law of the cache: {len(LEAVES)} leaves of {len(BASES)} experiments")  # noqa: T201
    kinds = {type(getattr(made, stage)) for made in BASES for stage in STAGES}
    assert kinds >= {kind for group in ("corpus", "vectors") for kind in SCHEMAS[group].values()}
