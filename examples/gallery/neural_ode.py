"""
A neural ODE trained by second order
====================================

A perceptron with eight hidden units, 42 parameters, is the right-hand side; the loss is the integral of its squared
distance from a spiral (arXiv:1806.07366). Newton's method in a trust region sees the whole Hessian, L-BFGS gradients
only.
"""

from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import scipy.integrate
import scipy.optimize

import hessbench

problem = hessbench.problem("neural-ode", h=8)
print(problem.x0.size, "parameters:", problem.wrt)


def train(method, budget, second):
    """The best loss after each evaluation, and where it ended."""
    f, losses = hessbench.as_scipy(problem, second=second, rtol=1e-8), []
    extra = {"hess": f.hess} if second == "hess" else {}

    def value(x):
        losses.append(f.fun(x))
        return losses[-1]

    options = {"maxiter": budget} | ({"maxfun": budget} if method == "L-BFGS-B" else {})
    done = scipy.optimize.minimize(value, f.x0, jac=f.jac, method=method, options=options, **extra)
    return np.minimum.accumulate(losses), done.x


newton, x = train("trust-exact", 150, "hess")
lbfgs, _ = train("L-BFGS-B", 150, "hessp")
print(f"Newton {newton[-1]:.2e} after {newton.size} points, L-BFGS {lbfgs[-1]:.2e} after {lbfgs.size}")
assert newton[-1] < 0.2 * lbfgs[-1]

# %%
# No closed form, but derivatives can be checked: second differences of the loss along random directions agree with
# the Hessian.
hess = hessbench.hessian(problem, rtol=1e-10).hess
loss = hessbench.as_scipy(problem, second="hessp", rtol=1e-12).fun
finding = hessbench.check_hessian(loss, problem.x0, hess)
assert finding.ok
print(finding.words)

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
left.semilogy(newton, label="Newton, whole Hessian")
left.semilogy(lbfgs, "--", label="L-BFGS")
left.set(xlabel="points evaluated", ylabel="best loss so far")
left.legend()
times = np.linspace(0.0, 3.0, 200)
radius = 2 * np.exp(-times / 10)
spiral = radius * np.cos(2 * times), -radius * np.sin(2 * times)
right.plot(*spiral, "k", lw=6, alpha=0.3, label="spiral")
for point, style, label in ((problem.x0, ":", "before"), (x, "-", "trained")):
    y0, p = problem.unpack(point)
    field = partial(problem.rhs, np, p=p)
    solution = scipy.integrate.solve_ivp(field, (0, 3), y0, t_eval=times, rtol=1e-8)
    right.plot(*solution.y, style, label=label)
right.set(xlabel="y[0]", ylabel="y[1]", aspect="equal")
right.legend()
plt.show()
