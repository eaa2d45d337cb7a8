from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.metrics import Metric
from pipeline.stages import vocab
from pipeline.stages.corpus import Sst
from pipeline.stages.corpus.encoded import encode
from pipeline.stages.vocab import Vocab, Vocabulary, build, build_vocab, merged, up_to

quick = settings(max_examples=50, deadline=None)

texts = st.lists(st.lists(st.sampled_from("abcdefg"), max_size=8), min_size=1, max_size=12).filter(
    any
)


def decode(vocabulary):
    """Turn the encoded text back to words, a list a sentence."""
    words = [vocabulary.words[i] for i in vocabulary.tokens]
    offsets = vocabulary.offsets.tolist()
    return [words[i:j] for i, j in pairwise(offsets)]


class TestEveryVocabulary:
    @quick
    @given(texts)
    def test_encodes_a_text_so_that_it_decodes_to_the_same(self, text):
        assert decode(build(text, Vocab())) == text

    @quick
    @given(texts, st.integers(1, 3), st.integers(1, 5))
    def test_decodes_to_the_text_without_the_words_left_out(self, text, min_count, max_size):
        most = max(Counter(word for sentence in text for word in sentence).values())
        built = build(text, Vocab(min_count=min(min_count, most), max_size=max_size))
        kept = set(built.words)
        assert decode(built) == [[word for word in s if word in kept] for s in text]

    @quick
    @given(texts)
    def test_counts_every_word(self, text):
        built = build(text, Vocab())
        counted = dict(zip(built.words, built.counts.tolist(), strict=True))
        assert counted == Counter(word for sentence in text for word in sentence)

    @quick
    @given(texts)
    def test_orders_words_by_falling_count_and_ties_by_who_came_first(self, text):
        built = build(text, Vocab())
        seen = list(dict.fromkeys(word for sentence in text for word in sentence))
        order = sorted(
            range(len(built)), key=lambda i: (-built.counts[i], seen.index(built.words[i]))
        )
        assert order == list(range(len(built)))

    @quick
    @given(texts, st.integers(1, 4))
    def test_keeps_the_words_seen_often_enough_and_no_others(self, text, min_count):
        counts = Counter(word for sentence in text for word in sentence)
        enough = {word for word, n in counts.items() if n >= min_count}
        if enough:
            assert set(build(text, Vocab(min_count=min_count)).words) == enough
        else:
            with pytest.raises(UserError, match="the vocabulary is empty"):
                build(text, Vocab(min_count=min_count))

    @quick
    @given(texts, st.integers(1, 9))
    def test_of_limited_size_is_the_beginning_of_the_whole(self, text, size):
        assert build(text, Vocab(max_size=size)).words == build(text, Vocab()).words[:size]

    @quick
    @given(texts, st.integers(1, 5), st.booleans())
    def test_does_not_depend_on_how_the_text_is_cut_or_held(self, text, size, on_disk):
        whole = build(text, Vocab())
        parts = [encode(text[i : i + size]) for i in range(0, len(text), size)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(vocab, "IN_MEMORY", 0 if on_disk else 1 << 20)
            made = merged(iter(parts), Vocab())
        assert made.digest == whole.digest
        assert isinstance(made.tokens, np.memmap) == on_disk

    @quick
    @given(texts, st.integers(1, 5), st.integers(1, 30))
    def test_takes_sentences_up_to_the_one_that_reaches_so_many_words(self, text, size, words):
        parts = [encode(text[i : i + size]) for i in range(0, len(text), size)]
        reached = np.cumsum([len(sentence) for sentence in text])
        expected = text[: int(np.searchsorted(reached, words)) + 1]
        if not any(expected):
            return
        made = merged(up_to(iter(parts), words), Vocab())
        assert made.digest == build(expected, Vocab()).digest

    @quick
    @given(texts)
    def test_knows_the_number_of_each_word(self, text):
        built = build(text, Vocab())
        assert [built.index[word] for word in built.words] == list(range(len(built)))


def test_the_digest_tells_texts_of_the_same_words_apart():
    texts = [
        [["a", "b"], ["a"]],
        [["a", "b", "a"]],
        [["b", "a"], ["a"]],
        [["a", "c"], ["a"]],
        [["a", "b"]],
    ]
    assert len({build(text, Vocab()).digest for text in texts}) == len(texts)


def test_words_seen_too_rarely_say_how_often_the_most_frequent_was_seen():
    with pytest.raises(UserError) as error:
        build([["a", "b", "a"]], Vocab(min_count=3))
    assert str(error.value) == (
        "no word is seen 3 times (the most frequent: 2): the vocabulary is empty. "
        "Lower vocab.min_count."
    )


@pytest.mark.parametrize("text", [[], [[]]])
def test_a_text_without_words_has_no_vocabulary(text):
    with pytest.raises(UserError, match="the vocabulary is empty"):
        build(text, Vocab())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_count": 0}, "min_count must be at least 1, not 0"),
        ({"max_size": 0}, "max_size must be at least 1, or null, not 0"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, message):
    with pytest.raises(UserError, match=message):
        Vocab(**settings)


def test_a_corpus_lends_the_text_vectors_may_be_trained_on_and_no_more(treebank, tmp_path):
    (treebank / "test.txt").write_text(
        "".join(f"({label} (2 unseen) (2 word))\n" for label in range(5))
    )
    (tmp_path / "extra.txt").write_text("It shines.\n")
    corpus = Sst(path=str(treebank), unlabelled=[str(tmp_path / "extra.txt")]).load()
    built = build_vocab(corpus)
    assert {"brilliant", "shines"} <= set(built.words)
    assert "unseen" not in built.words
    assert len(built.offsets) - 1 == 5 + 1


@quick
@given(
    st.lists(st.lists(st.text(min_size=1, max_size=4), max_size=5), min_size=1).filter(any),
    st.integers(1, 4),
)
def test_is_saved_and_loaded_back_equal_whatever_the_words(tmp_path_factory, text, max_size):
    folder = tmp_path_factory.mktemp("vocab")
    built = build(text, Vocab(max_size=max_size))
    built.save(folder)
    loaded = Vocabulary.load(folder)
    assert loaded.words == built.words
    for name in ("counts", "tokens", "offsets"):
        ours, theirs = getattr(loaded, name), getattr(built, name)
        assert ours.dtype == theirs.dtype
        assert ours.tolist() == theirs.tolist()
    assert loaded.digest == built.digest


def test_is_loaded_as_the_compiled_code_knows_it(tmp_path):
    """A read-only array would be another type to it, and compiled anew."""
    build([["naïve", "film"], ["film"]], Vocab()).save(tmp_path)
    loaded = Vocabulary.load(tmp_path)
    for array in (loaded.counts, loaded.tokens, loaded.offsets):
        assert type(array) is np.ndarray
        assert array.flags.carray


def test_is_written_for_people_as_words_and_counts(tmp_path):
    build([["naïve", "film"], ["film"]], Vocab()).write_table(tmp_path)
    assert (tmp_path / "vocabulary.tsv").read_text("utf-8") == "film\t2\nnaïve\t1\n"


def test_tells_its_sizes():
    built = build([["a", "b"], ["a"]], Vocab())
    assert built.describe() == "2 words, 3 in running text"
    assert list(built.metrics()) == [Metric("vocab/words", 2), Metric("vocab/tokens", 3)]


def test_the_arrays_are_of_the_types_the_kernels_take():
    built = build([["a"]], Vocab())
    types = (built.counts.dtype, built.tokens.dtype, built.offsets.dtype)
    assert types == (np.int64, np.int32, np.int64)
