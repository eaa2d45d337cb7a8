from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.cache import keys as depends
from pipeline.cache.keys import UnknownError, described
from pipeline.stages.best.best import OnDev, Ties
from pipeline.stages.corpus import Sample, Split, Table
from pipeline.stages.evaluation.evaluation import Evaluation
from pipeline.stages.features.features import Features, Mean, Unknown, featurize
from pipeline.stages.report import Report
from pipeline.stages.sweep.sweep import Logistic, OneVsRest
from pipeline.stages.vectors.vectors import CBOW, GloVe, Glove, Random, SkipGram, train_vectors
from pipeline.stages.vectors.word2vec import Loss
from pipeline.stages.vocab import Vocab, build_vocab

TEXTS = ["A Good film", "a bad film", "good fun", "bad luck"]


def rows(test="a fine film"):
    """Return a table whose columns `stars` and `mood` label the same texts."""
    lines = ["text,stars,mood,part"]
    for part in ("train", "dev", "test"):
        texts = [test if part == "test" else TEXTS[0], *TEXTS[1:]]
        lines += [f"{text},{i % 2},{'xyyx'[i]},{part}" for i, text in enumerate(texts)]
    return "\n".join(lines) + "\n"


@dataclass
class Settings:
    """What an experiment is told."""

    corpus: Table
    vocab: Vocab = field(default_factory=Vocab)
    vectors: object = field(default_factory=lambda: SkipGram(dim=2, epochs=1))
    evaluation: Evaluation = field(default_factory=Evaluation)
    features: Mean = field(default_factory=Mean)
    sweep: Logistic = field(default_factory=lambda: Logistic([1.0]))
    best: OnDev = field(default_factory=OnDev)
    report: Report = field(default_factory=Report)

    def told(self):
        """Return what each stage depends on."""
        also = self.evaluation.words()
        corpus = self.corpus.load()
        vocabulary = build_vocab(corpus, self.vocab)
        # That of their training is no matter here, and random ones are quick.
        told = depends.vectors(corpus, vocabulary, self.vectors, also)
        seed = int(depends.digest_of(told)[:6], 16)
        vectors = train_vectors(corpus, vocabulary, Random(dim=2, seed=seed))
        features = featurize(corpus, vectors, self.features)
        given = (corpus, vocabulary, vectors, features, None, None)
        return {
            "corpus": depends.corpus(self.corpus),
            "vocab": depends.vocab(corpus, self.vocab),
            "vectors": told,
            "evaluation": depends.evaluation(vectors, self.evaluation),
            "features": depends.features(corpus, vectors, self.features),
            "sweep": depends.sweep(features, self.sweep),
            "best": depends.best(None, features, self.best),
            "report": depends.report(Path(), *given, self.features, self.report),
        }


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text(rows())
    Path("more.txt").write_text("a very good film\n")
    Path("glove.txt").write_text("a 1 2\nfilm 3 4\nluck 5 6\n")
    Path("pairs.txt").write_text("good bad 1\n")
    return tmp_path


@pytest.fixture
def base(here):  # noqa: ARG001
    corpus = Table(path="table.csv", label="stars", split="part", unlabelled=["more.txt"])
    return Settings(corpus, evaluation=Evaluation(similarity=["pairs.txt"]))


def changed(base, other):
    before, after = base.told(), other.told()
    return " ".join(stage for stage in before if before[stage] != after[stage])


