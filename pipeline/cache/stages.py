"""The stages that take long, with their results cached.

Each method is called like the stage itself, and says how its result was obtained. The other stages
are too fast to be cached.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any

from pipeline.cache import keys
from pipeline.cache.code import is_own
from pipeline.cache.store import Cache, Outcome, Store, timed
from pipeline.core.engine import Engine
from pipeline.core.files import read_array, write_array, write_json
from pipeline.core.plain import plain
from pipeline.stages.corpus import Check, Corpus, CorpusConfig, Split, Text, load_corpus
from pipeline.stages.corpus.encoded import Encoded, encode, encode_blocks
from pipeline.stages.features.features import PHRASES, Features
from pipeline.stages.sweep.sweep import Sweep, Sweepable, sweep_strengths
from pipeline.stages.vectors.both import Both, join
from pipeline.stages.vectors.checkpoint import Checkpoint
from pipeline.stages.vectors.loop import Trained, Trainer
from pipeline.stages.vectors.pretrained import (
    PRETRAINED_VOCAB,
    Pretrained,
    pretrain,
    pretraining_trainer,
)
from pipeline.stages.vectors.train import finish, train
from pipeline.stages.vectors.vectors import Source, train_vectors
from pipeline.stages.vectors.word_vectors import WordVectors
from pipeline.stages.vocab import Vocab, Vocabulary, build_vocab

CORPUS_FACTS = ("task", "classes", "text_splits", "ordinal")
"""The fields of a corpus that are plain values."""

TRAINING = "training"
"""The folder of checkpoints."""

STAGES = ("corpus", "text", "vocab", "vectors", "subword", "pretrained", "sweep")
"""The folders of entries."""


def save_corpus(corpus: Corpus, folder: Path) -> None:
    """Write everything in a corpus but its unlabelled text, which stays in its own files."""
    parts = corpus.splits | ({PHRASES: corpus.phrases} if corpus.phrases is not None else {})
    encoded = encode(chain.from_iterable(part.sentences for part in parts.values()))
    facts = {name: plain(getattr(corpus, name)) for name in CORPUS_FACTS}
    facts["checks"] = [found.plain() for found in corpus.checks]
    digests = {name: part.digest for name, part in parts.items()}
    write_json(folder / "corpus.json", {"facts": facts, "words": encoded.words, "digests": digests})
    write_array(folder / "tokens.npy", encoded.tokens)
    write_array(folder / "offsets.npy", encoded.offsets)
    for name, part in parts.items():
        write_array(folder / f"{name}.labels.npy", part.labels)


def load_saved_corpus(folder: Path, config: CorpusConfig) -> Corpus:
    """Read what `save_corpus` wrote; the unlabelled text is the configuration's."""
    saved = json.loads((folder / "corpus.json").read_text("utf-8"))
    words, tokens = saved["words"], read_array(folder / "tokens.npy")
    ends = pairwise(read_array(folder / "offsets.npy").tolist())
    sentences = ([words[i] for i in tokens[begin:end].tolist()] for begin, end in ends)
    parts = {}
    for name, digest in saved["digests"].items():
        labels = read_array(folder / f"{name}.labels.npy")
        parts[name] = Split(list(islice(sentences, len(labels))), labels)
        vars(parts[name])["digest"] = digest  # computing it takes as long as reading
    phrases = parts.pop(PHRASES, None)
    facts: dict[str, Any] = saved["facts"]
    for name in ("classes", "text_splits"):
        facts[name] = tuple(facts[name])
    facts["checks"] = tuple(Check.of(found) for found in facts["checks"])
    return Corpus(**facts, splits=parts, phrases=phrases, unlabelled=config.extra_text())


