"""A strategy that is wrong by two per cent: a wheel that does not see it is no good."""

from dataclasses import replace

from hessbench import Strategy, hessian


class Spoiled(Strategy):
    def prepare(self, problem, backend, ivp):
        def run(x):
            found = hessian(problem, x, "discrete-adjoint")
            return replace(found, hess=1.02 * found.hess)

        return run
