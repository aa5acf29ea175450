"""What `hessian(..., verify=True)` estimates and costs: the estimate against the error, and times in one run.

`python -m benchmarks.verified` prints a table; the error is that against a run at 1e-13, in the norm of the estimate.
"""

import time
import warnings
from statistics import median

import numpy as np

import hessbench
from hessbench._judging.verify import verifier

PROBLEMS = (
    "three-body", "kepler", "sir", "generic-bolza", "neural-ode", "lotka-volterra", "driven-pendulum",
    "harmonic-oscillator", "restricted-three-body",
)  # fmt: skip
TOLERANCES = (1e-6, 1e-8)
SECONDS = 0.2


def seconds(call):
    """CPU time of one call on this thread."""
    start = time.thread_time()
    call()
    return time.thread_time() - start


def row(name, rtol):
    """Error, estimate, seconds of the plain Hessian, and how many times those the verified one takes."""
    problem = hessbench.problem(name)
    x = problem.x0 if problem.perturbed is None else problem.perturbed
    made = verifier(problem, "discrete-adjoint", rtol=rtol)
    truth, found, d = hessbench.hessian(problem, x, "discrete-adjoint", rtol=1e-13).hess, made(x), made.sizes(x)
    error = np.max(np.outer(d, d) * np.abs(found.hess - truth)) / np.max(np.outer(d, d) * np.abs(truth))
    plain, verified = [], []
    while sum(plain) < SECONDS:
        plain.append(seconds(lambda: made.first.direct(x)))
        verified.append(seconds(lambda: made(x)))
    return error, found.error, median(plain), median(verified) / median(plain)


def main():
    print("| problem | tolerance | error | estimate | estimate / error | plain, us | time, verified / plain |")
    print("|---|---|---|---|---|---|---|")
    for name in PROBLEMS:
        for rtol in TOLERANCES:
            error, estimate, plain, ratio = row(name, rtol)
            numbers = f"{error:.1e} | {estimate:.1e} | {estimate / error:.1f} | {plain * 1e6:.0f} | {ratio:.1f}"
            print(f"| {name} | {rtol:.0e} | {numbers} |")


if __name__ == "__main__":
    warnings.simplefilter("ignore", hessbench.HessbenchWarning)
    main()
