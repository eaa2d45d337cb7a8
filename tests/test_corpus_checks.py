from __future__ import annotations

import logging

import numpy as np
import pytest
from front import call, only

from pipeline.stages.corpus import (
    SPLITS,
    Check,
    Table,
    Tokenizer,
    check_text,
    load_corpus,
    log_checks,
)
from pipeline.stages.corpus.checks import check
from pipeline.stages.corpus.overlap import contained
from pipeline.stages.vocab import build_vocab

CHINESE = ["这部电影非常好看。我很喜欢", "演员的表演太差了。浪费时间", "故事情节紧凑而且感人至深"]
THAI = ["หนังเรื่องนี้สนุกมากและตลก", "นักแสดงเล่นได้แย่มากเสียเวลา", "เนื้อเรื่องดีมากประทับใจ"]
JAPANESE = [
    "この映画はとても面白かったです",
    "俳優の演技がひどくて時間の無駄",
    "物語が感動的で素晴らしい",
]


def kinds(texts, tokenizer=None, kind=None):
    tokenizer = tokenizer or Tokenizer()
    splits = {
        name: (
            [tokenizer.tokens(f"{text} {k}{i}") for i, text in enumerate(texts)],
            np.arange(len(texts)) % 2,
        )
        for k, name in enumerate(SPLITS)
    }
    found = list(check(splits, ("neg", "pos"), tokenizer))
    return [f.message for f in found if kind is None or f.kind == kind]


@pytest.mark.parametrize(("copies", "said"), [(1, False), (2, True), (30, True)])
def test_copies_within_a_split_are_noted_from_one_in_two_hundred(copies, said):
    train = [["text", str(i)] for i in range(300 - copies)]
    parts = {"train": [*train, *train[:copies]], "dev": [["dev"]], "test": [["test"]]}
    splits = {name: (texts, np.zeros(len(texts), np.int64)) for name, texts in parts.items()}
    found = [item for item in check(splits, ("a", "b"), None) if "are copies" in item.message]
    assert bool(found) is said


def test_texts_with_different_labels_are_counted():
    texts = [["fine"], ["Fine", "!"], ["dull"], ["dull"]]
    splits = {
        "train": (texts, np.array([0, 1, 1, 1])),
        "dev": ([["dev"]], np.array([0])),
        "test": ([["dull"]], np.array([0])),
    }
    messages = [found.message for found in check(splits, ("a", "b"), None)]
    assert "2 texts occur with different labels." in messages


class TestTextWithoutSpaces:
    def test_is_warned_of_where_some_texts_have_spaces(self):
        spaced = ["a long text of many short words that are all apart"] * 20
        assert kinds([*spaced, *CHINESE * 10], Tokenizer("treebank"), "spaces")

    def test_is_not_warned_of_where_a_word_is_quoted(self):
        spaced = ["a long text of many short words that are all apart"] * 20
        assert not kinds([*spaced, *CHINESE[:1]], Tokenizer("treebank"), "spaces")

    @pytest.mark.parametrize("texts", [CHINESE, THAI, JAPANESE])
    @pytest.mark.parametrize("name", ["treebank", "whitespace"])
    def test_is_warned_of_with_the_tokenizers_that_help(self, texts, name):
        (message,) = kinds(texts * 5, Tokenizer(name), "spaces")
        assert "the text has no spaces between words" in message
        assert "corpus.tokenizer=icu" in message

    @pytest.mark.parametrize("texts", [CHINESE, THAI, JAPANESE])
    @pytest.mark.parametrize("name", ["icu", "characters"])
    def test_is_not_where_they_are_used(self, texts, name):
        pytest.importorskip("icu4py")
        assert kinds(texts * 5, Tokenizer(name), "spaces") == []

    def test_is_not_seen_in_text_with_spaces(self):
        segmented = ["这 部 电影 非常 好看", "演员 的 表演 太 差", "a film", "Это хороший фильм"]
        assert kinds(segmented * 5, kind="spaces") == []


class TestHtml:
    def test_is_warned_of_with_the_cure(self):
        texts = ["Good film.<br /><br />See it.", "Dull.<br />Very."] * 5
        (message,) = kinds(texts, kind="html")
        assert "100% of the texts hold HTML" in message
        assert "corpus.html=strip" in message

    def test_is_gone_where_it_is_stripped(self):
        assert kinds(["Good.<br />See it."] * 5, Tokenizer(html="strip"), "html") == []

    def test_is_not_seen_in_text_without(self):
        assert kinds(["1 < 2 & 3 > 2, AT&T", "plain"] * 5, kind="html") == []


def test_texts_without_words_are_counted():
    (message,) = kinds(["", "fine"] * 5, Tokenizer("regex", "[a-z]+"), "empty")
    assert message.startswith("texts without any word: 5 of train, 5 of dev, 5 of test.")


