"""PNG files with text in any script: installed fonts where they help, code points where none does.

Matplotlib's own font lacks many scripts and all emoji. An SVG on a page needs none of this: the
browser draws its text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from matplotlib import font_manager
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter

from pipeline.render.html import shortened
from pipeline.render.plots.style import any_script

OWN = "DejaVu Sans"


def write_png(figure: Figure, path: Path) -> None:
    """Write a figure as PNG; a character that no installed font has becomes its code point."""
    with _drawable(figure), any_script():
        figure.savefig(path, format="png")


@contextmanager
def _drawable(figure: Figure) -> Iterator[None]:
    """Choose fonts for the text of a figure, and replace what cannot be drawn, for a while."""
    with ExitStack() as undo:
        for axes in figure.axes:
            for axis in (axes.xaxis, axes.yaxis):
                _fix_ticks(axis, undo)
        for text in figure.findobj(Text):
            assert isinstance(text, Text)
            _fix(text, undo)
        yield


def _fix(text: Text, undo: ExitStack) -> None:
    said = text.get_text()
    families = _families(said)
    undo.callback(text.set_text, said)
    undo.callback(text.set_fontfamily, text.get_fontfamily())
    text.set_text(replaced(said, families))
    text.set_fontfamily(families)


def _fix_ticks(axis: Axis, undo: ExitStack) -> None:
    """Replace names of ticks where they come from: the axis writes them at every drawing."""
    names = axis.get_major_formatter()
    if isinstance(names, FuncFormatter):

        def drawable(value: float, position: int | None = None) -> str:
            name = names(value, position)
            return replaced(name, _families(name))

        undo.callback(axis.set_major_formatter, names)
        axis.set_major_formatter(FuncFormatter(drawable))


def replaced(text: str, families: Iterable[str]) -> str:
    """Replace each character that none of the fonts has by its code point, such as U+1F44D.

    A text that grows by that is cut to 30 characters, or words would cover the whole figure.
    """
    known = set().union(*(_characters(family) for family in families))
    written = "".join(c if ord(c) in known or c.isspace() else f"U+{ord(c):X}" for c in text)
    return shortened(written, max(30, len(text)))


def _families(text: str) -> list[str]:
    """Return matplotlib's own font, and installed ones with the characters that it lacks."""
    missing = {ord(c) for c in text if not c.isspace()} - _characters(OWN)
    families = [OWN]
    for family in sorted(_installed()):
        if not missing:
            break
        if found := missing & _characters(family):
            families.append(family)
            missing -= found
    return families


@cache
def _installed() -> dict[str, str]:
    """Return the path of the regular font of each family, without fonts of symbols and boxes."""
    return {
        font.name: font.fname
        for font in font_manager.fontManager.ttflist
        if font.style == "normal"
        and font.weight == 400
        and not font.name.startswith(("STIX", "cm", "Last Resort"))
    }


@cache
def _characters(family: str) -> frozenset[int]:
    """Return the code points that a font has."""
    return frozenset(font_manager.get_font(_installed()[family]).get_charmap())
