"""Classifiers in files: those that are trusted are loaded, all others are refused."""

from __future__ import annotations

from zipfile import ZipFile

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.utils import check_random_state

from pipeline.core.errors import UserError
from pipeline.stages.sweep.persistence import load_classifier, save_classifier
from pipeline.stages.sweep.sweep import Logistic, OneVsRest, TwoLayer

X = check_random_state(0).normal(size=(60, 4))
Y = np.arange(60) % 3


class Mine(LogisticRegression):
    """Of a type that no one knows."""


@pytest.mark.parametrize("sweep", [Logistic(), OneVsRest(), TwoLayer(hidden=2)])
def test_those_of_the_sweeps_are_loaded_back(sweep, tmp_path):
    classifier = sweep.classifier(1.0, None).fit(X, Y)
    save_classifier(tmp_path / "0.skops", classifier)
    np.testing.assert_array_equal(
        load_classifier(tmp_path / "0.skops").predict_proba(X), classifier.predict_proba(X)
    )


def test_one_that_would_not_be_loaded_is_not_saved(tmp_path):
    with pytest.raises(UserError, match=r"the classifier Mine cannot be saved by skops: .*Mine"):
        save_classifier(tmp_path / "0.skops", Mine().fit(X, Y))
    assert not (tmp_path / "0.skops").exists()


class TestRefused:
    def test_one_of_a_type_that_is_not_trusted(self, tmp_path):
        skops.io.dump(Mine().fit(X, Y), tmp_path / "0.skops")
        with pytest.raises(UserError, match=r"0\.skops: .*Mine"):
            load_classifier(tmp_path / "0.skops")

    @pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
    def test_one_that_is_damaged(self, share, tmp_path):
        save_classifier(tmp_path / "0.skops", Logistic().classifier(1.0, None).fit(X, Y))
        content = bytearray((tmp_path / "0.skops").read_bytes())
        (tmp_path / "0.skops").write_bytes(content[: int(share * len(content))])
        with pytest.raises(UserError, match=r"0\.skops is damaged"):
            load_classifier(tmp_path / "0.skops")

    def test_one_that_says_nothing(self, tmp_path):
        with ZipFile(tmp_path / "0.skops", "w") as archive:
            archive.writestr("schema.json", "{}")
        with pytest.raises(UserError, match=r"0\.skops is damaged"):
            load_classifier(tmp_path / "0.skops")

    def test_one_that_lacks_an_array(self, tmp_path):
        save_classifier(tmp_path / "1.skops", Logistic().classifier(1.0, None).fit(X, Y))
        with (
            ZipFile(tmp_path / "1.skops") as whole,
            ZipFile(tmp_path / "0.skops", "w") as archive,
        ):
            for name in whole.namelist()[1:]:
                archive.writestr(name, whole.read(name))
        with pytest.raises(UserError, match=r"0\.skops is damaged"):
            load_classifier(tmp_path / "0.skops")

    def test_one_whose_arrays_are_damaged(self, tmp_path):
        save_classifier(tmp_path / "0.skops", Logistic().classifier(1.0, None).fit(X, Y))
        content = bytearray((tmp_path / "0.skops").read_bytes())
        content[content.index(b"\x93NUMPY") + 3] ^= 1
        (tmp_path / "0.skops").write_bytes(content)
        with pytest.raises(UserError, match=r"0\.skops is damaged"):
            load_classifier(tmp_path / "0.skops")
