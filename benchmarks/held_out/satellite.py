"""A satellite around the flattened Earth, with drag: four revolutions by the initial state, in Earth's radii."""

from hessbench import Problem


def rhs(xp, t, y, p):
    r, v = y[:3], y[3:]
    d2 = xp.sum(r * r)
    d = xp.sqrt(d2)
    z2 = r[2:3] * r[2:3] / d2
    flat = 1.5 * p["j2"] / d2
    pull = xp.concatenate([r[:2] * (1 + flat * (1 - 5 * z2)), r[2:3] * (1 + flat * (3 - 5 * z2))]) / (d2 * d)
    drag = p["drag"] * xp.exp(-(d - 1.06) / 0.01) * xp.sqrt(xp.sum(v * v)) * v
    return xp.concatenate([v, -pull - drag])


def loss(xp, y0, y1, p):
    return xp.sum((y1 - y0) ** 2)


params = {"j2": 1.0826e-3, "drag": 1e-4}
problem = Problem("satellite", rhs, loss, (0.0, 28.0), [1.08, 0.0, 0.0, 0.0, 0.6, 0.78], params)
