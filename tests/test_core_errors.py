from __future__ import annotations

from enum import StrEnum

import pytest

from pipeline.core.errors import UserError, choose, require, suggest


class Colour(StrEnum):
    red = "red"
    green = "green"


def test_what_holds_is_passed_over():
    require([0], "never said")


def test_what_does_not_hold_is_said():
    with pytest.raises(UserError, match=r"^give one$"):
        require([], "give one")


def test_the_nearest_choice_is_suggested():
    assert suggest("grene", ["red", "green"]) == " (did you mean 'green'?)"


def test_nothing_is_suggested_where_nothing_is_near():
    assert suggest("blue", ["red", "green"]) == ""


@pytest.mark.parametrize("value", ["green", Colour.green])
def test_a_choice_may_be_named_by_its_text(value):
    assert choose(Colour, value, "lamp.colour") is Colour.green


def test_a_choice_that_is_none_names_setting_and_choices():
    with pytest.raises(UserError) as error:
        choose(Colour, "grene", "lamp.colour")
    assert str(error.value) == (
        "lamp.colour: no choice 'grene' (did you mean 'green'?); choose from red, green."
    )


def test_what_an_error_quotes_cannot_break_its_line_or_command_a_terminal():
    assert str(UserError("no 'a\nb\x1b[2J', 東京")) == "no 'a\\nb\\x1b[2J', 東京"
