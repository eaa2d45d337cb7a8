"""HTML pages in one file each: no network, no script; all text of a corpus is escaped."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.files import write

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
MINUS = "\N{MINUS SIGN}"


def percent(value: float | None, decimals: int = 1) -> str:
    """Return a share of 1 in percent, without the percent sign."""
    return "" if value is None else f"{100 * value:.{decimals}f}"


def signed(value: float | None, decimals: int = 2) -> str:
    """Return a number with its sign, a real minus sign if negative; zero has none."""
    if value is None:
        return ""
    text = f"{abs(value):.{decimals}f}"
    if not float(text):
        return text
    return f"{MINUS if value < 0 else '+'}{text}"


def number(value: float | None) -> str:
    """Return a number in four digits, 0.0001 rather than 1e-04; an empty text for None."""
    if value is None:
        return ""
    if value and not 1e-5 <= abs(value) < 1e6:
        return f"{value:.3g}"
    decimals = 0 if not value else max(0, 3 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def p_value(p: float) -> str:
    """Return "= 0.023" or "< 0.0001", to be written after "p"."""
    if p < 1e-4:
        return "< 0.0001"
    return f"= {p:#.2g}" if p >= 1e-3 else f"= {p:.1g}"


_READABLE = {
    "-lrb-": "(",
    "-rrb-": ")",
    "-lsb-": "[",
    "-rsb-": "]",
    "-lcb-": "{",
    "-rcb-": "}",
    "``": "\N{LEFT DOUBLE QUOTATION MARK}",
    "''": "\N{RIGHT DOUBLE QUOTATION MARK}",
}


def readable(token: str) -> str:
    """Return a token of the Penn Treebank as people write it: ``-lrb-`` is ``(``."""
    plain = _READABLE.get(token.lower(), token)
    return plain.replace("\\/", "/").replace("\\*", "*")


def sentence(text: str) -> str:
    """Return a sentence of such tokens, separated by spaces, as people write them."""
    return " ".join(map(readable, text.split(" ")))


@cache
def environment() -> Environment:
    """Return Jinja2 with the templates; everything is escaped unless it is marked as markup."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        percent=percent,
        signed=signed,
        number=number,
        p_value=p_value,
        readable=readable,
        sentence=sentence,
    )
    made.globals["style"] = Markup((TEMPLATES / "style.css").read_text("utf-8"))  # noqa: S704 - our own
    return made


def render(template: str, page: dict[str, Any], figures: dict[str, str]) -> str:
    """Fill a template.

    Parameters
    ----------
    template
        The name of its file.
    page
        What the page says: plain values, the same that are saved beside it as JSON.
    figures
        SVG by name, which is put in as it is.
    """
    from markupsafe import Markup

    drawn = {name: Markup(svg) for name, svg in figures.items()}  # noqa: S704 - made by plots
    return environment().get_template(template).render(page=page, figures=drawn)


def save(path: Path, html: str) -> None:
    """Write a page; a page that was there stays until the new one is complete."""
    write(path, lambda file: file.write_text(html, encoding="utf-8", newline="\n"))
