"""``result.json`` and the files it lists: whole, or refused in a line, or made again."""

from __future__ import annotations

import json
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from runs import hostile

from pipeline.cli.report import main
from pipeline.core.errors import UserError
from pipeline.core.files import file_digest
from pipeline.stages.report.finished_run import PAGE_SOURCES
from pipeline.stages.report.page import rebuild_page
from pipeline.stages.report.report import Report
from pipeline.stages.report.result import (
    damaged_files,
    is_intact,
    read_result,
    set_mlflow_run_id,
    write_result,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return hostile(tmp_path_factory.mktemp("run") / "run", report=Report(words=["film"]))


@pytest.fixture
def copy(run, tmp_path):
    """A copy of the run for one test to damage."""
    return shutil.copytree(run, tmp_path / "copy")


class TestReadResult:
    def test_gives_what_was_written(self, run):
        assert read_result(run) == json.loads((run / "result.json").read_text("utf-8"))

    @pytest.mark.parametrize(
        "content",
        [b"", b"[]", b"null", b"{}", b'{"name": "x"', b"\xff\xfe", b"[" * 100_000, b'{"dim": NaN}'],
    )
    def test_refuses_a_damaged_one_in_a_line(self, copy, content):
        (copy / "result.json").write_bytes(content)
        with pytest.raises(UserError, match=r"result\.json is damaged .*Run it again\.$") as error:
            read_result(copy)
        assert len(str(error.value)) < 300

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("dim", "50"),
            ("seed", None),
            ("test", []),
            ("test", {"accuracy": "0.5"}),
            ("coverage", {"test": None}),
            ("digests", {"test": 3}),
            ("strength", True),
        ],
    )
    def test_names_the_key_whose_type_is_wrong(self, copy, key, value):
        result = read_result(copy)
        (copy / "result.json").write_text(json.dumps({**result, key: value}), encoding="utf-8")
        with pytest.raises(UserError, match=rf"result\.json is damaged \({key}"):
            read_result(copy)

    def test_reads_a_result_of_version_0_1_0(self, copy):
        result = read_result(copy)
        for key in ("files", "stages", "changed"):
            del result[key]
        for split in ("train", "dev", "test"):
            del result[split]["balanced_accuracy"]
        (copy / "result.json").write_text(json.dumps(result), encoding="utf-8")
        assert read_result(copy) == result
        assert damaged_files(copy, result) == []
        assert rebuild_page(copy).exists()

    def test_leaves_keys_of_a_later_version_in_place(self, copy):
        result = {**read_result(copy), "later": [1]}
        (copy / "result.json").write_text(json.dumps(result), encoding="utf-8")
        set_mlflow_run_id(copy, "0" * 32)
        assert read_result(copy)["later"] == [1]
        assert read_result(copy)["mlflow_run_id"] == "0" * 32


class TestFiles:
    def test_every_file_of_the_run_is_listed_with_its_sha256(self, run):
        files = read_result(run)["files"]
        there = {path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file()}
        assert set(files) == there - {"result.json"}
        assert files["best/predictions.csv"] == file_digest(run / "best" / "predictions.csv")
        assert damaged_files(run, read_result(run)) == []

    def test_a_file_outside_the_run_is_never_looked_at(self, copy):
        (copy.parent / "secret").write_text("x")
        digest = file_digest(copy.parent / "secret")
        assert not is_intact(copy, "../secret", digest)
        assert not is_intact(copy, str(copy.parent / "secret"), digest)

    def test_a_page_made_again_is_intact(self, copy):
        (copy / "report" / "index.html").write_text("cut")
        (copy / "report" / "strength.png").unlink()
        assert damaged_files(copy, read_result(copy)) == [
            "report/index.html",
            "report/strength.png",
        ]
        rebuild_page(copy)
        assert damaged_files(copy, read_result(copy)) == []

    def test_what_was_damaged_before_is_not_taken_for_intact_by_a_later_write(self, copy):
        (copy / "best" / "predictions.csv").write_text("cut")
        set_mlflow_run_id(copy, "0" * 32)
        assert damaged_files(copy, read_result(copy)) == ["best/predictions.csv"]


