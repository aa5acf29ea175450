"""The doors to where users already work: SciPy, JAX, torch, tests."""
