"""Error of the discrete adjoint's Hessian against the tolerance, on every problem of the suite and on those that users bring.

    python -m benchmarks.accuracy [METHOD] [PROBLEM ...]

prints the table of `docs/performance.md`: the gate's scaled error of the Hessian (every entry on the scale of its own row and
column) at the perturbed point, or the problem's own, against the closed form or the harness's reference; the slope of its
logarithm against that of the tolerance, as far as round-off lets it fall; by how much the problem itself magnifies; and at the
end the median over all of error over tolerance.

A problem's magnification is measured: the state at one of some times gets another `NUDGE` of each component's size, of random
sign, and the Hessian changes by so many times that. No solver with local errors of the tolerance can promise less.
"""

import sys
import warnings
from dataclasses import replace

import numpy as np
from scipy.integrate import solve_ivp

import hessbench
from hessbench._judging.scaled import yardstick_of

from .users import BROUGHT

TOLERANCES = (1e-4, 1e-6, 1e-8, 1e-10)
ROUND_OFF = 1e-12  # errors below say nothing of the tolerance
NUDGE, PLACES, DRAWS = 1e-6, 7, 2


def right(problem, x):
    """The closed form or the reference; where steps would be too many for that, the hand adjoint by Radau at 1e-11."""
    exact = problem.exact(x) if problem.exact is not None else None
    if exact is not None:
        return hessbench.Reference(*exact, agreement=1e-15, how="closed form")
    try:
        return hessbench.reference(problem, x)
    except hessbench.NoReference:
        found = hessbench.hessian(problem, x, "hand-adjoint", rtol=1e-11, atol=1e-16, method="Radau")
        return hessbench.Reference(found.value, found.grad, found.hess, 1e-9, "hand adjoint by Radau")


def magnified(problem, x):
    """By how much the Hessian changes for a relative change of the state at some time, at most; `None` if that is not found."""
    problem, exact = problem.at(x), {"rtol": 1e-11}
    times, sizes, rng = *along(problem, x), np.random.default_rng(5)
    try:
        found = hessbench.hessian(problem, x, **exact)
        measure = yardstick_of(problem, x, hessbench.Reference(found.value, found.grad, found.hess, 1e-11, "itself"))
        changes = [
            measure(
                hessbench.hessian(nudged(problem, t, NUDGE * sizes * rng.choice([-1.0, 1.0], sizes.size)), x, **exact)
            )
            for t in times
            for _ in range(DRAWS)
        ]
    except hessbench.HessbenchError:
        return None
    return max(change.hess for change in changes) / NUDGE


def along(problem, x):
    """Times (PLACES,) inside the span, and the components' largest magnitudes (N,) along the solution."""
    y0, p = problem.unpack(x)
    t0, t1 = (float(t) for t in problem.times(x))
    times = t0 + (t1 - t0) * np.linspace(0.02, 0.92, PLACES)
    solved = solve_ivp(lambda t, y: problem.rhs(np, t, y, p), (t0, t1), y0, "LSODA", rtol=1e-8, atol=1e-14)
    return times, np.abs(solved.y).max(axis=1)


def nudged(problem, t, by):
    """The problem whose state jumps by the constant `by` (N,) at a time."""
    return replace(problem, events=(*problem.events, hessbench.Event(at=t, jump=lambda xp, t, y, p: y + by)))


def errors(problem, x, method):
    """Scaled error of the Hessian at each of `TOLERANCES`, or what went wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hessbench.HessbenchWarning)
        measure = yardstick_of(problem, x, right(problem, x))
        found = []
        for rtol in TOLERANCES:
            try:
                found.append(measure(hessbench.hessian(problem, x, rtol=rtol, method=method)).hess)
            except hessbench.HessbenchError as error:
                found.append(type(error).__name__)
    return found


def slope(found):
    """The exponent `s` of error = c tolerance^s, by least squares over errors above round-off; `None` for fewer than two."""
    pairs = [(r, e) for r, e in zip(TOLERANCES, found, strict=True) if isinstance(e, float) and e > ROUND_OFF]
    if len(pairs) < 2:
        return None
    return float(np.polyfit(*np.log10(np.array(pairs)).T, 1)[0])


def main(method="DOP853", *names):
    shares = []
    for name in names or (*hessbench.problems(), *BROUGHT):
        try:
            problem = BROUGHT[name]() if name in BROUGHT else hessbench.problem(name)
            x = problem.x0 if problem.perturbed is None else problem.perturbed
            found = errors(problem, x, method)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", hessbench.HessbenchWarning)
                by = magnified(problem, x)
        except hessbench.HessbenchError as error:
            print(f"| {name} | {type(error).__name__}: {error} |", flush=True)
            continue
        shares += [e / r for r, e in zip(TOLERANCES, found, strict=True) if isinstance(e, float)]
        row = " | ".join(f"{e:.0e}" if isinstance(e, float) else e for e in found)
        ends = ("" if (s := slope(found)) is None else f"{s:.2f}", "" if by is None else f"{by:.2g}")
        print(f"| {name} | {row} | {' | '.join(ends)} |", flush=True)
    print(f"median of error over tolerance: {np.median(shares):.2g}")


if __name__ == "__main__":
    main(*sys.argv[1:])
