"""Adaptive solves of initial-value problems by SciPy's steppers, with counting and with errors that say what happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .._errors import IntegrationError, InvalidInput, Unsupported
from .._model.counters import Counters
from .._model.derivatives import Array
from .pairs import names

SCIPY = ("RK45", "DOP853", "RK23", "Radau", "BDF", "LSODA")


@dataclass(frozen=True)
class Solution:
    """End state `y1`, the accepted times `t` (steps + 1,), and `y(t)` by dense output; the latter raises if not asked for.

    `h` is the size of step that the method would go on with; `None` where it does not say.
    """

    y1: Array
    t: Array
    y: Callable[[float], Array]
    h: float | None = None


@dataclass(frozen=True)
class IVP:
    """How to integrate: method, tolerances, step limit. `dim` is the problem's own dimension, the unit of weighted counts.

    The error of each step is controlled in SciPy's norm, `rms(error / (atol + rtol |y|)) < 1`, over all components of
    whatever system is integrated. `by_component`: nobody asked for `atol`, and the strategy declares
    (`Strategy.scales_by_component`) that it measures each component against its own size instead.
    """

    method: str = "DOP853"
    rtol: float = 1e-10
    atol: float = 1e-10
    max_steps: int = 100_000
    dim: int = 1
    by_component: bool = False
    counters: Counters = field(default_factory=Counters, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.method not in SCIPY and self.method not in names():  # the latter for `discrete-adjoint`
            known = dict.fromkeys([*SCIPY, *names()])
            raise InvalidInput(f"`method` is {self.method!r}; choose one of {', '.join(known)}.")
        for what in ("rtol", "atol"):
            value = getattr(self, what)
            if not (isinstance(value, int | float) and 0 < value < 1):
                raise InvalidInput(f"`{what}` is {value!r}; a tolerance is a number between 0 and 1, such as 1e-8.")
        if self.max_steps < 1:
            raise InvalidInput(f"`max_steps` is {self.max_steps!r}; expected a positive number.")

    def solve(
        self,
        f: Callable[[float, Array], Array],
        t_span: tuple[float, float],
        y0: Array,
        *,
        dense: bool = False,
        h: float | None = None,
    ) -> Solution:
        """Integrate `dy/dt = f(t, y)` over `t_span` (either direction) from `y0` (any length), the first step of size `h`.

        Left out, the method chooses it. With `dense`, `Solution.y` interpolates between the steps at the method's own order.
        Raises `IntegrationError` when the end is not reached, `Unsupported` for a method that SciPy does not have.
        """
        from scipy import integrate

        if self.method not in SCIPY:
            raise Unsupported(f"It integrates with SciPy, which has no {self.method}; choose {', '.join(SCIPY)}.")

        counters, calls = self.counters, 0

        def counted(t: float, y: Array) -> Array:
            nonlocal calls
            calls += 1
            return f(t, y)

        def finish(calls: int) -> None:
            counters.rhs += calls
            counters.rhs_weighted += calls * np.size(y0) / self.dim

        stepper_class = getattr(integrate, self.method)
        t0, t1 = t_span
        times, pieces = [t0], []
        counters.solves += 1
        with np.errstate(all="ignore"):
            first = None if h is None else min(h, abs(t1 - t0))
            stepper = stepper_class(counted, t0, y0, t1, rtol=max(self.rtol, 2.3e-14), atol=self.atol, first_step=first)
            stages = getattr(stepper_class, "n_stages", None)
            while stepper.status == "running":
                before = calls
                message = stepper.step()
                if stepper.status == "failed" or not np.all(np.isfinite(stepper.y)):
                    finish(calls)
                    raise IntegrationError(self._explain(message or "the state is not finite", stepper))
                if len(times) > self.max_steps:
                    finish(calls)
                    raise IntegrationError(self._explain(f"more than max_steps = {self.max_steps} steps", stepper))
                times.append(stepper.t)
                counters.steps += 1
                if stages:
                    counters.rejected += (calls - before) // stages - 1
                if dense:
                    pieces.append(stepper.dense_output())
        finish(calls)
        y = integrate.OdeSolution(np.array(times), pieces) if dense else _no_dense_output
        return Solution(stepper.y, np.array(times), y, getattr(stepper, "h_abs", None))

    def _explain(self, why: str, stepper) -> str:
        size = abs(stepper.h_abs) if getattr(stepper, "h_abs", None) is not None else float("nan")
        norm = float(np.linalg.norm(np.nan_to_num(stepper.y, nan=np.inf)))
        return (
            f"{self.method} stopped at t = {stepper.t:.6g} of {stepper.t_bound:.6g} with step size {size:.3g} and state "
            f"norm {norm:.3g}: {why} (rtol {self.rtol:g}, atol {self.atol:g})."
        )


def _no_dense_output(t: float) -> Array:
    raise InvalidInput("There is no dense output; ask for it: `ivp.solve(..., dense=True)`.")
