"""Stage `report`: tables, figures and the HTML page of a run.

``python -m pipeline report FOLDER...`` rebuilds pages and compares runs, without training again.
"""

from pipeline.stages.report.page import PageContent, draw_page, write_page
from pipeline.stages.report.report import (
    Report,
    ReportFolder,
    default_words,
    result,
    versions,
    write_report,
)

__all__ = [
    "PageContent",
    "Report",
    "ReportFolder",
    "default_words",
    "draw_page",
    "result",
    "versions",
    "write_page",
    "write_report",
]
