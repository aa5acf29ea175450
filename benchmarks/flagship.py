"""The discrete adjoint against its peers: ratios of times at equal error, taken in one process by turns.

Each contender runs at the loosest tolerance at which it reaches the case's error, at the problem's own point and at the
perturbed one. `python -m benchmarks.flagship [CASE ...]` prints the table of `docs/performance.md`.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np

import hessbench

from .common import LARGE, by_turns
from .limits import over_limit
from .peers import heyoka_hessian, jax_one_pass

TOLERANCES = tuple(10.0 ** (-k / 2) for k in range(6, 28))  # 1e-3 .. 3e-14


@dataclass(frozen=True)
class Race:
    """Against `peer`, at most `error` off, at `rtol` or at the loosest tolerances; `goal` is the ratio of times to reach."""

    problem: str
    arguments: tuple
    method: str
    error: float
    peer: str
    goal: float
    rtol: float | None = None


RACES = {
    "figure-8 1e-9 heyoka": Race("three-body", (), "DOP853", 1e-9, "heyoka", 1 / 20),
    "figure-8 1e-9 hand-adjoint": Race("three-body", (), "DOP853", 1e-9, "hand-adjoint", 1 / 10),
    **{
        f"figure-8 1e-9 {peer}": Race("three-body", (), "DOP853", 1e-9, peer, 1 / 10)
        for peer in ("jax-adjoint", "diffrax-adjoint", "unrolled@jax", "casadi-symbolic")
    },
    "figure-8 1e-12 heyoka": Race("three-body", (), "DOP853", 1e-12, "heyoka", 1 / 8),
    "sir 1e-10 heyoka": Race("sir", (), "DOP853", 1e-10, "heyoka", 1.0),
    "random-quadratic 10 jax one-pass": Race("random-quadratic", (("n", 10),), "RK45", 3e-6, "jax-one-pass", 1.0),
    "random-quadratic 100 hand-adjoint": Race(
        "random-quadratic", (("n", 100),), "RK45", 3e-6, "hand-adjoint", 1 / 3, 1e-5
    ),
    "random-quadratic 150 hand-adjoint": Race(
        "random-quadratic", (("n", 150),), "RK45", 3e-6, "hand-adjoint", 1 / 3, 1e-5
    ),
    "brusselator 64 hand-adjoint": Race("brusselator", (("n", 64),), "DOP853", 1e-8, "hand-adjoint", 1 / 3),
    "brusselator 200 dense form": Race(
        "brusselator", (("n", 200),), "DOP853", 1e-8, "discrete-adjoint/numpy", 1 / 3, 1e-7
    ),
    **{
        f"neural-ode 102 {peer}": Race("neural-ode", (), "DOP853", 1e-8, peer, 1 / 3)
        for peer in ("unrolled@jax", "jax-adjoint", "diffrax-adjoint", "casadi-symbolic")
    },
}

SHORT = ("figure-8 1e-9 heyoka", "sir 1e-10 heyoka", "random-quadratic 10 jax one-pass", "neural-ode 102 unrolled@jax")


def run_race(race, seconds=6.0):
    """Ratio, CPU times in ms, errors, tolerances; to be run with `OPENBLAS_NUM_THREADS=1` and on one core (`taskset`)."""
    problem = hessbench.problem(race.problem, **dict(race.arguments))
    points = (problem.x0, problem.perturbed)
    references = [independent(problem, race)(x) for x in points]

    def loosest(make):
        for rtol in (race.rtol,) if race.rtol else TOLERANCES:
            run = make(rtol)
            error = max(_error(run(x), h) for x, h in zip(points, references, strict=True))
            if error <= race.error or race.rtol:
                return run, error, rtol
        raise RuntimeError(f"{race} is not reached at any tolerance")

    def ours(rtol):
        run = hessbench.prepare(problem, "discrete-adjoint", rtol=rtol, method=race.method)
        return lambda x: run(x).hess

    def theirs(rtol):
        if race.peer == "heyoka":
            return heyoka_hessian(problem, rtol)
        if race.peer == "jax-one-pass":
            return jax_one_pass(problem, rtol, race.method)
        run = hessbench.prepare(problem, race.peer, rtol=rtol, method=race.method)
        return lambda x: run(x).hess

    (a, error, rtol), (b, peer_error, peer_rtol) = loosest(ours), loosest(theirs)
    times = by_turns([lambda: a(points[1]), lambda: b(points[1])], seconds)
    least = [1e3 * min(t) for t in times]
    middle = [1e3 * float(np.median(t)) for t in times]
    return {
        "ratio": least[0] / least[1], "ratio of medians": middle[0] / middle[1], "ours": least[0], "theirs": least[1],
        "error": error, "peer error": peer_error, "rtol": rtol, "peer rtol": peer_rtol,
    }  # fmt: skip


def independent(problem, race):
    """A Hessian by another method than ours: Taylor series, the continuous adjoint, or (N = 200) at least the other pair."""
    if race.problem == "neural-ode":
        return lambda x: hessbench.hessian(problem, x, "unrolled@jax", rtol=1e-12).hess
    if race.peer == "heyoka":
        return heyoka_hessian(problem, 1e-16)
    if race.peer == "discrete-adjoint/numpy":
        return lambda x: hessbench.hessian(problem, x, "discrete-adjoint", rtol=1e-12, method="RK45").hess
    return lambda x: hessbench.hessian(problem, x, "hand-adjoint", rtol=1e-12).hess


def fresh_process():
    """Seconds from the start of Python to the first Hessian of the figure-8, its kernel being on disk."""
    code = "import hessbench; hessbench.hessian(hessbench.problem('three-body'), strategy='discrete-adjoint')"
    taken = []
    for _ in range(6):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        taken.append(time.perf_counter() - start)
    return min(taken[1:])


def checkpointing(periods=100):
    """Ratio of times with and without checkpoints, over `periods` of the figure-8."""
    problem = hessbench.problem("three-body")
    problem = hessbench.problem("three-body", y0=problem.y0, period=periods * problem.t_span[1])
    kinds = [type(hessbench.strategies()["discrete-adjoint"].load())(memory=m) for m in (2.0**30, 1e5)]
    plain, tight = (hessbench.prepare(problem, kind, rtol=1e-9) for kind in kinds)
    times = by_turns([plain, tight], 6.0)
    return min(times[1]) / min(times[0])


def products(h=200, directions=100):
    """CPU times in ms for a neural ODE of 5 h + 2 parameters: a gradient, a product with the gradient, `directions` products
    at once with the gradient, and the whole Hessian.
    """
    problem = hessbench.problem("neural-ode", h=h)
    multiply, run = hessbench.prepare_products(problem, rtol=1e-8), hessbench.prepare(problem, rtol=1e-8)
    d = np.random.default_rng(0).standard_normal((problem.x0.size, directions))
    contenders = [lambda k=k: multiply(None, d[:, :k]) for k in (0, 1, directions)]
    return [1e3 * min(taken) for taken in by_turns([*contenders, run], 10.0)]


def _error(hess, reference):
    return float(np.abs(hess - reference).max() / np.abs(reference).max())


class Flagship:
    """Ratios over peers; empty where a peer is not installed. `HESSBENCH_LARGE=1` runs all races, else those of `SHORT`."""

    params = (tuple(RACES),)
    param_names = ("race",)
    timeout = 900.0

    def setup_cache(self):
        if hasattr(os, "sched_setaffinity"):  # on several cores CPU times of JAX's threads arrive late
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        out = {}
        for name, race in RACES.items():
            if not (LARGE or name in SHORT):
                continue
            try:
                out[name] = run_race(race)
            except ImportError:
                continue
        return out

    setup_cache.timeout = 900.0

    def setup(self, results, race):
        if race not in results:
            raise NotImplementedError(f"{race!r} needs HESSBENCH_LARGE=1, or its peer is not installed")

    def track_ratio(self, results, race):
        return results[race]["ratio"]

    def track_ours(self, results, race):
        return results[race]["ours"]

    track_ratio.version = track_ours.version = "1"
    track_ratio.unit, track_ours.unit = "ours / theirs", "ms"


class Once:
    """What is no race."""

    timeout = 300.0

    def track_fresh_process(self):
        return fresh_process()

    def track_checkpointing(self):
        return checkpointing()

    def track_product(self):
        gradient, one, *_ = products(h=20)
        return one / gradient

    def track_over_limit(self):
        return over_limit(100)[0]

    track_fresh_process.version = track_checkpointing.version = track_product.version = track_over_limit.version = "1"
    track_fresh_process.unit, track_checkpointing.unit = "s", "tight / plain"
    track_product.unit, track_over_limit.unit = "gradients", "measured / limit"


if __name__ == "__main__":
    others = {"fresh process": fresh_process, "checkpointing": checkpointing, "products": products}
    for label in sys.argv[1:] or [*RACES, *others]:
        if label in RACES:
            r = run_race(RACES[label])
            print(
                f"{label:36s} ratio {r['ratio']:.4f} (medians {r['ratio of medians']:.4f}, goal {RACES[label].goal:.3f})  "
                f"{r['ours']:.4f} ms against {r['theirs']:.4f} ms, errors {r['error']:.1e} and {r['peer error']:.1e}, "
                f"rtol {r['rtol']:.1e} and {r['peer rtol']:.1e}",
                flush=True,
            )
        else:
            print(f"{label:36s} {np.array2string(np.array(others[label]()), precision=3)}", flush=True)
