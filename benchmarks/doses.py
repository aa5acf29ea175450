"""What doses and bounces cost: three and ten doses at times that are fitted, three and ten bounces, by several strategies.

    python -m benchmarks.doses [STRATEGY ...]

prints the table of `docs/performance.md`: errors and the least processor time of thirty calls, taking turns, at rtol 1e-8; but
`discrete-adjoint` at 1e-9, where its error is about that of the others. `NAME, in pieces` is a strategy that takes doses or
events as they are, over the pieces between.
"""

import sys
import time
from dataclasses import replace

import numpy as np

import hessbench
from hessbench import Data, Event, HessbenchError
from hessbench.builtin_problems import bouncing_ball, pharmacokinetics

from .in_pieces import contender

OTHERS = (
    "discrete-adjoint", "discrete-adjoint, in pieces", "discrete-adjoint/numpy", "casadi-symbolic",
    "casadi-symbolic, in pieces", "unrolled@jax", "unrolled@jax, in pieces", "diffrax-adjoint", "diffrax-adjoint, in pieces",
    "hand-adjoint", "hand-adjoint, in pieces", "heyoka-taylor", "jax-adjoint", "jax-adjoint/backward", "tcd-program",
    "forward-over-reverse@jax",
)  # fmt: skip


def ten_doses():
    """The problem of three doses over 80 hours, one every eight, seen every four."""
    one, times = pharmacokinetics.problem(), 4.2 * np.arange(1, 20)
    seen = 3.0 + np.sin(times)
    return replace(
        one,
        name="ten-doses",
        t_span=(0.0, 80.0),
        data=Data(times, seen, residual=pharmacokinetics.residual),
        events=[Event(at=lambda xp, p: p["lag"] + 8.0 * np.arange(10), jump=pharmacokinetics.dosed)],
    )


def ten_bounces():
    """The ball until just before the eleventh bounce: bounce k is at s (1 + 2 (e + ... + e^(k-1))), s = sqrt(2 / g)."""
    fall = np.sqrt(2 / 9.81)
    tenth, after = (fall * (1 + 2 * sum(0.8**k for k in range(1, m))) for m in (10, 11))
    return bouncing_ball.problem(t1=float(tenth + after) / 2)


PROBLEMS = {
    "3 doses": pharmacokinetics.problem,
    "10 doses": ten_doses,
    "3 bounces": bouncing_ball.problem,
    "10 bounces": ten_bounces,
}


def race(kind, names, turns=30, rtol=1e-8):
    """Errors and times of the strategies `names`."""
    one, found = PROBLEMS[kind](), {}
    right = hessbench.prepare(one, "variational", rtol=1e-12).direct(one.x0).hess
    size = np.sqrt(np.abs(np.diag(right)))
    errors = {}
    for name in names:
        start = time.perf_counter()
        try:
            finer = 0.1 if name.startswith("discrete-adjoint") else 1.0
            found[name] = hessbench.prepare(one, **contender(name), rtol=finer * rtol)
            hess = found[name].direct(one.x0).hess
            errors[name] = np.max(np.abs(hess - right) / np.maximum(np.outer(size, size), np.abs(right)))
        except HessbenchError as error:
            print(f"{kind}: {name}: {str(error)[:150]}", flush=True)
            continue
        print(f"{kind}: {name}: error {errors[name]:.0e}, prepared in {time.perf_counter() - start:.1f} s", flush=True)
    taken = {name: [] for name in found}
    for _ in range(turns):
        for name, prepared in found.items():
            start = time.process_time()
            prepared.direct(one.x0)
            taken[name].append(time.process_time() - start)
    for name, values in taken.items():
        print(f"{kind}: {name}: {1e3 * min(values):.2f} ms, error {errors[name]:.0e}", flush=True)


if __name__ == "__main__":
    hessbench.strategies()
    for kind in PROBLEMS:
        race(kind, sys.argv[1:] or OTHERS)
