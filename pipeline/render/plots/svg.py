"""Figures as SVG that stands in a page and takes the page's colours."""

from __future__ import annotations

import io
import re
from html import escape

from matplotlib import rc_context
from matplotlib.figure import Figure

from pipeline.render.plots.style import (
    ARMS,
    BETTER,
    CHOSEN,
    DEV,
    FAINT,
    GRID,
    INK,
    OPEN,
    TRAIN,
    WORSE,
)

# On a page each colour is a variable, so that light and dark have their own.
VARIABLES = {
    INK: "--ink",
    FAINT: "--faint",
    GRID: "--rule",
    TRAIN: "--train",
    DEV: "--accent",
    CHOSEN: "--warm",
    BETTER: "--better",
    WORSE: "--worse",
    OPEN: "--open",
    **{colour: f"--arm{i}" for i, colour in enumerate(ARMS)},
}


def svg(figure: Figure, name: str, alt: str) -> str:
    """Return the figure as SVG to stand in a page, its colours the page's variables.

    Parameters
    ----------
    figure
        The figure.
    name
        Begins the ids in it, which are to be different from those of other figures.
    alt
        Says what is to be seen, for those who do not see it.
    """
    file = io.StringIO()
    # Text stays text; what matplotlib would draw by chance or by the clock is fixed.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    drawn = file.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL, count=1)
    # Its rule for all elements would be one for the whole page; the page has the same for figures.
    drawn = re.sub(r"<style[^>]*>.*?</style>", "", drawn, flags=re.DOTALL, count=1)
    used = set(re.findall(r"""(?:href="|url\()#([^")]+)""", drawn))

    def mend(tag: re.Match[str]) -> str:
        """Make the ids of a tag this figure's own, and its colours the page's."""
        text = re.sub(
            r' id="([^"]+)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", tag[0]
        )
        text = re.sub(r"""(?:xlink:)?(href="|url\()#""", rf"\1#{name}-", text)
        return re.sub("#[0-9a-f]{6}", lambda m: _variable(m[0]), text)

    drawn = re.sub(r"<[^>]*>", mend, drawn)  # tags alone: a word may look like anything
    width, height = (round(inches * 96) for inches in figure.get_size_inches())
    head = (
        f'<svg role="img" aria-label="{escape(alt, quote=True)}" width="{width}" height="{height}"'
    )
    return re.sub(r'<svg [^>]*?(viewBox="[^"]+")[^>]*>', rf"{head} \1>", drawn, count=1)


def _variable(colour: str) -> str:
    return f"var({VARIABLES[colour]})" if colour in VARIABLES else colour
