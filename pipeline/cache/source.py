"""Which source files code is written in: what it made can then be told from what it would make.

A version tells a user's releases apart, but not a developer's edits, and one's own code has none.
So code is known by the file that it stands in, and all files beside it that this imports, directly
or not.
"""

from __future__ import annotations

import hashlib
import re
import sys
import time
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from pipeline.core.files import file_digest

_OURS = __name__.partition(".")[0]
_BEGAN = time.time()
# A pattern, because to parse sixty files takes a quarter of a second. What it finds in a docstring
# makes the digest depend on a file too many, never on one too few.
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]*(\([^)]*\)|.*)|import[ \t]+(.*))", re.MULTILINE
)


class NoSourceError(Exception):
    """What the code is written in cannot be known."""


def source_digest(module: str) -> str:
    """Return the sha256 of the source of an imported module and of all it imports beside it.

    Beside it are the modules of its own package and, unless that is an installed one, whatever
    else stands in the folder where this is found. Of installed packages it is the version.

    Raises
    ------
    NoSourceError
        If there is no source file: the code was typed into a notebook, or is compiled. If one was
        edited after this process began: which of the two is being run?
    """
    path = Path(getattr(sys.modules.get(module), "__file__", None) or "").absolute()
    if path.suffix != ".py" or not path.is_file():
        raise NoSourceError(f"the source of {module} is in no file")
    name = path.stem if module == "__main__" else module
    root, top = path.parents[name.count(".") + (path.stem == "__init__")], name.partition(".")[0]
    installed = top == _OURS or root.name in {"site-packages", "dist-packages"}
    found, todo = {path: name}, [path]
    seen: set[str] = set()
    elsewhere: set[str] = set()
    while todo:
        for other in set(_imports(path := todo.pop(), found[path])) - seen:
            seen.add(other)
            package = other.partition(".")[0]
            follow = package == top or not (installed or package == _OURS)
            files = dict(_files(root, other)) if follow else {}
            todo += [file for file in files if file not in found]
            found |= {file: part for file, part in files.items() if file not in found}
            if not files:
                elsewhere.add(package)
    edited = next((file for file in found if file.stat().st_mtime > _BEGAN), None)
    if edited:
        raise NoSourceError(f"{edited} was edited after this process began")
    parts = sorted(f"{file.relative_to(root)} {file_digest(file)}" for file in found)
    if top != _OURS:  # whose packages are known, and which of them matters for what
        parts += sorted(map(_version, elsewhere - {*sys.stdlib_module_names, _OURS, ""}))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _version(package: str) -> str:
    """Name the version of the distribution that an imported package is from."""
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:  # most are called like what they hold, not all
        names = _distributions().get(package, [])
        return " ".join([package, *(metadata.version(name) for name in names)])


@cache
def _distributions() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()  # it reads what every package holds: most of a second


def _imports(path: Path, name: str) -> Iterator[str]:
    """Yield all that the module `name` imports, whether it is a module or something in one."""
    package = (name if path.stem == "__init__" else name.rpartition(".")[0]).split(".")
    for source, names, modules in _IMPORT.findall(path.read_text("utf-8", errors="replace")):
        yield from (module.split()[0] for module in modules.split(",") if module.strip())
        base = source.lstrip(".")
        if level := len(source) - len(base):  # relative: one dot is the package itself
            base = ".".join([*package[: len(package) - level + 1], *base.split(".")]).strip(".")
        yield base
        for item in re.findall(r"\w+", re.sub(r"#.*|\bas\s+\w+", "", names)):
            yield f"{base}.{item}"


def _files(root: Path, name: str) -> Iterator[tuple[Path, str]]:
    """Yield the files that are run when `name` is imported, those of its packages included."""
    parts = name.split(".")
    for i in range(1, len(parts) + 1):
        folder = root.joinpath(*parts[:i])
        for file in (folder.with_name(f"{folder.name}.py"), folder / "__init__.py"):
            # Our own top only gathers names: all would depend on all.
            if file.is_file() and (file.stem, parts[:i]) != ("__init__", [_OURS]):
                yield file, ".".join(parts[:i])
