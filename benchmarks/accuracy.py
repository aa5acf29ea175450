"""Error of the discrete adjoint's Hessian against the tolerance, on every problem of the suite.

    python -m benchmarks.accuracy [METHOD] [PROBLEM ...]

prints the table of `docs/performance.md`: at the perturbed point, relative to the largest entry of the harness's reference.
"""

import sys

import numpy as np

import hessbench

TOLERANCES = (1e-4, 1e-6, 1e-8, 1e-10)


def errors(problem, method):
    """Relative error of the Hessian at each of `TOLERANCES`, or what went wrong."""
    reference = hessbench.reference(problem, problem.perturbed).hess
    found = []
    for rtol in TOLERANCES:
        try:
            hess = hessbench.hessian(problem, problem.perturbed, rtol=rtol, method=method).hess
            found.append(float(np.abs(hess - reference).max() / np.abs(reference).max()))
        except hessbench.HessbenchError as error:
            found.append(type(error).__name__)
    return found


def main(method="DOP853", *names):
    for name in names or hessbench.problems():
        problem = hessbench.problem(name)
        try:
            row = " | ".join(f"{e:.0e}" if isinstance(e, float) else e for e in errors(problem, method))
        except hessbench.HessbenchError as error:
            row = f"{type(error).__name__}: {error}"
        print(f"| {name} | {row} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