class TestATrainAndATestPreparedDifferently:
    """What cost GloVe 3.4 points without a word: line breaks taken out of train alone."""

    def write(self, tmp_path):
        rng = np.random.default_rng(0)
        rows = ["text,label,split"]
        for i in range(600):
            part = SPLITS[i % 3]
            mark = " <br /><br />" if part == "test" else " "
            words = " ".join(f"w{w}" for w in rng.integers(50, size=20))
            rows.append(f"{words}.{mark}End {i}.{mark},{i % 2},{part}")
        (tmp_path / "t.csv").write_text("\n".join(rows))
        return Table(path=str(tmp_path / "t.csv"), split="split")

    def test_is_named_before_training(self, tmp_path):
        messages = [
            found.message for found in load_corpus(self.write(tmp_path)).checks if found.warning
        ]
        assert any("'br': 4.0 per text in test, 0 in train" in message for message in messages)

    def test_is_gone_where_html_is_stripped_from_all(self, tmp_path):
        config = self.write(tmp_path)
        config.html = "strip"
        assert not any(found.kind == "splits" for found in load_corpus(config).checks)

    def test_is_told_on_the_terminal_and_in_the_runs_folder(self, tmp_path):
        self.write(tmp_path)
        run = [
            "corpus=table",
            "corpus.path=t.csv",
            "corpus.split=split",
            "vectors=random",
            "vectors.dim=3",
        ]
        quick = ["sweep.strengths=[1]", "tracking=off", "report.words=[]"]
        for how in ("made", "reused"):
            done = call(tmp_path, *run, *quick, f"hydra.run.dir={how}")
            assert done.returncode == 0, done.stderr
            said = done.stdout + done.stderr
            assert "WARNING: train, dev and test may have been prepared differently: '" in said
            assert "2 classes: 0 300, 1 300" in said
            summary = only(tmp_path, f"{how}/corpus/summary.json").read_text("utf-8")
            assert "'br': 4.0 per text in test" in summary
            page = only(tmp_path, f"{how}/report/index.html").read_text("utf-8")
            assert "<b>Check the data.</b> train, dev and test may have been prepared" in page


def test_findings_are_logged_by_their_weight(caplog):
    checks = (Check("read", "good to know", warning=False), Check("x", "bad"))
    with caplog.at_level(logging.INFO, "pipeline"):
        log_checks(checks)
    assert [(r.levelname, r.getMessage().strip()) for r in caplog.records] == [
        ("INFO", "good to know"),
        ("WARNING", "WARNING: bad"),
    ]


def write_table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("text,label\n" + "".join(f"text {i},{i % 2}\n" for i in range(60)))
    return path


def test_a_finding_survives_being_written():
    for found in (Check("read", "a", warning=False), Check("splits", "b")):
        assert Check.of(found.plain()) == found


def test_a_clean_table_gives_no_warning(tmp_path):
    assert not any(
        found.warning for found in load_corpus(Table(path=str(write_table(tmp_path)))).checks
    )


class TestTestTextsInTheUnlabelledText:
    def corpus(self, tmp_path, unlabelled):
        rng = np.random.default_rng(0)
        texts = [" ".join(f"w{w}" for w in rng.integers(100, size=12)) for _ in range(90)]
        rows = [f"{text},{i % 2},{SPLITS[i % 3]}" for i, text in enumerate(texts)]
        (tmp_path / "t.csv").write_text("\n".join(["text,label,split", *rows]))
        (tmp_path / "u.txt").write_text("\n".join(unlabelled(texts)) + "\n")
        config = Table(
            path=str(tmp_path / "t.csv"), split="split", unlabelled=[str(tmp_path / "u.txt")]
        )
        corpus = load_corpus(config)
        vocabulary = build_vocab(corpus)
        return check_text(corpus, vocabulary.index, vocabulary.tokens)

    def test_are_counted_whatever_stands_around_them(self, tmp_path):
        corpus = self.corpus(
            tmp_path, lambda texts: ["A b.", f"He said: {texts[2]}, and so on.", texts[5]]
        )
        found = corpus.checks[-1]
        assert found.message.startswith("2 of the 30 test texts are in the unlabelled text too")
        assert found.warning
        assert corpus.summary()["checks"][-1]["kind"] == "unlabelled"

    def test_are_none_where_there_are_none(self, tmp_path):
        corpus = self.corpus(
            tmp_path, lambda texts: [texts[0], texts[1], texts[2][:20], "w1 w2 w3"]
        )
        assert corpus.checks == ()

    def test_of_train_do_not_count(self, tmp_path):
        assert self.corpus(tmp_path, lambda texts: texts[::3]).checks == ()

    def test_may_be_shorter_than_a_run(self):
        text = np.arange(20, dtype=np.int32)
        index = {str(i): i for i in range(20)}
        assert contained([["1", "2", "3"], []], index, text) == 0
        assert contained([[str(i) for i in range(5, 15)]], index, text) == 1
        assert contained([[str(i) for i in range(5, 15)]], index, text[:3]) == 0
