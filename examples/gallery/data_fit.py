"""
A fit to data, and how sure it is
=================================

A drug is absorbed and eliminated, A -> B -> nothing. B was seen at twelve times with errors of 0.02. With half the
sum of squared residuals, each in units of its error, as loss, the inverse Hessian at the fit is the covariance of the
rates.
"""

import matplotlib.pyplot as plt
import numpy as np
import scipy.optimize

import hessbench
from hessbench import Data, Problem

ERROR, TRUE = 0.02, np.array([1.3, 0.25])
TIMES = np.linspace(0.5, 12.0, 12)


def rhs(xp, t, y, p):
    a, b = y[:1], y[1:]
    return xp.concatenate([-p["ka"] * a, p["ka"] * a - p["ke"] * b])


def exact(times, ka, ke):
    """Bateman's function."""
    return ka / (ka - ke) * (np.exp(-ke * times) - np.exp(-ka * times))


seen = exact(TIMES, *TRUE) + ERROR * np.random.default_rng(0).standard_normal(TIMES.size)
data = Data(TIMES, seen, residual=lambda xp, t, y, d, p: (y[1] - d) / ERROR)
start, wrt = {"ka": 0.8, "ke": 0.4}, ("ka", "ke")
problem = Problem("absorption", rhs, None, (0.0, 12.0), [1.0, 0.0], start, wrt, data=data)

# %%
# SciPy minimises with the exact Hessian.
f = hessbench.as_scipy(problem)
how = {"jac": f.jac, "hess": f.hess, "method": "trust-exact", "options": {"gtol": 1e-6}}
fit = scipy.optimize.minimize(f.fun, f.x0, **how)
result = hessbench.hessian(problem, fit.x)
deviations = np.sqrt(np.diag(result.covariance()))
for name, value, deviation in zip(problem.wrt, fit.x, deviations, strict=True):
    print(f"{name} = {value:.3f} +- {deviation:.3f}")

# %%
# SciPy's `curve_fit` on the closed form arrives at the same rates, and its covariance is that of the Gauss-Newton
# matrix.
sigma = np.full(12, ERROR)
rates, covariance = scipy.optimize.curve_fit(exact, TIMES, seen, f.x0, sigma, absolute_sigma=True)
np.testing.assert_allclose(fit.x, rates, rtol=1e-5)
np.testing.assert_allclose(result.covariance(expected=True), covariance, rtol=1e-3)

# %%
# The band is two standard deviations of the curve, by rates that are drawn from the covariance.
draws = np.random.default_rng(1).multivariate_normal(fit.x, result.covariance(), 500)
times = np.linspace(0.0, 12.0, 200)
curves = np.array([exact(times, *rates) for rates in draws])
low, high = np.percentile(curves, [2.5, 97.5], axis=0)
plt.fill_between(times, low, high, alpha=0.3, label="95 % of curves")
plt.plot(times, exact(times, *fit.x), label="fit")
plt.errorbar(TIMES, seen, ERROR, fmt="k.", label="data")
plt.xlabel("time [h]")
plt.ylabel("B [dose]")
plt.legend()
plt.show()
