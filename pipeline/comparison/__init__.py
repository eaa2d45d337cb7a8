"""Many runs side by side: a row a run, and a paired test of each against the reference."""

from pipeline.comparison.rows import arm_names, compare
from pipeline.comparison.table import Comparison

__all__ = ["Comparison", "arm_names", "compare"]
