"""A gene that represses itself by way of a protein (Goodwin's oscillator), by its six rates."""

from hessbench import Problem

RATES = {"a": 5.0, "b": 0.5, "c": 1.0, "d": 0.4, "e": 1.0, "f": 0.3}


def rhs(xp, t, y, p):
    x, u, z = y[:1], y[1:2], y[2:]
    return xp.concatenate([
        p["a"] / (1 + z**9) - p["b"] * x,
        p["c"] * x - p["d"] * u,
        p["e"] * u - p["f"] * z,
    ])  # fmt: skip


def loss(xp, y0, y1, p):
    return xp.sum((xp.log(y1) - p["seen"]) ** 2)


params = {**RATES, "seen": [-0.5, 0.1, 0.3]}
problem = Problem("gene-clock", rhs, loss, (0.0, 15.0), [0.2, 0.5, 1.2], params, wrt=tuple(RATES))
