"""Growth of bacteria on a substrate (Monod): four rates, seen at the end."""

from hessbench import Problem


def rhs(xp, t, y, p):
    bacteria, substrate = y[:1], y[1:]
    growth = p["mu"] * substrate / (p["half"] + substrate) * bacteria
    return xp.concatenate([growth - p["flow"] * bacteria, p["flow"] * (5.0 - substrate) - growth / p["eff"]])


def loss(xp, y0, y1, p):
    return xp.sum((y1 - p["seen"]) ** 2)


params = {"mu": 0.9, "half": 0.7, "flow": 0.3, "eff": 0.5, "seen": [2.2, 0.4]}
problem = Problem("chemostat", rhs, loss, (0.0, 12.0), [0.1, 3.0], params, wrt=("mu", "half", "flow", "eff"))
