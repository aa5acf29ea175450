"""A fixed-step Runge-Kutta integrator, differentiated through the whole trajectory by the framework.

    Y_i = y_n + h a_ij k_j,   k_i = F(t_n + c_i h, Y_i),   y_{n+1} = y_n + h b_i k_i,   L(x) = l(y0, y_{n_steps})

The number of steps is chosen once, in preparation, for the tolerance at the problem's own point. A running loss is
integrated as one more state.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hessbench import Limits, Result, Strategy, Vector, count_fixed, integrate_fixed, steps_for, tableau
from hessbench.backends import known


@dataclass(frozen=True)
class Unrolled(Strategy):
    """n tangents of the gradient of the whole loop (`forward-over-reverse`, the default in jax), or n sweeps back through
    it (`reverse-over-reverse`, the default in torch and autograd); any `wrt`.

    Not for long runs: memory grows with steps x stages x operations of `F`. Not far from the point it was prepared at,
    because the steps do not adapt. In torch and autograd nothing is compiled, and every operation of every stage costs
    its overhead n times. `stages="inline"` compiles about 8 times slower in jax and then runs faster in reverse mode.
    With `checkpoints`, the loop is cut into segments of about sqrt(steps) steps, rounded up; only the state between segments
    is kept, and a segment is computed again when it is differentiated: memory grows with sqrt(steps).
    Source: Griewank & Walther, Evaluating Derivatives, sections 3.2, 5.1 and 12.2.
    """

    scheme: str = "DOP853"
    mode: str | None = None
    stages: str = "loop"
    checkpoints: bool = False
    backends: ClassVar[tuple[str, ...]] = known(2, "value_grad_hessian")
    limits: ClassVar[Limits] = Limits(parameters=True, running_loss=True)
    variants: ClassVar = {
        "": {},
        "rk4": {"scheme": "RK4"},
        "reverse-over-reverse": {"mode": "reverse-over-reverse", "stages": "inline"},
        "forward-over-reverse": {"mode": "forward-over-reverse"},
        "checkpointed": {"checkpoints": True},
    }

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
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
