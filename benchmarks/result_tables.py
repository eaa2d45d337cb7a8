"""The tables of RESULTS.md: read from CSV files, written as Markdown."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from pipeline.render.html import signed

Row = dict[str, Any]
TEXT = {"part", "value", "name", "task", "arm", "against", "accuracy_kind", "macro_f1_kind"}
GLOVE = {
    "assignment-glove": "GloVe 50-d",
    "glove50": "GloVe 50-d",
    "glove100": "GloVe 100-d",
    "glove50_phrases": "GloVe 50-d",
    "glove100_phrases": "GloVe 100-d",
    "glove100_bag": "GloVe 100-d with bag",
    "binary-glove100": "GloVe 100-d",
    "binary-glove100_bag": "GloVe 100-d with bag",
    "imdb-glove100": "GloVe 100-d",
}
CHANGE = "reviews300_bag less reviews300"


def write_csv(path: Path, rows: list[Row]) -> None:
    """Write rows, floats with six digits."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {key: f"{v:.6g}" if isinstance(v, float) else v for key, v in row.items()}
            )


def read_csv(path: Path) -> list[Row]:
    """Read what `write_csv` wrote; numbers become floats."""

    def plain(key: str, text: str) -> Any:
        return text if key in TEXT or not text else int(text) if text.isdigit() else float(text)

    with path.open(encoding="utf-8") as file:
        return [{k: plain(k, v) for k, v in row.items()} for row in csv.DictReader(file)]


def tables(arms: list[Row], groups: list[Row]) -> dict[str, str]:
    """Return every table that is made from numbers, by its name on the page."""
    tasks = dict.fromkeys(row["task"] for row in arms)
    found = {task: [row for row in arms if row["task"] == task] for task in tasks}
    made = {task: amount_table(found.pop(task)) for task in ("imdb",) if task in found}
    made |= {task: arm_table(rows) for task, rows in found.items()}
    return made | {"groups": group_table(groups)}


def arm_table(rows: list[Row]) -> str:
    """Return a row per arm, with a verdict against each reference."""
    references = list(dict.fromkeys(row["against"] for row in rows if row["against"]))
    heads = [f"accuracy less {GLOVE[name]} | macro-F1 less {GLOVE[name]}" for name in references]
    lines = [f"| row | features | seeds | test accuracy | macro-F1 | {' | '.join(heads)} |"]
    lines.append("|---" * (5 + 2 * len(references)) + "|")
    for name in dict.fromkeys(row["arm"] for row in rows):
        own = [row for row in rows if row["arm"] == name]
        verdicts = {row["against"]: row for row in own}
        cells = [name, *described(own[0])]
        for reference in references:
            cells += verdict_cells(verdicts.get(reference))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def amount_table(rows: list[Row]) -> str:
    """Return a row per amount of own text."""
    head = "| own text, words | words known | features | seeds | test accuracy | macro-F1 |"
    lines = [f"{head} accuracy less GloVe 100-d | macro-F1 less GloVe 100-d |", "|---" * 8 + "|"]
    for row in rows:
        own = f"{row['own_words']:,.0f}" if row["own_words"] else "GloVe 100-d"
        own += " (training reviews)" if row["arm"] == "imdb-train50" else ""
        verdict = verdict_cells(row if row["against"] else None)
        cells = [own, f"{row['coverage']:.1%}", *described(row), *verdict]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def described(row: Row) -> list[str]:
    """Return features, seeds, accuracy and macro-F1 of an arm."""
    accuracy, f1 = f"{100 * row['test_accuracy']:.1f}", decimals(row["test_macro_f1"])
    if row["seeds"] > 1:
        accuracy += f" ± {100 * row['test_accuracy_deviation']:.1f}"
        f1 += f" ± {decimals(row['test_macro_f1_deviation'])}"
    return [f"{row['features']:,.0f}", f"{row['seeds']:.0f}", accuracy, f1]


def verdict_cells(row: Row | None) -> list[str]:
    """Return the differences by accuracy and macro-F1; bold if a difference can be claimed."""
    if row is None:
        return ["", ""]
    cells = []
    for metric, scale, places in (("accuracy", 100, 1), ("macro_f1", 1, 3)):
        values = (scale * row[f"{metric}_{key}"] for key in ("difference", "low", "high"))
        difference, low, high = (signed(value, places) for value in values)
        cell = f"{difference} ({low} to {high})"
        cells.append(cell if row[f"{metric}_kind"] == "open" else f"**{cell}**")
    return cells


def decimals(value: float) -> str:
    """Return a number below one with three decimals."""
    return f"{value:.3f}".removeprefix("0")


def group_table(groups: list[Row]) -> str:
    """Return the table of sentence groups in Markdown."""
    parts = list(dict.fromkeys(row["part"] for row in groups))
    lines = [f"| test sentences | n | {' | '.join(parts)} |", "|---" * (2 + len(parts)) + "|"]
    for name in dict.fromkeys(row["name"] for row in groups):
        rows = {row["part"]: row for row in groups if row["name"] == name}
        cells = [group_cell(rows.get(part)) for part in parts]
        sizes = {f"{row['sentences']:.0f}" for row in rows.values()}
        n = sizes.pop() if len(sizes) == 1 else "differs"
        lines.append(f"| {name} | {n} | {' | '.join(cells)} |")
    return "\n".join(lines)


def group_cell(row: Row | None) -> str:
    """Return an accuracy in percent, or a change with its interval."""
    if row is None:
        return ""
    if row["part"] != CHANGE:
        return f"{100 * row['accuracy']:.1f}"
    change, low, high = (signed(100 * row[key], 1) for key in ("accuracy", "low", "high"))
    text = f"{change} ({low} to {high})"
    return f"**{text}**" if row["low"] > 0 or row["high"] < 0 else text


def filled(page: str, found: dict[str, str]) -> str:
    """Return the page with its tables between their marks."""
    for name, table in found.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        head, _, rest = page.partition(begin)
        page = f"{head}{begin}\n{table}\n{end}{rest.partition(end)[2]}" if rest else page
    return page
