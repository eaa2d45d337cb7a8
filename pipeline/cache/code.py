"""Digests of source code: a result is stale once the code that made it has changed.

`package_digest` is of all files of this package. `own_code` is of the user's own classes: the files
they are written in, and all files that these import.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from types import FunctionType
from typing import Any, NamedTuple

from pipeline.cache.inputs import UnknownError, digest_of, files_digest
from pipeline.core.files import file_digest

PACKAGE = Path(__file__).parents[1]
OURS = __name__.partition(".")[0]
STARTED = time.time()

# Code that runs other code which no import statement names.
_RUNS_CODE = {"exec", "eval", "compile", "__import__"}
_LOADS_CODE = {"importlib", "runpy", "imp", "pkgutil", "zipimport", "code", "codeop"}
_HARMLESS = {"importlib.metadata", "importlib.resources"}


def package_digest() -> str:
    """Return one sha256 of all files of this package.

    `UnknownError` if a file was edited after this process began: which version is running cannot be
    known.
    """
    if (digest := tree_digest(PACKAGE)) != _AT_START:
        raise UnknownError(f"a file of {PACKAGE} was edited after this process began")
    return digest


def tree_digest(folder: Path) -> str:
    """Return the sha256 of the names and contents of a package's files, bytecode left out."""
    found = (one for one in os.walk(folder) if not one[0].endswith("__pycache__"))
    return files_digest(
        folder, (f"{parent}/{name}" for parent, _, names in found for name in names)
    )


_AT_START = tree_digest(PACKAGE)

# By file of a user's module, at the time of its import: its digest, and those of all files that it
# read while it was imported. `observe.importing` notes them.
LOADED: dict[Path, str] = {}
READ_AT_IMPORT: dict[Path, dict[str, str]] = {}


def _was_edited(path: Path, *, loaded: bool) -> bool:
    """Return whether a file may differ from the code that runs."""
    digest = file_digest(path)
    if not loaded:
        return LOADED.setdefault(path, digest) != digest
    return path.stat().st_mtime > STARTED if path not in LOADED else LOADED[path] != digest


def is_own(kind: type) -> bool:
    """Return whether a class is a user's own: neither ours nor Python's."""
    return not _is_known(kind.__module__)


def _is_known(module: str) -> bool:
    """Return whether a module is ours or Python's."""
    top = module.partition(".")[0]
    return top == OURS or top in sys.stdlib_module_names


def own_code(objects: Iterable[Any], modules: Iterable[str] = ()) -> dict[str, Any]:
    """Return digests of the code of the objects' classes and of modules; empty if all are ours.

    The digests are of all files that the classes' modules import, directly or not, wherever they
    are, at the top of a file or within a function. An installed package counts by its version.
    `UnknownError` if some of the code cannot be known: it has no source file, was edited after this
    process began, cannot be found, or is loaded by other means than import statements.
    """
    kinds = [kind for item in objects for kind in type(item).__mro__ if is_own(kind)]
    found = _Imports()
    for name in modules:
        found.add(name, optional=True)
    for kind in kinds:
        found.add(kind.__module__)
    for kind in kinds:
        found.check_methods(kind)
    if not found.seen:
        return {}
    return {
        "files": {name: file_digest(path) for name, path in sorted(found.files.items())},
        "packages": {name: _version(name) for name in sorted(found.packages)},
        "missing": sorted(found.missing),
        "read": [list(read) for path in found.files.values() for read in _read_at_import(path)],
    }


def _read_at_import(path: Path) -> Iterator[tuple[str, str]]:
    """Yield name and digest of each file that a module read when it was imported."""
    for name, digest in READ_AT_IMPORT.get(path, {}).items():
        if digest_of(name) != digest:
            raise UnknownError(f"{name} changed after {path} read it")
        yield Path(name).name, digest


class _Module(NamedTuple):
    """Where a module is."""

    path: Path | None  # None for a folder without __init__.py
    is_package: bool


