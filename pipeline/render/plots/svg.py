"""Figures as SVG inside a page, in the page's colours."""

from __future__ import annotations

import io
from xml.etree import ElementTree as ET

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
    any_script,
)

# On a page each colour is a CSS variable, so that light and dark mode have their own.
VARIABLES = {
    INK: "var(--ink)",
    FAINT: "var(--faint)",
    GRID: "var(--rule)",
    TRAIN: "var(--train)",
    DEV: "var(--accent)",
    CHOSEN: "var(--warm)",
    BETTER: "var(--better)",
    WORSE: "var(--worse)",
    OPEN: "var(--open)",
    **{colour: f"var(--arm{i})" for i, colour in enumerate(ARMS)},
}
_DROPPED = ("metadata", "style")  # the page styles its figures itself


def svg(figure: Figure, name: str, alt: str) -> str:
    """Return the figure as SVG for a page.

    Parameters
    ----------
    figure
        The figure.
    name
        Begins the ids in it, so that they differ from those of other figures.
    alt
        What the figure shows, for readers who cannot see it.
    """
    file = io.StringIO()
    # Text stays text, which the browser draws in its own fonts; ids do not change from run to run.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}), any_script():
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    root = ET.fromstring(file.getvalue())  # noqa: S314 - our own
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.rpartition("}")[2] in _DROPPED:
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]  # HTML needs no XML namespaces
        element.attrib = {
            key.rpartition("}")[2]: _for_page(key, value, name)
            for key, value in element.attrib.items()
        }
    width, height = (round(inches * 96) for inches in figure.get_size_inches())
    root.attrib = {
        "role": "img",
        "aria-label": alt,
        "width": str(width),
        "height": str(height),
        "viewBox": root.attrib["viewBox"],
    }
    return ET.tostring(root, encoding="unicode")


def _for_page(key: str, value: str, name: str) -> str:
    """Make ids and references to them this figure's own, and colours the page's."""
    if key == "id":
        return f"{name}-{value}"
    if value.startswith("#") and key.endswith("href"):
        return f"#{name}-{value[1:]}"
    value = value.replace("url(#", f"url(#{name}-")
    for colour, variable in VARIABLES.items():
        value = value.replace(colour, variable)
    return value
