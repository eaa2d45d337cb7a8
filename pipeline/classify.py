"""Models that version 0.1.0 registered import `TextClassifier` from here."""

from pipeline.stages.best.text_classifier import TextClassifier

__all__ = ["TextClassifier"]
