"""Twenty masses on springs that stiffen (Fermi, Pasta, Ulam, Tsingou), by where they start and how fast."""

import numpy as np

from hessbench import Problem

N = 20


def rhs(xp, t, y, p):
    q, v = y[:N], y[N:]
    stretched = xp.concatenate([q[:1], q[1:] - q[:-1], -q[-1:]])
    force = stretched + p["alpha"] * stretched**3
    return xp.concatenate([v, force[1:] - force[:-1]])


def loss(xp, y0, y1, p):
    return xp.sum(y1[:N] ** 2) / 2 + xp.sum(y1[N:] ** 4)


start = np.concatenate([np.sin(np.pi * np.arange(1, N + 1) / (N + 1)), np.zeros(N)])
problem = Problem("spring-chain", rhs, loss, (0.0, 6.0), start, {"alpha": 0.3})
