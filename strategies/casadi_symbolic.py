"""A fixed-step Runge-Kutta integrator written out as a CasADi expression, whose Hessian CasADi derives symbolically.

    y_{n+1} = y_n + h b_i k_i,   k_i = F(t_n + c_i h, y_n + h a_ij k_j),   L(x) = l(y0, y_{n_steps})

One step is one CasADi function, so that the expression and its derivatives hold one call per step. A running loss is
integrated as one more state.

Data and events at known times stand between the steps, which end there; of the loss, CasADi derives the sum of the states
with its multipliers (`hessbench.plugins.Course`), and the tangents.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from hessbench import Limits, Result, Strategy, Vector, count_fixed, steps_for, tableau, write_step
from hessbench.plugins import Course, counts_for


@dataclass(frozen=True)
class CasadiSymbolic(Strategy):
    """Forward over reverse, with n tangents where the Hessian is dense; value, gradient and Hessian in one function.

    A step is expanded into scalars (SX) where it has few operations; in a larger one each stage calls one scalar function
    of the right-hand side, or its matrix form (MX) where the problem gives one. Not for dense systems of more than 60
    states: CasADi's matrix products are not blocked, and preparation takes minutes. Not far from the point it was prepared
    at, because the steps do not adapt. With data or doses, one expression serves all points at which they come in the same
    order; matrix forms are not used there. Source: Andersson et al., Math. Prog. Comp. 11 (2019) 1-36, sections 3 and 4.
    """

    scheme: str = "DOP853"
    expand_below: int = 4000  # operations of one step
    backends: ClassVar[tuple[str, ...]] = ("casadi",)
    limits: ClassVar[Limits] = Limits(max_dim=64, parameters=True, running_loss=True, data=True, doses=True)
    variants: ClassVar = {"": {}, "rk4": {"scheme": "RK4"}, "mx": {"expand_below": 0}}

    def prepare(self, problem, backend: Any, ivp) -> Callable[[Vector], Result]:
        import casadi as ca

        if problem.data is not None or problem.events:
            return self._on_the_way(problem, backend, ivp)
        scheme, n, running = tableau(self.scheme), problem.dim, problem.running_loss
        steps = steps_for(problem, scheme, ivp)
        (t0, t1), size = problem.t_span, problem.x0.size
        h, matrix_form = (t1 - t0) / steps, "casadi" in problem.overrides and problem.wrt == ("y0",) and running is None

        def slope(t, z, x):
            p = problem.unpack(x)[1]
            f = problem.rhs(np, t[0], z[:n], p)
            return f if running is None else np.append(f, running(np, t[0], z[:n], p))

        width = n if running is None else n + 1
        kind: Any
        if matrix_form:
            rhs = backend.rhs(problem)
            kind, f = ca.MX, lambda t, z, x: rhs(t, z, problem.params)
        else:
            f = backend.traced("slope", slope, 1, width, size)
            kind = ca.SX if f.n_instructions() * len(scheme.b) <= self.expand_below else ca.MX
        z, t, x = kind.sym("z", width), kind.sym("t"), kind.sym("x", size)
        step = ca.Function("step", [z, t, x], [write_step(scheme, lambda t, z: f(t, z, x), t, z, h)])

        x = ca.MX.sym("x", size)
        y0 = x[problem.blocks["y0"]] if "y0" in problem.blocks else ca.MX(problem.y0)
        z = y0 if running is None else ca.vertcat(y0, 0)
        for i in range(steps):
            z = step(z, t0 + i * h, x)
        loss = backend.traced("loss", lambda y0, y1, x: problem.loss(np, y0, y1, problem.unpack(x)[1]), n, n, size)
        value = loss(y0, z[:n], x) + (0 if running is None else z[n])
        run = ca.Function("all_three", [x], list(backend.value_grad_hessian(lambda x: value)(x)))
        note = f"{steps} steps of {scheme.name}, each of {step.n_instructions()} {kind.__name__} instructions"

        def hessian(x):
            count_fixed(ivp.counters, scheme, steps)
            value, grad, hess = run(x)
            return Result(float(value), grad.full().ravel(), hess.full(), note=note)

        return hessian

    def _on_the_way(self, problem, backend: Any, ivp):
        course, scheme, made = Course(problem), tableau(self.scheme), {}

        def for_order(order, *points):
            if order not in made:
                counts = counts_for(course, order, scheme, ivp, *points)
                made[order] = int(counts.sum()), *self._derived(course, order, counts, points[0], backend)
            return made[order]

        def hessian(x):
            steps, states, derivatives, note = for_order(course.order(x), x)
            count_fixed(ivp.counters, scheme, steps)
            count_fixed(ivp.counters, scheme, steps)
            terms = course.terms(x, states(x).full().ravel())
            grad, hess, along = (a.full() for a in derivatives(x, terms.multipliers))
            return terms.result(grad.ravel(), hess, along, f"{steps} steps of {scheme.name}, {note}, {course.said}")

        order, points = course.order(problem.x0), [problem.x0]
        if problem.perturbed is not None and course.order(problem.perturbed) == order:
            points.append(problem.perturbed)
        for_order(order, *points)
        hessian(problem.x0)
        return hessian

    def _derived(self, course, order, counts, x0, backend):
        """States S of x; gradient and Hessian of m . S and the tangents of S, of x and m; and what a step is, in words."""
        import casadi as ca

        problem, scheme = course.problem, tableau(self.scheme)
        n, running, size, inner = problem.dim, problem.running_loss, x0.size, course.inner(x0, order)

        def slope(t, z, x):
            p = problem.unpack(x)[1]
            f = problem.rhs(np, t[0], z[:n], p)
            return np.append(f, 0.0 if running is None else running(np, t[0], z[:n], p))

        f = backend.traced("slope", slope, 1, n + 1, size)
        kind: Any = ca.SX if f.n_instructions() * len(scheme.b) <= self.expand_below else ca.MX
        z, x = kind.sym("z", n + 1), kind.sym("x", size)
        t, h, middle, share = (kind.sym(name) for name in ("t", "h", "middle", "share"))
        stepped = write_step(scheme, lambda t, z: f(middle + share * (t - middle), z, x), t, z, h)
        step = ca.Function("step", [z, t, h, middle, share, x], [stepped])
        clock = backend.traced("clock", lambda x: course.clock(np, problem.unpack(x)[1], order), size)

        def jump(event):
            own = course.jump(event)
            after = own and (lambda t, y, x: own(np, t.reshape(()), y, problem.unpack(x)[1]))
            return after and backend.traced("jump", after, 1, n, size)

        jumps = {event: jump(event) for event in {place.event for place in order if place.event >= 0}}

        x = ca.MX.sym("x", size)
        y0, times, seen = x[problem.blocks["y0"]] if "y0" in problem.blocks else ca.MX(problem.y0), clock(x), {}
        z = ca.vertcat(y0, 0)
        for k, (place, count) in enumerate(zip(order, counts.tolist(), strict=True)):
            start, span = times[k], times[k + 1] - times[k]
            for i in range(count):
                z = step(z, start + i / count * span, span / count, start + span / 2, inner[k], x)
            if place.data >= 0:
                seen[place.data] = z[:n]
            elif place.event >= 0 and jumps[place.event]:
                z = ca.vertcat(jumps[place.event](times[k + 1], z[:n], x), z[n])
        states = ca.vertcat(*(seen[k] for k in range(course.count)), z)
        m = ca.MX.sym("m", states.numel())
        hess, grad = ca.hessian(ca.dot(m, states), x)
        derivatives = ca.Function("derivatives", [x, m], [grad, hess, ca.jacobian(states, x)])
        note = f"each of {step.n_instructions()} {kind.__name__} instructions"
        return ca.Function("states", [x], [states]), derivatives, note
