"""Bayesian linear regression with conjugate priors: a mean and an interval for the next observation.

    y = w . x + e,   e ~ N(0, s^2),   w | s^2 ~ N(m, s^2 C),   s^2 ~ inverse gamma(a, b)

After X (k, f) and y (k,):  C'^-1 = C^-1 + X^T X,  m' = C' (C^-1 m + X^T y),  a' = a + k/2,
b' = b + (y^T y + m^T C^-1 m - m'^T C'^-1 m') / 2. The next y at x is Student's t with 2a' degrees of freedom around m' . x, of
scale sqrt(b'/a' (1 + x^T C' x)). Source: Gelman et al., Bayesian Data Analysis, 3rd ed., section 14.2 and 14.8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._model.derivatives import Array


@dataclass(frozen=True, eq=False)
class Line:
    """What is known of w and s: `mean` (f,), `covariance` (f, f), `a` and `b`."""

    mean: Array
    covariance: Array
    a: float
    b: float

    def learnt(self, rows: Array, values: Array) -> Line:
        """The same after `values` (k,) were seen at `rows` (k, f)."""
        before = np.linalg.inv(self.covariance)
        after = before + rows.T @ rows
        covariance = np.linalg.inv(after)
        mean = covariance @ (before @ self.mean + rows.T @ values)
        b = self.b + (values @ values + self.mean @ before @ self.mean - mean @ after @ mean) / 2
        return Line(mean, (covariance + covariance.T) / 2, self.a + len(values) / 2, max(float(b), 1e-12))

    def at(self, row: Array) -> tuple[float, float, float]:
        """Centre, scale and degrees of freedom of the next value at `row` (f,)."""
        scale = self.b / self.a * (1.0 + row @ self.covariance @ row)
        return float(self.mean @ row), float(np.sqrt(scale)), 2 * self.a

    def to_json(self) -> dict[str, Any]:
        """Lists of numbers, of six digits: the upper triangle of the covariance row by row."""
        upper = self.covariance[np.triu_indices(self.mean.size)]
        mean, covariance = ([float(f"{v:.6g}") for v in part] for part in (self.mean, upper))
        return {"mean": mean, "covariance": covariance, "a": self.a, "b": float(f"{self.b:.6g}")}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Line:
        """The inverse of `to_json`. Raises `KeyError`, `TypeError` or `ValueError` for what is none."""
        mean = np.array(data["mean"], dtype=float)
        upper, covariance = np.array(data["covariance"], dtype=float), np.zeros((mean.size, mean.size))
        if upper.shape != (mean.size * (mean.size + 1) // 2,):
            raise ValueError(f"`covariance` has shape {upper.shape}")
        covariance[np.triu_indices(mean.size)] = upper
        covariance = covariance + np.triu(covariance, 1).T
        return cls(mean, covariance, float(data["a"]), float(data["b"]))


def prior(mean: Sequence[float], deviations: Sequence[float], scatter: float) -> Line:
    """Before anything was seen: `mean` (f,) with `deviations` (f,), and observations that scatter by about `scatter`."""
    a = 2.0
    return Line(np.array(mean), np.diag((np.array(deviations) / scatter) ** 2), a, a * scatter**2)
