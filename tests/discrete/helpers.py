"""Problems and small functions that several tests share."""

import shutil
import threading

import numpy as np
import pytest

import hessbench
from hessbench import Derivatives, LossBlocks, Problem
from hessbench.discrete import Options, prepare

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None and shutil.which("gcc") is None, reason="no C compiler")
CASES = {
    "three-body": {},
    "kepler": {},
    "harmonic-oscillator": {},
    "generic-cubic": {},
    "driven-pendulum": {},
    "sir": {},
    "brusselator": {"n": 32},
    "random-quadratic": {"n": 6},
}


def case(name):
    return hessbench.problem(name, **CASES[name])


def run(problem, x=None, rtol=1e-8, method="DOP853", atol=None, **options):
    ivp = hessbench.IVP(method, rtol, atol or rtol, dim=problem.dim, by_component=atol is None)
    return prepare(problem, ivp, Options(**options))(problem.x0 if x is None else x)


def error(hess, reference):
    return float(np.abs(hess - reference).max() / np.abs(reference).max())


def half_square(y0, y1, p):
    n = y0.size
    zero = np.zeros((n, n))
    return LossBlocks(float(y1 @ y1) / 2, np.zeros(n), y1, zero, zero, np.eye(n))


def logistic(rhs=lambda xp, t, y, p: p["r"] * y * (1 - y), t_span=(0.0, 1.5)):
    """One state, with a closed form: y(t) = 1 / (1 + (1/y0 - 1) exp(-r t)), loss y1^2 / 2."""
    return Problem(
        name="logistic",
        rhs=rhs,
        loss=lambda xp, y0, y1, p: xp.sum(y1 * y1) / 2,
        t_span=t_span,
        y0=np.array([0.2]),
        params={"r": 1.3},
        loss_uses_y0=False,
        loss_blocks=half_square,
        derivatives=Derivatives(
            vjp=lambda t, y, s, p: s * p["r"] * (1 - 2 * y),
            jac=lambda t, y, p: (p["r"] * (1 - 2 * y))[..., None],
            vhp=lambda t, y, s, p: (-2 * p["r"] * s + 0 * y)[..., None],
        ),
    )


def logistic_hessian(t, y0=0.2, r=1.3):
    """Second derivative of y(t)^2 / 2 by y0: with d = y0 + (1 - y0) e, e = exp(-r t): y = y0 / d, y' = e / d^2."""
    e = np.exp(-r * t)
    d = y0 + (1 - y0) * e
    y, slope, curvature = y0 / d, e / d**2, -2 * e * (1 - e) / d**3
    return slope**2 + y * curvature


def from_threads(prepared, points, times):
    """Results (points, times) of calls from one thread for each point, all at once."""
    found = [[] for _ in points]

    def work(k):
        found[k] += [prepared.direct(points[k]) for _ in range(times)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(points))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(each) for each in found] == [times] * len(points)
    return found
