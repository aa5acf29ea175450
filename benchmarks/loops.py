"""Right-hand sides as loops over arrays: bodies, coupled phases, perceptrons and a Brusselator of any size.

    python -m benchmarks.loops [crossover | hessians | memory | products | large]   (with `OPENBLAS_NUM_THREADS=1`, on one core)

prints the tables of `docs/performance.md`. Times are the least CPU times of runs by turns. Nothing here is run by asv.
"""

import os
import resource
import subprocess
import sys
from dataclasses import replace

import numpy as np

import hessbench
from hessbench._integrate.pairs import pair
from hessbench.discrete import Options, _kernels, prepare
from hessbench.discrete._fold import Folded
from hessbench.discrete._trust import doubles
from hessbench.discrete.arrays._free import FreeForm, FreeLinearised

from .common import by_turns, cpu_seconds

GRID = 64  # states whose grid spacing the large Brusselators have


def gravity(xp, t, y, p):
    n = y.shape[0] // 4
    q = y[: 2 * n].reshape(n, 2)
    d = q[None, :, :] - q[:, None, :]
    r2 = xp.sum(d * d, axis=-1) + p["eps"]
    pull = xp.sum(p["m"][None, :, None] * d * (r2**-1.5)[:, :, None], axis=1)
    return xp.concatenate([y[2 * n :], pull.reshape(-1)])


def bodies(n):
    """`n` bodies in the plane, 4 n states, softened by 0.1, until t = 1."""
    rng = np.random.default_rng(0)
    y0, p = rng.standard_normal(4 * n), {"m": rng.uniform(0.5, 1.5, n) / n, "eps": 0.01}
    return hessbench.Problem("bodies", gravity, lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 1.0), y0, p)


def coupled(xp, t, y, p):
    return p["w"] + p["k"] / y.shape[0] * xp.sum(xp.sin(y[None, :] - y[:, None]), 1)


def phases(n):
    """`n` coupled phases, as in `benchmarks.limits`."""
    rng = np.random.default_rng(0)
    y0, p = rng.standard_normal(n), {"w": rng.standard_normal(n), "k": 1.5}
    return hessbench.Problem("phases", coupled, lambda xp, y0, y1, p: xp.sum(xp.cos(y1)), (0.0, 3.0), y0, p)


def layer(xp, t, y, p):
    return p["W2"] @ xp.tanh(p["W1"] @ y + p["b1"]) + p["b2"]


def perceptron(n):
    """`n` states, one layer of `n` units."""
    rng = np.random.default_rng(0)
    p = {key: rng.standard_normal((n, n)) / np.sqrt(n) for key in ("W1", "W2")}
    p |= {key: 0.1 * rng.standard_normal(n) for key in ("b1", "b2")}
    return hessbench.Problem(
        "perceptron", layer, lambda xp, y0, y1, p: xp.sum(y1**2), (0.0, 3.0), rng.standard_normal(n), p
    )


