"""Built-in problem families, one per file; `hessbench.problems()` finds them."""
