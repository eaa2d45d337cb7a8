from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.stages.corpus import SPLITS, Corpus, Split, Sst, Table, load_corpus
from pipeline.stages.corpus.draw import draw_splits
from pipeline.stages.corpus.duplicates import copies

WORDS = [f"w{i}" for i in range(500)]


def random_texts(n, length=60, seed=0):
    rng = np.random.default_rng(seed)
    return [[WORDS[i] for i in rng.integers(len(WORDS), size=length)] for _ in range(n)]


def groups(numbers):
    members = {}
    for i, number in enumerate(numbers.tolist()):
        members.setdefault(number, []).append(i)
    return sorted(found for found in members.values() if len(found) > 1)


class TestCopies:
    def test_have_the_same_words_whatever_case_and_marks(self):
        texts = ["It 's fine .", "it 'S FINE", "It s fine !", "It is fine ."]
        exact, _ = copies([text.split() for text in texts])
        assert groups(exact) == [[0, 1, 2]]

    def test_of_other_scripts_count_too(self):
        exact, _ = copies([["很", "好"], ["很", "。", "好"], ["不", "好"]])
        assert groups(exact) == [[0, 1]]

    def test_are_never_texts_without_words(self):
        exact, near = copies([[], [], ["!"], ["?"], []])
        assert groups(exact) == groups(near) == []

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.lists(st.sampled_from(WORDS[:4]), max_size=5), min_size=1, max_size=20))
    def test_are_all_found(self, texts):
        exact, _ = copies(texts)
        for i, a in enumerate(texts):
            for j, b in enumerate(texts[:i]):
                if "".join(a) or "".join(b):
                    assert (exact[i] == exact[j]) == ("".join(a) == "".join(b))

    @pytest.mark.parametrize("changed", [1, 2])
    def test_nearly_alike_are_found(self, changed):
        texts = random_texts(200)
        for i in range(50):
            other = list(texts[i])
            for k in range(changed):
                other[10 + 25 * k] = "another"
            texts.append(other)
        exact, near = copies(texts)
        assert groups(exact) == []
        assert len(groups(near)) >= 45
        assert all(pair[1] == pair[0] + 200 for pair in groups(near))

    def test_are_not_found_among_texts_that_share_half(self):
        texts = random_texts(100)
        half = [
            [*text[:30], *other[30:]]
            for text, other in zip(texts, random_texts(100, seed=1), strict=True)
        ]
        assert groups(copies([*texts, *half])[1]) == []

    def test_that_share_a_template_are_none(self):
        form = "your order with the number {} has left our house on monday and will be there soon"
        exact, near = copies([form.format(i).split() for i in range(50)])
        assert groups(exact) == groups(near) == []

    def test_of_short_texts_are_exact_ones_alone(self):
        exact, near = copies([list("abcde"), list("abcdf"), list("abcde")])
        assert groups(exact) == groups(near) == [[0, 2]]


def draw(sentences, labels, given=None, **how):
    how = {"dev": 0.1, "test": 0.2, "seed": 1} | how
    parts = given or [""] * len(labels)
    return draw_splits("t.csv", sentences, np.array(labels), parts, classes=("0", "1"), **how)


