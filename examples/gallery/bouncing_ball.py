"""
A ball that bounces
===================

A ball falls from a height of 1 and keeps the share e of its speed at each bounce. How high is it at t = 2, and how
does that depend on the height, on gravity and on e? The times of the bounces move with the unknowns; derivatives that
hold them fixed are wrong.
"""

import matplotlib.pyplot as plt
import numpy as np

import hessbench
from hessbench import Event, Problem


def rhs(xp, t, y, p):
    return xp.concatenate([y[1:], 0 * y[:1] - p["g"]])


def loss(xp, y0, y1, p):
    return y1[0]


bounce = Event(
    when=lambda xp, t, y, p: y[0],
    direction=-1,
    jump=lambda xp, t, y, p: xp.stack([y[0], -p["e"] * y[1]]),
)
params = {"g": 9.81, "e": 0.8}
wrt = ("y0", "g", "e")
problem = Problem("ball", rhs, loss, (0.0, 2.0), [1.0, 0.0], params, wrt, events=[bounce])
result = hessbench.hessian(problem, rtol=1e-10)
result

# %%
# The height between bounces is a parabola, and the times of the bounces are a geometric series: everything is known
# in closed form.


def height(x, t=2.0):
    h, v, g, e = x
    speed = np.sqrt(v * v + 2 * g * h)
    start, up = 0.0, v
    next_one = (v + speed) / g
    while next_one < t:
        speed, start, h = e * speed, next_one, 0.0
        up, next_one = speed, next_one + 2 * speed / g
    return h + up * (t - start) - g * (t - start) ** 2 / 2


assert abs(height(problem.x0) - result.value) < 1e-9
finding = hessbench.check_hessian(height, problem.x0, result.hess, sizes=[1.0, 1.0, 9.81, 0.8])
assert finding.ok
print(finding.words)

# %%
# The Hessian gives the height near by, a gradient alone does not.
shares = np.linspace(0.76, 0.84, 81)
exact = [height([1.0, 0.0, 9.81, e]) for e in shares]
step, slope, bend = shares - 0.8, result.gradient("e"), result.block("e", "e")[0, 0]
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
times = np.linspace(0.0, 2.0, 400)
left.plot(times, [height(problem.x0, t) for t in times])
left.set(xlabel="time", ylabel="height")
right.plot(shares, exact, "k", lw=3, alpha=0.4, label="closed form")
linear = result.value + slope * step
right.plot(shares, linear, "--", label="by the gradient")
right.plot(shares, linear + bend * step**2 / 2, label="by gradient and Hessian")
right.set(xlabel="e", ylabel="height at t = 2")
right.legend()
plt.show()
