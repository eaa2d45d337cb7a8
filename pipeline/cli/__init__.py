"""The command line: configuration, multiruns and the small commands."""
