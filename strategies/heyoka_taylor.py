"""Variational equations of first and second order, made symbolically and integrated by Taylor series in heyoka.

    V_ka = dy_k/dx_a,   U_kab = d2y_k/dx_a dx_b   at T, by the initial state and parameters in `wrt`

With u = (y0, y1, parameters) and J = du/dx, whose rows of y1 are V:
gradient = J^T l_u,   Hessian = J^T l_uu J + l_1k U_kab; l_u and l_uu are made by heyoka as well.
A running loss is one more state, whose rows of V and U are added.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from hessbench import IntegrationError, Limits, Result, Strategy, Unsupported, Vector

FUNCTIONS = ("sqrt", "exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "erf")
RENAMED = {
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
}


@dataclass(frozen=True)
class HeyokaTaylor(Strategy):
    """One solve of N (1 + n + n (n + 1) / 2) states, n = size of x, at the order that the tolerance asks for.

    Accurate beyond the tolerance. Not for many states: compiling takes 8 s for 10 states with a dense right-hand side, and
    grows with the fourth power (compact mode; without it, it takes far longer). Right-hand side and loss are traced, and may
    use arithmetic and elementary functions. Counted as right-hand sides are the Taylor coefficients of the system.
    Source: Biscani & Izzo, MNRAS 504 (2021) 2614; Griewank & Walther, Evaluating Derivatives, chapter 13.
    """

    packages: ClassVar[tuple[str, ...]] = ("heyoka",)
    limits: ClassVar[Limits] = Limits(max_dim=16, parameters=True, running_loss=True, records=True)

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        import heyoka as hy

        n, size, running, xp = problem.dim, problem.x0.size, problem.running_loss, namespace(hy)
        names = [key for key in problem.wrt if key != "y0"]

        def with_symbols(symbols):
            """Parameters (and end times) in which those of `wrt` are the next of `symbols`."""
            p, symbols = dict(problem.constants), iter(symbols)
            for key in names:
                count = problem.params[key].size
                p[key] = objects([next(symbols) for _ in range(count)]).reshape(problem.params[key].shape)
            return p

        def traced(what, function):
            try:
                return [e if isinstance(e, hy.expression) else hy.expression(float(e)) for e in np.ravel(function())]
            except Exception as error:
                raise Unsupported(
                    f"heyoka can not trace the {what}: {type(error).__name__}: {error}. Write it with arithmetic and "
                    f"elementary functions, without branches."
                ) from error

        count = size - (n if "y0" in problem.wrt else 0)
        states = [hy.make_vars(f"y{i}") for i in range(n + (running is not None))]
        y, p = objects(states[:n]), with_symbols([hy.par[i] for i in range(count)])
        slope = traced("right-hand side", lambda: problem.rhs(xp, hy.time, y, p))
        if running is not None:
            slope += traced("running loss", lambda: running(xp, hy.time, y, p))
        arguments = []
        for key in problem.wrt:
            arguments += states[:n] if key == "y0" else list(p[key].ravel())
        system = hy.var_ode_sys(list(zip(states, slope, strict=True)), arguments, order=2)
        width = len(states)
        stepper = hy.taylor_adaptive(system, [0.0] * width, tol=ivp.rtol, compact_mode=True)
        start, first, second = stepper.state.copy(), stepper.get_vslice(order=1), stepper.get_vslice(order=2)
        k1, a1 = indices(stepper, first, 1).T
        k2, a2, b2 = indices(stepper, second, 2).T

        u = [hy.make_vars(f"u{i}") for i in range(2 * n + count)]
        loss = traced("loss", lambda: problem.loss(xp, objects(u[:n]), objects(u[n : 2 * n]), with_symbols(u[2 * n :])))
        tensors = hy.diff_tensors(loss, diff_args=u, diff_order=2)
        upper = np.triu_indices(len(u))
        hessian_u = [tensors[(0, *exponents(len(u), i, j))] for i, j in zip(*upper, strict=True)]
        derivatives_u = hy.cfunc([*loss, *tensors.gradient, *hessian_u], vars=u)

        at = np.arange(size)
        own = at[problem.blocks["y0"]] if "y0" in problem.wrt else at[:0]
        of_theta = np.eye(size)[np.concatenate([at[:0], *(at[problem.blocks[key]] for key in names)])]
        of_y0 = np.eye(size)[own] if own.size else np.zeros((n, size))

        def hessian(x):
            y0, p = problem.unpack(x)
            theta = np.concatenate([x[:0], *(p[key].ravel() for key in names)])
            stepper.time = problem.t_span[0]
            stepper.state[:] = start
            stepper.state[:n] = y0
            stepper.pars[:count] = theta
            outcome, *_, steps, _, _ = stepper.propagate_until(problem.t_span[1], max_steps=ivp.max_steps)
            ivp.counters.add(steps=steps, rhs=steps * stepper.order, size=len(start) / n)
            if outcome != hy.taylor_outcome.time_limit or not np.all(np.isfinite(stepper.state)):
                raise IntegrationError(
                    f"heyoka stopped at t = {stepper.time:.6g} of {problem.t_span[1]:.6g} after {steps} steps: {outcome} (tol "
                    f"{ivp.rtol:g}, max_steps {ivp.max_steps})."
                )
            v, w = np.zeros((width, size)), np.zeros((width, size, size))
            v[k1, a1] = stepper.state[first]
            w[k2, a2, b2] = w[k2, b2, a2] = stepper.state[second]

            out = derivatives_u(np.concatenate([y0, stepper.state[:n], theta]))
            l_u, l_uu = out[1 : 1 + len(u)], np.zeros((len(u), len(u)))
            l_uu[upper] = l_uu.T[upper] = out[1 + len(u) :]
            j = np.vstack([of_y0, v[:n], of_theta])
            grad = l_u @ j + v[n:].sum(axis=0)
            hess = j.T @ l_uu @ j + np.tensordot(l_u[n : 2 * n], w[:n], 1) + w[n:].sum(axis=0)
            note = f"order {stepper.order}, {len(start)} states"
            return Result(out[0] + float(np.sum(stepper.state[n:width])), grad, hess, note=note)

        return hessian


def objects(elements):
    """A vector of Python objects."""
    out = np.empty(len(elements), dtype=object)
    out[:] = elements
    return out


def exponents(size, *positions):
    """Order of differentiation by each of `size` arguments."""
    return tuple(np.bincount(positions, minlength=size).tolist())


def indices(stepper, where, order):
    """Component and the `order` arguments of each derivative in the state `where`: (m, 1 + order)."""
    rows = [stepper.get_mindex(i) for i in range(where.start, where.stop)]
    return np.array([[row[0], *np.repeat(np.arange(len(row) - 1), row[1:])] for row in rows]).reshape(-1, 1 + order)


def namespace(hy) -> Any:
    """NumPy, with elementary functions that take heyoka's expressions as well as numbers."""

    class Namespace:
        def __getattr__(self, name):
            plain = getattr(np, name)
            if name not in FUNCTIONS and name not in RENAMED:
                return plain
            symbolic = getattr(hy, RENAMED.get(name, name))
            return np.frompyfunc(lambda e: symbolic(e) if isinstance(e, hy.expression) else plain(float(e)), 1, 1)

    return Namespace()
