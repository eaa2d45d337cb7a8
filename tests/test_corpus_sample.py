from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.errors import UserError
from pipeline.stages.corpus import Sample

SMALL = {"train": 100, "dev": 60, "test": 80, "pretraining": 200}


@pytest.fixture(scope="module")
def corpus():
    """The sample as it is by default."""
    return Sample().load()


def larger_text(**settings):
    return list(Sample(**(SMALL | settings)).load().pretraining.sentences())


def test_has_the_sizes_promised(corpus):
    assert {name: len(split) for name, split in corpus.splits.items()} == {
        "train": 3000,
        "dev": 500,
        "test": 1000,
    }
    assert Sample().pretraining >= 100_000


def test_has_five_ordered_classes(corpus):
    assert corpus.classes == ("- -", "-", "neut", "+", "+ +")
    assert corpus.task == Sample().task == "sample-5"
    assert corpus.ordinal


def test_no_class_is_rare(corpus):
    for split in corpus.splits.values():
        assert np.bincount(split.labels, minlength=5).min() > 0.05 * len(split)


def test_has_two_thousand_words_and_more(corpus):
    assert len(corpus.words()) >= 2000


def test_words_are_as_uneven_as_in_any_language(corpus):
    counts = sorted(corpus.words().values(), reverse=True)
    assert sum(counts[:100]) > 0.4 * sum(counts)
    assert sum(count == 1 for count in counts) > 0.1 * len(counts)


def test_the_larger_text_has_words_that_training_never_shows(corpus):
    trained = {word for tokens in corpus.text() for word in tokens}
    larger = {word for tokens in larger_text(pretraining=5000) for word in tokens}
    unseen = [
        word for word, count in corpus.words().items() if word not in trained and word in larger
    ]
    assert len(unseen) > 50


def test_is_the_same_for_the_same_seed_and_another_for_another():
    digests = [Sample(**SMALL, seed=seed).load().digest for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


def test_no_split_begins_as_another():
    splits = Sample(**SMALL).load().splits.values()
    beginnings = {tuple(map(tuple, split.sentences[:10])) for split in splits}
    assert len(beginnings) == 3


@pytest.mark.parametrize("changed", ["train", "test", "pretraining"])
def test_dev_stays_as_it_is_whatever_the_size_of_the_others(changed):
    settings = SMALL | {changed: 50}
    before, after = Sample(**SMALL).load(), Sample(**settings).load()
    assert after.splits["dev"].digest == before.splits["dev"].digest


def test_a_larger_split_begins_as_the_smaller():
    small, large = (Sample(**SMALL | {"train": n}).load().splits["train"] for n in (50, 100))
    assert large.sentences[:50] == small.sentences
    np.testing.assert_array_equal(large.labels[:50], small.labels)


def test_is_lower_case_throughout(corpus):
    assert all(word == word.lower() for word in corpus.words())


class TestLargerText:
    def test_has_as_many_sentences_as_told(self):
        assert len(larger_text(pretraining=123)) == 123

    def test_can_be_read_again(self):
        sentences = Sample(**SMALL).load().pretraining.sentences
        assert list(sentences()) == list(sentences())

    def test_is_named_by_all_that_makes_it(self):
        keys = [
            Sample(**SMALL | changed).load().pretraining.key
            for changed in ({}, {"seed": 2}, {"pretraining": 300})
        ]
        assert len(set(keys)) == 3
        assert keys[0] == Sample(**SMALL | {"train": 50}).load().pretraining.key


@pytest.mark.parametrize("name", ["train", "dev", "test", "pretraining"])
def test_a_size_too_small_is_refused(name):
    with pytest.raises(UserError, match=f"{name} must be at least 50, not 49"):
        Sample(**{name: 49})


def test_a_seed_below_zero_is_refused():
    with pytest.raises(UserError, match=r"seed must be at least 0, not -1"):
        Sample(seed=-1)
