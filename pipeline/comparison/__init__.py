"""Many runs side by side: one verdict an arm, a table, a page."""

from pipeline.comparison.comparison import Comparison, compare
from pipeline.comparison.rows import arm_names

__all__ = ["Comparison", "arm_names", "compare"]
