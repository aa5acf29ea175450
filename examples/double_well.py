"""The instanton of the double well, from one minimum to the other in Euclidean time: its determinant without the zero mode.

    L_E = v^2 / 2 + (q^2 - 1)^2 / 2,   frequency 2 at the minima,   q = tanh t,   action 4 / 3

Closed form (Coleman, Aspects of Symmetry, chapter 7): det' / det of the rest = 1 / (12 w^2), so that the density of instantons
is `w sqrt(6 S / (pi hbar)) e^(-S / hbar)`, half the splitting of the two lowest levels over hbar.

    hessbench orbit determinant examples/double_well.py
"""

import numpy as np

from hessbench.orbits import Motion

HALF = 8.0  # of the time; what is missing beyond is of the order of e^(-2 w HALF)


def lagrangian(xp, q, v):
    return xp.sum(v * v) / 2 + xp.sum((q * q - 1) ** 2) / 2


def instanton(t):
    return [np.tanh(t - HALF), 1 / np.cosh(t - HALF) ** 2]


motion = Motion(
    name="double-well",
    t=2 * HALF,
    lagrangian=lagrangian,
    trajectory=instanton,
    zero_modes=["time"],
    reference=[1.0],
)
