"""Hand adjoints with one planted error each; the gate and the conformance kit have to find all of them."""

import threading
from dataclasses import dataclass, field, replace

import numpy as np

from hessbench import Counters, Derivatives, Result, Strategy, loss_blocks, strategies

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


@dataclass(frozen=True)
class WrongValue(Planted):
    """The loss is wrong, its derivatives are not."""

    def after(self, result):
        return replace(result, value=1.01 * result.value + 0.1)


@dataclass(frozen=True)
class Lopsided(Planted):
    """Above and below the diagonal differ by more than the accuracy."""

    def after(self, result):
        return replace(
            result, hess=result.hess + 1e-4 * np.max(np.abs(result.hess)) * np.triu(np.ones_like(result.hess), 1)
        )


@dataclass(frozen=True)
class Drifting(Planted):
    """Each call adds a little."""

    calls: list = field(default_factory=list)

    def after(self, result):
        self.calls.append(1)
        return replace(result, hess=result.hess * (1 + 1e-12 * len(self.calls)))


@dataclass(frozen=True)
class OverwritesInput(Planted):
    """The decision vector is used as work space."""

    def prepare(self, problem, backend, ivp):
        run = HAND_ADJOINT.prepare(problem, backend, ivp)

        def hessian(x):
            result = run(x.copy())
            x += 1.0
            return result

        return hessian


@dataclass(frozen=True)
class CountsNothing(Planted):
    """It integrates with a solver that nobody counts."""

    def prepare(self, problem, backend, ivp):
        return HAND_ADJOINT.prepare(problem, backend, replace(ivp, counters=Counters()))


@dataclass(frozen=True)
class CountsHalf(Planted):
    """It evaluates the right-hand side beside the solver."""

    def prepare(self, problem, backend, ivp):
        run = HAND_ADJOINT.prepare(problem, backend, ivp)

        def hessian(x):
            result = run(x)
            for _ in range(ivp.counters.rhs):
                problem.rhs(np, problem.t_span[0], x, problem.params)
            return result

        return hessian


@dataclass(frozen=True)
class IgnoresTolerance(Planted):
    """It always solves to three digits."""

    def prepare(self, problem, backend, ivp):
        return HAND_ADJOINT.prepare(problem, backend, replace(ivp, rtol=1e-3, atol=1e-3))


@dataclass(frozen=True)
class NeedsTwoStates(Planted):
    """A squeezed axis."""

    def after(self, result):
        return replace(result, grad=np.squeeze(result.grad), hess=np.squeeze(result.hess))


@dataclass(frozen=True)
class TerseRefusal(Planted):
    """The reason is not a sentence."""

    def why_not(self, problem):
        return "no"


@dataclass(frozen=True)
class RefusesEverything(Planted):
    """The reason is a sentence, and it is always given."""

    def why_not(self, problem):
        return "It has no time for this problem."


class Native(Planted):
    """The hand adjoint by all unknowns, on problems without hand-written derivatives too."""

    limits = HAND_ADJOINT.limits

    def prepare(self, problem, backend, ivp):
        run = HAND_ADJOINT.prepare(problem, backend, ivp)
        return lambda x: self.after(run(x))


@dataclass(frozen=True)
class AllButOneZero(Native):
    """Only the largest entry of the Hessian is there."""

    def after(self, result):
        size = np.abs(result.hess)
        return replace(result, hess=np.where(size == size.max(), result.hess, 0.0))


@dataclass(frozen=True)
class SmallEntriesZero(Native):
    """What is small beside the largest entry is taken for round-off."""

    def after(self, result):
        size = np.abs(result.hess)
        return replace(result, hess=np.where(size > 1e-6 * size.max(), result.hess, 0.0))


@dataclass(frozen=True)
class ValueAlone(Native):
    """The value has a wrong sign and factor, its derivatives are right."""

    def after(self, result):
        return replace(result, value=-7.0 * result.value)


