"""What the base of all settings promises: a wrong value never gets into an object."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pipeline as yv
from pipeline.core.errors import SettingError
from pipeline.core.settings import Settings, bounded


class Colour(Enum):
    red = "red"
    green = "green"


@dataclass
class Lamp(Settings):
    watts: int = bounded(5, least=1)
    share: float = bounded(0.5, above=0, below=1)
    most: float = bounded(1.0, most=1000)
    longest: int | None = bounded(None, least=1)
    colour: Colour = Colour.red
    lit: bool = False
    where: str | None = None
    steps: list[float] = field(default_factory=list, metadata={"bounds": {"above": 0}})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"watts": 0}, "watts must be at least 1, not 0."),
        ({"watts": 2.5}, "watts must be a whole number, not 2.5."),
        ({"watts": True}, "watts must be a whole number, not True."),
        ({"watts": "5"}, "watts must be a whole number, not '5'."),
        ({"watts": None}, "watts must be a whole number, not None."),
        ({"share": 1}, "share must be above 0 and below 1, not 1."),
        ({"share": math.nan}, "share must be finite and above 0 and below 1, not nan."),
        ({"share": "half"}, "share must be a number, not 'half'."),
        ({"most": 1001}, "most must be at most 1,000, not 1001."),
        ({"longest": 0}, "longest must be at least 1, or null, not 0."),
        ({"colour": "gren"}, "colour: no choice 'gren' (did you mean 'green'?); choose from red, "),
        ({"colour": 3}, "colour: no choice '3'; choose from red, green."),
        ({"lit": 1}, "lit must be true or false, not 1."),
        ({"where": 5}, "where must be a text, not 5."),
        ({"steps": [1, -1]}, "steps must be above 0, not -1."),
        ({"steps": ["a"]}, "steps must be a number, not 'a'."),
        ({"steps": "12"}, "steps must be a list, not '12'."),
        ({"steps": 3}, "steps must be a list, not 3."),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_argument(given, message):
    with pytest.raises(SettingError) as caught:
        Lamp(**given)
    assert str(caught.value).startswith(message)


def test_a_long_value_is_shortened_in_the_message():
    with pytest.raises(SettingError) as caught:
        Lamp(watts="5" * 1000)
    assert len(str(caught.value)) < 200


def test_choices_may_be_given_as_text_and_paths_as_paths():
    lamp = Lamp(colour="green", where=Path("hall") / "desk")
    assert lamp == Lamp(colour=Colour.green, where=str(Path("hall/desk")))


@given(st.integers(1, 2**31))
def test_numbers_of_numpy_become_plain_ones(value):
    lamp = Lamp(watts=np.int64(value), most=np.float64(0.25), steps=np.array([1.5, 2.0]))
    assert (lamp.watts, lamp.most, lamp.steps) == (value, 0.25, [1.5, 2.0])
    assert {type(lamp.watts), type(lamp.most), type(lamp.steps)} == {int, float, list}


def test_a_copy_is_checked_too():
    with pytest.raises(SettingError, match="watts"):
        replace(Lamp(), watts=-1)


PUBLIC = [getattr(yv, name) for name in yv.__all__]
SETTINGS = [one for one in PUBLIC if isinstance(one, type) and issubclass(one, Settings)]


@pytest.mark.parametrize("cls", SETTINGS, ids=lambda cls: cls.__name__)
class TestPublicSettings:
    def test_defaults_are_right(self, cls):
        assert cls() == cls()

    def test_a_value_of_another_type_is_refused_by_name(self, cls):
        names = [name for name, kind in cls.__annotations__.items() if kind in {"int", "float"}]
        for name in names:
            with pytest.raises(SettingError, match=f"^{name} must be a "):
                cls(**{name: "many"})


def test_every_public_stage_has_checked_settings():
    names = {cls.__name__ for cls in SETTINGS}
    stages = {"Vocab", "SkipGram", "Mean", "Logistic", "OnDev", "Report", "Sst", "Table", "Cache"}
    assert stages <= names


class TestArgumentsOfStages:
    @pytest.fixture(scope="class")
    def corpus(self):
        return yv.Sample(train=50, dev=50, test=50, pretraining=50).load()

    @pytest.fixture(scope="class")
    def vocabulary(self, corpus):
        return yv.build_vocab(corpus)

    def test_a_class_in_place_of_settings_is_named_with_what_to_write(self, corpus, vocabulary):
        with pytest.raises(TypeError, match=r"class SkipGram; give an object .* source=SkipGram\("):
            yv.train_vectors(corpus, vocabulary, yv.SkipGram)

    def test_arguments_in_another_order_are_named(self, corpus, vocabulary):
        with pytest.raises(TypeError, match="corpus must be of Corpus, not of Vocabulary"):
            yv.train_vectors(vocabulary, corpus)

    def test_an_object_of_another_stage_is_named(self, corpus):
        with pytest.raises(TypeError, match="features must be of Features, not of Corpus"):
            yv.sweep_strengths(corpus)

    def test_settings_of_another_stage_are_named(self, corpus):
        with pytest.raises(TypeError, match="config must be of Vocab, not of SkipGram"):
            yv.build_vocab(corpus, yv.SkipGram())
