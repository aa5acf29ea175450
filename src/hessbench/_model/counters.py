"""What a Hessian cost, in operations that do not depend on the machine."""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass
class Counters:
    """Work done for one Hessian. Only wrappers write here, never a strategy: `IVP`, `Derivatives.counted`,
    `count_fixed`, the stepper of `hessbench.discrete` and the solves of `hessbench.tcd`. A strategy that calls the
    integrator of another library counts its right-hand sides in a wrapper of its own and hands the numbers to `add`.

    - `solves`: ODE solves, adaptive or fixed-step
    - `steps`, `rejected`: accepted and rejected steps (rejected only for embedded Runge-Kutta methods)
    - `rhs`: evaluations of the integrated right-hand side, whatever system it belongs to
    - `rhs_weighted`: the same, each weighted by the dimension of its system divided by the problem's dimension
    - `vjps`, `jacobians`, `contractions`: hand-written derivative evaluations, per state

    Not counted: what a framework evaluates inside a derivative of its own (a jitted vjp, the backward sweep of a tape).
    """

    solves: int = 0
    steps: int = 0
    rejected: int = 0
    rhs: int = 0
    rhs_weighted: float = 0.0
    vjps: int = 0
    jacobians: int = 0
    contractions: int = 0

    def add(self, *, steps: int, rhs: int, rejected: int = 0, solves: int = 1, size: float = 1.0) -> None:
        """Add the work of solves by an integrator of another library, of a system `size` times as large as the problem's."""
        own = vars(self)  # one look-up where every thread has counters of its own
        own["solves"] += solves
        own["steps"] += steps
        own["rejected"] += rejected
        own["rhs"] += rhs
        own["rhs_weighted"] += rhs * size

    def include(self, other: Counters) -> None:
        """Add all that `other` counted."""
        own = vars(self)
        for key, count in vars(other).items():
            own[key] += count

    def reset(self) -> None:
        """Set every count to zero, in place."""
        vars(self).update(ZERO)

    def snapshot(self) -> Counters:
        """An independent copy."""
        return Counters(**vars(self))


ZERO = vars(Counters())


class CountersOfThread(threading.local, Counters):
    """Counters of which every thread has its own, all of them zero at first."""
