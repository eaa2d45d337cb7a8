"""The small commands, and the module of each; it imports nothing, so that ``--help`` is quick."""

COMMANDS = {
    "cache": "pipeline.cli.cache",
    "compare": "pipeline.cli.report",
    "gradcheck": "pipeline.formulas.gradcheck",
    "params": "pipeline.cli.params",
    "report": "pipeline.cli.report",
    "ui": "pipeline.tracking.ui",
    "upload": "pipeline.cli.upload",
}
