"""Compiled inner loops of the trainers."""

CACHE_LINE = 16  # float32 numbers in a cache line; rows are padded to a multiple of it
