"""Exponential decay y = y0 exp(-k t) seen with noise of every family, beside the same law in SciPy and in mpmath."""

from typing import Any, NamedTuple

import mpmath as mp
import numpy as np
from scipy import stats

from hessbench import Data, LogNormal, NegativeBinomial, Normal, Poisson, Problem, StudentT

TIMES = np.array([0.0, 0.3, 0.7, 0.7, 1.4, 2.0])
POINT = {"y0": 5.2, "k": 0.73, "s": 0.41, "r": 2.3, "nu": 3.1}


def rhs(xp, t, y, p):
    return -p["k"] * y


def state(xp, t, y, p):
    return y[0]


class Case(NamedTuple):
    """A declared family, the law `(mean, p)` in SciPy, -log f `(d, mean, p)` in mpmath, values, and its own parameters."""

    likelihood: Any
    law: Any
    terms: Any
    values: tuple[float, ...]
    own: tuple[str, ...]


def gauss(r, s):
    return r * r / 2 + mp.log(s) + mp.log(2 * mp.pi) / 2


def student(d, m, p, nu):
    gammas = mp.loggamma(nu / 2) - mp.loggamma((nu + 1) / 2) + mp.log(nu * mp.pi) / 2
    return gammas + mp.log(p["s"]) + (nu + 1) / 2 * mp.log(1 + ((d - m) / p["s"]) ** 2 / nu)


def negative_binomial(d, m, p):
    r = p["r"]
    return mp.loggamma(r) + mp.loggamma(d + 1) - mp.loggamma(d + r) - r * mp.log(r / (r + m)) - d * mp.log(m / (r + m))


REAL, COUNTS = (5.0, 4.6, 2.9, 3.5, 1.6, np.nan), (6.0, 3.0, 0.0, 4.0, 2.0, 1.0)
CASES = {
    "normal": Case(
        Normal(state, "s"), lambda m, p: stats.norm(m, p["s"]), lambda d, m, p: gauss((d - m) / p["s"], p["s"]), REAL, ("s",),
    ),
    "normal of known noise": Case(
        Normal(state, 0.3), lambda m, p: stats.norm(m, 0.3), lambda d, m, p: gauss((d - m) / 0.3, mp.mpf(0.3)), REAL, (),
    ),
    "normal, proportional": Case(
        Normal(state, lambda xp, t, y, p: p["s"] * y[0] + 0.1),
        lambda m, p: stats.norm(m, p["s"] * m + 0.1),
        lambda d, m, p: gauss((d - m) / (p["s"] * m + mp.mpf(0.1)), p["s"] * m + mp.mpf(0.1)), REAL, ("s",),
    ),
    "log-normal": Case(
        LogNormal(state, "s"), lambda m, p: stats.lognorm(p["s"], scale=m),
        lambda d, m, p: gauss((mp.log(d) - mp.log(m)) / p["s"], p["s"]) + mp.log(d), REAL, ("s",),
    ),
    "poisson": Case(
        Poisson(state), lambda m, p: stats.poisson(m), lambda d, m, p: m - d * mp.log(m) + mp.loggamma(d + 1), COUNTS, (),
    ),
    "negative binomial": Case(
        NegativeBinomial(state, "r"), lambda m, p: stats.nbinom(p["r"], p["r"] / (p["r"] + m)), negative_binomial, COUNTS,
        ("r",),
    ),
    "student": Case(
        StudentT(state, "s", "nu"), lambda m, p: stats.t(p["nu"], m, p["s"]),
        lambda d, m, p: student(d, m, p, p["nu"]), REAL, ("s", "nu"),
    ),
    "student of known freedom": Case(
        StudentT(state, "s", 5.0), lambda m, p: stats.t(5.0, m, p["s"]),
        lambda d, m, p: student(d, m, p, mp.mpf(5)), REAL, ("s",),
    ),
}  # fmt: skip


def problem(case: Case, values=None, times=TIMES, **more) -> Problem:
    """By initial state, rate, and the parameters of the noise."""
    return Problem(
        "decay", rhs, None, (0.0, 2.0), [POINT["y0"]], {key: v for key, v in POINT.items() if key != "y0"},
        wrt=("y0", "k", *case.own), **more,
        data=Data(times, case.values if values is None else values, likelihood=case.likelihood),
    )  # fmt: skip


def means(times=TIMES):
    return POINT["y0"] * np.exp(-POINT["k"] * times)


def sensitivities(times=TIMES):
    """Of the mean by y0 and k, (M, 2)."""
    decay = np.exp(-POINT["k"] * times)
    return np.stack([decay, -times * POINT["y0"] * decay], axis=1)


def in_mpmath(case: Case, times=TIMES):
    """Value, gradient and Hessian in 40 digits, by differences of the closed form."""
    names = ("y0", "k", *case.own)

    def total(*x):
        p = {**{key: mp.mpf(v) for key, v in POINT.items()}, **dict(zip(names, x, strict=True))}
        pairs = [(mp.mpf(t), mp.mpf(d)) for t, d in zip(times, case.values, strict=True) if not np.isnan(d)]
        return mp.fsum(case.terms(d, p["y0"] * mp.exp(-p["k"] * t), p) for t, d in pairs)

    with mp.workdps(60):
        x, n = [mp.mpf(POINT[name]) for name in names], len(names)
        order = lambda *ones: tuple(sum(k == one for one in ones) for k in range(n))  # noqa: E731
        grad = [mp.diff(total, tuple(x), order(i)) for i in range(n)]
        hess = [[mp.diff(total, tuple(x), order(i, j)) for j in range(n)] for i in range(n)]
        return float(total(*x)), np.array(grad, dtype=float), np.array(hess, dtype=float)
