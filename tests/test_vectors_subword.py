from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import UserError
from pipeline.core.settings import _notice
from pipeline.stages.vectors.glove import GloVe
from pipeline.stages.vectors.subword import ngrams_of, smooth
from pipeline.stages.vectors.vectors import train_vectors
from pipeline.stages.vectors.word2vec import CBOW, SkipGram
from pipeline.stages.vocab import Vocab, build

quick = settings(max_examples=25, deadline=None)
STEMS = ["walk", "talk", "jump", "paint", "boil", "climb", "shout", "whisper"]
ENDINGS = ["", "s", "ed", "ing", "er"]
WORDS = [stem + ending for stem in STEMS for ending in ENDINGS]
# What a word means is the sum of what its stem and its ending do.
MEANING = np.array(
    [np.concatenate([stem, ending]) for stem in np.eye(8) for ending in np.eye(5)], np.float32
)


def noisy(counts, seed=0):
    """Vectors as if learnt from so many occurrences each."""
    noise = np.random.default_rng(seed).normal(size=MEANING.shape) / np.sqrt(counts)[:, None]
    return (MEANING + noise).astype(np.float32)


def errors(matrix):
    return ((matrix - MEANING) ** 2).sum(axis=1)


def test_brings_the_vectors_of_rare_words_nearer_to_the_truth():
    counts = np.where(np.arange(len(WORDS)) % 3 == 0, 2, 200)
    before = noisy(counts)
    after = smooth(WORDS, counts, before, 10)
    rare = counts == 2
    assert errors(after)[rare].mean() < errors(before)[rare].mean() / 2


def test_hardly_moves_the_vectors_of_frequent_words():
    counts = np.where(np.arange(len(WORDS)) % 3 == 0, 2, 100_000)
    before = noisy(counts)
    moved = np.abs(smooth(WORDS, counts, before, 10) - before).max(axis=1)
    assert moved[counts > 2].max() < 1e-3 < moved[counts == 2].min()


@quick
@given(st.integers(1, 50), st.floats(0.1, 100), st.floats(0.5, 2), st.floats(-1, 1))
def test_scaled_and_shifted_vectors_come_out_scaled_and_shifted(count, prior, scale, shift):
    counts = np.full(len(WORDS), count)
    before = noisy(counts)
    other = (scale * before + shift).astype(np.float32)
    expected = scale * smooth(WORDS, counts, before, prior) + shift
    np.testing.assert_allclose(smooth(WORDS, counts, other, prior), expected, atol=0.05)


def test_worth_nothing_changes_nothing():
    counts = np.ones(len(WORDS), np.int64)
    before = noisy(counts)
    assert smooth(WORDS, counts, before, 0) is before


@pytest.mark.parametrize("words", [[], ["a"], ["so", "to"], ["xyz", "abc", "klm"]])
def test_words_that_share_no_ngram_keep_their_vectors(words):
    before = np.ones((len(words), 4), np.float32)
    assert smooth(words, np.ones(len(words)), before, 10) is before


def test_ngrams_tell_the_ends_of_a_word_and_case():
    ngrams = ngrams_of(["sing", "ring", "Sing", "inga", "ingb", "ingc"])
    assert ngrams.toarray().max() == 1
    sing, ring, capital, inga, *_ = ngrams.toarray()
    assert (sing == ring).all()  # what only one word has is left out
    assert (sing == capital).all()
    assert not (sing == inga).all()


def test_is_the_same_to_the_bit_every_time():
    counts = np.arange(1, len(WORDS) + 1)
    first, second = (smooth(WORDS, counts, noisy(counts), 5) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert first.dtype == np.float32


@pytest.mark.parametrize("kind", [SkipGram, CBOW, GloVe])
def test_every_trainer_may_ask_for_it(kind):
    vocabulary = build([WORDS[i : i + 10] for i in range(30)] * 3, Vocab())
    plain = train_vectors(None, vocabulary, kind(dim=4, epochs=1))
    asked = train_vectors(None, vocabulary, kind(dim=4, epochs=1, subword=7.0))
    expected = smooth(vocabulary.words, vocabulary.counts, plain.matrix, 7.0)
    np.testing.assert_array_equal(asked.matrix, expected)
    assert not np.array_equal(asked.matrix, plain.matrix)
    assert asked.provenance["settings"]["subword"] == 7.0


@pytest.mark.parametrize("kind", [SkipGram, CBOW, GloVe])
def test_its_old_name_still_works_with_a_notice(kind, caplog):
    _notice.cache_clear()
    assert kind(spelling=3.0) == kind(subword=3.0)
    assert caplog.messages == [
        "the setting spelling is now called subword; the old name still works."
    ]


@pytest.mark.parametrize("kind", [SkipGram, CBOW, GloVe])
@pytest.mark.parametrize(
    ("worth", "limit"),
    [(-1, "least 0"), (np.inf, "least 0"), (np.nan, "least 0"), (1e7, "most 1,000,000")],
)
def test_a_worth_below_nothing_or_beyond_all_is_refused(kind, worth, limit):
    with pytest.raises(UserError, match=rf"subword must be .*{limit}"):
        kind(subword=worth)
