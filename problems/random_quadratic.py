"""Random quadratic system of the paper's scaling experiment.

    dy_k/dt = A_ki y_i + B_kij y_i y_j  on (0, 0.2),  loss |y(0.2)|^2

`A_ki ~ N(0, N^-1/2)`, `B_kij ~ N(0, N^-1)` and `y_i(0) ~ N(0, 1)` (standard deviations), drawn in this order from
NumPy's `RandomState(seed)`, so that the numbers are the same everywhere. Section 5 of arXiv:2301.08085. With
`G = A + B y`, `F = G y` costs `2 N^3 + 2 N^2 - N` operations, nearly all in the product `B y`.

    F_k,i = A_ki + (B_kij + B_kji) y_j        s_k F_k,ij = s_k (B_kij + B_kji)
"""

import numpy as np

from hessbench import InvalidInput, LossBlocks, Problem, Quadratic, quadratic_derivatives


def rhs(xp, t, y, p):
    return (p["A"] + p["B"] @ y) @ y


def rhs_mx(ca, t, y, p):
    n = y.numel()
    by = ca.reshape(ca.DM(p["B"].reshape(n * n, n)) @ y, n, n).T  # CasADi reshapes by columns
    return (ca.DM(p["A"]) + by) @ y


def loss(xp, y0, y1, p):
    return xp.sum(y1 * y1)


def loss_blocks(y0, y1, p):
    none = np.zeros((y1.size, y1.size))
    return LossBlocks(float(y1 @ y1), np.zeros(y1.size), 2 * y1, none, none, 2 * np.eye(y1.size))


def problem(n: int = 10, seed: int = 0) -> Problem:
    """The system with `n >= 1` states."""
    if not isinstance(n, int | np.integer) or n < 1:
        raise InvalidInput(f"random-quadratic: `n` is {n!r}, expected a number of states of at least 1.")
    rng = np.random.RandomState(seed)
    a = rng.normal(scale=n**-0.5, size=(n, n))
    b = rng.normal(scale=1 / n, size=(n, n, n))
    y0 = rng.normal(size=n)
    return Problem(
        name="random-quadratic",
        rhs=rhs,
        loss=loss,
        t_span=(0.0, 0.2),
        y0=y0,
        params={"A": a, "B": b},
        autonomous=True,
        loss_uses_y0=False,
        derivatives=quadratic_derivatives(lambda p: Quadratic(p["B"], p["A"])),
        loss_blocks=loss_blocks,
        overrides={"casadi": rhs_mx},
        perturbed=y0 + (7 * np.arange(n) % 11 - 5) / 50,
        size=n,
    )
