"""The correctness gate: results are compared with references, before anything is timed and among the timed calls.

What is judged are scaled errors (`scaled`): every entry of value, gradient and Hessian on its own scale, so that units
hide nothing. Beside them a record keeps errors relative to the largest entry: `max|dH| / max|H|`, a gradient on the scale
`max(|g|, |H| |x|)` and a value on `max(|L|, |g| |x|, |H| |x|^2)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._measuring.record import Record
from .._model.derivatives import Array
from .._model.result import Result
from .reference import Reference
from .scaled import Scaled, Yardstick, yardstick

WRONG = 1e-2
PERTURBED = "at the perturbed point"


@dataclass(frozen=True)
class Errors:
    """Errors of one result relative to the largest entry; infinite when it is not finite. `scaled` is what is judged.

    `asymmetry` is `max|H - H^T| / max|H|`.
    """

    hess: float
    grad: float
    value: float
    asymmetry: float
    scaled: Scaled

    @property
    def worst(self) -> float:
        """The largest scaled error of value, gradient and Hessian."""
        return self.scaled.worst


@dataclass(frozen=True)
class Seen:
    """Errors of one call, and where or when it was, as in "at the perturbed point"; empty for the first at the own point."""

    errors: Errors
    when: str = ""


def errors(result: Result, against: Reference, x: Array, measure: Yardstick | None = None) -> Errors:
    """Errors of `result` at the point `x` where `against` was computed.

    `measure` is the yardstick of that reference (`yardstick_of`); without it the unknowns are as large as they are in `x`.
    """
    if measure is None:
        measure = yardstick(against, np.where(x == 0, float(np.max(np.abs(x))) or 1.0, np.abs(x)))
    size = float(np.max(np.abs(x))) or 1.0
    hess = float(np.max(np.abs(against.hess)))
    grad = max(float(np.max(np.abs(against.grad))), hess * size)
    value = max(abs(against.value), grad * size)
    return Errors(
        hess=_relative(result.hess, against.hess, hess or grad),
        grad=_relative(result.grad, against.grad, grad),
        value=_relative(result.value, against.value, value),
        asymmetry=_relative(result.hess, np.transpose(result.hess), hess or grad),
        scaled=measure(result),
    )


def judge(record: Record, seen: Sequence[Seen], agreement: float, threshold: float) -> Record:
    """`record` with errors, threshold and status `ok`, `inaccurate` or `wrong`; the first of `seen` is the own point.

    The threshold is at least ten times the difference of the two methods behind the reference. The scaled asymmetry has to
    stay below twice the threshold.
    """
    threshold = max(threshold, 10 * agreement)
    worst = max(seen, key=lambda one: one.errors.worst)
    lopsided = max(seen, key=lambda one: one.errors.scaled.asymmetry)
    error, asymmetry = worst.errors.worst, lopsided.errors.scaled.asymmetry
    right = error <= threshold and asymmetry <= 2 * threshold
    status = "ok" if right else "inaccurate" if error <= WRONG else "wrong"
    message = ""
    if error > threshold:
        message = f"error {error:.1e} of the {worst.errors.scaled.where}{_space(worst.when)}, allowed {threshold:.1e}"
    elif not right:
        message = f"asymmetry {asymmetry:.1e} of the Hessian{_space(lopsided.when)}, allowed {2 * threshold:.1e}"
    perturbed = [one.errors.hess for one in seen if one.when.startswith(PERTURBED)]
    own = [one.errors.hess for one in seen if not one.when.startswith("at ")]
    return replace(
        record,
        status=status,
        message=message,
        threshold=threshold,
        error_hess=max(own),
        error_hess_perturbed=max(perturbed) if perturbed else None,
        error_grad=max(one.errors.grad for one in seen),
        error_value=max(one.errors.value for one in seen),
        error_scaled=error,
        error_scaled_where=f"{worst.errors.scaled.where}{_space(worst.when)}",
        asymmetry=max(one.errors.asymmetry for one in seen),
        reference_agreement=agreement,
    )


def _space(text: str) -> str:
    return f" {text}" if text else ""


def _relative(found: Any, right: Any, scale: float) -> float:
    if np.shape(found) != np.shape(right):
        return float("inf")
    with np.errstate(all="ignore"):
        gap = float(np.max(np.abs(np.asarray(found) - right))) / (scale or 1.0)
    return gap if np.isfinite(gap) else float("inf")
