"""The data of the page's map of words and table of neighbours: the same words in every arm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.render.html import readable
from pipeline.stages.best.text_classifier import TextClassifier
from pipeline.stages.report.finished_run import FinishedRun
from pipeline.stages.report.words import Ints, is_content, nearest
from pipeline.stages.vectors.word_vectors import principal_plane

Floats = NDArray[np.float64]

# A page of nine arms stays below 5 MB: so many points, and lists of neighbours, over all arms.
POINTS, LISTS = 30_000, 4_000
NEAREST = 5
_SIDE = 1000  # coordinates are integers up to this, which is finer than a screen


def word_data(runs: Mapping[str, FinishedRun], chosen: list[str], min_count: int) -> dict[str, Any]:
    """Return the places and neighbours of the words that all arms have, the most frequent first.

    Parameters
    ----------
    runs
        A run of each arm, by the arm's name. Runs without their vectors are left out.
    chosen
        Words whose neighbours are stored in any case.
    min_count
        Only content words that occur this often in the training text are neighbours.

    Returns
    -------
    data
        ``words`` and their ``counts`` in the training text; ``classes``; and ``arms``, each with
        its ``name``, ``x`` and ``y`` by word, the ``class`` that each word speaks for where that is
        known, and ``nearest``: up to 5 pairs of a word's place in ``words`` and the cosine in
        hundredths, or None where none are stored. Empty where there is nothing to show.
    """
    from scipy.linalg import orthogonal_procrustes

    models = {name: run.model for name, run in runs.items()}
    arms = {name: model for name, model in models.items() if model is not None}
    if not arms:
        return {}
    run = next(iter(runs.values()))
    words, counts = _common(run, list(arms.values()), POINTS // len(arms))
    if len(words) < 3:
        return {}
    content = np.array([is_content(word) for word in words], bool)
    often = np.flatnonzero((counts >= min(min_count, int(counts.max()))) & content)
    picked = [i for i, word in enumerate(words) if word in chosen]
    listed = list(dict.fromkeys([*picked, *often.tolist()]))[: LISTS // len(arms)]
    first: Floats | None = None
    made = []
    for name, model in arms.items():
        rows = [model.vectors.index[word] for word in words]
        points = principal_plane(model.vectors.matrix[rows].astype(np.float64))
        if first is None:
            first = points
        else:  # turned or mirrored, so that it lies as the first does
            points = points @ orthogonal_procrustes(points, first)[0]
        x, y = np.rint(points / (np.abs(points).max() or 1) * _SIDE).astype(int).T.tolist()
        near: list[list[tuple[int, int]] | None] = [None] * len(words)
        if len(often) > 1:
            found = nearest(model.vectors.unit[rows], np.array(listed), often, NEAREST)
            for i, neighbours in zip(listed, found, strict=True):
                near[i] = [(other, round(100 * cosine)) for other, cosine in neighbours]
        arm = {"name": name, "x": x, "y": y, "nearest": near}
        if runs[name].classes == run.classes and (speaks_for := runs[name].speaks_for(words)):
            arm["class"] = speaks_for
        made.append(arm)
    shown = [readable(word) for word in words]
    return {"words": shown, "counts": counts.tolist(), "classes": run.classes, "arms": made}


def _common(run: FinishedRun, models: list[TextClassifier], most: int) -> tuple[list[str], Ints]:
    """Return the words of the training text that all have vectors for, and their counts."""
    path = run.folder / "vocab" / "vocabulary.tsv"
    lines = path.read_text("utf-8").split("\n")[:-1] if path.exists() else []
    parts = (line.rpartition("\t") for line in lines)
    counts = {
        word: int(count)
        for word, _, count in parts
        if all(word in model.vectors for model in models)
    }
    return list(counts)[:most], np.array(list(counts.values())[:most], np.int64)


def neighbour_table(data: dict[str, Any], chosen: list[str]) -> list[dict[str, Any]]:
    """Return the neighbours of the chosen words in every arm, as the page shows them."""
    words, counts = data.get("words", []), data.get("counts", [])
    places = {word: i for i, word in enumerate(words)}
    return [
        {
            "word": word,
            "arms": [
                [
                    {"neighbour": words[i], "cosine": cosine / 100, "count": counts[i]}
                    for i, cosine in arm["nearest"][places[word]]
                ]
                for arm in data["arms"]
            ],
        }
        for word in dict.fromkeys(map(readable, chosen))
        if word in places and is_content(word) and data["arms"][0]["nearest"][places[word]]
    ]
