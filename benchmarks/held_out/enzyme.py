"""An enzyme that binds fast and converts slowly: stiff kinetics of mass action, by its three rates."""

from hessbench import Problem


def rhs(xp, t, y, p):
    enzyme, substrate, bound = y[:1], y[1:2], y[2:3]
    on, off, done = p["on"] * enzyme * substrate, p["off"] * bound, p["cat"] * bound
    return xp.concatenate([off + done - on, off - on, on - off - done, done])


def loss(xp, y0, y1, p):
    return xp.sum((y1 - p["seen"]) ** 2)


params = {"on": 1e5, "off": 1e3, "cat": 10.0, "seen": [0.05, 0.2, 0.05, 0.7]}
problem = Problem("enzyme", rhs, loss, (0.0, 1.0), [0.1, 1.0, 0.0, 0.0], params, wrt=("on", "off", "cat"))