def damage(content, how, where):
    """Return other bytes: cut, empty, one bit flipped, lines lost, or something else entirely."""
    at = where % max(1, len(content))
    lines = content.splitlines(keepends=True)
    line = where % max(1, len(lines))
    match how:
        case "cut":
            return content[:at]
        case "flip":
            return content[:at] + bytes([content[at] ^ 1 << where % 8]) + content[at + 1 :]
        case "lines":
            return b"".join(lines[:line] + lines[line + 20 :])
        case "twice":
            return content + content
        case other:
            return {"empty": b"", "list": b"[]", "zeros": bytes(len(content))}[other]


hows = st.sampled_from(["cut", "flip", "lines", "twice", "empty", "list", "zeros"])


def names(run):
    return sorted(read_result(run)["files"])


@pytest.fixture
def _undrawn(monkeypatch):
    """Figures are not drawn: what they are made of is read all the same."""
    from pipeline.render import plots

    for name in ("strength_curve", "confusion", "word_map", "loss_curve", "learning_curves"):
        monkeypatch.setattr(plots, name, lambda *_: Figure())


@pytest.mark.usefixtures("_undrawn")
class TestDamage:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data(), hows, st.integers(0, 10**6), st.booleans())
    def test_a_damaged_file_is_refused_in_a_line_or_made_again(
        self, run, tmp_path_factory, data, how, where, listed
    ):
        name = data.draw(st.sampled_from(names(run)))
        folder = shutil.copytree(run, tmp_path_factory.mktemp("damage") / "run")
        content = (folder / name).read_bytes()
        broken = damage(content, how, where)
        (folder / name).write_bytes(broken)
        if not listed:  # as in version 0.1.0
            result = read_result(folder)
            del result["files"]
            (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
        refused = None
        try:
            main([str(folder)])
        except SystemExit as error:
            refused = str(error.code)
            assert refused.startswith("error: ")
            assert "\n" not in refused
        if listed and broken != content:
            source = not name.startswith("report/") or name in PAGE_SOURCES
            assert (refused is not None) == source, name
            assert refused is None or name in refused

    def test_every_file_damaged_in_every_way_is_noticed(self, copy):
        result = read_result(copy)
        for name in names(copy):
            content = (copy / name).read_bytes()
            for how in ("cut", "flip", "empty", "zeros"):
                if (broken := damage(content, how, len(content) // 2)) != content:
                    (copy / name).write_bytes(broken)
                    assert damaged_files(copy, result) == [name]
            (copy / name).write_bytes(content)

    def test_predictions_cut_by_20_lines_make_no_page_even_without_digests(self, copy):
        result = read_result(copy)
        del result["files"]
        (copy / "result.json").write_text(json.dumps(result), encoding="utf-8")
        path = copy / "best" / "predictions.csv"
        path.write_text("".join(path.read_text("utf-8").splitlines(True)[:-20]), encoding="utf-8")
        with pytest.raises(SystemExit, match=r"predictions\.csv is damaged .*of the \d+ test sent"):
            main([str(copy)])

    @pytest.mark.parametrize("part", ["vectors/matrix.npy", "best/classifier.skops"])
    def test_vectors_or_classifier_deleted_to_save_space_leave_a_page(self, copy, part):
        (copy / part).unlink()
        assert "are not coloured" in rebuild_page(copy).read_text("utf-8")

    def test_settings_of_another_type_are_told(self, copy):
        result = read_result(copy)
        result["settings"]["report.examples"] = "three"
        write_result(copy, result)
        with pytest.raises(UserError, match=r"report\.examples must be a whole number"):
            rebuild_page(copy)