def brusselator(n):
    """Until t = 1 at the grid spacing of `GRID` states, differentiated by nobody's hand."""
    alpha = 0.02 * ((GRID // 2 + 1) / (n // 2 + 1)) ** 2
    problem = hessbench.problem("brusselator", n=n, alpha=alpha, t1=1.0)
    return replace(problem, derivatives=None, loss_blocks=None)


HESSIANS = [(bodies, 20, 1e-6), *((make, n, 1e-8) for make in (phases, perceptron) for n in (40, 60, 100))]
PRODUCTS = [(bodies, 50), (bodies, 100), (perceptron, 100), (brusselator, 1000), (brusselator, 10_000)]


def spent():
    """CPU seconds of this process and of the compilers that it has waited for."""
    return sum(os.times()[:4])


def crossover(seconds=1.0):
    """Rows (what, N, scalar operations, CPU ms of scalar code and of loops, CPU s of `prepare` of both)."""
    sizes = {bodies: (4, 6, 8, 10), phases: (10, 15, 20), perceptron: (10, 15)}
    for make, n in [(make, n) for make, some in sizes.items() for n in some]:
        problem = make(n)
        table, slopes = _kernels.recorded(problem.rhs, problem.dim, doubles(problem.params))
        operations, runs, first = _kernels.ArrayLoops(table, slopes, 8).operations, [], []
        for large, least in ((10**9, 10**9), (0, 0)):
            kept = _kernels.LARGE, _kernels.CERTAIN, _kernels.LEAST
            _kernels.LARGE, _kernels.CERTAIN, _kernels.LEAST = large, large - 1, least
            start = spent()
            run = prepare(problem, hessbench.IVP("DOP853", 1e-8, 1e-8, dim=problem.dim), Options())
            first.append(spent() - start)
            _kernels.LARGE, _kernels.CERTAIN, _kernels.LEAST = kept
            runs.append(lambda run=run, problem=problem: run(problem.y0))
        scalars, loops = (1e3 * min(t) for t in by_turns(runs, seconds))
        yield make.__name__, problem.dim, operations, scalars, loops, *first


def hessians(seconds=4.0):
    """Rows (what, N, ms of the loops, of `jax-adjoint`, their ratio, the errors of both, CPU s of a first `prepare`).

    Errors are relative, against loops at 1e-12. Peers run at the tolerance at which the loops do.
    """
    for make, n, rtol in HESSIANS:
        problem = make(n)
        start = spent()
        ours = hessbench.prepare(problem, "discrete-adjoint", rtol=rtol)
        first = spent() - start
        theirs = hessbench.prepare(problem, "jax-adjoint", rtol=rtol)
        exact = hessbench.prepare(problem, "discrete-adjoint", rtol=1e-12)(None).hess
        errors = [np.abs(run(None).hess - exact).max() / np.abs(exact).max() for run in (ours, theirs)]
        a, b = (1e3 * min(t) for t in by_turns([lambda: ours(None), lambda: theirs(None)], seconds))  # noqa: B023
        yield make.__name__, problem.dim, a, b, b / a, *errors, first


def memory():
    """Rows (form, ms, peak MiB of a process of its own) for the Hessian of fifty bodies at 1e-6."""
    for form in ("auto", "numpy"):
        said = subprocess.run(
            [sys.executable, "-m", "benchmarks.loops", f"fifty {form}"], capture_output=True, text=True, check=True
        ).stdout
        yield form, *map(float, said.split())


def fifty(form):
    """One row of `memory`, in this process: ms and MiB."""
    problem = bodies(50)
    run = prepare(problem, hessbench.IVP("DOP853", 1e-6, 1e-6, dim=problem.dim), Options(form))
    run(problem.y0)
    seconds = min(cpu_seconds(lambda: run(problem.y0)))
    print(1e3 * seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def ratios(problem, seconds):
    """CPU s of a forward solve, of gradient and of gradient with one product, and the steps."""
    folded, ivp = Folded(problem), hessbench.IVP("DOP853", 1e-6, 1e-6, dim=problem.dim)
    form = FreeForm(folded, Options(), pair("DOP853"))
    form.check(ivp)
    at, d = FreeLinearised(folded, form, ivp, 1, True), np.random.default_rng(0).standard_normal((problem.x0.size, 1))
    y0, p = problem.unpack(problem.x0)
    calls = [lambda: at.solve(y0, p, None), lambda: at(problem.x0), lambda: at(problem.x0).products(d)]
    return *(min(t) for t in by_turns(calls, seconds)), at.solve(y0, p, None).steps


def products(cases=PRODUCTS, seconds=3.0):
    """Rows (what, N, ms of solve, gradient, gradient and one product, their ratios, steps)."""
    for make, n in cases:
        problem = make(n)
        solve, grad, both, steps = ratios(problem, seconds)
        yield make.__name__, problem.dim, 1e3 * solve, 1e3 * grad, 1e3 * both, grad / solve, both / grad, steps


def large():
    """One row as `products`, for a Brusselator of 100,000 states, and the peak in MiB; CPU s of `prepare`."""
    problem, start = brusselator(100_000), spent()
    hessbench.prepare_products(problem, "discrete-adjoint", rtol=1e-6)
    first = spent() - start
    row = next(products([(brusselator, 100_000)], 1.0))
    yield *row, first, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(which):
    if which.startswith("fifty "):
        return fifty(which.split()[1])
    for name in ("crossover", "hessians", "memory", "products", "large"):
        if which in (name, "all"):
            print(f"{name}:", flush=True)
            for row in globals()[name]():
                print("  ", *(f"{v:.3g}" if isinstance(v, float) else v for v in row), flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "all")
