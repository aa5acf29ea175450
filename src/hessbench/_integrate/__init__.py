"""Solving initial-value problems: adaptive, in fixed steps, in JAX."""
