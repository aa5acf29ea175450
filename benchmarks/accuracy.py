"""Error of the discrete adjoint's Hessian against the tolerance, on every problem of the suite and on those that users bring.

    python -m benchmarks.accuracy [METHOD] [PROBLEM ...]

prints the table of `docs/performance.md`: the gate's scaled error of the Hessian (every entry on the scale of its own row and
column) at the perturbed point, or the problem's own, against the closed form or the harness's reference; the slope of its
logarithm against that of the tolerance, as far as round-off lets it fall; and at the end the median over all of error over
tolerance.
"""

import sys
import warnings

import numpy as np

import hessbench
from hessbench._judging.scaled import yardstick_of

from .users import BROUGHT

TOLERANCES = (1e-4, 1e-6, 1e-8, 1e-10)
ROUND_OFF = 1e-12  # errors below say nothing of the tolerance


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


def errors(problem, method):
    """Scaled error of the Hessian at each of `TOLERANCES`, or what went wrong."""
    x = problem.x0 if problem.perturbed is None else problem.perturbed
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
            found = errors(problem, method)
        except hessbench.HessbenchError as error:
            print(f"| {name} | {type(error).__name__}: {error} |", flush=True)
            continue
        shares += [e / r for r, e in zip(TOLERANCES, found, strict=True) if isinstance(e, float)]
        row = " | ".join(f"{e:.0e}" if isinstance(e, float) else e for e in found)
        print(f"| {name} | {row} | {'' if (s := slope(found)) is None else f'{s:.2f}'} |", flush=True)
    print(f"median of error over tolerance: {np.median(shares):.2g}")


if __name__ == "__main__":
    main(*sys.argv[1:])
