"""A double pendulum of equal arms, by its initial angles and speeds."""

from hessbench import Problem


def rhs(xp, t, y, p):
    a, b, u, v = y[:1], y[1:2], y[2:3], y[3:]
    d, g = a - b, p["g"]
    s, c = xp.sin(d), xp.cos(d)
    below = 2 - c * c
    first = -(u * u * c * s + v * v * s - g * xp.sin(b) * c + 2 * g * xp.sin(a)) / below
    second = (v * v * s * c + 2 * u * u * s - 2 * g * xp.sin(b) + 2 * g * xp.sin(a) * c) / below
    return xp.concatenate([u, v, first, second])


def loss(xp, y0, y1, p):
    return xp.sum((xp.sin(y1[:2]) - 0.3) ** 2) + xp.sum(y1[2:] ** 2) / 10


problem = Problem("double-pendulum", rhs, loss, (0.0, 3.0), [0.9, 0.4, 0.0, 0.5], {"g": 9.81})
