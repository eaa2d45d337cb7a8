"""The figures: the only code that imports matplotlib, without its global state."""

from pipeline.render.plots.arms import arms, learning_curves, strength_curves
from pipeline.render.plots.fonts import write_png
from pipeline.render.plots.notebook import Axes, in_notebook
from pipeline.render.plots.run import confusion, loss_curve, strength_curve, sweep_curve, word_map
from pipeline.render.plots.style import Drawing
from pipeline.render.plots.svg import svg

__all__ = [
    "Axes",
    "Drawing",
    "arms",
    "confusion",
    "in_notebook",
    "learning_curves",
    "loss_curve",
    "strength_curve",
    "strength_curves",
    "svg",
    "sweep_curve",
    "word_map",
    "write_png",
]
