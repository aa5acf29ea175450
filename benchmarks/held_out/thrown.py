"""A ball thrown through air at a target: by its velocity, the wind and the time of flight."""

from hessbench import Problem


def rhs(xp, t, y, p):
    v = y[2:] - xp.concatenate([p["wind"], 0.0 * p["wind"]])
    drag = p["drag"] * xp.sqrt(xp.sum(v * v)) * v
    return xp.concatenate([y[2:], -drag[:1], -drag[1:] - 9.81])


def loss(xp, y0, y1, p):
    return xp.sum((y1[:2] - p["target"]) ** 2) + p["t1"] ** 2 / 100


params = {"wind": [2.0], "drag": 0.02, "target": [25.0, 1.0]}
problem = Problem("thrown", rhs, loss, (0.0, 2.2), [0.0, 1.5, 14.0, 11.0], params, wrt=("y0", "wind", "t1"))
