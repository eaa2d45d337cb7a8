"""Pretrained vectors by name, as ``catalog.toml`` lists them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from pipeline.core.download import Archive, fetch
from pipeline.core.errors import SettingError, suggest

CATALOG = Path(__file__).with_name("catalog.toml")
FOLDER = Path("data")


@dataclass(frozen=True)
class Named:
    """Published vectors."""

    name: str  # in full, as `find` returns it
    archive: Archive
    member: str | None  # the file in the archive; None: the only one
    text: str  # what they were trained on
    cased: bool  # whether words keep their capitals
    licence: str  # this and the citation are what the publishers say
    citation: str

    @property
    def family(self) -> str:
        """What made them: the first part of the name."""
        return self.name.partition(".")[0]

    @property
    def folder(self) -> Path:
        """Where downloads of the family are."""
        return FOLDER / self.family

    def local(self) -> Path | None:
        """Return the file if it is there: unpacked by the user, or as it was downloaded."""
        if self.member is not None and (self.folder / self.member).is_file():
            return self.folder / self.member
        path = self.folder / PurePosixPath(self.archive.url).name
        return self._inside(path) if path.is_file() else None

    def file(self, url: str | None = None) -> Path:
        """Return the file; if it is not there, download it first, from `url` if that is given.

        Raises
        ------
        UserError
            If it cannot be had; see `core.download.fetch`.
        """
        if (there := self.local()) is not None:
            return there
        archive = Archive(url or self.archive.url, self.archive.sha256, self.archive.size)
        path = fetch(archive, self.folder / PurePosixPath(self.archive.url).name)
        return self._inside(path)

    def _inside(self, path: Path) -> Path:
        return path / self.member if self.member is not None else path


@cache
def catalog() -> dict[str, Named]:
    """Return all vectors by name."""
    listed = tomllib.loads(CATALOG.read_text("utf-8"))
    found = {}
    for title, entry in listed["archive"].items():
        archive = Archive(entry["url"], entry.get("sha256"), entry.get("size"))
        family = listed["family"][title.partition(".")[0]]
        for part, member in entry.get("files", {"": None}).items():
            name = f"{title}.{part}".rstrip(".")
            found[name] = Named(
                name,
                archive,
                member,
                entry["text"],
                entry["cased"],
                family["licence"],
                entry.get("citation", family["citation"]),
            )
    return found


def find(name: str) -> Named:
    """Return the vectors of a name; ``glove.`` may be left out.

    Raises
    ------
    UserError
        If there are none, with the names there are.
    """
    known = catalog()
    for full in (name, f"glove.{name}"):
        if full in known:
            return known[full]
    short = {full.removeprefix("glove."): full for full in known}
    raise SettingError(
        f"name={name[:40]}: no such vectors{suggest(name, [*short, *known])}; "
        f"choose from {', '.join(short)}."
    )
