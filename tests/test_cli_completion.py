"""The shell completes groups, choices and settings, and the small commands with their options."""

from __future__ import annotations

import pytest
from front import call


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("vectors=s", {"vectors=skipgram", "vectors=skipgram10"}),
        ("vectors.wi", {"vectors.window="}),
        ("vectors=cbow vocab.min_c", {"vocab.min_count="}),
        ("see", {"seed="}),
        ("run vectors=s", {"vectors=skipgram", "vectors=skipgram10"}),
        ("co", {"compare", "corpus.", "corpus="}),
        ("compare --", {"--output", "--tracking-uri"}),
        ("cache ", {"list", "prune", "verify"}),
        ("cache prune --old", {"--older-than"}),
        ("gradcheck --", {"--seeds"}),
        ("params vectors.wi", {"vectors.window"}),
        ("report outputs/ru", set()),  # the shell completes files
        ("ui --p", {"--port"}),
        ("upload --", {"--uri"}),
    ],
)
def test_a_word_is_completed(tmp_path, typed, offered):
    done = call(tmp_path, "-sc", "query=bash", COMP_LINE=f"yourvectors {typed}")
    assert set(done.stdout.split()) == offered
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(tmp_path, shell):
    done = call(tmp_path, "-sc", f"install={shell}")
    assert done.returncode == 0
    assert "complet" in done.stdout