@dataclass(frozen=True)
class RowInOtherUnits(Native):
    """The last unknown is taken in units a thousand times as large."""

    def after(self, result):
        units = np.ones(result.grad.size)
        units[-1] = 1e-3
        return replace(result, hess=result.hess * np.outer(units, units))


@dataclass(frozen=True)
class WrongLater(Native):
    """Three calls are right, all others are not."""

    calls: list = field(default_factory=list)

    def after(self, result):
        self.calls.append(1)
        return result if len(self.calls) <= 3 else replace(result, hess=1.1 * result.hess)


@dataclass(frozen=True)
class WrongOnce(Native):
    """The fourth call alone is wrong, the first timed one."""

    calls: list = field(default_factory=list)

    def after(self, result):
        self.calls.append(1)
        return replace(result, hess=1.1 * result.hess) if len(self.calls) == 4 else result


@dataclass(frozen=True)
class WrongSometimes(Native):
    """One call in ten is wrong, from the eleventh on."""

    calls: list = field(default_factory=list)

    def after(self, result):
        self.calls.append(1)
        return result if len(self.calls) < 11 or len(self.calls) % 10 else replace(result, grad=1.1 * result.grad)


@dataclass(frozen=True)
class KeptByIdentity(Native):
    """A result is kept for an array, whatever is written into it later."""

    def prepare(self, problem, backend, ivp):
        run, kept = HAND_ADJOINT.prepare(problem, backend, ivp), {}

        def hessian(x):
            if id(x) not in kept:
                kept[id(x)] = x, run(x)  # the array is kept as well, so that no other one gets its place
            return kept[id(x)][1]

        return hessian


@dataclass(frozen=True)
class KeepsTheFirst(Native):
    """The first result is returned for every point."""

    def prepare(self, problem, backend, ivp):
        run, kept = HAND_ADJOINT.prepare(problem, backend, ivp), []

        def hessian(x):
            kept.append(run(x))
            return kept[0]

        return hessian


@dataclass(frozen=True)
class FirstThreadOnly(Native):
    """Another thread finds an empty tape."""

    thread: list = field(default_factory=list)

    def after(self, result):
        self.thread.append(threading.get_ident())
        return result if self.thread[0] == self.thread[-1] else replace(result, hess=0.0 * result.hess)


@dataclass(frozen=True)
class RaisesInOtherThreads(Native):
    """Another thread finds no tape at all."""

    thread: list = field(default_factory=list)

    def after(self, result):
        self.thread.append(threading.get_ident())
        if self.thread[0] != self.thread[-1]:
            raise RuntimeError("no tape")
        return result


HIDDEN = {  # faults that units or the order of calls hide, and what names each one
    AllButOneZero: "Hessian by ",
    SmallEntriesZero: "Hessian by ",
    ValueAlone: "value",
    RowInOtherUnits: "Hessian by ",
    WrongLater: "in call ",
    KeptByIdentity: " point",
    KeepsTheFirst: " point",
    FirstThreadOnly: "from a second thread",
}
WRONG = (TransposedTerm, DroppedSecondDerivative, MissingSymmetricPart, ZeroMatrix, WrongGradient, MissingCrossTerm)
LAWS = {  # the law that each one breaks, and a class of problems on which it does
    "Hessian agrees with the reference": (DroppedSecondDerivative, "y0-loss"),
    "gradient agrees with the reference": (WrongGradient, "y0-loss"),
    "value agrees with the reference": (WrongValue, "y0-loss"),
    "Hessian is symmetric": (Lopsided, "y0-loss"),
    "gives the same again": (Drifting, "y0-loss"),
    "leaves its input unchanged": (OverwritesInput, "y0-loss"),
    "counts its work": (CountsNothing, "y0-loss"),
    "runs": (NeedsTwoStates, "one-state"),
    "refuses with a sentence": (TerseRefusal, "y0-loss"),
}
