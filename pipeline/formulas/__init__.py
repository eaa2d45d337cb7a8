"""Loss functions with their gradients, and a check of each by finite differences."""
