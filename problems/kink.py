"""The kink of the sine-Gordon equation at rest, as a motion in Euclidean time: from near one well's top to the next.

    dq/dt = p,   dp/dt = sin q   on (-length, length),   from  q = 4 atan(e^-length), p = 2 / cosh(length)

whose solution is `q = 4 atan(e^t)`, `p = 2 / cosh t`; loss |y(length) - y(-length)|^2. The linearised equation
`u'' = cos(q) u` is solved by `u = 1 / cosh t`, and the solution with `u(-length) = 0, u'(-length) = 1` ends at

    dq(length)/dp(-length) = tanh(length) + length / cosh(length)^2

(Gelfand & Yaglom, J. Math. Phys. 1 (1960) 48). Source: the solution inserted; Rajaraman, Solitons and Instantons, chapter 2.

    F_q,p = 1    F_p,q = cos q        s_k F_k,qq = -s_p sin q
"""

import math

import numpy as np

from hessbench import Derivatives, InvalidInput, Problem, non_closure


def rhs(xp, t, y, p):
    return xp.concatenate([y[1:], xp.sin(y[:1])])


def loss(xp, y0, y1, p):
    return xp.sum((y1 - y0) ** 2)


def vjp(t, y, s, p):
    return np.stack(np.broadcast_arrays(np.cos(y[..., 0]) * s[..., 1], s[..., 0]), axis=-1)


def jac(t, y, p):
    out = np.zeros((*y.shape, 2))
    out[..., 0, 1], out[..., 1, 0] = 1.0, np.cos(y[..., 0])
    return out


def vhp(t, y, s, p):
    out = np.zeros((*np.broadcast_shapes(y.shape, s.shape), 2))
    out[..., 0, 0] = -s[..., 1] * np.sin(y[..., 0])
    return out


def problem(length: float = 1.0) -> Problem:
    """The stretch of the kink from `-length` to `length`, at most 20."""
    if not (isinstance(length, int | float) and 0 < length <= 20):
        raise InvalidInput(f"kink: `length` is {length!r}, expected a number above 0 and at most 20.")
    return Problem(
        name="kink",
        rhs=rhs,
        loss=loss,
        t_span=(-float(length), float(length)),
        y0=np.array([4 * math.atan(math.exp(-length)), 2 / math.cosh(length)]),
        autonomous=True,
        loss_uses_y0=True,
        derivatives=Derivatives(vjp=vjp, jac=jac, vhp=vhp),
        loss_blocks=non_closure,
        perturbed=np.array([0.7, 0.9]),
    )
