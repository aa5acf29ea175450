"""The implicit discrete adjoint on stiff problems: the tables of `docs/performance.md`, section "Stiff problems".

    python -m benchmarks.stiff robertson       against the hand adjoint by Radau, in one run, at errors of 1e-7
    python -m benchmarks.stiff accuracy        scaled error of value, gradient and Hessian against the tolerance
    python -m benchmarks.stiff brusselator     large systems with a band, against the explicit adjoint

CPU times of this process, the best of several calls. Errors are the gate's scaled ones against `implicit-adjoint` at 1e-12.
"""

import sys
import time
import warnings
from functools import partial

import numpy as np

import hessbench
from hessbench import Problem
from hessbench._judging.scaled import yardstick_of

from .users import hires

TOLERANCES = (1e-4, 1e-6, 1e-8, 1e-10)


def robertson(t1):
    """Robertson's kinetics by the initial state and all three rates."""

    def rhs(xp, t, y, p):
        a, b, c, k = y[:1], y[1:2], y[2:], p["k"]
        slow, pair, back = k[:1] * a, k[1:2] * b * b, k[2:] * b * c
        return xp.concatenate([back - slow, slow - pair - back, pair])

    def loss(xp, y0, y1, p):
        return xp.sum((y1 - p["seen"]) ** 2)

    params = {"k": np.array([0.04, 3e7, 1e4]), "seen": np.array([0.7, 1e-5, 0.3])}
    return Problem("robertson", rhs, loss, (0.0, t1), np.array([1.0, 0.0, 0.0]), params, ("y0", "k"))


def relaxation(t1, mu=1000.0):
    """Van der Pol's oscillator by the initial state and its parameter."""

    def rhs(xp, t, y, p):
        x, v = y[:1], y[1:]
        return xp.concatenate([v, p["mu"] * (1 - x * x) * v - x])

    def loss(xp, y0, y1, p):
        return xp.sum(y1[:1] ** 2)

    return Problem("van-der-pol", rhs, loss, (0.0, t1), np.array([2.0, 0.0]), {"mu": np.array(mu)}, ("y0", "mu"))


def seconds(run, times):
    """The best CPU time of a call."""
    best = np.inf
    for _ in range(times):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best


def tight(problem):
    """What errors are measured by, and against."""
    found = hessbench.hessian(problem, None, "implicit-adjoint", rtol=1e-12, max_steps=1_000_000)
    against = hessbench.Reference(found.value, found.grad, found.hess, 1e-14, "implicit adjoint at 1e-12")
    return yardstick_of(problem, problem.x0, against)


def against_hand_adjoint():
    for t1 in (40.0, 1e4):
        problem = robertson(t1)
        measure = tight(problem)
        cases = (("implicit-adjoint", 1e-6, {}, 300), ("hand-adjoint", 1e-6, {"method": "Radau", "atol": 1e-11}, 1))
        for name, rtol, options, times in cases:
            run = hessbench.prepare(problem, name, rtol=rtol, **options).quiet()
            result = run()
            error, ms = measure(result).worst, 1e3 * seconds(run, times)
            print(
                f"| t = {t1:g} | {name} at {rtol:g} | {error:.0e} | {result.counters.steps} | {ms:.3g} ms |", flush=True
            )


def accuracy():
    problems = {
        "Robertson, t = 40": robertson(40.0),
        "Robertson, t = 1e4": robertson(1e4),
        "Robertson, t = 1e11": robertson(1e11),
        "van der Pol, mu = 1000, t = 300": relaxation(300.0),
        "HIRES": hires(),
        "Brusselator, N = 64": hessbench.problem("brusselator", n=64),
        "Brusselator, N = 200": hessbench.problem("brusselator", n=200),
    }
    for name, problem in problems.items():
        measure = tight(problem)
        results = [hessbench.hessian(problem, None, "implicit-adjoint", rtol=rtol) for rtol in TOLERANCES]
        errors = [measure(result).worst for result in results]
        slope = np.polyfit(np.log10(TOLERANCES), np.log10(errors), 1)[0]
        cells = " | ".join(f"{e:.0e} ({r.counters.steps})" for e, r in zip(errors, results, strict=True))
        print(f"| {name} | {cells} | {slope:.2f} |", flush=True)


def brusselator():
    full, large = hessbench.problem("brusselator", n=500), hessbench.problem("brusselator", n=1000)
    by_params = Problem("b", large.rhs, large.loss, large.t_span, large.y0, large.params, ("A", "B", "alpha"))
    directions = np.linalg.qr(np.random.default_rng(0).standard_normal((1000, 20)))[0]
    for name in ("implicit-adjoint", "discrete-adjoint"):
        multiply = hessbench.prepare_products(large, name, rtol=1e-6)
        runs = {
            "N = 500, Hessian by y0": hessbench.prepare(full, name, rtol=1e-6).quiet(),
            "N = 1000, Hessian by three parameters": hessbench.prepare(by_params, name, rtol=1e-6).quiet(),
            "N = 1000, products with 20 directions": partial(multiply, None, directions),
        }
        for what, run in runs.items():
            print(f"| {what} | {name} | {seconds(run, 2):.3g} s |", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore", hessbench.HessbenchWarning)
    {"robertson": against_hand_adjoint, "accuracy": accuracy, "brusselator": brusselator}[sys.argv[1]]()
