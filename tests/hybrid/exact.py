"""A ball with everything, in arithmetic of 60 digits: thrust that switches with its direction, bounces, a push, data, costs.

    h' = v,   v' = -g + c [v < 0],   v -> -e v + t/50 at h = 0 falling,   v -> v + 2 q at t = lag
    loss = (h1 - 0.3)^2 + v1 t1 / 10 + h0 h1 + sum of (h(t_m) - d_m)^2 / 2s^2 + log s + integral of q h

Between events the acceleration is constant, so that all is closed in form.
"""

import mpmath as mp

TIMES = (0.3, 0.9, 1.25, 1.25)
VALUES = (0.7, 0.35, 0.2, 0.1)
START = {"y0": (1.0, 0.4), "g": 9.81, "e": 0.8, "c": 1.3, "q": 0.7, "s": 0.5, "lag": 0.62, "t0": 0.05, "t1": 1.6}


def unknowns():
    """The point (n,) as a list."""
    return [*START["y0"], *(START[k] for k in ("g", "e", "c", "q", "s", "lag", "t0", "t1"))]


def loss(x):
    """The loss at `x` (n,) of mpmath numbers."""
    h, v, g, e, c, q, s, lag, t, t1 = x
    stops = sorted([*((mp.mpf(a), mp.mpf(d)) for a, d in zip(TIMES, VALUES, strict=True)), (lag, None), (t1, "end")],
                   key=lambda stop: stop[0])  # fmt: skip
    h0, total, falling = h, mp.mpf(0), v < 0
    for at, what in stops:
        while True:
            a = -g + (c if falling else 0)
            span, hit = at - t, None
            turn = -v / a
            if turn > mp.mpf(10) ** -40 and turn < span:
                span, hit = turn, "turn"
            root = mp.sqrt(v * v - 2 * a * h)
            for land in ((-v - root) / a, (-v + root) / a):
                if land > mp.mpf(10) ** -40 and land < span and v + a * land < 0:
                    span, hit = land, "land"
            total += q * (h * span + v * span**2 / 2 + a * span**3 / 6)
            h, v, t = h + v * span + a * span**2 / 2, v + a * span, t + span
            if hit is None:
                break
            if hit == "turn":
                v, falling = mp.mpf(0), not falling
            else:
                h, v, falling = mp.mpf(0), -e * v + t / 50, False
        if what is None:
            v, falling = v + 2 * q, v + 2 * q < 0
        elif what == "end":
            return total + (h - mp.mpf("0.3")) ** 2 + v * t1 / 10 + h0 * h
        else:
            total += (h - what) ** 2 / (2 * s * s) + mp.log(s)


def derivatives(x):
    """Value, gradient and Hessian by central differences whose error is far below round-off of doubles."""
    mp.mp.dps = 60
    x, h, n = [mp.mpf(a) for a in x], mp.mpf(10) ** -14, len(x)

    def at(*moves):
        z = list(x)
        for k, by in moves:
            z[k] += by * h
        return loss(z)

    here = at()
    grad = [(at((i, 1)) - at((i, -1))) / (2 * h) for i in range(n)]
    hess = [[None] * n for _ in range(n)]
    for i in range(n):
        hess[i][i] = (at((i, 1)) - 2 * here + at((i, -1))) / h**2
        for j in range(i):
            pairs = [(a * b) * at((i, a), (j, b)) for a in (1, -1) for b in (1, -1)]
            hess[i][j] = hess[j][i] = sum(pairs) / (4 * h * h)
    return here, grad, hess
