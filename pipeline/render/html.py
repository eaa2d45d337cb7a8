"""HTML pages in one file each: no network, one script of our own; text of a corpus is escaped."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterable
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


def shortened(text: str, most: int = 400) -> str:
    """Cut a long text, and show that it was cut."""
    return text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def distinct_labels(names: Iterable[str], most: int = 60) -> list[str]:
    """Shorten long names in the middle, as they begin alike; number those that are then equal."""
    labels: list[str] = []
    for name in names:
        half = most // 2
        cut = f"{name[: half - 1]}\N{HORIZONTAL ELLIPSIS}{name[-half:]}"
        label, number = name if len(name) <= most else cut, 1
        while (numbered := label if number == 1 else f"{label} ({number})") in labels:
            number += 1
        labels.append(numbered)
    return labels


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
        zip=zip,
        percent=percent,
        signed=signed,
        number=number,
        p_value=p_value,
        readable=readable,
        sentence=sentence,
        shortened=shortened,
    )
    files = ("style.css", "tables.js", "words.js")
    style, *scripts = ((TEMPLATES / name).read_text("utf-8") for name in files)
    script = "\n".join(scripts)
    made.globals["style"], made.globals["script"] = Markup(style), Markup(script)  # noqa: S704 - our own
    made.globals["script_hash"] = _hash(script)
    return made


def _hash(script: str) -> str:
    """Return the hash by which a page's security policy names the one script that may run."""
    digest = hashlib.sha256(f"\n{script}\n".encode()).digest()  # the template has it on own lines
    return f"sha256-{base64.b64encode(digest).decode()}"


def as_json(values: Any) -> str:
    """Return values as JSON that is safe inside a ``<script>`` element: it holds no ``<``."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def render(
    template: str,
    page: dict[str, Any],
    figures: dict[str, str],
    words: dict[str, Any] | None = None,
) -> str:
    """Fill a template.

    Parameters
    ----------
    template
        The name of its file.
    page
        What the page says: plain values, the same that are saved beside it as JSON.
    figures
        SVG by name, which is put in as it is.
    words
        What the page's map of words shows, see `pipeline.stages.report.word_data`.
    """
    from markupsafe import Markup

    drawn = {name: Markup(svg) for name, svg in figures.items()}  # noqa: S704 - made by plots
    data = None if words is None else Markup(as_json(words))  # noqa: S704 - escaped just now
    return environment().get_template(template).render(page=page, figures=drawn, words=data)


def save(path: Path, html: str) -> None:
    """Write a page; a page that was there stays until the new one is complete."""
    write(path, lambda file: file.write_text(html, encoding="utf-8", newline="\n"))
