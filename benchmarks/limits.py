"""How far the discrete adjoint is from the machine's limit on dense quadratic systems, and how its cost grows.

    python -m benchmarks.limits [limit | growth | loops | phases]        (with `OPENBLAS_NUM_THREADS=1` and on one core)

prints the tables of `docs/performance.md`. Nothing here is run by asv but `Once.track_over_limit` of the flagship suite.
"""

import sys
import time
from functools import partial

import numpy as np

import hessbench
from hessbench.discrete import Options, prepare
from hessbench.discrete._dense import symmetric_product
from hessbench.discrete._quadratic import PackedQuadratic

from .common import by_turns, cpu_seconds

METHOD, RTOL, STAGES = "RK45", 1e-5, 6


def best(function, seconds=0.5):
    """Least CPU time in seconds of one call."""
    taken, end = [], time.perf_counter() + seconds
    while len(taken) < 5 or time.perf_counter() < end:
        taken += cpu_seconds(function)
    return min(taken)


def several(function, count=20):
    """A function that calls `function` `count` times, for what is too short to be timed."""

    def calls():
        for _ in range(count):
            function()

    return calls


def probes(n):
    """A matrix-vector product that streams as many bytes as the packed coefficients, and that number; a product of matrices of
    at least (128, 128), where the library is at its best, and its operations.
    """
    rng, m, pairs = np.random.default_rng(0), max(n, 128), n * (n + 1) // 2
    wide, vector, out = rng.standard_normal((n, pairs)), rng.standard_normal(n), np.empty(pairs)
    a, b, c = rng.standard_normal((3, m, m))
    return (lambda: np.matmul(vector, wide, out=out), wide.nbytes), (lambda: np.matmul(a, b, out=c), 2 * m**3)


def work(n, evaluations, steps):
    """Bytes of packed coefficients that are read, and operations: what no arrangement of this algorithm avoids.

    An evaluation takes `2 n^3` operations for the Jacobian; a stage `n^3` for its contraction, `2 n^3` each for `J V` and
    `M V`, and `n^3` for one triangle of `V^T M V`; joining the segment `3 n^3` in all.
    """
    read = 8 * n * n * (n + 1) / 2 * (evaluations + 1)
    return read, n**3 * (2 * evaluations + 6 * STAGES * steps + 3)


def over_limit(n, seconds=3.0):
    """CPU time of a Hessian over its limit, with both in ms and the rates in GB/s and GF/s."""
    problem = hessbench.problem("random-quadratic", n=n)
    run = hessbench.prepare(problem, "discrete-adjoint", rtol=RTOL, method=METHOD)
    counters = run(problem.perturbed).counters
    (stream, size), (product, count) = probes(n)
    times = by_turns([lambda: run(problem.perturbed), several(stream), several(product)], seconds)
    measured, bandwidth, rate = min(times[0]), 20 * size / min(times[1]), 20 * count / min(times[2])
    read, operations = work(n, counters.rhs, counters.steps)
    limit = read / bandwidth + operations / rate
    return measured / limit, 1e3 * measured, 1e3 * limit, bandwidth / 1e9, rate / 1e9


def breakdown(n):
    """Where the time of one Hessian goes, in ms: each part run alone, as often as the Hessian needs it."""
    problem = hessbench.problem("random-quadratic", n=n)
    run = hessbench.prepare(problem, "discrete-adjoint", rtol=RTOL, method=METHOD)
    counters, packed = run(problem.perturbed).counters, PackedQuadratic(problem.derivatives.quadratic(problem.params))
    stages, rng = STAGES * counters.steps, np.random.default_rng(0)
    q, v, m = rng.standard_normal((stages, n)), rng.standard_normal((stages, n, n)), rng.standard_normal((stages, n, n))
    out = np.empty((n, n))
    parts = {
        "F and J": counters.rhs * best(lambda: packed.linearise(problem.y0)),
        "contractions": best(lambda: packed.contract(q)),
        "J V": (stages - 1) * best(several(lambda: np.matmul(m[0], v[0], out=out))) / 20,
        "M V": best(lambda: m @ v),
        "V^T M V": best(lambda: symmetric_product(v.reshape(-1, n), m.reshape(-1, n))),
    }
    whole = best(lambda: run(problem.perturbed), 2.0)
    parts["the rest"] = whole - sum(parts.values())
    return {name: 1e3 * seconds for name, seconds in parts.items()}


