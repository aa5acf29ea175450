"""Settings for all tests: one BLAS thread, a cache of references that lasts between runs, and one drawn point for all."""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("HESSBENCH_GATE_SEED", "2")
