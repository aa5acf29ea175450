"""Stiff problems that several tests share."""

import shutil

import numpy as np
import pytest

import hessbench
from hessbench import IVP, Problem
from hessbench.implicit.forms import Options, linearised

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None and shutil.which("gcc") is None, reason="no C compiler")
ROBERTSON_40 = (0.12140859, 0.04440357, -0.0888087, 0.02259246, -0.03649057, 0.06428721)  # k_a k_b H_ab, upper triangle
EVERYTHING = ("theta", "t1", "y0", "t0", "kappa")


def robertson(t1=40.0, wrt=("y0", "k")):
    """Robertson's kinetics; loss sum (y1 - (0.7, 1e-5, 0.3))^2."""

    def rhs(xp, t, y, p):
        a, b, c = y[:1], y[1:2], y[2:]
        r1, r2, r3 = p["k"][:1] * a, p["k"][1:2] * b * b, p["k"][2:] * b * c
        return xp.concatenate([r3 - r1, r1 - r2 - r3, r2])

    def loss(xp, y0, y1, p):
        return xp.sum((y1 - p["seen"]) ** 2)

    params = {"k": [0.04, 3e7, 1e4], "seen": [0.7, 1e-5, 0.3]}
    return Problem("robertson", rhs, loss, (0.0, t1), [1.0, 0.0, 0.0], params, wrt)


def bolza(wrt=EVERYTHING):
    """Two states, parameters, a running loss, free end times, and a loss of everything: no block of the Hessian is zero."""
    return hessbench.problem("generic-bolza", wrt=wrt)


def ivp(problem, rtol=1e-8):
    return IVP("Radau", rtol, rtol, dim=problem.dim, by_component=True)


def point(problem, x=None, rtol=1e-8, **options):
    """Value, gradient, Hessian and how to go on at `x`, in the form that was asked for."""
    found = linearised(problem, ivp(problem, rtol), Options(**options))(problem.x0 if x is None else x)
    assert options.get("form", "numpy") in ("auto", found.note.split(", ")[1].split(" ")[0].lower())
    return found


def error(ours, theirs):
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())