def exponent(sizes, times):
    """Slope of a least-squares line through logarithms, and half of its 95 % interval."""
    from scipy import stats

    fit = stats.linregress(np.log(sizes), np.log(times))
    return fit.slope, stats.t.ppf(0.975, len(sizes) - 2) * fit.stderr


def growth():
    """Rows of (what, smallest, largest, exponent, half of its interval)."""

    def timed(problem, **options):
        run = hessbench.prepare(problem, "discrete-adjoint", **options)
        return best(lambda: run(problem.perturbed)), run(problem.perturbed).counters.steps

    figure8 = hessbench.problem("three-body")
    t1, y0 = figure8.t_span[1], figure8.y0
    rows = {"compiled, figure-8, in steps": [], "sparse sweep, Brusselator, per step, in N": []}
    for periods in (1, 2, 4, 8, 16, 32):
        seconds, steps = timed(hessbench.problem("three-body", y0=y0, period=periods * t1), rtol=1e-10, method="DOP853")
        rows["compiled, figure-8, in steps"].append((steps, seconds))
    for n in (32, 48, 64, 96, 128):
        seconds, steps = timed(hessbench.problem("brusselator", n=n), rtol=1e-6, method="DOP853")
        rows["sparse sweep, Brusselator, per step, in N"].append((n, seconds / steps))
    for name, sizes in (
        ("loops in C, random quadratic, in N", (24, 32, 40, 48, 56, 64, 80)),
        ("packed, NumPy form, random quadratic, in N", (96, 112, 128, 152, 176, 200)),
    ):
        rows[name] = [
            (n, timed(hessbench.problem("random-quadratic", n=n), rtol=RTOL, method=METHOD)[0]) for n in sizes
        ]
    return [(name, row[0][0], row[-1][0], *exponent(*zip(*row, strict=True))) for name, row in rows.items()]


def loops(sizes=(16, 32, 50, 64, 80, 100, 150), seconds=2.0):
    """Rows (n, CPU ms of the form that is chosen, as loops in C, in the plain NumPy form) for random quadratic systems."""
    rows = []
    for n in sizes:
        problem, ivp = hessbench.problem("random-quadratic", n=n), hessbench.IVP(METHOD, RTOL, RTOL, dim=n)
        forms = [prepare(problem, ivp, Options(form)) for form in ("auto", "compiled", "numpy")]
        runs = [partial(run, problem.perturbed) for run in forms]
        rows.append((n, *(1e3 * min(t) for t in by_turns(runs, seconds))))
    return rows


def phases(sizes=(10, 20, 30), strategies=("discrete-adjoint", "discrete-adjoint/numpy", "jax-adjoint"), seconds=2.0):
    """Rows (n, CPU ms of each strategy) for coupled phases, a dense system that nobody has differentiated by hand."""

    def rhs(xp, t, y, p):
        return p["w"] + p["k"] / y.shape[0] * xp.sum(xp.sin(y[None, :] - y[:, None]), 1)

    rows = []
    for n in sizes:
        rng = np.random.default_rng(0)
        y0, p = rng.standard_normal(n), {"w": rng.standard_normal(n), "k": 1.5}
        problem = hessbench.Problem("phases", rhs, lambda xp, y0, y1, p: xp.sum(xp.cos(y1)), (0.0, 3.0), y0, p)
        runs = [hessbench.prepare(problem, name, rtol=1e-8) for name in strategies]
        rows.append((n, *(1e3 * min(t) for t in by_turns(runs, seconds))))
    return rows


def main(which):
    if which in ("limit", "all"):
        for n in (100, 150):
            ratio, measured, limit, bandwidth, rate = over_limit(n)
            print(
                f"N = {n}: {measured:.2f} ms, limit {limit:.2f} ms ({bandwidth:.0f} GB/s, {rate:.0f} GF/s), {ratio:.2f} x"
            )
            print("   " + ", ".join(f"{name} {ms:.2f}" for name, ms in breakdown(n).items()), "ms", flush=True)
    if which in ("growth", "all"):
        for name, first, last, slope, half in growth():
            print(f"{name}: {first} .. {last}, exponent {slope:.2f} +- {half:.2f}", flush=True)
    for name, rows in (("loops", loops), ("phases", phases)):
        if which in (name, "all"):
            print(f"{name}:", *("  ".join(f"{value:.4g}" for value in row) for row in rows()), sep="\n  ", flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "all")
