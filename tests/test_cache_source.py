from __future__ import annotations

import math
import sys
from importlib import import_module
from pathlib import Path

import pytest

from pipeline.cache import source
from pipeline.cache.source import NoSourceError, source_digest

PACKAGE = {
    "mine.py": "import helper\nfrom kit.tools import (\n    saw,  # and no hammer\n)\n",
    "helper.py": "def help(): return 1\n",
    "other.py": "unused = 1\n",
    "kit/__init__.py": "",
    "kit/tools.py": "from .more import saw\nfrom . import nails as pins\n",
    "kit/more.py": "def saw(): return 1\n",
    "kit/nails.py": "long = 1\n",
    "kit/unused.py": "",
}

TOPS = {Path(name).parts[0].removesuffix(".py") for name in PACKAGE}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Modules that may be imported; what they are written in has just been edited."""
    for name, text in PACKAGE.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(source, "_BEGAN", math.inf)
    for name in [name for name in sys.modules if name.partition(".")[0] in TOPS]:
        monkeypatch.delitem(sys.modules, name)  # somebody else's of the same name
    before = set(sys.modules)
    import_module("mine")
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


class TestDigest:
    @pytest.mark.usefixtures("folder")
    def test_is_the_same_for_the_same_source(self):
        assert source_digest("mine") == source_digest("mine")

    @pytest.mark.parametrize(
        "name",
        [
            *("mine.py", "helper.py", "kit/__init__.py"),
            *("kit/tools.py", "kit/more.py", "kit/nails.py"),
        ],
    )
    def test_changes_with_every_file_that_is_imported_even_by_others(self, folder, name):
        before = source_digest("mine")
        path = folder / name
        path.write_text(path.read_text() + "# edited\n")
        assert source_digest("mine") != before

    @pytest.mark.parametrize("name", ["other.py", "kit/unused.py"])
    def test_does_not_change_with_what_is_not_imported(self, folder, name):
        before = source_digest("mine")
        (folder / name).write_text("edited = 1\n")
        assert source_digest("mine") == before

    def test_does_not_depend_on_where_the_files_are(self, folder):
        before = source_digest("mine")
        moved = folder / "moved"
        moved.mkdir()
        for name in ("mine.py", "helper.py", "kit"):
            (folder / name).rename(moved / name)
        sys.modules["mine"].__file__ = str(moved / "mine.py")
        assert source_digest("mine") == before

    def test_changes_with_the_version_of_a_package_that_is_imported(self, folder, monkeypatch):
        (folder / "helper.py").write_text("import sklearn.linear_model as models, os\n")
        before = source_digest("mine")
        version = source.metadata.version
        monkeypatch.setattr(
            source.metadata,
            "version",
            lambda name: "0.0" if name == "scikit-learn" else version(name),
        )
        assert source_digest("mine") != before

    def test_of_a_stage_covers_what_its_numbers_come_from_and_no_more(self, monkeypatch):
        """Of our own modules too: what vectors depend on is no matter of how figures are drawn."""
        read = []
        digest = source.file_digest
        monkeypatch.setattr(source, "_BEGAN", math.inf)
        monkeypatch.setattr(source, "file_digest", lambda path: read.append(path) or digest(path))
        source_digest("pipeline.stages.vectors.vectors")
        names = {path.stem for path in read}
        assert {"vectors", "train", "word2vec", "loop", "simd", "glove", "text"} <= names
        assert not {"arms", "report", "best", "config", "upload", "store"} & names


class TestUnknown:
    def test_is_the_source_of_what_was_typed_in(self, monkeypatch):
        monkeypatch.delattr(sys.modules["__main__"], "__file__", raising=False)
        with pytest.raises(NoSourceError, match="the source of __main__ is in no file"):
            source_digest("__main__")

    def test_is_that_of_compiled_code(self):
        with pytest.raises(NoSourceError):
            source_digest("numpy._core._multiarray_umath")

    @pytest.mark.usefixtures("folder")
    def test_is_that_of_a_file_edited_since_the_process_began(self, monkeypatch):
        monkeypatch.setattr(source, "_BEGAN", 0)
        with pytest.raises(NoSourceError, match="edited after this process began"):
            source_digest("mine")


def test_a_program_of_one_s_own_is_known_too(folder, monkeypatch):
    program = folder / "program.py"
    program.write_text("import helper\n")
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(program), raising=False)
    before = source_digest("__main__")
    (folder / "helper.py").write_text("edited = 1\n")
    assert source_digest("__main__") != before
