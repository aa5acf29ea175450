"""A point mass under a force that is a polynomial in time, whose coefficients are wanted.

    dx/dt = v,   dv/dt = sum_k p_k t^k,  k = 0 .. n - 1,   on (0, t1),   state (x, v),   loss |y(t1) - target|^2

The end state is affine in the coefficients and in the start, `y(t1) = A p + M y0`, with

    A_xk = t1^(k+2) / ((k+1) (k+2))    A_vk = t1^(k+1) / (k+1)    M = [[1, t1], [0, 1]]

so that with `B = (A M)` in the order of `wrt`, `H = 2 B^T B` everywhere, of rank 2 at most. The costate is linear in time,
hence cheap to integrate with few steps, while the Hessian in the coefficients is made of integrals of `t^k`: a method that
controls the error of the costate and not that of the integrals (quadratures) is wrong here and nowhere else.

    F_x,v = 1        s_k F_k,ij = 0
"""

import numpy as np

from hessbench import Derivatives, InvalidInput, LossBlocks, Problem


def rhs(xp, t, y, p):
    force = 0.0 * y[1:]
    for k in reversed(range(p["p"].shape[0])):
        force = force * t + p["p"][k : k + 1]
    return xp.concatenate([y[1:], force])


def loss(xp, y0, y1, p):
    return xp.sum((y1 - p["target"]) ** 2)


def loss_blocks(y0, y1, p):
    gap, none = y1 - p["target"], np.zeros((2, 2))
    return LossBlocks(float(gap @ gap), none[0], 2.0 * gap, none, none, 2.0 * np.eye(2))


def vjp(t, y, s, p):
    out = np.zeros(np.broadcast_shapes(y.shape, s.shape))
    out[..., 1] = s[..., 0]
    return out


def jac(t, y, p):
    out = np.zeros((*y.shape, 2))
    out[..., 0, 1] = 1.0
    return out


def vhp(t, y, s, p):
    return np.zeros((*np.broadcast_shapes(y.shape, s.shape), 2))


def closed_form(wrt, p, y0, target, t):
    """`exact(x)`: loss, gradient (m,), Hessian (m, m) at any `x`, the unknowns being those of `wrt`."""
    k = np.arange(p.size)
    maps = {
        "p": np.stack([t ** (k + 2) / ((k + 1) * (k + 2)), t ** (k + 1) / (k + 1)]),
        "y0": np.array([[1, t], [0, 1]]),
    }
    b = np.hstack([maps[key] for key in wrt])
    rest = sum((maps[key] @ value for key, value in (("p", p), ("y0", y0)) if key not in wrt), -target)

    def exact(x):
        gap = b @ x + rest
        return float(gap @ gap), 2 * b.T @ gap, 2 * b.T @ b

    return exact


def problem(n: int = 4, t1: float = 2.0, wrt=("p",)) -> Problem:
    """`n >= 1` coefficients, over the time `t1 > 0`, with respect to `"p"`, `"y0"` or both."""
    if not isinstance(n, int | np.integer) or n < 1:
        raise InvalidInput(f"polynomial-control: `n` is {n!r}, expected a number of coefficients of at least 1.")
    if not (isinstance(t1, int | float) and 0 < t1 < np.inf):
        raise InvalidInput(f"polynomial-control: `t1` is {t1!r}, expected a time greater than 0.")
    wrt = (wrt,) if isinstance(wrt, str) else tuple(wrt)
    if not wrt or not set(wrt) <= {"p", "y0"}:
        raise InvalidInput(f"polynomial-control: `wrt` is {wrt!r}, expected some of 'p' and 'y0'.")
    k = np.arange(n)
    p, y0, target = 1.0 - (3 * k % 7) / 5, np.array([0.5, -0.3]), np.array([2.0, 1.0])
    x = {"p": p * (1.3 - 0.5 * (k % 2)), "y0": np.array([-0.2, 0.4])}
    return Problem(
        name="polynomial-control",
        rhs=rhs,
        loss=loss,
        t_span=(0.0, t1),
        y0=y0,
        params={"p": p, "target": target},
        wrt=wrt,
        autonomous=False,
        loss_uses_y0=False,
        derivatives=Derivatives(vjp=vjp, jac=jac, vhp=vhp),
        loss_blocks=loss_blocks,
        exact=closed_form(wrt, p, y0, target, t1),
        perturbed=np.concatenate([x[key] for key in wrt]),
        size=n,
    )
