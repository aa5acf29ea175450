"""Costate and Hessian costate in one backward pass ("differential programming"), derivatives written by hand.

ds_i/dt  = -s_k F_k,i                                        s(T) = l_1
dP_ij/dt = -(P_ik F_k,j + P_jk F_k,i + s_k F_k,ij)           P(T) = l_11
dW_ij/dt = -W_ik F_k,j                                       W(T) = l_01    (only if the loss depends on y0)

gradient = l_0 + s(t0),   Hessian = l_00 + W + W^T + P  at t0

With parameters `a`, a running loss `g` and free end times `t0, T`, the costates get columns for `a`. With u = (y, a) and
h = s_k F_k + g, and E_y, S_y for the first N columns,

rows E        (s, m), (W, X), (w, x), (v, r)      dE/dt = -E_y F_,u,  and -h_,u for the first row
symmetric S   ((P, Q), (Q^T, R))                  dS/dt = -(S_y F_,u + (S_y F_,u)^T + h_,uu)

`a` does not move, so that products run over the N states only. W, w and v are the derivatives of `l_0`, `l_t0` and `L_T` by
y1, carried to t0; the columns for `a` beside them add up to those by `a`. `assembled` makes gradient and Hessian of it all.

On the way back, at data l_m: s += l_m,u, S += l_m,uu; at an event u+ = h(u-): E- = E+ h', S- = h'^T S+ h' + s+ . h'' (with
the motion of its time, `hessbench.plugins.Crossing`). Without h_uu, s . h'' and second derivatives of residuals, S is that of
Gauss-Newton.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

import numpy as np

from hessbench import (
    Accuracy,
    Limits,
    Result,
    Strategy,
    Vector,
    bolza_slope,
    bolza_start,
    by_framework,
    canonical_order,
    derivatives_of,
    joint_derivatives_of,
    joint_loss,
    loss_blocks,
)
from hessbench.plugins import Course, travelled


@dataclass(frozen=True)
class HandAdjoint(Strategy):
    """One forward solve of N states, one backward solve of N^2 + N (2 N^2 + N if the loss depends on `y0`).

    Each backward evaluation is one Jacobian, one contraction and one matrix product of cost 2 N^3 (4 N^3).
    With `state="dense"` the state comes from the forward solve's dense output; with `state="backward"` it is integrated
    backward along with the costate, as in the paper, which diverges on dissipative problems: it refuses them, except
    without `guarded`, which is kept to show the error.
    P parameters make it a product of cost 2 N (N + P)^2 and a costate of (N + P)^2 numbers: not for very many of them. (Half
    of S would do, but packing and unpacking it costs more than the shorter vectors save, at N + P = 104 and 304 alike.)
    On `tensorflow`, right-hand side and derivatives are calls into it, as in the paper's measurements, and not written by hand.
    Not for large sparse systems: `P` is dense. Data and doses take one backward solve between each two of them, of
    twice as much with data: S without second derivatives goes along.
    Source: arXiv:2301.08085, section 2; `W` extends it to losses of `y0`.
    """

    backends: ClassVar[tuple[str, ...]] = ("numpy", "tensorflow")
    limits: ClassVar[Limits] = Limits(parameters=True, running_loss=True, times=True, data=True, doses=True)
    accuracy: ClassVar[Accuracy] = Accuracy(
        factor=5e3
    )  # the flow of the figure-8 magnifies the error of its two solves 2700 times
    state: str = "dense"
    guarded: bool = True
    variants: ClassVar = {
        "": {},
        "backward": {"state": "backward"},
        "backward-unguarded": {"state": "backward", "guarded": False},
    }

    def why_not(self, problem):
        return replace(self.limits, reversible_only=self.guarded and self.state == "backward").refusal(problem)

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        problem = by_framework(problem, backend)
        if problem.data is not None or problem.events:
            return self._on_the_way(problem, ivp)
        if problem.wrt == ("y0",) and problem.running_loss is None:
            return self._of_state(problem, ivp)
        return self._of_everything(problem, ivp)

    def _of_state(self, problem, ivp):
        n, (t0, t1) = problem.dim, problem.t_span
        derivatives, (blocks, blocks_source) = derivatives_of(problem), loss_blocks(problem)
        rows = 2 * n + 1 if problem.loss_uses_y0 else n + 1  # s, P and, where needed, W
        reintegrate = self.state == "backward"

        def hessian(x):
            y0, p = problem.unpack(x)

            def f(t, y):
                return problem.rhs(np, t, y, p)

            forward = ivp.solve(f, (t0, t1), y0, dense=not reintegrate)
            end = blocks(y0, forward.y1, p)

            def costate(t, y, m):
                out = derivatives.matjac(t, y, m, p)
                pj = out[1 : n + 1]
                out[1 : n + 1] = pj + pj.T + derivatives.vhp(t, y, m[0], p)
                return -out

            at_end, path = np.vstack([end.l1, end.l11, end.l01])[:rows], f if reintegrate else forward.y
            m = carried_back(ivp, costate, path, reintegrate, (t1, t0), at_end, forward.y1)[0]
            w = m[n + 1 :] if problem.loss_uses_y0 else np.zeros((n, n))
            note = f"derivatives {derivatives.source}, loss blocks {blocks_source}"
            return Result(end.value, end.l0 + m[0], end.l00 + w + w.T + m[1 : n + 1], note=note)

        return hessian

    def _of_everything(self, problem, ivp):
        n, running, order = problem.dim, problem.running_loss is not None, canonical_order(problem)
        width = n + sum(problem.params[key].size for key in problem.varied)
        joint, (blocks, blocks_source) = joint_derivatives_of(problem), joint_loss(problem)
        names = [key for key in ("y0", "t0", "t1") if key in problem.wrt and (key != "y0" or problem.loss_uses_y0)]
        rows = 1 + sum(n if key == "y0" else 1 for key in names)
        reintegrate, note = self.state == "backward", f"derivatives {joint.source}, loss blocks {blocks_source}"

        def with_g(s):
            return np.append(s, 1.0) if running else s

        def hessian(x):
            y0, p = problem.unpack(x)
            t0, t1 = map(float, problem.times(x))
            slope = bolza_slope(problem, p)
            forward = ivp.solve(slope, (t0, t1), bolza_start(problem, y0), dense=not reintegrate)
            y1 = forward.y1[:n]

            def edge(t, y, s):
                return Edge(slope(t, y), with_g(s) @ joint.jac(t, y, p))

            def costate(t, y, z):
                return slopes_of_costates(joint, t, y, z, p, rows, running)

            def path(t, y=None):
                return problem.rhs(np, t, y, p) if reintegrate else forward.y(t)[:n]

            loss = blocks(y0, y1, p)
            end = edge(t1, y1, loss.first("y1"))
            at_end = costates_at_end(names, loss, end, width)
            z = carried_back(ivp, costate, path, reintegrate, (t1, t0), at_end, y1)[0]
            grad, hess = assembled(names, loss, edge(t0, y0, z[0, :n]), end, z)
            value = loss.value + forward.y1[n:].sum()
            return Result(value, grad[order], hess[np.ix_(order, order)], note=note)

        return hessian

    def _on_the_way(self, problem, ivp):
        n, running, order = problem.dim, problem.running_loss is not None, canonical_order(problem)
        course, joint = Course(problem), joint_derivatives_of(problem)
        width = n + sum(problem.params[key].size for key in problem.varied)
        names = [key for key in ("y0", "t0", "t1") if key in problem.wrt and (key != "y0" or problem.loss_uses_y0)]
        rows = 1 + sum(n if key == "y0" else 1 for key in names)
        reintegrate, normal = self.state == "backward", course.count > 0
        note = f"derivatives {joint.source}, {course.said}"

        def with_g(s):
            return np.append(s, 1.0) if running else s

        def hessian(x):
            y0, p = problem.unpack(x)
            slope = bolza_slope(problem, p)
            legs = travelled(course, ivp, slope, x, bolza_start(problem, y0))
            y1, loss = legs.end[:n], course.loss(x, legs.end[:n])
            value, first, whole, part = course.data(legs.seen, x[course.model.places])
            value += loss.value + legs.end[n:].sum()

            def edge(t, y, s):
                return Edge(slope(t, y), with_g(s) @ joint.jac(t, y, p))

            def back(k, z, y, h):
                """From place number `k` to the one before."""
                inner, interpolant = legs.inner(k), legs.paths[k]

                def costate(t, y, z):
                    return slopes_of_costates(joint, inner(t), y, z, p, rows, running)

                def path(t, y=None):
                    return problem.rhs(np, inner(t), y, p) if reintegrate else interpolant.y(t)[:n]

                return carried_back(ivp, costate, path, reintegrate, (legs.times[k + 1], legs.times[k]), z, y, h)

            end, state, h = edge(legs.times[-1], y1, loss.first("y1")), y1, None
            z = costates_at_end(names, loss, end, width)
            if normal:
                z = np.vstack([z, costates_at_end(names, loss, Edge(end.slope, 0.0 * end.h), width)[1:]])
            for k, (place, stop) in reversed(list(enumerate(legs.stops))):
                if place.data >= 0:
                    z[0] += first[place.data]
                    z[rows : rows + width] += whole[place.data]
                    z[-width:] += part[place.data]
                elif stop is not None:
                    state = legs.jumped[k][0]
                    crossing = legs.crossing(k, slope, lambda t, y: joint.jac(t, y, p))
                    z = z if crossing is None else crossing.pulled(z, with_g(z[0, :n]), rows)
                if place.apart:
                    z, state, h = back(k, z, state, h)
            start = edge(legs.times[0], y0, z[0, :n])
            grad, hess = assembled(names, loss, start, end, z[: rows + width])
            at, gauss_newton = np.ix_(order, order), None
            if normal:
                start, end = (Edge(edge.slope, 0.0 * edge.h) for edge in (start, end))
                gauss_newton = assembled(names, loss, start, end, np.vstack([z[:1], z[rows + width :]]))[1][at]
            return Result(value, grad[order], hess[at], note=note, gauss_newton=gauss_newton)

        hessian(problem.x0)  # what is recorded is written when it is first called
        return hessian


def carried_back(ivp, costate, path, reintegrate, span, z, y, h=None):
    """Costates `z` (r, width) and the state `y` at the end of `span`, from those at its start, and the next size of step.

    `path(t)` is the state along the way, or, to `reintegrate` it, `path(t, y)` its slope.
    """
    shape, n = z.shape, y.size

    def with_state(t, w):
        return np.concatenate([path(t, w[:n]), costate(t, w[:n], w[n:].reshape(shape)).ravel()])

    def along(t, w):
        return costate(t, path(t), w.reshape(shape)).ravel()

    if reintegrate:
        solved = ivp.solve(with_state, span, np.concatenate([y, z.ravel()]), h=h)
        return solved.y1[n:].reshape(shape), solved.y1[:n], solved.h
    solved = ivp.solve(along, span, z.ravel(), h=h)
    return solved.y1.reshape(shape), y, solved.h


def slopes_of_costates(joint, t, y, z, p, rows, running):
    """dz/dt of `rows` rows E, of S and, behind them, of the rows E but the first and S as Gauss-Newton takes them."""
    n, width = y.size, z.shape[1]
    jac = joint.jac(t, y, p)[:, :width]
    out = z[:, :n] @ jac[:n]
    if running:
        out[0] += jac[n]
    s = out[rows : rows + width]
    s += s.T + joint.vhp(t, y, np.append(z[0, :n], 1.0) if running else z[0, :n], p)[:width, :width]
    if len(z) > rows + width:
        out[-width:] += out[-width:].T.copy()
    return -out


class Edge(NamedTuple):
    """At one of the end times: `slope` (F, g), and `h` = (h_,y, h_,a, h_,t) of h = s_k F_k + g."""

    slope: Vector
    h: Vector


def costates_at_end(names, loss, end, width):
    """E and S at T, one below the other: the row (s, m), the rows for each of `names`, and S."""
    n = width - loss.first("a").size
    u = slice(n, n + width)  # (y1, a)
    out = [loss.grad[None, u], *(loss.hess[loss.at[key], u] for key in names), loss.hess[u, u]]
    if "t1" in names:  # L_T = l_T + l_1 F + g, differentiated by (y1, a)
        out[1 + names.index("t1")] = (
            loss.hess[loss.at["t1"], u] + end.slope[:n] @ loss.hess[loss.at["y1"], u] + end.h[:width]
        )
    return np.vstack(out)


def assembled(names, loss, start, end, z):
    """Gradient and Hessian by (y0, a, t0, T), from E and S at t0; what belongs to none of `names` is left incomplete."""
    width, n = z.shape[1], loss.first("y0").size
    sizes = [n if key == "y0" else 1 for key in names]
    parts = np.split(z, np.cumsum([1, *sizes]))
    (first,), s, e = parts[0], parts[-1], dict(zip(names, parts[1:-1], strict=True))
    f0, f1, h0, h1 = start.slope[:n], end.slope[:n], start.h, end.h
    grad, hess = np.empty(width + 2), np.zeros((width + 2, width + 2))
    t0, t1 = width, width + 1

    grad[:width] = first
    grad[:n] += loss.first("y0")
    grad[t0] = loss.first("t0")[0] - first[:n] @ f0 - start.slope[n:].sum()
    grad[t1] = loss.first("t1")[0] + loss.first("y1") @ f1 + end.slope[n:].sum()

    hess[:width, :width] = s
    hess[:n, :n] += loss.second("y0", "y0")
    if "y0" in e:
        hess[:n, :width] += e["y0"]
        hess[:width, :n] += e["y0"].T
    if "t1" in e:
        (v,) = e["t1"]
        hess[t1, :width] = v
        hess[t1, :n] += loss.second("t1", "y0")[0] + loss.second("y0", "y1") @ f1
        twice = 2 * loss.second("t1", "y1")[0] + f1 @ loss.second("y1", "y1")
        hess[t1, t1] = loss.second("t1", "t1")[0, 0] + twice @ f1 + h1[:n] @ f1 + h1[-1]
        hess[:width, t1] = hess[t1, :width]
    if "t0" in e:
        (w,) = e["t0"]
        hess[t0, :width] = w - f0 @ s[:n] - h0[:width]
        hess[t0, :n] += loss.second("t0", "y0")[0] - (e["y0"][:, :n] @ f0 if "y0" in e else 0.0)
        hess[t0, t0] = loss.second("t0", "t0")[0, 0] + (f0 @ s[:n, :n] - 2 * w[:n] + h0[:n]) @ f0 - h0[-1]
        hess[:width, t0] = hess[t0, :width]
    if "t0" in e and "t1" in e:
        mixed = loss.second("t0", "t1")[0, 0] + loss.second("t0", "y1")[0] @ f1 - e["t1"][0, :n] @ f0
        hess[t0, t1] = hess[t1, t0] = mixed
    return grad, hess