class CachedStages:
    """The expensive stages of an experiment."""

    def __init__(self, cache: Cache, engine: Engine | None = None) -> None:
        self.engine = engine
        self.store = Store(Path(cache.path).expanduser() if cache.enabled else None)
        self.checkpoint_minutes = cache.checkpoint_minutes

    def corpus(self, config: CorpusConfig) -> Outcome[Corpus]:
        """Read a corpus: cached if it has to be tokenized."""
        if not getattr(config, "slow", False) or is_own(type(config)):
            return timed(lambda: load_corpus(config), "loaded")
        return self.store.get(
            "corpus",
            key=lambda: keys.corpus(config),
            make=lambda: load_corpus(config),
            save=save_corpus,
            load=partial(load_saved_corpus, config=config),
        )

    def vocab(self, corpus: Corpus, config: Vocab) -> Outcome[Vocabulary]:
        """Build the vocabulary: cached if there is unlabelled text to tokenize."""
        if not corpus.unlabelled.paths:
            return timed(lambda: build_vocab(corpus, config))
        return self.store.get(
            "vocab",
            key=lambda: keys.vocab(corpus, config),
            make=lambda: self._build_vocab(corpus, config),
            save=Vocabulary.save,
            load=Vocabulary.load,
        )

    def _build_vocab(self, corpus: Corpus, config: Vocab) -> Vocabulary:
        text = corpus.unlabelled
        vocabulary = build_vocab(corpus, config, self._encoded(text), self._scratch())
        text.require_unchanged()
        return vocabulary

    def _scratch(self) -> Path | None:
        """Return a folder for large temporary files: that of the cache, if it can be written."""
        folder = self.store.folder
        return folder if folder is not None and os.access(folder, os.W_OK) else None

    def _encoded(self, text: Text) -> Iterator[Encoded]:
        """Encode a text block by block; each is cached, so that a stopped run can continue."""

        def is_known(block: list[str]) -> bool:
            return self.store.has("text", partial(keys.text_block, block, text))

        for block, make in encode_blocks(text.blocks(), text.rules, self.engine, is_known):
            key = partial(keys.text_block, block, text)
            yield self.store.get("text", key, make, Encoded.save, Encoded.load).value

    def vectors(
        self, corpus: Corpus, vocabulary: Vocabulary, source: Source, also: Iterable[str]
    ) -> Outcome[WordVectors]:
        """Train or load vectors."""
        if isinstance(source, Both):
            own = self.vectors(corpus, vocabulary, source.own, also)
            other = self.vectors(corpus, vocabulary, source.pretrained, also)
            joined = join(own.value, other.value, vocabulary)
            return Outcome(joined, own.how, own.seconds + other.seconds)
        if isinstance(source, Trainer):
            return self._trained(vocabulary, source)
        if isinstance(source, Pretrained) and source.is_of_corpus(corpus.pretraining is not None):
            whole = self._pretrained(corpus, source)
            needed = replace(corpus, also=tuple(also))
            return Outcome(source.select(whole.value, needed, vocabulary), *whole[1:])
        return self.store.get(
            "vectors",
            key=lambda: keys.vectors(corpus, vocabulary, source, also),
            make=lambda: train_vectors(corpus, vocabulary, source, also),
            save=WordVectors.save,
            load=WordVectors.load,
        )

    def _trained(self, vocabulary: Vocabulary, trainer: Trainer) -> Outcome[WordVectors]:
        """Train vectors; then combine and smooth them, which needs no training again."""
        trained = self._training(vocabulary, trainer)
        vectors = partial(finish, vocabulary, trainer, trained.value)
        finished = timed(vectors)
        if getattr(trainer, "subword", 0):  # takes minutes for many words
            finished = self.store.get(
                "subword",
                key=lambda: keys.finished(vocabulary, trainer),
                make=vectors,
                save=WordVectors.save,
                load=WordVectors.load,
            )
        return Outcome(finished.value, trained.how, trained.seconds + finished.seconds)

    def _training(self, vocabulary: Vocabulary, trainer: Trainer) -> Outcome[Trained]:
        key = partial(keys.training, vocabulary, trainer)
        return self.store.get(
            "vectors",
            key=key,
            make=lambda: train(vocabulary, trainer, self._checkpoint(key), self.engine),
            save=Trained.save,
            load=Trained.load,
        )

    def _checkpoint(self, key: Callable[[], dict[str, Any]]) -> Checkpoint | None:
        """Return the checkpoint of a training; None if nothing may be saved."""
        found = self.store.entry(TRAINING, key)
        return Checkpoint(*found, self.checkpoint_minutes) if found else None

    def _pretrained(self, corpus: Corpus, source: Pretrained) -> Outcome[WordVectors]:
        """Train the vectors that stand for GloVe, on the corpus's own larger text."""
        text, trainer = corpus.pretraining, pretraining_trainer(source.dim)
        assert text is not None
        key = partial(keys.pretrained, text, trainer, PRETRAINED_VOCAB)
        return self.store.get(
            "pretrained",
            key=key,
            make=lambda: pretrain(text, trainer, self._checkpoint(key)),
            save=WordVectors.save,
            load=WordVectors.load,
        )

    def sweep(self, features: Features, config: Sweepable) -> Outcome[Sweep]:
        """Fit the classifier at every strength."""
        return self.store.get(
            "sweep",
            key=lambda: keys.sweep(features, config),
            make=lambda: sweep_strengths(features, config),
            save=Sweep.save,
            load=Sweep.load,
        )
