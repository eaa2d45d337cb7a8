"""`params` explains every setting."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipeline.cli.params import main, parameters


def test_every_setting_of_every_choice_is_explained():
    unexplained = [one.key for one in parameters() if "does not say" in one.meaning]
    assert not unexplained


@pytest.mark.parametrize("name", ["vectors.window", "window", "vectors=cbow", "cbow", "vectors"])
def test_a_setting_is_found_by_each_of_its_names(name, capsys):
    main([name])
    assert "vectors.window\n    Words on either side" in capsys.readouterr().out


def test_an_unknown_name_gives_a_line_with_the_nearest():
    with pytest.raises(SystemExit, match=r"did you mean 'vectors.window'"):
        main(["vectors.windw"])


def test_a_default_is_shown_with_the_choices_that_have_it(capsys):
    main(["vectors.window"])
    said = capsys.readouterr().out
    assert "Default: 15 (skipgram), 5 (cbow)" in said
    assert "Default: 10 (glove_train)" in said


def test_bounds_are_shown(capsys):
    main(["vectors.negative"])
    assert "Must be at least 1.\n" in capsys.readouterr().out


def test_of_one_choice_the_default_is_shown_alone(capsys):
    main(["vectors=cbow"])
    assert "Default: 5\n" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["treebank", "vectors=treebank"])
def test_a_choice_with_other_values_for_the_settings_shows_them(name, capsys):
    main([name])
    said = capsys.readouterr().out
    assert said.startswith("vectors=treebank\n")
    assert "subsample: 0\n" in said


@pytest.mark.parametrize("words", [["params"], ["--help"], ["--cfg", "job"]], ids=" ".join)
def test_a_reader_that_closes_the_pipe_gives_no_traceback(words, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "pipeline", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
