"""Three coupled states with every monomial up to degree three, a loss with every mixed term, started at t = 5.

    dy_k/dt = c_km z_{a(m)} z_{b(m)} z_{e(m)}   on (5, 6.5),   z = (1 + sin(omega t) / 2, y_1, y_2, y_3)

where m runs over the 20 products of three of the four z: the constant, linear, quadratic and cubic terms of y, each
with its own power of a factor that depends on time. So the system is not autonomous, and its Jacobian depends on time.

    loss  sum_i y0_i^2 y1_i + (w . y0) |y1|^2 + sum_i y1_i^3 / 3
    l_00 = 2 diag(y1)    l_01 = 2 diag(y0) + 2 w y1^T    l_11 = 2 (w . y0) 1 + 2 diag(y1)

Nothing is symmetric, vanishes or cancels, which makes it the problem that finds a forgotten term. The coefficients are
arbitrary one-digit numbers; those of y_k^3 in dy_k/dt are negative, so that solutions stay bounded.
Source: made for this purpose. With the symmetric tensor `T_kabe` of the coefficients, `F_k = T_kabe z_a z_b z_e`:

    F_k,i = 3 T_kiab z_a z_b        s_k F_k,ij = 6 s_k T_kija z_a
"""

from itertools import combinations_with_replacement, permutations

import numpy as np

from hessbench import Derivatives, LossBlocks, Problem

# one row for each state; columns 1 | y1 y2 y3 | y1^2 y1y2 y1y3 y2^2 y2y3 y3^2 |
#   y1^3 y1^2y2 y1^2y3 y1y2^2 y1y2y3 y1y3^2 y2^3 y2^2y3 y2y3^2 y3^3
COEFFICIENTS = """
 .3   -.4  .7 -.2    .5 -.3  .4 -.1  .6 -.2   -.8  .2 -.5  .3 -.1  .4  .1 -.2  .3 -.1
-.2   -.6 -.3  .5   -.2  .4 -.1  .3 -.4  .1    .2 -.3  .1 -.4  .5 -.2 -.7  .3 -.1  .2
 .1    .3 -.5 -.4    .1  .2 -.6  .4 -.2  .3   -.1  .4 -.2  .1 -.3  .5  .2 -.1 -.4 -.9
"""
FACTORS = list(combinations_with_replacement(range(4), 3))
A, B, E = np.array(FACTORS).T

# T = c[:, COLUMN] / SHARE spreads each coefficient over the 1, 3 or 6 permutations of its factors
COLUMN, SHARE = np.zeros((4, 4, 4), dtype=int), np.ones((4, 4, 4))
for _m, _factors in enumerate(FACTORS):
    for _place in set(permutations(_factors)):
        COLUMN[_place], SHARE[_place] = _m, len(set(permutations(_factors)))


def rhs(xp, t, y, p):
    z = xp.concatenate([0 * y[:1] + 1 + xp.sin(p["omega"] * t) / 2, y])
    return p["c"] @ (z[A] * z[B] * z[E])


def loss(xp, y0, y1, p):
    return xp.sum(y0 * y0 * y1 + y1 * y1 * y1 / 3) + xp.sum(p["w"] * y0) * xp.sum(y1 * y1)


def loss_blocks(y0, y1, p):
    w, square = p["w"], y1 @ y1
    return LossBlocks(
        value=float(np.sum(y0 * y0 * y1 + y1**3 / 3) + (w @ y0) * square),
        l0=2 * y0 * y1 + w * square,
        l1=y0 * y0 + y1 * y1 + 2 * (w @ y0) * y1,
        l00=2 * np.diag(y1),
        l01=2 * np.diag(y0) + 2 * np.outer(w, y1),
        l11=2 * (w @ y0) * np.eye(3) + 2 * np.diag(y1),
    )


def factors(t, y, p):
    """z (..., 4) for one time or one for each state, and T (3, 4, 4, 4)."""
    time = 1 + np.sin(p["omega"] * np.asarray(t)) / 2
    z = np.empty((*np.broadcast_shapes(time.shape, y.shape[:-1]), 4))
    z[..., 0] = time
    z[..., 1:] = y
    return z, p["c"][:, COLUMN] / SHARE


def jac(t, y, p):
    z, tensor = factors(t, y, p)
    pairs = (z[..., :, None] * z[..., None, :]).reshape(*z.shape[:-1], 16)
    return (pairs @ (3 * tensor[:, 1:].reshape(9, 16).T)).reshape(*z.shape[:-1], 3, 3)


def vjp(t, y, s, p):
    return (s[..., None, :] @ jac(t, y, p))[..., 0, :]


def vhp(t, y, s, p):
    z, tensor = factors(t, y, p)
    pairs = s[..., :, None] * z[..., None, :]  # [k, a]
    second = 6 * tensor[:, :, 1:, 1:].reshape(12, 9)  # [(k, a), (i, j)]
    return (pairs.reshape(*pairs.shape[:-2], 12) @ second).reshape(*pairs.shape[:-2], 3, 3)


def problem() -> Problem:
    """The one system with the coefficients above."""
    return Problem(
        name="generic-cubic",
        rhs=rhs,
        loss=loss,
        t_span=(5.0, 6.5),
        y0=np.array([0.6, -0.4, 0.5]),
        params={"c": np.array(COEFFICIENTS.split(), dtype=float).reshape(3, 20), "omega": 1.3, "w": [0.5, -0.3, 0.8]},
        autonomous=False,
        loss_uses_y0=True,
        derivatives=Derivatives(vjp=vjp, jac=jac, vhp=vhp),
        loss_blocks=loss_blocks,
        perturbed=np.array([-0.3, 0.7, 0.2]),
    )
