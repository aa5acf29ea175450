"""Hand adjoints with one planted error each; the gate and the conformance kit have to find all of them."""

from dataclasses import dataclass, replace

import numpy as np

from hessbench import Derivatives, Result, Strategy, loss_blocks, strategies

HAND_ADJOINT = strategies()["hand-adjoint"].target


class Planted(Strategy):
    """The hand adjoint on a problem whose derivatives `spoil` has changed; `after` changes the result."""

    def prepare(self, problem, backend, ivp):
        spoiled = replace(problem, derivatives=self.spoil(problem.derivatives))
        run = HAND_ADJOINT.prepare(spoiled, backend, ivp)
        return lambda x: self.after(run(x))

    def spoil(self, derivatives: Derivatives) -> Derivatives:
        return derivatives

    def after(self, result: Result) -> Result:
        return result


@dataclass(frozen=True)
class TransposedTerm(Planted):
    """The Jacobian is transposed in the product with the Hessian costate."""

    def spoil(self, derivatives):
        jac = derivatives.jac
        return replace(derivatives, jac=lambda t, y, p: jac(t, y, p).swapaxes(-1, -2), jac_values=None)


@dataclass(frozen=True)
class DroppedSecondDerivative(Planted):
    """The term `s_k F_k,ij` is missing."""

    def spoil(self, derivatives):
        vhp = derivatives.vhp
        return replace(derivatives, vhp=lambda t, y, s, p: 0.0 * vhp(t, y, s, p))


@dataclass(frozen=True)
class MissingSymmetricPart(Planted):
    """Only the lower triangle is filled."""

    def after(self, result):
        return replace(result, hess=np.tril(result.hess))


@dataclass(frozen=True)
class ZeroMatrix(Planted):
    """What a detached tape returns."""

    def after(self, result):
        return replace(result, hess=np.zeros_like(result.hess))


@dataclass(frozen=True)
class WrongGradient(Planted):
    """The Hessian is right and the gradient is not."""

    def after(self, result):
        return replace(result, grad=1.01 * result.grad)


@dataclass(frozen=True)
class MissingCrossTerm(Strategy):
    """The loss block `l_01` is left out: right for losses of the final state only."""

    def prepare(self, problem, backend, ivp):
        blocks, _ = loss_blocks(problem)

        def without(y0, y1, p):
            found = blocks(y0, y1, p)
            return replace(found, l01=np.zeros_like(found.l01))

        return HAND_ADJOINT.prepare(replace(problem, loss_blocks=without), backend, ivp)


ALL = (TransposedTerm, DroppedSecondDerivative, MissingSymmetricPart, ZeroMatrix, WrongGradient, MissingCrossTerm)
