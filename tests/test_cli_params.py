"""`params` explains every setting."""

from __future__ import annotations

import pytest

from pipeline.cli.params import explained, main


def test_every_setting_of_every_choice_is_explained():
    assert not [name for name, text in explained() if not text or "does not say" in text]


@pytest.mark.parametrize("name", ["vectors.window", "window", "vectors=cbow", "vectors"])
def test_a_setting_is_found_by_each_of_its_names(name, capsys):
    main([name])
    assert "vectors.window\n    Words on either side" in capsys.readouterr().out


def test_an_unknown_name_gives_a_line_with_the_nearest():
    with pytest.raises(SystemExit, match=r"did you mean 'vectors.window'"):
        main(["vectors.windw"])
