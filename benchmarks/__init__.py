"""Benchmarks for asv. Thin classes: what is measured is in `hessbench`, what is compared is declared in `common`."""
