"""Radau IIA of order 5: three stages, L-stable, stiffly accurate.

Source: Hairer & Wanner, Solving ODEs II, sections IV.5 and IV.8.

    Y_i = y_n + h A_ij F(t_n + c_j h, Y_j),   y_{n+1} = Y_3

The embedded error of a step, with `Z_i = Y_i - y_n`, is `(MU / h - J)^-1 (F(t_n, y_n) + E_i Z_i / h)`, of order `h^4`.
"""

from __future__ import annotations

import numpy as np

from .._model.derivatives import Array

ROOT = 6.0**0.5
A = np.array([
    [(88 - 7 * ROOT) / 360, (296 - 169 * ROOT) / 1800, (-2 + 3 * ROOT) / 225],
    [(296 + 169 * ROOT) / 1800, (88 + 7 * ROOT) / 360, (-2 - 3 * ROOT) / 225],
    [(16 - ROOT) / 36, (16 + ROOT) / 36, 1 / 9],
])  # fmt: skip
C = np.array([(4 - ROOT) / 10, (4 + ROOT) / 10, 1.0])
E = np.array([-13 - 7 * ROOT, -13 + 7 * ROOT, -1.0]) / 3
MU = 3 + 3 ** (2 / 3) - 3 ** (1 / 3)  # the real eigenvalue of A^-1
STAGES = 3

# The embedded error goes like h^4, that of the solution like h^5: it is compared with `SCALE rtol^POWER`, so that errors are
# proportional to `rtol`.
POWER, SCALE = 0.8, 0.1
EXPONENT = -0.25
MAX_FACTOR = 8.0  # other than of explicit pairs: as in the program of Hairer & Wanner


def loosened(rtol: float) -> float:
    """What multiplies tolerances of the solution so that they become those of the embedded error."""
    return SCALE * rtol ** (POWER - 1)


def extrapolation(ratio: float) -> Array:
    """Weights (3, 4) of y_n and the stages of a step for the stages of the next one, which is `ratio` times as long."""
    nodes, at = np.concatenate([[0.0], C]), 1 + ratio * C
    out = np.ones((3, 4))
    for j in range(4):
        for k in range(4):
            if k != j:
                out[:, j] *= (at - nodes[k]) / (nodes[j] - nodes[k])
    return out
