from __future__ import annotations

import gzip
from itertools import islice

import numpy as np
import pytest

from pipeline.stages.corpus import Sample, Tokenizer
from pipeline.stages.corpus.drift import unlike

COMMON = [f"word{i}" for i in range(300)]
FREQUENCY = 1 / np.arange(2, 302)


def texts(n, seed, length=40):
    """Texts whose words come together, as those of a subject do."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        weights = FREQUENCY * rng.gamma(0.3, size=300)
        size = max(1, int(rng.lognormal(np.log(length), 0.7)))
        found.append([COMMON[i] for i in rng.choice(300, size, p=weights / weights.sum())])
    return found


def labels(n, share=0.5, seed=0):
    return (np.random.default_rng(seed).random(n) < share).astype(int).tolist()


def found(train, test, train_labels=None, test_labels=None):
    splits = {
        "train": (train, train_labels or labels(len(train))),
        "test": (test, test_labels or labels(len(test))),
    }
    return unlike(splits, ("neg", "pos"))


@pytest.fixture(scope="module")
def alike():
    return texts(600, 1), texts(300, 2)


class TestWhatStandsOut:
    def test_a_word_that_was_removed_from_one_split_is_named_with_its_rates(self, alike):
        train, test = alike
        message = found(train, [[*tokens, *["br"] * 4] for tokens in test])[0]
        assert message == "'br': 4.0 per text in test, 0 in train"

    def test_even_if_only_few_texts_had_it(self):
        train, test = texts(3000, 3), texts(3000, 4)
        marked = [[*tokens, "http"] if i % 25 == 0 else tokens for i, tokens in enumerate(test)]
        (message,) = found(train, marked)
        assert message.startswith("'http': 0.04 per text in test, 0 in train")

    def test_is_named_where_train_alone_has_it(self, alike):
        train, test = alike
        (message,) = found([[*tokens, "."] for tokens in train], test)
        assert message == "'.': 0 per text in test, 1.0 in train"

    def test_many_words_are_counted(self, alike):
        train, test = alike
        message = found(train, [[token.upper() for token in tokens] for tokens in test])[0]
        assert "more words)" in message
        assert len(message) < 250

    def test_lengths(self, alike):
        train, test = alike
        messages = found(train, [tokens[: len(tokens) // 3 + 1] for tokens in test])
        assert any(m.startswith("texts have ") and "(median)" in m for m in messages)

    def test_unknown_words(self, alike):
        train, test = alike
        mixed = [[t if i % 3 else f"{t}x{k}" for i, t in enumerate(s)] for k, s in enumerate(test)]
        assert any("of the words of test are not in train" in m for m in found(train, mixed))

    def test_classes(self, alike):
        train, test = alike
        messages = found(train, test, labels(600), labels(300, 0.9))
        assert messages[0].startswith("class neg: ")
        assert "of test" in messages[0]


@pytest.fixture(scope="module")
def reviews(data):
    with gzip.open(data / "corpora" / "imdb_unsup.txt.gz", "rt", encoding="utf-8") as file:
        return [Tokenizer("regex").tokens(line) for line in islice(file, 2000)]


class TestNoFalseAlarm:
    @pytest.mark.parametrize("seed", range(20))
    def test_on_random_splits(self, seed):
        sizes = [(600, 300), (2000, 50), (100, 30), (40, 400)][seed % 4]
        pool = texts(sum(sizes), 100 + seed)
        assert found(pool[: sizes[0]], pool[sizes[0] :]) == []

    def test_on_the_sample(self):
        corpus = Sample().load()
        splits = {n: (s.sentences, s.labels.tolist()) for n, s in corpus.splits.items()}
        assert unlike(splits, corpus.classes) == []

    @pytest.mark.parametrize("seed", range(5))
    def test_on_random_splits_of_real_reviews(self, reviews, seed):
        order = np.random.default_rng(seed).permutation(2000).tolist()
        train, test = ([reviews[i] for i in part] for part in (order[:1500], order[1500:]))
        assert found(train, test) == []

    @pytest.mark.parametrize("sizes", [(1, 1), (3, 2), (0, 3), (5, 0)])
    def test_on_next_to_nothing(self, sizes):
        train, test = ([[f"w{i}"] for i in range(n)] for n in sizes)
        assert sizes[0] == 0 or found(train, test) == []

    def test_on_empty_texts(self):
        assert found([[]] * 50, [[]] * 50) == []
