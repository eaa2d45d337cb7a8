"""Labelled film reviews of the IMDb (Maas et al. 2011): a folder, an archive, or downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.core.download import Archive, fetch
from pipeline.core.notebook import displayed
from pipeline.stages.corpus.table import Table

ARCHIVE = Archive(
    url="https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
    md5="7c2ac02c03563afcf9b574c7e56c153a",
    size=84_125_825,
)


@displayed
@dataclass
class Imdb(Table):
    """50,000 film reviews, positive or negative, a file each; dev is drawn from train.

    It reads `path` as `Table` does, so any folder with a folder for each class will do. HTML is
    stripped from every split alike: the reviews are published with ``<br />`` between paragraphs,
    and copies without it in one split only are in use.

    Parameters
    ----------
    url
        Where to download from if there is no `path`, for a mirror of the official archive.
    """

    html: str = "strip"
    url: str = ARCHIVE.url

    @property
    def task(self) -> str:
        """What is to be solved."""
        return "imdb"

    def files(self) -> list[Path]:
        """Return the folder or archive, which is downloaded first if no path is given."""
        archive = Archive(self.url, size=ARCHIVE.size, md5=ARCHIVE.md5)
        return super().files() or [fetch(archive, Path("data") / "imdb" / "aclImdb_v1.tar.gz")]