DOWN = "vectors evaluation features sweep best"  # all that new vectors change
CHANGES = {
    "corpus.label=mood": "corpus features sweep best report",
    "corpus.lower=False": f"corpus vocab {DOWN} report",
    "corpus.ordinal=True": "features best report",
    "corpus.classes=['1', '0']": "corpus features sweep best report",
    "corpus.text_splits=['dev']": "report",  # here dev's text is that of train
    "corpus.text_splits=['train', 'dev']": f"vocab {DOWN} report",
    "corpus.unlabelled=[]": f"vocab {DOWN} report",
    "corpus.unlabelled_words=2": "vocab report",  # which its only sentence reaches
    "corpus.tokenized=True": "vocab report",  # and comes out the same
    "vocab.min_count=2": f"vocab {DOWN} report",
    "vocab.max_size=100": "vocab",  # which is no limit
    "vectors.dim=3": DOWN,
    "vectors.seed=2": DOWN,
    "vectors.threads=2": DOWN,
    "vectors.loss=Loss.softmax": DOWN,
    "vectors.subword=5": DOWN,
    "evaluation.lower=False": "evaluation",
    "features.normalize=True": "features sweep best report",
    "features.unknown=Unknown.zero": "features best report",  # test alone has such
    "sweep.strengths=[1.0, 2.0]": "sweep",
    "sweep.tol=0.1": "sweep",
    "best.ties=Ties.first": "best",
    "report.words=['film']": "report",
    "report.draws=6": "report",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_setting_changes_what_it_matters_to_and_no_more(change, base):
    key, _, text = change.partition("=")
    stage, name = key.split(".")
    names = {"Loss": Loss, "Unknown": Unknown, "Ties": Ties}
    value = eval(text, names) if text[0] in "[0123456789TFLU" else text  # noqa: S307 - our own
    config = replace(getattr(base, stage), **{name: value})
    assert changed(base, replace(base, **{stage: config})) == CHANGES[change]


@pytest.mark.parametrize(
    ("file", "content", "stages"),
    [
        ("table.csv", rows(test="an awful film"), "corpus features best report"),
        ("more.txt", "a very bad film\n", f"vocab {DOWN} report"),
        ("pairs.txt", "good bad 2\n", "evaluation"),
        ("glove.txt", "a 1 2\nfilm 3 5\nluck 5 6\n", ""),
    ],
)
def test_a_file_changes_what_it_matters_to_and_no_more(file, content, stages, base):
    before = base.told()
    Path(file).write_text(content)
    after = base.told()
    assert " ".join(stage for stage in before if before[stage] != after[stage]) == stages


def test_phrases_change_what_is_learnt_from_them_and_no_vectors(base):
    def told(phrases):
        corpus = replace(base.corpus.load(), phrases=phrases)
        vocabulary = build_vocab(corpus, base.vocab)
        vectors = train_vectors(corpus, vocabulary, Random(dim=2))
        features = featurize(corpus, vectors, base.features)
        return {
            "vocab": depends.vocab(corpus, base.vocab),
            "vectors": depends.vectors(corpus, vocabulary, SkipGram()),
            "features": depends.features(corpus, vectors, base.features),
            "sweep": depends.sweep(features, base.sweep),
        }

    split = base.corpus.load().splits["train"]
    plain, some, others = map(told, (None, split, Split(split.sentences, 1 - split.labels)))
    assert {stage for stage in plain if plain[stage] != some[stage]} == {"features", "sweep"}
    assert {stage for stage in plain if some[stage] != others[stage]} == {"features", "sweep"}


def test_another_class_of_settings_is_another_thing(base):
    assert changed(base, replace(base, vectors=CBOW(dim=2, epochs=1))) == DOWN
    assert changed(base, replace(base, vectors=GloVe(dim=2, epochs=1))) == DOWN
    assert changed(base, replace(base, sweep=OneVsRest([1.0], tol=1e-6))) == "sweep"


def test_that_files_stand_elsewhere_or_were_touched_changes_nothing(base, here):
    before = base.told()
    Path("more.txt").touch()
    Path("elsewhere").mkdir()
    Path("table.csv").rename("elsewhere/table.csv")
    moved = replace(base, corpus=replace(base.corpus, path=str(here / "elsewhere/table.csv")))
    assert moved.told() == before


class TestPretrainedVectors:
    @pytest.fixture
    def glove(self, base):
        return replace(base, vectors=Glove(path="glove.txt"))

    def test_depend_on_the_content_of_the_file(self, glove):
        before = glove.told()["vectors"]
        Path("glove.txt").write_text("a 1 2\nfilm 3 5\nluck 5 6\n")
        assert glove.told()["vectors"] != before

    def test_do_not_depend_on_the_folder_it_is_in(self, glove, here):
        before = glove.told()["vectors"]
        named = replace(glove, vectors=Glove(path=str(here / "glove.txt")))
        assert named.told()["vectors"] == before

    def test_depend_on_which_words_are_needed_not_on_how_often(self, glove):
        before = glove.told()["vectors"]
        Path("more.txt").write_text("a very very good film\n")
        assert glove.told()["vectors"] == before
        Path("more.txt").write_text("a most good film\n")
        assert glove.told()["vectors"] != before

    def test_depend_on_the_words_to_evaluate(self, glove):
        before = glove.told()["vectors"]
        Path("pairs.txt").write_text("good king 1\n")
        assert glove.told()["vectors"] != before

    def test_that_stand_for_glove_in_the_sample_need_not_be_there_to_be_known(self, here):
        told = {}
        for sentences in (200, 300):
            corpus = Sample(train=60, dev=60, test=60, pretraining=sentences).load()
            told[sentences] = depends.vectors(corpus, build_vocab(corpus), Glove())
        assert told[200] != told[300]
        assert not (here / "outputs").exists()


@dataclass
class Own:
    number: float = 1.0
    path: str = ""
    more: object = None

    def make(self, corpus, vocabulary):
        raise NotImplementedError


class TestOnesOwnCode:
    def test_is_told_by_its_class_and_fields(self):
        told = {"number": 2.0, "path": "", "more": [1, "a", None]}
        assert described(Own(2.0, more=(1, "a", None))) == {"class": f"{__name__}.Own", **told}

    def test_whose_field_names_a_file_depends_on_its_content(self, here):  # noqa: ARG002
        before = described(Own(path="more.txt"))
        Path("more.txt").write_text("edited")
        assert described(Own(path="more.txt")) != before

    @pytest.mark.parametrize("value", [object(), [object()], {"a": object()}])
    def test_with_a_value_that_has_no_plain_form_cannot_be_told(self, value):
        with pytest.raises(UnknownError, match=r"Own\.more: object has no plain value"):
            described(Own(more=value))

    def test_may_be_no_dataclass(self):
        class Plain:
            def __init__(self):
                self.depth = math.inf

        assert described(Plain())["depth"] == "inf"

    def test_that_makes_vectors_may_depend_on_all_it_is_given(self, base):
        own = replace(base, vectors=Own())
        before = own.told()["vectors"]
        for corpus in (replace(own.corpus, ordinal=True), replace(own.corpus, label="mood")):
            assert replace(own, corpus=corpus).told()["vectors"] != before
        Path("pairs.txt").write_text("good king 1\n")
        assert own.told()["vectors"] != before


def test_only_tables_are_dear_enough_to_be_kept(here):  # noqa: ARG001
    assert depends.corpus(Sample()) is None
    assert depends.corpus(Table(path="table.csv")) is not None


def test_the_sweep_does_not_depend_on_test():
    X = {name: np.eye(3) for name in ("train", "dev", "test")}
    y = {name: np.arange(3) for name in X}
    features = Features(X, y, {}, ("a", "b", "c"))
    other = Features({**X, "test": np.zeros((3, 3))}, y, {}, ("a", "b", "c"))
    assert depends.sweep(features, Logistic()) == depends.sweep(other, Logistic())
    assert depends.best(None, features, OnDev()) != depends.best(None, other, OnDev())