class TestADrawnSplit:
    def test_never_separates_copies(self):
        texts = random_texts(100)
        copied = [[*text[:59], "changed"] for text in texts[:40]]
        parts, _ = draw([*texts, *texts, *copied], [i % 2 for i in range(240)])
        assert parts[:100] == parts[100:200]
        assert parts[:40] == parts[200:]
        assert set(parts) == set(SPLITS)

    def test_without_copies_is_the_stratified_draw_of_scikit_learn(self):
        from sklearn.model_selection import train_test_split

        labels = np.arange(200) % 2
        rest, test = train_test_split(
            np.arange(200), test_size=0.2, stratify=labels, random_state=3
        )
        _, dev = train_test_split(rest, test_size=0.1 / 0.8, stratify=labels[rest], random_state=3)
        parts, _ = draw(random_texts(200), labels, seed=3)
        assert [i for i, part in enumerate(parts) if part == "test"] == sorted(test.tolist())
        assert [i for i, part in enumerate(parts) if part == "dev"] == sorted(dev.tolist())

    def test_of_dev_leaves_test_alone_and_says_how_it_was_drawn(self):
        given = ["train"] * 80 + ["test"] * 20
        parts, notes = draw(random_texts(100), [i % 2 for i in range(100)], given)
        assert parts[80:] == ["test"] * 20
        assert parts[:80].count("dev") == 8
        assert notes == ["dev: 8 texts drawn from train, with corpus.seed=1"]

    def test_that_is_given_is_kept(self):
        given = ["train", "dev", "test"] * 10
        assert draw(random_texts(30), [0, 1] * 15, given) == (given, [])

    def test_without_test_is_refused(self):
        with pytest.raises(UserError, match="no row is in test"):
            draw(random_texts(4), [0, 1, 0, 1], ["train", "dev"] * 2)


def corpus(train, dev, test):
    parts = dict(zip(SPLITS, (train, dev, test), strict=True))
    splits = {n: Split([t.split() for t in s], np.arange(len(s)) % 2) for n, s in parts.items()}
    return Corpus("films", ("bad", "good"), splits)


class TestDropping:
    CORPUS = corpus(
        ["one a", "four d", "two b", "three c", "one a"],
        ["two b", "five e", "six f"],
        ["three c", "seven", "eight"],
    )

    def test_keeps_one_of_each_test_before_dev_before_train(self):
        left = self.CORPUS.without_copies()
        texts = {n: [" ".join(s) for s in split.sentences] for n, split in left.splits.items()}
        assert texts == {
            "train": ["one a", "four d"],
            "dev": ["two b", "five e", "six f"],
            "test": ["three c", "seven", "eight"],
        }
        assert left.checks[0].message == "copies left out: 3 of train"

    def test_leaves_labels_beside_their_sentences(self):
        left = self.CORPUS.without_copies()
        assert left.splits["train"].labels.tolist() == [0, 1]

    def test_takes_phrases_that_are_sentences_of_test_too(self):
        phrases = Split([["seven"], ["nine"]], np.array([0, 1]))
        both = Split([["seven"], ["nine"], ["ten"]], np.array([0, 1, 0]))
        whole = dataclasses.replace(self.CORPUS, phrases=both)
        left = whole.without_copies().phrases
        assert left.sentences == [["nine"], ["ten"]]
        assert len(phrases) == 2

    def test_of_nothing_changes_nothing(self):
        clean = corpus(["a", "b"], ["c", "d"], ["e", "f"])
        assert clean.without_copies() is clean

    def test_is_done_where_told(self, tmp_path):
        rows = [f"text {i}{k},{i % 2},{part}" for k, part in enumerate(SPLITS) for i in range(20)]
        rows += [f"text {i}2,{i % 2},train" for i in range(5)]
        (tmp_path / "t.csv").write_text("\n".join(["text,label,split", *rows]))
        kept, dropped = (
            load_corpus(Table(path=str(tmp_path / "t.csv"), split="split", duplicates=how))
            for how in ("keep", "drop")
        )
        assert (len(kept.splits["train"]), len(dropped.splits["train"])) == (25, 20)
        assert "5 of the 20 test texts are also in train or dev" in kept.checks[0].message
        assert kept.checks[0].warning
        assert [c.message for c in dropped.checks] == ["copies left out: 5 of train"]


def test_the_treebank_has_two_in_test_and_no_other_fault(data):
    found = load_corpus(Sst(path=str(data / "sst"))).checks
    assert found[0].message.startswith("2 of the 2,210 test texts are also in train or dev.")
    assert not any(check.warning for check in found)
