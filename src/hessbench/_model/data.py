"""Observations at many times, and how far the solution is from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._errors import InvalidInput
from .arrays import Array
from .likelihood import Likelihood


@dataclass(frozen=True, eq=False)
class Data:
    """Terms of the loss at given times, added over them: `loss(xp, t, y, d, p)` and half the squares of `residual(...)`.

        loss += sum over m of sum(where(mask[m], loss(xp, t_m, y(t_m), values[m], p), 0)) + |residual|^2 / 2

    At a time at which there is a dose too, the data see the state before it.
    Raises `InvalidInput` for shapes that do not match, times that are not finite, data without a loss, and values that the
    likelihood cannot give.

    Parameters
    ----------
    times : (M,)
        inside `t_span`, ends included, in any order; a time may stand there several times (replicates)
    values : (M,) or (M, k)
        what was observed; `d` is a row of it. What is nan was not observed
    loss
        a scalar, or an array like `d` whose entries are added; noise parameters are entries of `p`
    residual
        an array like `d`; `Result.gauss_newton` then leaves out the second derivatives of the residuals
    mask
        like `values`, False where there is nothing to compare; entries of a scalar loss cannot be masked one by one
    likelihood
        in place of both, a distribution (`Normal`, `LogNormal`, `Poisson`, ...); `loss` is then its negative logarithm with all
        constants, and `Result.fisher` its expected information
    """

    times: Any
    values: Any
    loss: Callable[..., Any] | None = None
    residual: Callable[..., Any] | None = None
    mask: Any = None
    likelihood: Likelihood | None = None

    def __post_init__(self) -> None:
        times, values = (np.array(a, dtype=np.float64) for a in (self.times, self.values))
        if times.ndim != 1 or times.size == 0 or not np.all(np.isfinite(times)):
            raise InvalidInput(
                f"`Data`: `times` has shape {times.shape}, expected (M,) finite numbers, one for each row of `values`."
            )
        if values.ndim not in (1, 2) or len(values) != times.size:
            raise InvalidInput(
                f"`Data`: `values` has shape {values.shape}, expected ({times.size},) or ({times.size}, k), one row for each "
                f"of the {times.size} times."
            )
        self._check_terms()
        mask = np.ones(values.shape, dtype=bool) if self.mask is None else np.array(self.mask)
        if mask.dtype != bool or mask.shape != values.shape:
            raise InvalidInput(
                f"`Data`: `mask` has shape {mask.shape} and type {mask.dtype}, expected truth values "
                f"{values.shape}, as `values`."
            )
        mask = mask & ~np.isnan(values)
        if self.likelihood is not None:
            self.likelihood.check(values, mask)
        order = np.argsort(times, kind="stable")
        filled = np.where(mask, values, np.nan)
        for column in filled.T if values.ndim == 2 else [filled]:
            known = column[~np.isnan(column)]
            column[np.isnan(column)] = known[0] if known.size else 1.0  # never counted, but logarithms of it are taken
        for key, value in (("times", times), ("values", filled), ("mask", mask)):
            object.__setattr__(self, key, value[order])

    def _check_terms(self) -> None:
        if self.likelihood is None:
            if self.loss is None and self.residual is None:
                raise InvalidInput(
                    "`Data` needs a `loss(xp, t, y, d, p)`, a `residual(xp, t, y, d, p)`, or a `likelihood` such as `Normal`."
                )
            return
        if not isinstance(self.likelihood, Likelihood):
            raise InvalidInput(
                f"`Data`: `likelihood` is {self.likelihood!r}, expected `Normal(mean, sigma)`, `Poisson(mean)` or another one."
            )
        if self.residual is not None or self.loss not in (None, self.likelihood.terms):
            raise InvalidInput("`Data` with a `likelihood` takes no `loss` or `residual` beside it.")
        object.__setattr__(self, "loss", self.likelihood.terms)

    def check(self, name: str, t_span: tuple[float, float], free: tuple[str, ...]) -> None:
        """Raise `InvalidInput` for a time outside of `t_span`, or at an end of it that is an unknown (`free`)."""
        inside(name, "Data", self.times, t_span, free)


def inside(name: str, what: str, times: Array, t_span: tuple[float, float], free: tuple[str, ...]) -> None:
    """Raise `InvalidInput` unless all `times` are in `t_span`, and not at an end that is an unknown."""
    low, high = min(t_span), max(t_span)
    for t in np.ravel(times).tolist():
        if not low <= t <= high:
            raise InvalidInput(f"problem {name!r}: {what} has the time {t:g}, which is outside of `t_span` = {t_span}.")
        for key, end in zip(("t0", "t1"), t_span, strict=True):
            if key in free and t == end:
                raise InvalidInput(
                    f"problem {name!r}: {what} has the time {t:g}, where {key} is, which is in `wrt`: a small change would "
                    f"leave it outside. Move one of them, or take {key} out of `wrt`."
                )