class _Imports:
    """The user's files that a module imports, by module name, and the installed packages."""

    def __init__(self) -> None:
        self.files: dict[str, Path] = {}
        self.packages: set[str] = set()
        self.missing: set[str] = set()
        self.seen: set[str] = set()

    def add(self, name: str, *, optional: bool = False) -> None:
        """Add a module, the packages it is in, and all that these import.

        An optional one need not exist: it is imported within ``try: ... except ImportError``.
        """
        parent, _, _ = name.rpartition(".")
        if parent:
            self.add(parent, optional=optional)
        if name in self.seen or _is_known(name):
            return
        self.seen.add(name)
        module = _find(name)
        if module is None:
            if not optional:
                raise UnknownError(f"the module {name} cannot be found")
            self.missing.add(name)
        elif module.path is not None and is_installed(module.path):
            self.packages.add(name.partition(".")[0])
        elif module.path is not None:
            self._add_file(name, module.path, module.is_package)

    def _add_file(self, name: str, path: Path, is_package: bool) -> None:
        if not path.is_file():
            raise UnknownError(f"the source of {name} is in no file")
        if path.suffix != ".py":
            raise UnknownError(f"{name} is compiled: what it imports is not known")
        if _was_edited(path, loaded=name in sys.modules):
            raise UnknownError(f"{path} was edited after this process began")
        self.files[name] = path
        for other, optional in _imports(path, name, is_package):
            self.add(other, optional=optional)

    def check_methods(self, kind: type) -> None:
        """Refuse methods written elsewhere, e.g. made by ``exec`` or assigned afterwards."""
        files = {str(path) for path in self.files.values()}
        for name, method in vars(kind).items():
            if isinstance(method, FunctionType) and not name.startswith("__"):
                written = method.__code__.co_filename
                if written not in files and not is_installed(Path(written)):
                    raise UnknownError(f"{kind.__name__}.{name} is written in {written}")


def _find(name: str) -> _Module | None:
    """Return where a module is, loaded or not; None if there is none."""
    loaded = sys.modules.get(name)
    if loaded is not None:
        file = getattr(loaded, "__file__", None)
        is_package = hasattr(loaded, "__path__")
        if file is None and not is_package:
            raise UnknownError(f"the source of {name} is in no file")
        return _Module(Path(file).absolute() if file else None, is_package)
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None
    except Exception as error:
        raise UnknownError(f"the module {name} cannot be found: {error!r}") from error
    if spec is None:
        return None
    path = Path(spec.origin).absolute() if spec.has_location and spec.origin else None
    return _Module(path, spec.submodule_search_locations is not None)


@cache
def _installed_folders() -> tuple[Path, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return tuple({Path(sysconfig.get_path(name)).resolve() for name in names})


def is_installed(path: Path) -> bool:
    """Return whether a file is part of Python or of an installed package."""
    parts = {"site-packages", "dist-packages"} & set(path.parts)
    return bool(parts) or any(path.resolve().is_relative_to(f) for f in _installed_folders())


def _imports(path: Path, name: str, is_package: bool) -> Iterator[tuple[str, bool]]:
    """Yield the modules that a file imports, and whether each is optional.

    `UnknownError` if the file runs or loads code in another way.
    """
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise UnknownError(f"{path} cannot be read: {error}") from error
    optional = {
        node
        for guard in ast.walk(tree)
        if isinstance(guard, ast.Try | ast.If)  # as `if TYPE_CHECKING:`
        for statement in guard.body
        for node in ast.walk(statement)
    }
    package = name if is_package else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in _RUNS_CODE:
            raise UnknownError(f"{path}, line {node.lineno}, uses {node.id}")
        for module, items in _imported(node, package):
            top = module.partition(".")[0]
            if top in _LOADS_CODE and not {module, *items} & _HARMLESS:
                raise UnknownError(f"{path} imports {module}, which can load any code")
            if _is_known(module):
                continue
            yield module, node in optional
            if items and (found := _find(module)) and found.is_package:  # items may be modules
                yield from ((item, True) for item in items if _find(item))


def _imported(node: ast.AST, package: str) -> Iterable[tuple[str, list[str]]]:
    """Return each module that a statement imports, with the full names of what it takes of it."""
    if isinstance(node, ast.Import):
        return [(alias.name, []) for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parents = package.split(".")
            base = ".".join([*parents[: len(parents) - node.level + 1], base]).strip(".")
        return [(base, [f"{base}.{alias.name}" for alias in node.names])] if base else []
    return []


def _version(package: str) -> str:
    """Return the version of the distribution that an imported package is from."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:  # a distribution may have another name, as scikit-learn
        names = _distributions().get(package, [])
        return " ".join(f"{name} {metadata.version(name)}" for name in names)


@cache
def _distributions() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()  # takes most of a second: it reads all packages' files
