from __future__ import annotations

import hashlib
import io
import logging
import zipfile
from collections import Counter

import numpy as np
import pytest
from conftest import SENTENCES
from front import call
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.download import Archive
from pipeline.core.errors import UserError
from pipeline.core.metrics import Metric
from pipeline.stages.corpus import Granularity, Sst, sst
from pipeline.stages.corpus.sst import OFFICIAL, parse_tree, read_trees
from pipeline.stages.vectors.formats import read_text

quick = settings(max_examples=50, deadline=None)

words = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="() \t\r\n"), min_size=1, max_size=5
)
labels = st.integers(0, 4)
trees = st.tuples(
    labels,
    st.recursive(words, lambda inside: st.lists(st.tuples(labels, inside), min_size=1, max_size=3)),
)


def written(tree):
    label, held = tree
    return f"({label} {held if isinstance(held, str) else ' '.join(map(written, held))})"


def inner(tree):
    """Label and words of every node below the root, each before its parts."""
    held = tree[1]
    for part in [] if isinstance(held, str) else held:
        if not isinstance(part, str):
            yield part[0], leaves(part)
            yield from inner(part)


def leaves(tree):
    held = tree[1]
    return [held] if isinstance(held, str) else [word for inner in held for word in leaves(inner)]


def explain(folder, **settings):
    with pytest.raises(UserError) as error:
        Sst(path=str(folder), **settings).load()
    return str(error.value)


def write_splits(folder, **sizes):
    """Write as many of the smallest trees as said, all five labels among them."""
    for name, size in sizes.items():
        lines = "".join(f"({i % 5} w)\n" for i in range(size))
        (folder / f"{name}.txt").write_text(lines)


class TestParseTree:
    @quick
    @given(trees)
    def test_gives_label_and_words_of_any_tree_and_of_its_phrases(self, tree):
        label, tokens, phrases = parse_tree(written(tree))
        assert (label, tokens) == (tree[0], leaves(tree))
        assert [(label, tokens[begin:end]) for label, begin, end in phrases] == list(inner(tree))

    @quick
    @given(trees)
    def test_does_not_mind_more_white_space(self, tree):
        spaced = written(tree).replace("(", " \t( ").replace(")", " )\t")
        assert parse_tree(spaced) == parse_tree(written(tree))

    @quick
    @given(trees, st.data())
    def test_a_tree_without_one_of_its_brackets_is_broken(self, tree, draws):
        line = written(tree)
        at = draws.draw(st.sampled_from([i for i, c in enumerate(line) if c in "()"]))
        with pytest.raises(ValueError, match=r"\w"):
            parse_tree(line[:at] + line[at + 1 :])

    def test_goes_as_deep_as_the_tree_does(self):
        tree = parse_tree("(3 " * 5000 + "w" + ")" * 5000)
        assert tree == (3, ["w"], [(3, 0, 1)] * 4999)


class TestReadTrees:
    @quick
    @given(st.lists(trees, min_size=1, max_size=4))
    def test_gives_a_tree_a_line(self, tmp_path_factory, drawn):
        path = tmp_path_factory.mktemp("trees") / "trees.txt"
        path.write_text("".join(f"{written(tree)}\n" for tree in drawn), "utf-8", newline="\n")
        assert read_trees(path) == [parse_tree(written(tree)) for tree in drawn]

    def test_passes_over_empty_lines(self, tmp_path):
        path = tmp_path / "trees.txt"
        path.write_bytes(b"\n(3 a)\r\n  \n(1 b)\n\n")
        assert read_trees(path) == [(3, ["a"], []), (1, ["b"], [])]


