"""The Markdown pages of this project: their code blocks, commands and links."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PAGES = [
    *(ROOT / f"{name}.md" for name in ("README", "RESULTS", "CONTRIBUTING", "SECURITY")),
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PROGRAMS = r"(?:[A-Z_]+=\S+ )*(?:python|yourvectors|make|mlflow|curl|pre-commit)"


class Block(NamedTuple):
    """A fenced code block."""

    page: str
    language: str
    text: str


class Command(NamedTuple):
    """A command line, and the page that shows it."""

    page: str
    line: str

    @property
    def words(self) -> list[str]:
        """The words without environment settings and ``nice`` in front, or a comment behind."""
        words = shlex.split(self.line, comments=True)
        return list(itertools.dropwhile(lambda word: re.match(r"[A-Z_]+=|nice$", word), words))

    @property
    def arguments(self) -> list[str] | None:
        """What follows ``yourvectors`` or ``python -m pipeline``; None for another program."""
        words = self.words
        if words[0] == "yourvectors":
            return words[1:]
        if words[0].endswith("python") and words[1:2] == ["-m"]:
            older = re.fullmatch(r"pipeline(?:\.(\w+))?", words[2])  # pipeline.report and the like
            return [*filter(None, [older[1]]), *words[3:]] if older else None
        return None


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(language: str) -> list[Block]:
    return [
        Block(name(page), found, text)
        for page in PAGES
        for found, text in _BLOCK.findall(page.read_text("utf-8"))
        if found == language
    ]


def commands() -> list[Command]:
    """Return every command in a block for the shell, or within backticks in the text."""
    found = [
        Command(block.page, line.strip())
        for block in blocks("sh")
        for line in re.sub(r"\s*\\\n\s*", " ", block.text).splitlines()
        if line.strip() and not line.startswith("#")
    ]
    for page in PAGES:
        text = _BLOCK.sub("", page.read_text("utf-8"))
        inline = re.findall(rf"`({_PROGRAMS} [^`]+)`", text)
        found += [Command(name(page), line.replace("\\|", "|")) for line in inline]
    return list(dict.fromkeys(command for command in found if "..." not in command.line))


def written_files() -> dict[str, str]:
    """Return the files that blocks begin with: ``# mine.py``, ``# conf/arm/reviews.yaml``."""
    files = {}
    for block in [*blocks("python"), *blocks("yaml")]:
        if head := re.search(r"\A(?:# @package _global_\n)?# ([\w/]+\.(?:py|yaml))\n", block.text):
            files[head[1]] = block.text
    return files


def programs() -> dict[str, str]:
    """Return a program a page: its Python blocks, one after the other."""
    found: dict[str, str] = {}
    for block in blocks("python"):
        if block.text not in written_files().values():
            found[block.page] = found.get(block.page, "") + block.text
    return found
