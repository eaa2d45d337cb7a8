"""Hooks of the documentation site: pages from outside ``docs/``, parameter tables, formulas.

MkDocs calls the functions whose names begin with ``on_``.
"""

from __future__ import annotations

import html
import os
import re
from pathlib import Path
from typing import Any

from latex2mathml import converter
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from pipeline.cli import params
from pipeline.cli.config import SCHEMAS

ROOT = Path(__file__).parents[2]
# Pages that stand outside docs/, and their names on the site.
OUTSIDE = {
    "README.md": "index.md",
    "RESULTS.md": "results.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
}
# Pages with so many words that a search would show them before the page that has the answer.
LAST = {"changelog.md", "benchmarks.md", "contributing.md", "security.md", "reference/api.md"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside ``docs/``."""
    for source, name in OUTSIDE.items():
        text = (ROOT / source).read_text("utf-8")
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Point links to where pages are on the site, and insert the tables of parameters."""
    here = page.file.src_uri
    page.meta["search"] = {"boost": 0.01 if here in LAST else 1}
    sources = {name: source for source, name in OUTSIDE.items()}
    folder = (ROOT / sources.get(here, f"docs/{here}")).parent

    def on_site(match: re.Match[str]) -> str:
        target = os.path.relpath(folder / match[1], ROOT)
        if target in OUTSIDE:
            target = OUTSIDE[target]
        elif target.startswith("docs/"):
            target = target.removeprefix("docs/")
        else:
            return f"]({config.repo_url}/blob/main/{target}"
        return f"]({os.path.relpath(target, Path(here).parent)}"

    markdown = re.sub(r"\]\((?!https?://|#)([^)#\s]+)", on_site, markdown)
    return markdown.replace("<!-- parameters -->", parameters())


def on_page_content(content: str, **_: Any) -> str:
    """Turn formulas into MathML, which browsers draw without a script."""

    def drawn(match: re.Match[str]) -> str:
        display = "block" if match[1] == "div" else "inline"
        return str(converter.convert(html.unescape(match[2]), display=display))

    pattern = r'<(div|span) class="arithmatex">\\[\[(](.*?)\\[\])]</\1>'
    return re.sub(pattern, drawn, content, flags=re.DOTALL)


def parameters() -> str:
    """Return a table of every choice of every group: each field, its default and its meaning."""
    parts = []
    known = list(params.parameters())
    for group, choices in SCHEMAS.items():
        single = len(choices) == 1
        parts.append(f"## {group} parameters\n" if single else f"## {group}\n")
        for choice, schema in choices.items():
            if not single:
                name = choice.replace("skipgram", "skip-gram").replace("_", " ")
                parts.append(f"### Parameters of {name}: {group}={choice}\n")
            parts.append(f"{(schema.__doc__ or '').splitlines()[0]}\n")
            parts += ["| parameter | default | meaning |", "|---|---|---|"]
            for one in known:
                if (one.group, one.choice) == (group, choice):
                    meaning = " ".join(one.meaning.split()).replace("|", "\\|")
                    parts.append(f"| `{one.key}` | `{one.default}` | {meaning} |")
            parts.append("")
    return "\n".join(parts)
