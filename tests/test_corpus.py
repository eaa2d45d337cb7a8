from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from pipeline.core.errors import UserError
from pipeline.core.metrics import Metric
from pipeline.stages.corpus import SPLITS, Corpus, CorpusConfig, Split, Text, Tokenizer

LABELLED = {
    "train": Split([["a", "good", "film"], ["a", "bad", "one"]], np.array([1, 0])),
    "dev": Split([["good"], ["bad"]], np.array([1, 0])),
    "test": Split([["fine"], ["not", "fine"], ["dire"]], np.array([1, 0, 0])),
}


@pytest.fixture
def corpus(tmp_path):
    extra = tmp_path / "extra.txt"
    extra.write_text("unseen words here\n")
    return Corpus(
        task="films",
        classes=("bad", "good"),
        splits=LABELLED,
        unlabelled=Text((extra,), tokenized=True),
    )


def with_split(corpus, name, split):
    return dataclasses.replace(corpus, splits={**corpus.splits, name: split})


class TestChecks:
    @pytest.mark.parametrize("name", SPLITS)
    def test_a_split_without_a_class_names_both_and_a_remedy(self, corpus, name):
        with pytest.raises(UserError) as error:
            with_split(corpus, name, Split([["bad"]], np.array([0])))
        assert str(error.value) == (
            f"corpus films: the {name} split has no sentence of class 'good'. "
            "Add some, or split the texts in another way."
        )

    @pytest.mark.parametrize("name", SPLITS)
    def test_a_split_without_sentences_is_named(self, corpus, name):
        with pytest.raises(UserError, match=f"corpus films: the {name} split has no sentences"):
            with_split(corpus, name, Split([], np.array([], int)))

    def test_one_class_is_nothing_to_classify(self):
        split = Split([["a"]], np.array([0]))
        with pytest.raises(UserError, match="only one class, 'good': nothing to classify"):
            Corpus("films", ("good",), dict.fromkeys(SPLITS, split))


class TestText:
    def test_is_that_of_train_and_the_unlabelled_files(self, corpus):
        assert list(corpus.text()) == [
            ["a", "good", "film"],
            ["a", "bad", "one"],
            ["unseen", "words", "here"],
        ]

    def test_is_that_of_the_splits_asked_for_in_their_order(self, corpus):
        chosen = dataclasses.replace(corpus, text_splits=("dev", "train"), unlabelled=Text())
        assert list(chosen.text()) == [
            *LABELLED["dev"].sentences,
            *LABELLED["train"].sentences,
        ]

    def test_can_be_read_again(self, corpus):
        assert list(corpus.text()) == list(corpus.text())


def test_the_words_are_those_of_all_labelled_splits_and_no_others(corpus):
    twice, once = ("a", "good", "bad", "fine"), ("film", "one", "not", "dire")
    assert corpus.words() == dict.fromkeys(twice, 2) | dict.fromkeys(once, 1)


class TestDigest:
    def test_is_the_same_for_the_same_corpus(self, corpus):
        again = {
            name: Split([list(tokens) for tokens in split.sentences], split.labels.copy())
            for name, split in LABELLED.items()
        }
        assert dataclasses.replace(corpus, splits=again).digest == corpus.digest

    def test_changes_with_all_that_a_result_depends_on(self, corpus, tmp_path):
        other = tmp_path / "other.txt"
        other.write_text("other words here\n")
        train = LABELLED["train"]
        others = [
            dataclasses.replace(corpus, task="books"),
            dataclasses.replace(corpus, classes=("worse", "good")),
            dataclasses.replace(corpus, text_splits=("train", "dev")),
            dataclasses.replace(corpus, unlabelled=Text()),
            dataclasses.replace(corpus, unlabelled=Text((other,), tokenized=True)),
            with_split(corpus, "train", Split(train.sentences, 1 - train.labels)),
            with_split(corpus, "train", Split(train.sentences[::-1], train.labels)),
            with_split(
                corpus, "train", Split([["a", "goodfilm"], train.sentences[1]], train.labels)
            ),
            with_split(corpus, "train", Split([["a", "good"], ["film", "a"]], train.labels)),
            with_split(corpus, "train", Split([["a"], ["good", "film", "a"]], train.labels)),
        ]
        digests = {corpus.digest, *(other.digest for other in others)}
        assert len(digests) == 1 + len(others)

    def test_needs_the_unlabelled_files(self, corpus, tmp_path):
        (tmp_path / "extra.txt").unlink()
        with pytest.raises(UserError, match=r"extra\.txt: no such file"):
            _ = corpus.digest


def test_tells_its_sizes(corpus):
    assert (
        corpus.describe()
        == "films: 2 / 2 / 3 sentences, and 1 unlabelled file(s); 2 classes: bad 4, good 3"
    )
    assert list(corpus.metrics()) == [
        Metric("corpus/train_sentences", 2),
        Metric("corpus/dev_sentences", 2),
        Metric("corpus/test_sentences", 3),
    ]


def test_sums_itself_up(corpus):
    summary = corpus.summary()
    assert summary["splits"]["test"] == {
        "sentences": 3,
        "tokens": 4,
        "labels": [2, 1],
        "digest": LABELLED["test"].digest,
    }
    assert summary["classes"] == ["bad", "good"]
    assert summary["digest"] == corpus.digest


class TestConfig:
    def test_a_split_for_text_that_is_none_is_named_with_the_one_meant(self):
        message = "text_splits: no choice 'trian' (did you mean 'train'?); choose"
        with pytest.raises(UserError, match=re.escape(message)):
            CorpusConfig(text_splits=["dev", "trian"])

    def test_passes_on_how_unlabelled_text_is_read(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HOME", str(tmp_path))
        how = {"lower": False, "html": "strip"}
        config = CorpusConfig(unlabelled=["~/a.txt"], unlabelled_words=7, tokenized=True, **how)
        assert config.extra_text() == Text(
            (tmp_path / "a.txt",), Tokenizer(**how), tokenized=True, max_words=7
        )

    def test_no_words_of_the_unlabelled_text_is_refused(self):
        with pytest.raises(UserError, match=r"unlabelled_words must be at least 1"):
            CorpusConfig(unlabelled_words=0)
