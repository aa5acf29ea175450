"""What data at many times cost: Lotka-Volterra by its four rates, seen at 100 times, beside a loss of the end time.

    python -m benchmarks.data_fit [STRATEGY ...]

prints the tables of `docs/performance.md`: time of a call and of a step, the two problems taking turns; the first `prepare` in
processes with nothing on disk, taking turns too; and processor time of the fit by the strategies named, `NAME, in pieces` for
one that takes data as they are over the pieces between the times. With `--fit` in front of them, that alone.
"""

import os
import subprocess
import sys
import tempfile
import time

import numpy as np

import hessbench
from hessbench import Data, HessbenchError, Problem

from .in_pieces import contender

RATES = {"alpha": 0.55, "beta": 0.028, "gamma": 0.8, "delta": 0.024}
START, SPAN, SIGMA, COUNT = [33.95, 5.93], (0.0, 20.0), 0.25, 100
OTHERS = (
    "discrete-adjoint", "discrete-adjoint, in pieces", "discrete-adjoint/numpy", "casadi-symbolic",
    "casadi-symbolic, in pieces", "unrolled@jax", "unrolled@jax, in pieces", "diffrax-adjoint", "diffrax-adjoint, in pieces",
    "hand-adjoint", "hand-adjoint, in pieces", "heyoka-taylor", "jax-adjoint", "forward-over-reverse@jax",
)  # fmt: skip


def rhs(xp, t, y, p):
    hares, lynx = y[:1], y[1:]
    eaten = hares * lynx
    return xp.concatenate([p["alpha"] * hares - p["beta"] * eaten, p["delta"] * eaten - p["gamma"] * lynx])


def misfit(xp, t, y, d, p):
    return ((xp.log(d) - xp.log(y)) / SIGMA) ** 2 / 2


def end(xp, y0, y1, p):
    return xp.sum(((xp.log(y1) - np.log([20.0, 10.0])) / SIGMA) ** 2) / 2


def problem(kind):
    """ "end": the loss of the end time; "fit": that of 100 times."""
    seen = np.exp(np.random.default_rng(0).normal(np.log(20.0), 0.5, (COUNT, 2)))
    loss, data = (end, None) if kind == "end" else (None, Data(np.linspace(0.2, 20.0, COUNT), seen, misfit))
    return Problem(
        f"lv-{kind}", rhs, loss, SPAN, START, RATES, tuple(RATES), autonomous=True, loss_uses_y0=False, data=data
    )


def timed(prepared, x, clock=time.perf_counter):
    start = clock()
    prepared.direct(x)
    return clock() - start


def calls(turns=300):
    """Both problems taking turns."""
    found = {kind: hessbench.prepare(problem(kind), "discrete-adjoint", rtol=1e-10) for kind in ("end", "fit")}
    steps = {kind: prepared.direct(prepared.problem.x0).counters.steps for kind, prepared in found.items()}
    taken = {kind: [] for kind in found}
    for _ in range(turns):
        for kind, prepared in found.items():
            taken[kind].append(timed(prepared, prepared.problem.x0))
    each = {kind: np.median(taken[kind]) for kind in found}
    for kind in found:
        print(
            f"{kind}: {steps[kind]} steps, {1e3 * each[kind]:.3f} ms a call, {1e6 * each[kind] / steps[kind]:.2f} us a step"
        )
    print(f"a step of fit / of end: {each['fit'] / steps['fit'] / (each['end'] / steps['end']):.2f}")


def first_prepare(turns=5):
    """In processes of their own, with nothing on disk."""
    taken = {"end": [], "fit": []}
    for _ in range(turns):
        for kind in taken:
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, "-m", "benchmarks.data_fit", "--prepare", kind]
                environment = {**os.environ, "HESSBENCH_CACHE": folder}
                said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
            taken[kind].append(float(said))
    each = {kind: np.median(values) for kind, values in taken.items()}
    print(f"first prepare: end {each['end']:.3f} s, fit {each['fit']:.3f} s, ratio {each['fit'] / each['end']:.2f}")


def others(names, turns=5):
    """Processor time of the fit by other strategies, taking turns."""
    one, found = problem("fit"), {}
    right = hessbench.prepare(one, "discrete-adjoint", rtol=1e-12).direct(one.x0).hess
    for name in names:
        try:
            found[name] = hessbench.prepare(one, **contender(name), rtol=1e-8)
            hess = found[name].direct(one.x0).hess
            print(f"{name}: error {np.abs(hess - right).max() / np.abs(right).max():.0e}", flush=True)
        except HessbenchError as error:
            print(f"{name}: {error}")
    taken = {name: [] for name in found}
    for _ in range(turns):
        for name, prepared in found.items():
            taken[name].append(timed(prepared, one.x0, time.process_time))
    for name, values in taken.items():
        print(f"{name}: {1e3 * min(values):.2f} ms")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--prepare"]:
        hessbench.strategies()
        start = time.perf_counter()
        hessbench.prepare(problem(sys.argv[2]), "discrete-adjoint", rtol=1e-10)
        print(time.perf_counter() - start)
    elif sys.argv[1:2] == ["--fit"]:
        others(sys.argv[2:] or OTHERS)
    else:
        calls()
        first_prepare()
        others(sys.argv[1:] or OTHERS)
