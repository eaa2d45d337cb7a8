"""The cache: stage results on disk, keyed by everything they depend on."""
