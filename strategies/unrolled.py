"""A fixed-step Runge-Kutta integrator, differentiated through the whole trajectory by the framework.

    Y_i = y_n + h a_ij k_j,   k_i = F(t_n + c_i h, Y_i),   y_{n+1} = y_n + h b_i k_i,   L(x) = l(y0, y_{n_steps})

The number of steps is chosen once, in preparation, for the tolerance at the problem's own point. A running loss is
integrated as one more state.

Data and events at known times are turns between the steps, which end there; of the loss the framework differentiates the sum
of the states with its multipliers (`hessbench.plugins.Course`), once the tangents are known.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hessbench import Limits, Result, Strategy, Vector, count_fixed, integrate_fixed, steps_for, tableau
from hessbench.backends import known
from hessbench.plugins import Course, counts_for, stepping, turns


@dataclass(frozen=True)
class Unrolled(Strategy):
    """n tangents of the gradient of the whole loop (`forward-over-reverse`, the default in jax), or n sweeps back through
    it (`reverse-over-reverse`, the default in torch and autograd); any `wrt`.

    Not for long runs: memory grows with steps x stages x operations of `F`. Not far from the point it was prepared at,
    because the steps do not adapt. In torch and autograd nothing is compiled, and every operation of every stage costs
    its overhead n times. `stages="inline"` compiles about 8 times slower in jax and then runs faster in reverse mode.
    With `checkpoints`, the loop is cut into segments of about sqrt(steps) steps, rounded up; only the state between segments
    is kept, and a segment is computed again when it is differentiated: memory grows with sqrt(steps).
    Data and doses take one more pass of n tangents, which Gauss-Newton needs, too. What was traced serves all points at which
    they come in the same order; another order is traced when it is met.
    Source: Griewank & Walther, Evaluating Derivatives, sections 3.2, 5.1 and 12.2.
    """

    scheme: str = "DOP853"
    mode: str | None = None
    stages: str = "loop"
    checkpoints: bool = False
    backends: ClassVar[tuple[str, ...]] = known(2, "value_grad_hessian")
    limits: ClassVar[Limits] = Limits(parameters=True, running_loss=True, data=True, doses=True)
    variants: ClassVar = {
        "": {},
        "rk4": {"scheme": "RK4"},
        "reverse-over-reverse": {"mode": "reverse-over-reverse", "stages": "inline"},
        "forward-over-reverse": {"mode": "forward-over-reverse"},
        "checkpointed": {"checkpoints": True},
    }

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        if problem.data is not None or problem.events:
            return self._on_the_way(problem, backend, ivp)
        scheme, p, xp, f = tableau(self.scheme), backend.params(problem), backend.xp, backend.rhs(problem)
        steps = steps_for(problem, scheme, ivp)
        segments = math.isqrt(steps) if self.checkpoints else 1
        length = -(-steps // segments)  # of a segment, in steps
        steps = segments * length
        cut = f", in {segments} segments" if self.checkpoints else ""
        n, running, (t0, t1) = problem.dim, problem.running_loss, problem.t_span
        starts = t0 + (t1 - t0) / segments * np.arange(segments)
        times = np.linspace(0.0, (t1 - t0) / segments, length + 1)  # within a segment

        def loss(x, p):
            def segment(z, x, start):
                own = problem.unpack(x, p)[1]

                def slope(t, z):
                    t = start + t
                    if running is None:
                        return f(t, z, own)
                    return xp.concatenate((f(t, z[:n], own), xp.reshape(running(xp, t, z[:n], own), (1,))))

                return integrate_fixed(backend, scheme, slope, times, z, self.stages)

            y0, own = problem.unpack(x, p)
            y0 = backend.asarray(y0)
            z = y0 if running is None else xp.concatenate((y0, 0.0 * y0[:1]))
            if self.checkpoints:
                again, at = backend.checkpoint(segment), backend.asarray(starts)
                varied = x if problem.varied else None  # autograd warns of an argument without influence
                z = backend.iterate(lambda i, z: again(z, varied, at[i]), z, segments)
            else:
                z = segment(z, x, t0)
            return problem.loss(xp, y0, z[:n], own) + xp.sum(z[n:])

        def all_three(x, p):
            return backend.value_grad_hessian(lambda x: loss(x, p), self.mode)(x)

        run = backend.compile(all_three) if backend.compiles_loops else all_three

        def hessian(x):
            count_fixed(ivp.counters, scheme, steps)
            value, grad, hess = (backend.to_numpy(a) for a in run(backend.asarray(x), p))
            return Result(float(value), grad, hess, note=f"{steps} steps of {scheme.name}{cut}")

        if backend.compiles_loops:
            hessian(problem.x0)
        return hessian

    def _on_the_way(self, problem, backend, ivp):
        course, scheme, p, made = Course(problem), tableau(self.scheme), backend.params(problem), {}

        def for_order(order, *points):
            if order not in made:
                counts = counts_for(course, order, scheme, ivp, *points)
                made[order] = int(counts.sum()), *self._differentiated(course, order, counts, points[0], backend)
            return made[order]

        def hessian(x):
            steps, tangents, curvature = for_order(course.order(x), x)
            count_fixed(ivp.counters, scheme, steps)
            count_fixed(ivp.counters, scheme, steps)
            own = backend.asarray(x)
            states, along = map(backend.to_numpy, tangents(own, p))
            terms = course.terms(x, states)
            _, grad, hess = map(backend.to_numpy, curvature(own, p, backend.asarray(terms.multipliers)))
            return terms.result(grad, hess, along, f"{steps} steps of {scheme.name}, {course.said}")

        order, points = course.order(problem.x0), [problem.x0]
        if problem.perturbed is not None and course.order(problem.perturbed) == order:
            points.append(problem.perturbed)
        for_order(order, *points)
        if backend.compiles_loops:
            hessian(problem.x0)
        return hessian

    def _differentiated(self, course, order, counts, x0, backend):
        """States S and tangents, `(x, p)`; value, gradient and Hessian of m . S, `(x, p, m)`; both compiled."""
        problem, xp, f = course.problem, backend.xp, backend.rhs(course.problem)
        n, running, count = problem.dim, problem.running_loss, course.count
        segments = max(1, math.isqrt(int(counts.sum()))) if self.checkpoints else 1
        todo, inner = turns(course, order, counts, segments), course.inner(x0, order)
        kind, leg, number = (backend.asarray(a) for a in (todo.kind, todo.leg, todo.number))
        share, parts, inner = (backend.asarray(a) for a in (todo.share, todo.parts, inner))
        step, length = stepping(backend, tableau(self.scheme), n + 1, self.stages), len(todo.kind) // segments
        last, places = backend.asarray(np.eye(n + 1)[n]), backend.asarray(np.eye(count))

        def walk(x, p, y, seen, compared, first, turns):
            """`turns` turns from number `first` on, from state and integral `y`; `compared` is what data do."""
            own = problem.unpack(x, p)[1]
            clock = course.clock(xp, own, order, backend.asarray)

            def stepped(i, y, seen):
                k = leg[i]
                start, span = clock[k], clock[k + 1] - clock[k]

                def slope(t, y):
                    t = start + span / 2 + inner[k] * (t - start - span / 2)
                    integrand = 0.0 * y[:1] if running is None else xp.reshape(running(xp, t, y[:n], own), (1,))
                    return xp.concatenate((f(t, y[:n], own), integrand))

                return step(slope, start + share[i] * span, y, span / parts[i]), seen

            def jumped(event):
                def jump(i, y, seen):
                    after = course.jump(event)(xp, clock[leg[i] + 1], y[:n], own)
                    return xp.concatenate((after, y[n:])), seen

                return jump

            events = [jumped(e) if course.jump(e) else nothing for e in range(len(problem.events))]
            ways = [stepped, lambda i, y, seen: compared(number[i], y, seen), nothing, *events]

            def turn(i, state):
                return backend.choose(kind[first + i], ways, first + i, *state)

            return backend.iterate(turn, (y, seen), turns)

        def start(x, p):
            y0 = backend.asarray(problem.unpack(x, p)[0])
            return xp.concatenate((y0, 0.0 * y0[:1]))

        def states(x, p):
            def kept(k, y, seen):
                return y, seen + places[k][:, None] * y[:n]

            y, seen = walk(x, p, start(x, p), backend.asarray(np.zeros((count, n))), kept, 0, len(todo.kind))
            return xp.concatenate((xp.reshape(seen, (-1,)), y))

        def weighted(x, p, m):
            rows = xp.reshape(m[: count * n], (count, n))

            def added(k, y, seen):
                return y + last * xp.sum(rows[k] * y[:n]), seen

            def segment(y, x, first):
                return walk(x, p, y, y[:0], added, first, length)[0]

            again = backend.checkpoint(segment) if self.checkpoints else segment
            at = backend.asarray(length * np.arange(segments))
            y = backend.iterate(lambda i, y: again(y, x, at[i]), start(x, p), segments)
            return xp.sum(m[count * n :] * y)

        def tangents(x, p):
            return backend.jvp(lambda x: states(x, p), x, backend.asarray(np.eye(x0.size)))

        def curvature(x, p, m):
            return backend.value_grad_hessian(lambda x: weighted(x, p, m), self.mode)(x)

        whole = (tangents, curvature)
        return map(backend.compile, whole) if backend.compiles_loops else whole


def nothing(i, y, seen):
    """A turn without effect."""
    return y, seen
