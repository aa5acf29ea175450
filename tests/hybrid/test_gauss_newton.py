"""The Gauss-Newton matrix is that of the residuals' tangents, and the covariance the inverse of what was asked for."""

import numpy as np
import pytest

import hessbench
from hessbench import Data, InvalidInput

from .problems import scalar

TIMES = np.array([1.0, 2.0, 4.0, 8.2, 10.0, 16.2, 20.0, 24.0])
SEEN = np.array([2.1, 3.0, 2.8, 1.6, 3.9, 2.4, 4.1, 2.5])


def residuals(x):
    """Bateman's formula for each of three doses: (8,) at (ka, ke, V, lag)."""
    ka, ke, volume, lag = x
    since = TIMES[:, None] - lag - 8.0 * np.arange(3)
    one = 100.0 * ka / (volume * (ka - ke)) * (np.exp(-ke * since) - np.exp(-ka * since))
    return np.where(since > 0, one, 0.0).sum(axis=1) - SEEN


def test_gauss_newton_of_a_fit_with_doses_at_a_time_that_is_fitted():
    problem = hessbench.problem("pharmacokinetics")
    x, h = problem.x0, 1e-3
    tangents = np.zeros((8, 4))
    for k, weight in ((1, 8.0), (2, -1.0)):  # fourth order
        for j in range(4):
            e = k * h * x[j] * np.eye(4)[j]
            tangents[:, j] += weight * (residuals(x + e) - residuals(x - e)) / (12 * h * x[j])
    result = hessbench.hessian(problem)
    want = tangents.T @ tangents
    size = np.sqrt(np.diag(want))
    np.testing.assert_allclose(result.gauss_newton / np.outer(size, size), want / np.outer(size, size), atol=1e-8)
    assert np.abs(result.hess - result.gauss_newton).max() > 1.0  # residuals are large here
    assert result.value == pytest.approx((residuals(x) ** 2).sum() / 2, rel=1e-10)


def linear():
    """y' = 0 from y0, seen five times with noise 0.1: the variance of y0 is 0.01 / 5."""
    data = Data(np.linspace(0.2, 1.8, 5), [1.0, 1.1, 0.9, 1.05, 0.95], residual=lambda xp, t, y, d, p: (y[0] - d) / 0.1)
    return scalar("constant", lambda xp, t, y, p: 0.0 * y, None, y0=1.0, data=data)


def test_covariance_of_a_mean():
    result = hessbench.hessian(linear())
    assert result.covariance()[0, 0] == pytest.approx(0.002, rel=1e-9)
    assert result.covariance(expected=True)[0, 0] == pytest.approx(0.002, rel=1e-9)


def test_no_covariance_where_it_is_no_minimum():
    hill = hessbench.hessian(scalar("hill", lambda xp, t, y, p: 0.0 * y, lambda xp, y0, y1, p: -xp.sum(y1**2), y0=1.0))
    with pytest.raises(InvalidInput, match="not positive definite"):
        hill.covariance()
    with pytest.raises(InvalidInput, match="comes with"):
        hill.covariance(expected=True)