class TestLoad:
    def test_has_the_root_labels_and_the_words_of_three_splits(self, treebank):
        corpus = Sst(path=str(treebank)).load()
        for split in corpus.splits.values():
            np.testing.assert_array_equal(split.labels, range(5))
            assert split.sentences[1] == ["it", "does", "n't", "work"]
        assert corpus.classes == ("- -", "-", "neut", "+", "+ +")
        assert corpus.task == "sst-5"
        assert corpus.ordinal

    @pytest.mark.parametrize("granularity", ["binary", Granularity.binary])
    def test_binary_leaves_the_neutral_out(self, granularity, treebank):
        corpus = Sst(path=str(treebank), granularity=granularity).load()
        for split in corpus.splits.values():
            assert split.labels.tolist() == [0, 0, 1, 1]
            assert ["a", "film"] not in split.sentences
        assert corpus.classes == ("-", "+")
        assert corpus.task == "sst-2"

    def test_keeps_case_where_told(self, treebank):
        corpus = Sst(path=str(treebank), lower=False).load()
        assert corpus.splits["dev"].sentences[3] == ["It", "works", "."]

    @pytest.mark.parametrize(
        ("unescape", "tokens"),
        [(False, ["-lrb-", "1\\/2", "\\*", "-rrb-"]), (True, ["(", "1/2", "*", ")"])],
    )
    def test_turns_escapes_back_to_text_where_told(self, unescape, tokens, treebank):
        with (treebank / "dev.txt").open("a") as file:
            file.write("(2 (2 -LRB-) (2 1\\/2) (2 \\*) (2 -RRB-))\n")
        corpus = Sst(path=str(treebank), unescape=unescape).load()
        assert corpus.splits["dev"].sentences[-1] == tokens

    @pytest.mark.parametrize(("unescape", "bracket"), [(False, "-lrb-"), (True, "(")])
    def test_unlabelled_text_has_its_brackets_as_the_trees_have(self, unescape, bracket, treebank):
        path = treebank / "extra.txt"
        path.write_text("Fun (mostly).\n")
        settings = {"unescape": unescape, "unlabelled": [str(path)]}
        corpus = Sst(path=str(treebank), **settings).load()
        assert next(iter(corpus.unlabelled))[1] == bracket

    def test_leaves_words_with_a_no_break_space_out(self, treebank):
        with (treebank / "dev.txt").open("a", encoding="utf-8") as file:
            file.write("(2 (2 8\N{NO-BREAK SPACE}1\\/2) (2 hours))\n")
        assert Sst(path=str(treebank)).load().splits["dev"].sentences[-1] == ["hours"]

    def test_is_downloaded_where_no_folder_is_named(self, site, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            for name in ("train", "dev", "test"):
                file.writestr(f"trees/{name}.txt", "\n".join(SENTENCES.values()))
        content = buffer.getvalue()
        digest = hashlib.sha256(content).hexdigest()
        monkeypatch.setattr(sst, "ARCHIVE", Archive("", digest, len(content)))
        corpus = Sst(url=site.put("/mirror.zip", content)).load()
        assert len(corpus.splits["test"]) == 5
        assert sorted(path.name for path in (tmp_path / "data" / "sst").glob("*.txt")) == [
            "dev.txt",
            "test.txt",
            "train.txt",
        ]


def rows(split):
    """Each sentence's words, and its label."""
    pairs = zip(split.sentences, split.labels.tolist(), strict=True)
    return [[*words, label] for words, label in pairs]


class TestPhrases:
    """The labelled parts of train's sentences."""

    @pytest.fixture
    def folder(self, treebank):
        trees = [f"({label} (0 (1 Not) (4 {label}\\/2)) (3 (2 good) (2 .)))" for label in range(5)]
        (treebank / "train.txt").write_text("\n".join(trees), "utf-8")
        return treebank

    def test_are_none_unless_asked_for(self, folder):
        assert Sst(path=str(folder)).load().phrases is None

    def test_of_so_many_words_are_there_cleaned_as_sentences_are(self, folder):
        with (folder / "train.txt").open("a") as file:
            file.writelines(f"\n(2 ({label} (2 A) (2 film)) (2 .))" for label in range(5))
        corpus = Sst(path=str(folder), phrases=2, unescape=True).load()
        found = rows(corpus.phrases)
        assert found[:2] == [["not", "0/2", 0], ["good", ".", 3]]
        assert found[10:] == [["a", "film", label] for label in range(5)]
        assert len(corpus.splits["train"]) == 10

    def test_of_a_binary_treebank_are_never_neutral(self, folder):
        corpus = Sst(path=str(folder), phrases=1, granularity="binary").load()
        assert rows(corpus.phrases)[:3] == [["not", "0\\/2", 0], ["not", 0], ["0\\/2", 1]]
        assert set(corpus.phrases.labels) == {0, 1}
        assert ["good"] not in corpus.phrases.sentences

    def test_tell_corpora_apart(self, treebank):
        (treebank / "train.txt").write_text(
            "".join(f"(2 ({label} (2 a) ({label} b)))\n({label} c)\n" for label in range(5))
        )
        digests = {Sst(path=str(treebank), phrases=n).load().digest for n in (None, 1, 2)}
        assert len(digests) == 3

    def test_are_counted_for_the_reader(self, folder):
        with (folder / "train.txt").open("a") as file:
            file.writelines(f"\n(2 ({label} (2 A) (2 film)) (2 .))" for label in range(5))
        corpus = Sst(path=str(folder), phrases=2).load()
        assert (
            corpus.describe()
            == "sst-5: 10 / 5 / 5 sentences, 15 phrases; 5 classes: - - 3, - 3, neut 8, + 3, + + 3"
        )
        assert Metric("corpus/phrases", 15) in corpus.metrics()

    def test_too_long_for_any_of_a_class_say_so(self, folder):
        assert explain(folder, phrases=2) == (
            "corpus sst-5: there is no phrase of class '-', 'neut', '+ +'; lower "
            "corpus.phrases, or leave it out."
        )

    @pytest.mark.parametrize("least", [0, -3])
    def test_of_less_than_a_word_are_refused(self, least):
        with pytest.raises(UserError, match=r"phrases must be at least 1, or null"):
            Sst(phrases=least)

    def test_are_learnt_from_in_a_run_and_again_from_the_store(self, folder, tmp_path):
        with (folder / "train.txt").open("a") as file:
            file.writelines(f"\n(2 ({label} (2 A) (2 film)) (2 .))" for label in range(5))
        words = ["corpus=sst", f"corpus.path={folder}", "vectors=random", "sweep.strengths=[1]"]
        found = []
        words += ["corpus.phrases=2", "report.words=[a]", "tracking=off"]
        for run in range(2):
            done = call(tmp_path, *words, f"hydra.run.dir={run}")
            assert done.returncode == 0, done.stderr
            found.append((tmp_path / str(run) / "best" / "predictions.csv").read_bytes())
        assert found[0] == found[1]
        assert "10 / 5 / 5 sentences, 15 phrases" in done.stderr
        assert all("reused" in line for line in done.stderr.splitlines() if "strengths" in line)

    def test_are_refused_before_training_where_the_classifier_cannot_weigh(self, folder, tmp_path):
        given = ["corpus=sst", f"corpus.path={folder}", "corpus.phrases=1", "sweep=two_layer"]
        done = call(tmp_path, *given, "tracking=off")
        assert done.returncode == 1
        assert "corpus.phrases: TwoLayerClassifier takes no sample weights" in done.stderr
        assert "vocab" not in done.stderr

    def test_of_the_real_treebank_are_those_of_its_authors(self, data):
        trees = read_trees(data / "sst" / "train.txt")
        assert sum(len(tree.phrases) for tree in trees) == 318_582 - 8_544


class TestBadTreebank:
    @pytest.mark.parametrize(
        ("tree", "trouble"),
        [
            pytest.param("(3 (2 It) (3 works)", "1 bracket(s) never closed", id="never closed"),
            pytest.param("(3 (2 It) (3 works)))", "something follows the tree: ')'", id="closed"),
            pytest.param("(3 It) (3 works)", "something follows the tree", id="two trees"),
            pytest.param("(3 It) works", "something follows the tree: 'works'", id="a word more"),
            pytest.param("It works", "must start with '(', not 'It'", id="no tree"),
            pytest.param("3 (2 It)", "must start with '(', not '3'", id="no first bracket"),
            pytest.param("(5 It)", "must be 0, 1, 2, 3 or 4, not '5'", id="label above 4"),
            pytest.param("(3 (-1 It))", "must be 0, 1, 2, 3 or 4, not '-1'", id="label below 0"),
            pytest.param("(2.0 It)", "must be 0, 1, 2, 3 or 4, not '2.0'", id="label no digit"),
            pytest.param("(NP It)", "must be 0, 1, 2, 3 or 4, not 'NP'", id="label of a parse"),
            pytest.param("((2 It))", "must be 0, 1, 2, 3 or 4, not ''", id="no label"),
            pytest.param("(3 )", "a node is empty", id="empty node"),
            pytest.param("(3 (2 It) works)", "'works' is not alone", id="word after nodes"),
            pytest.param("(3 It (2 works))", "both a word and other nodes", id="node after word"),
            pytest.param("(3 It works)", "'works' is not alone", id="two words"),
        ],
    )
    def test_a_broken_tree_names_file_line_and_what_a_tree_looks_like(
        self, tree, trouble, treebank
    ):
        with (treebank / "dev.txt").open("a") as file:
            file.write(f"\n{tree}\n")
        message = explain(treebank)
        assert message.startswith(f"{treebank / 'dev.txt'}, line 7: ")
        assert trouble in message
        assert message.endswith("A tree looks like (3 (2 It) (3 (4 works) (2 .))).")

    def test_a_missing_folder_says_what_should_be_there(self, tmp_path):
        message = explain(tmp_path / "none")
        assert message.startswith(f"corpus.path={tmp_path / 'none'}: no such folder.")
        assert "train.txt, dev.txt and test.txt" in message
        assert "leave corpus.path out to download them" in message

    def test_a_file_is_no_folder(self, treebank):
        assert "is a file. corpus=table reads tables" in explain(treebank / "dev.txt")

    def test_a_missing_file_is_named(self, treebank):
        (treebank / "dev.txt").unlink()
        assert explain(treebank) == (
            f"{treebank / 'dev.txt'}: no such file. Its folder {treebank} exists; check the name."
        )

    @pytest.mark.parametrize("content", ["", "\n  \n"])
    def test_an_empty_file_is_named_with_what_should_be_there(self, content, treebank):
        (treebank / "dev.txt").write_text(content)
        message = explain(treebank)
        assert message.startswith(f"{treebank / 'dev.txt'} has no trees;")
        assert "it should have one per line, like (3 (2 It) (4 works))" in message

    def test_bytes_that_are_not_utf8_name_file_and_line(self, treebank):
        (treebank / "dev.txt").write_bytes(b"(2 na\xc3\xafve)\n(2 na\xefve)\n")
        message = explain(treebank)
        assert message.startswith(f"{treebank / 'dev.txt'}, line 2: byte 0xef is not UTF-8.")
        assert "iconv" in message

    def test_a_split_without_a_label_is_named(self, treebank):
        write_splits(treebank, dev=4)
        assert "corpus sst-5: the dev split has no sentence of class '+ +'" in explain(treebank)

    def test_a_split_of_neutral_sentences_is_empty_where_they_are_dropped(self, treebank):
        (treebank / "dev.txt").write_text("(2 w)\n")
        assert "the dev split has no sentences" in explain(treebank, granularity="binary")

    def test_a_granularity_that_is_none_is_refused(self):
        message = r"granularity: no choice 'binry' \(did you mean 'binary'\?\)"
        with pytest.raises(UserError, match=message):
            Sst(granularity="binry")


class TestSizes:
    def test_of_the_official_split_are_passed_over(self, tmp_path, caplog):
        caplog.set_level(logging.WARNING)
        write_splits(tmp_path, **OFFICIAL)
        Sst(path=str(tmp_path)).load()
        assert caplog.messages == []

    def test_of_another_split_are_warned_of_loudly(self, tmp_path, caplog):
        write_splits(tmp_path, train=10, dev=1101, test=2210)
        Sst(path=str(tmp_path)).load()
        (message,) = caplog.messages
        assert message == (
            f"WARNING: {tmp_path} is not the official split of the treebank (train 10, dev 1,101, "
            "test 2,210 sentences instead of train 8,544, dev 1,101, test 2,210), so its scores do "
            "not compare with published ones."
        )

    def test_of_train_and_dev_joined_are_seen_through(self, tmp_path, caplog):
        write_splits(tmp_path, train=9645, dev=1101, test=2210)
        Sst(path=str(tmp_path)).load()
        (message,) = caplog.messages
        assert "train 9,645" in message
        assert message.endswith("looks like train and dev joined: dev is no longer unseen!")


@pytest.fixture(scope="module")
def real(data):
    """The treebank as it is published."""
    return Sst(path=str(data / "sst")).load()


class TestRealTreebank:
    def test_has_the_published_counts(self, real):
        counts = {name: np.bincount(split.labels).tolist() for name, split in real.splits.items()}
        assert counts == {
            "train": [1092, 2218, 1624, 2322, 1288],
            "dev": [139, 289, 229, 279, 165],
            "test": [279, 633, 389, 510, 399],
        }

    def test_has_the_published_counts_of_two_classes(self, data, caplog):
        caplog.set_level(logging.WARNING)
        corpus = Sst(path=str(data / "sst"), granularity="binary").load()
        assert [len(split) for split in corpus.splits.values()] == [6920, 872, 1821]
        assert caplog.messages == []

    @pytest.mark.parametrize(("unescape", "share"), [(False, 0.952), (True, 0.956)])
    def test_is_covered_by_glove_as_known(self, unescape, share, real, data):
        corpus = Sst(path=str(data / "sst"), unescape=True).load() if unescape else real
        words = corpus.words()
        glove = read_text(data / "glove" / "glove.6B.50d.sst.txt", words)
        covered = Counter({word: n for word, n in words.items() if word in glove})
        assert covered.total() / words.total() == pytest.approx(share, abs=6e-4)
