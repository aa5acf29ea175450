"""
From the figure-8 to Simó's orbit
=================================

Three bodies of equal mass can chase each other along a figure-8. The Hessian of the non-closure ``|y(T) - y(0)|^2``
at this orbit has four null directions, its symmetries, and two small eigenvalues that no symmetry explains. A step
along one of them, and a search that closes the orbit again, arrive at another orbit, which Simó found in 2002
(arXiv:2301.08085 tells how a Hessian finds it).
"""

import matplotlib.pyplot as plt
import numpy as np

from hessbench.orbits import sample, soft_directions, walk

soft = soft_directions()
for k, value in enumerate(soft.eigenvalues):
    print(f"v{k}: {value:.3e}")
assert np.abs(soft.eigenvalues[:4]).max() < 1e-8
assert soft.eigenvalues[5] < 0.01

# %%
# A boost by v moves the end by v T, and changes nothing else: its eigenvalue is 2 T^2, twice, for the two directions.
period = soft.problem.t_span[1]
np.testing.assert_allclose(soft.eigenvalues[8:10], 2 * period**2, rtol=1e-6)

# %%
# The walk. Its end in standard form, to compare with the literature: (a, b, T) = (0.339407411990859,
# 0.536184978151423, 6.290818765075983).
arrival = walk(soft, step=0.016, direction="v5", method="gauss-newton")
print(arrival.where, arrival.form)
assert arrival.where == "simo"
assert arrival.form.distance((0.339407411990859, 0.536184978151423, 6.290818765075983)) < 1e-11

# %%
# The three bodies of the new orbit no longer share one curve: the distances from the figure-8 are small, but not
# round-off.
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
eight = sample(soft.problem, soft.problem.y0, period, 300)
simo = sample(arrival.orbit.problem, arrival.orbit.x, arrival.orbit.period, 300)
for ax, states, name in zip(axes, (eight, simo), ("figure-8", "Simó's orbit"), strict=True):
    for body, style in zip(range(3), ("-", "--", ":"), strict=True):
        x, y = states[:, 2 * body], states[:, 2 * body + 1]
        ax.plot(np.append(x, x[0]), np.append(y, y[0]), style, lw=2)
        ax.plot(x[0], y[0], "ko", ms=4)
    ax.set(title=name, aspect="equal", xlabel="x", ylabel="y")
plt.show()
