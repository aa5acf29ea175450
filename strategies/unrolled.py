"""A fixed-step Runge-Kutta integrator, differentiated through the whole trajectory by the framework.

    Y_i = y_n + h a_ij k_j,   k_i = F(t_n + c_i h, Y_i),   y_{n+1} = y_n + h b_i k_i,   L(x) = l(y0, y_{n_steps})

The number of steps is chosen once, in preparation, for the tolerance at the problem's own point. A running loss is
integrated as one more state.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from hessbench import Limits, Result, Strategy, Vector, count_fixed, integrate_fixed, steps_for, tableau


@dataclass(frozen=True)
class Unrolled(Strategy):
    """n tangents of the gradient of the whole loop (`forward-over-reverse`, the default in jax), or n sweeps back through
    it (`reverse-over-reverse`, the default in torch and autograd); any `wrt`.

    Not for long runs: memory grows with steps x stages x operations of `F`. Not far from the point it was prepared at,
    because the steps do not adapt. In torch and autograd nothing is compiled, and every operation of every stage costs
    its overhead n times. `stages="inline"` compiles about 8 times slower in jax and then runs faster in reverse mode.
    Source: Griewank & Walther, Evaluating Derivatives, sections 3.2 and 5.1.
    """

    scheme: str = "DOP853"
    mode: str | None = None
    stages: str = "loop"
    backends: ClassVar[tuple[str, ...]] = ("jax", "torch", "autograd")
    limits: ClassVar[Limits] = Limits(parameters=True, running_loss=True)
    variants: ClassVar = {
        "": {},
        "rk4": {"scheme": "RK4"},
        "reverse-over-reverse": {"mode": "reverse-over-reverse", "stages": "inline"},
    }

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        scheme, p, xp, f = tableau(self.scheme), backend.params(problem), backend.xp, backend.rhs(problem)
        steps = steps_for(problem, scheme, ivp)
        n, running, times = problem.dim, problem.running_loss, np.linspace(*problem.t_span, steps + 1)

        def loss(x, p):
            y0, p = problem.unpack(x, p)
            y0 = backend.asarray(y0)

            def slope(t, z):
                if running is None:
                    return f(t, z, p)
                return xp.concatenate((f(t, z[:n], p), xp.reshape(running(xp, t, z[:n], p), (1,))))

            z0 = y0 if running is None else xp.concatenate((y0, 0.0 * y0[:1]))
            z1 = integrate_fixed(backend, scheme, slope, times, z0, self.stages)
            return problem.loss(xp, y0, z1[:n], p) + xp.sum(z1[n:])

        def all_three(x, p):
            return backend.value_grad_hessian(lambda x: loss(x, p), self.mode)(x)

        run = backend.compile(all_three) if backend.compiles_loops else all_three

        def hessian(x):
            count_fixed(ivp.counters, scheme, steps)
            value, grad, hess = (backend.to_numpy(a) for a in run(backend.asarray(x), p))
            return Result(float(value), grad, hess, note=f"{steps} steps of {scheme.name}")

        if backend.compiles_loops:
            hessian(problem.x0)
        return hessian
