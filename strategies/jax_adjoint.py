"""Costate and Hessian costate in one backward pass, with derivatives from JAX, everything in one compiled function.

With z = (y, parameters in `wrt`), c the costate of z, s its part of y, and h = s_k F_k + g:

    dc/dt = -h_,z                                           c(T) = l_z
    dP/dt = -(X + X^T),  X = F_,z^T P_y: + h_,zz / 2        P(T) = l_zz
    dW/dt = -W_:y F_,z                                      W(T) = l_0z    (only if the loss depends on y0)

gradient = l_0 + c(t0),   Hessian = l_00 + W + W^T + P  at t0, in the rows and columns that `wrt` asks for
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from hessbench import Accuracy, IntegrationError, Limits, Result, Strategy, Unsupported, Vector

ROOM = 4  # steps that the trajectory is stored for, in those at the problem's own and perturbed point


@dataclass(frozen=True)
class JaxAdjoint(Strategy):
    """One forward solve of N states, one backward of M^2 + M (plus N M if the loss depends on `y0`), M = N + parameters.

    X is the tangent of the pullback `h_,z` along (dz, ds) = (1/2, P_y:): M tangents (plus N for W) in one batch. Of a dense
    quadratic right-hand side they cost O(N^4), where derivatives written by hand cost O(N^3). Any `wrt`.
    With `state="dense"`, y comes from the forward solve's dense output; with `state="backward"` it is integrated backward
    along with the costate, as in the paper, which diverges on dissipative problems. Integrates by RK45 or DOP853.
    Not for a single small Hessian: compiling takes seconds. Source: arXiv:2301.08085, section 2; `W` extends it to losses of
    `y0`.
    """

    state: str = "dense"
    backends: ClassVar[tuple[str, ...]] = ("jax",)
    limits: ClassVar[Limits] = Limits(parameters=True, running_loss=True)
    accuracy: ClassVar[Accuracy] = Accuracy(factor=5e3)  # as of hand-adjoint, whose equations it has
    variants: ClassVar = {"": {}, "backward": {"state": "backward"}}

    def why_not(self, problem):
        return replace(self.limits, reversible_only=self.state == "backward").refusal(problem)

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        import jax
        import jax.numpy as jnp

        from hessbench.plugins import METHODS, solve

        if ivp.method not in METHODS:
            raise Unsupported(f"It integrates by {' or '.join(METHODS)}, and this run asks for {ivp.method}.")
        n, (t0, t1), params, rhs = problem.dim, problem.t_span, backend.params(problem), backend.rhs(problem)
        names, running, dense = [key for key in problem.wrt if key != "y0"], problem.running_loss, self.state == "dense"
        inside, m = {"y0": slice(0, n)}, n  # where each name stands in z
        for key in names:
            inside[key] = slice(m, m := m + problem.params[key].size)
        asked = np.concatenate([np.arange(m)[inside[key]] for key in problem.wrt])
        rows = 1 + m + (n if problem.loss_uses_y0 and "y0" in problem.wrt else 0)  # c, P and, where needed, W
        width = n if running is None else n + 1  # of the forward solve
        options = (ivp.rtol, ivp.atol, ivp.max_steps, ivp.method)
        capacity = ROOM * most_steps(problem, ivp) if dense else 0

        def unpacked(z, p):
            return z[:n], {
                **p,
                **{key: z[at].reshape(problem.params[key].shape) for key, at in inside.items() if key != "y0"},
            }

        def slopes(t, z, p):
            """(F, g) at z."""
            y, p = unpacked(z, p)
            return jnp.append(rhs(t, y, p), 0.0 if running is None else running(jnp, t, y, p))

        def costate_slope(t, z, c, p):
            c = c.reshape(rows, m)
            dz = jnp.zeros((rows - 1, m)).at[:m].set(0.5 * jnp.eye(m))

            def pulled(z_and_s):
                return backend.vjp(lambda z: slopes(t, z, p), z_and_s[:m], jnp.append(z_and_s[m:], 1.0))[1]

            along = jnp.hstack([dz, c[1:, :n]]).T  # P is symmetric: its rows are the tangents of s
            h_z, tangents = backend.jvp(pulled, jnp.append(z, c[0, :n]), along)
            x = tangents[:, :m]
            return -jnp.vstack([h_z, x + x.T, tangents[:, m:].T]).ravel()

        def loss(u, p):
            """The loss of u = (y0, z at the end)."""
            y1, p = unpacked(u[n:], p)
            return problem.loss(jnp, u[:n], y1, {"t0": t0, "t1": t1, **p})

        @jax.jit
        def all_three(x, p):
            y0 = jnp.asarray(problem.unpack(x)[0])
            theta = jnp.concatenate([x[:0], *(x[problem.blocks[key]] for key in names)])

            def forward_slope(t, y):
                return slopes(t, jnp.append(y[:n], theta), p)[:width]

            ahead = solve(forward_slope, jnp.append(y0, jnp.zeros(width - n)), t0, t1, *options, capacity)
            y1 = ahead.y[:n]
            value, g, h = backend.value_grad_hessian(lambda u: loss(u, p))(jnp.concatenate([y0, y1, theta]))
            at_end = jnp.vstack([g[n:], h[n:, n:], h[:n, n:]])[:rows].ravel()

            def along(t, c):
                assert ahead.dense is not None
                return costate_slope(t, jnp.append(ahead.dense(t)[:n], theta), c, p)

            def with_state(t, w):
                z = jnp.append(w[:n], theta)
                return jnp.append(slopes(t, z, p)[:n], costate_slope(t, z, w[n:], p))

            back = solve(*((along, at_end) if dense else (with_state, jnp.append(y1, at_end))), t1, t0, *options)
            c = back.y[-rows * m :].reshape(rows, m)
            grad, hess = c[0].at[:n].add(g[:n]), c[1 : m + 1].at[:n, :n].add(h[:n, :n])
            if rows > m + 1:
                hess = hess.at[:n].add(c[m + 1 :]).at[:, :n].add(c[m + 1 :].T)
            first = jnp.append(value + jnp.sum(ahead.y[n:]), grad[asked])
            work = jnp.array([(way.ok, way.steps, way.accepted, way.rhs, way.t) for way in (ahead, back)])
            return first, hess[asked][:, asked], work

        def hessian(x):
            first, hess, work = (np.asarray(a) for a in all_three(x, params))
            sizes = (width, rows * m + (0 if dense else n))
            for (_, steps, accepted, rhs, _), size in zip(work, sizes, strict=True):
                ivp.counters.add(steps=int(accepted), rejected=int(steps - accepted), rhs=int(rhs), size=size / n)
            for (ok, steps, accepted, _, t), way in zip(work, ("forward", "backward"), strict=True):
                if not ok:
                    full = way == "forward" and dense and accepted > capacity
                    why = f"the trajectory is stored for {capacity}; prepare nearer to this point, at `problem.at(x)`"
                    limit = why if full else f"max_steps is {ivp.max_steps} (rtol {ivp.rtol:g}, atol {ivp.atol:g})"
                    raise IntegrationError(f"The {way} solve stopped at t = {t:.6g} after {steps:.0f} steps: {limit}.")
            return Result(float(first[0]), first[1:], hess)

        hessian(problem.x0)
        return hessian


def most_steps(problem, ivp):
    """Accepted steps of the same method in SciPy, the larger number of the problem's own and perturbed point."""

    def steps(x):
        y0, p = problem.unpack(x)
        return ivp.solve(lambda t, y: problem.rhs(np, t, y, p), problem.t_span, y0).t.size - 1

    return max(steps(x) for x in (problem.x0, problem.perturbed) if x is not None)
