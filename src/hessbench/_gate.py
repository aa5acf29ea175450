"""The correctness gate: a result is compared with the reference before anything is timed.

Errors are relative and scaled as the Hessian is: `max|dH| / max|H|`; a gradient is compared on the scale `max(|g|, |H| |x|)`
and a value on `max(|L|, |g| |x|, |H| |x|^2)`, so that the vanishing gradient of a closed orbit is not divided by zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ._derivatives import Array
from ._record import Record
from ._reference import Reference
from ._strategy import Result

WRONG = 1e-2


@dataclass(frozen=True)
class Errors:
    """Relative errors of one result; infinite when it is not finite. `asymmetry` is `max|H - H^T| / max|H|`."""

    hess: float
    grad: float
    value: float
    asymmetry: float

    @property
    def worst(self) -> float:
        """The largest of the errors that the gate judges."""
        return max(self.hess, self.grad, self.value)


def errors(result: Result, against: Reference, x: Array) -> Errors:
    """Errors of `result` at the point `x` where `against` was computed."""
    size = float(np.max(np.abs(x))) or 1.0
    hess = float(np.max(np.abs(against.hess)))
    grad = max(float(np.max(np.abs(against.grad))), hess * size)
    value = max(abs(against.value), grad * size)
    return Errors(
        hess=_relative(result.hess - against.hess, hess or grad),
        grad=_relative(result.grad - against.grad, grad),
        value=_relative(np.array(result.value - against.value), value),
        asymmetry=_relative(result.hess - result.hess.T, hess or grad),
    )


def judge(record: Record, at_point: Errors, perturbed: Errors | None, agreement: float, threshold: float) -> Record:
    """`record` with errors, threshold and status `ok`, `inaccurate` or `wrong`.

    The threshold is at least ten times the difference of the two methods behind the reference, and the asymmetry has to
    stay below twice the threshold.
    """
    threshold = max(threshold, 10 * agreement)
    found = [e for e in (at_point, perturbed) if e is not None]
    worst = max(e.worst for e in found)
    asymmetry = max(e.asymmetry for e in found)
    status = "ok" if worst <= threshold and asymmetry <= 2 * threshold else "inaccurate" if worst <= WRONG else "wrong"
    message = ""
    if status != "ok":
        where = "" if at_point.worst >= worst else " at the perturbed point"
        part = max(("Hessian", "gradient", "value"), key=lambda k: max(getattr(e, _FIELD[k]) for e in found))
        message = f"error {worst:.1e} of the {part}{where}, allowed {threshold:.1e}"
        if worst <= threshold:
            message = f"asymmetry {asymmetry:.1e} of the Hessian, allowed {2 * threshold:.1e}"
    return replace(
        record,
        status=status,
        message=message,
        threshold=threshold,
        error_hess=at_point.hess,
        error_hess_perturbed=None if perturbed is None else perturbed.hess,
        error_grad=max(e.grad for e in found),
        error_value=max(e.value for e in found),
        asymmetry=asymmetry,
        reference_agreement=agreement,
    )


_FIELD = {"Hessian": "hess", "gradient": "grad", "value": "value"}


def _relative(difference: Array, scale: float) -> float:
    gap = float(np.max(np.abs(difference))) / (scale or 1.0)
    return gap if np.isfinite(gap) else float("inf")
