"""Built-in strategies, one per file; `hessbench.strategies()` finds them."""
