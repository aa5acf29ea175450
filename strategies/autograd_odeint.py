"""autograd's derivative of `scipy.integrate.odeint`, applied to itself: the continuous adjoint of the continuous adjoint.

The vjp of `odeint` integrates the state y, the costate s and the integrals of s F_,t and s F_,p backward by `odeint`, so
that it can be differentiated again. This is backprop of backprop row by row, by LSODA.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from hessbench import IntegrationError, Limits, Result, Strategy, Vector


@dataclass(frozen=True)
class AutogradOdeint(Strategy):
    """2 + 2n solves: N states forward, 2N + 1 + P backward, where P is the number of unknown parameters, and for each row
    one of 4N + 3 + 3P states and one of 2N + 1 + P. Each evaluation writes and pulls tapes.

    The rows magnify the errors of the end state and of the gradient, and LSODA's global error is larger than its
    tolerance: all solves are made at a hundredth of it. The unknown parameters go through `args`, a traced tuple that must be
    given even if it holds nothing. Not for dissipative problems, because the state is integrated backward.
    Source: autograd 1.9.1, `autograd.scipy.integrate`; Fröhlich et al., PLOS Comp. Biol. 13 (2017) e1005331.
    """

    sharpen: float = 0.01
    backends: ClassVar[tuple[str, ...]] = ("autograd",)
    limits: ClassVar[Limits] = Limits(reversible_only=True, parameters=True)

    def prepare(self, problem, backend, ivp) -> Callable[[Vector], Result]:
        from autograd.builtins import tuple as traced_tuple
        from autograd.extend import Box
        from autograd.scipy.integrate import odeint
        from scipy.integrate import ODEintWarning

        n, m, xp, rhs = problem.dim, problem.x0.size, backend.xp, backend.rhs(problem)
        unknown = problem.varied
        times, parameters = np.array(problem.t_span), sum(problem.params[key].size for key in unknown)
        options = {
            "rtol": max(self.sharpen * ivp.rtol, 1e-13),
            "atol": self.sharpen * ivp.atol,
            "mxstep": ivp.max_steps,
        }
        once = 2 * n + 1 + parameters  # y, s, and the integrals
        sizes = (n, once, 2 * once + 1 + parameters)

        def loss(x):
            y0, p = problem.unpack(x)
            last = [np.nan] * len(sizes)

            def f(y, t, *values):
                depth, at = 0, t
                while isinstance(at, Box):
                    depth, at = depth + 1, at._value
                ivp.counters.add(solves=0, steps=int(at != last[depth]), rhs=1, size=sizes[depth] / n)
                last[depth] = at
                return rhs(t, y, {**p, **dict(zip(unknown, values, strict=True))})

            y1 = odeint(f, y0, times, traced_tuple([p[key] for key in unknown]), **options)[-1]
            return problem.loss(xp, y0, y1, p)

        all_three: Any = backend.value_grad_hessian(loss)

        def hessian(x):
            ivp.counters.add(solves=2 + 2 * m, steps=0, rhs=0)
            with warnings.catch_warnings():
                warnings.simplefilter("error", ODEintWarning)
                warnings.filterwarnings("ignore", "Output seems independent of input")  # of an F without t
                try:
                    value, grad, hess = all_three(x)
                except ODEintWarning as error:
                    raise IntegrationError(f"scipy.integrate.odeint: {error}") from error
            return Result(float(value), grad, hess)

        return hessian
