"""Derivatives of an expression by JAX, at a tie those of the branch that NumPy takes."""

import numpy as np

from .expressions import VARIED, N, function


class Branches:
    """jax.numpy, whose derivatives at a tie are those of NumPy's branch."""

    def __init__(self):
        import jax.numpy as jnp

        self.jnp = jnp

    def __getattr__(self, name):
        return getattr(self.jnp, name)

    def _chosen(self, first, a, b):
        return self.jnp.where(first, a, b)

    def maximum(self, a, b):
        return self._chosen((b > a) | self.jnp.isnan(b), b, a)

    def minimum(self, a, b):
        return self._chosen((b < a) | self.jnp.isnan(b), b, a)

    def fmax(self, a, b):
        return self._chosen((b > a) | self.jnp.isnan(a), b, a)

    def fmin(self, a, b):
        return self._chosen((b < a) | self.jnp.isnan(a), b, a)

    def abs(self, a):
        return self._chosen(self.jnp.signbit(a * 1.0), -a, a)

    absolute = fabs = abs

    def copysign(self, a, b):
        size = self.abs(a)
        return self._chosen(self.jnp.signbit(b * 1.0), -size, size)

    def clip(self, a, low, high):
        above = self._chosen((low < a) | self.jnp.isnan(a), a, low)
        return self._chosen((above < high) | self.jnp.isnan(above), above, high)

    def max(self, a):
        return self.maximum(self.maximum(a[0], a[1]), a[2])

    def min(self, a):
        return self.minimum(self.minimum(a[0], a[1]), a[2])

    def hypot(self, a, b):
        return self.jnp.sqrt(a * a + b * b)

    def remainder(self, a, b):
        return a - b * self.jnp.floor_divide(a, b)

    def fmod(self, a, b):
        return a - b * self.jnp.trunc(a / b)

    def heaviside(self, a, b):
        side = self._chosen(a < 0, 0.0, self._chosen(self.jnp.isnan(a), a, 1.0))
        return self._chosen(a == 0, b, side)

    def prod(self, a):
        return a[0] * a[1] * a[2]

    def cumprod(self, a):
        return self.jnp.stack([a[0], a[0] * a[1], a[0] * a[1] * a[2]])

    def interp(self, x, knots, values):
        jnp = self.jnp
        knots, values = jnp.asarray(knots), jnp.asarray(values)
        out = self._chosen(x >= knots[-1], values[-1], values[0])
        for k in range(2):
            line = (values[k + 1] - values[k]) / (knots[k + 1] - knots[k]) * (x - knots[k]) + values[k]
            out = self._chosen((x >= knots[k]) & (x < knots[k + 1]), line, out)
        return self._chosen(jnp.isnan(x), x, out)


def derivatives(text, where):
    """Gradient (points, 8) and Hessian (points, 8, 8) of `s . f` of one expression by JAX, operation by operation."""

    import jax

    xp, f = Branches(), function(text)
    sizes = {"a": (), "n": (), "v": (3,)}
    z = np.array([[*q.y, *(x for key in VARIED for x in np.ravel(q.p[key]))] for q in where])
    fixed = {key: np.array([q.p[key] for q in where]) for key in ("b", "w", "q", "m")}
    constant = {"mask": where[0].p["mask"], "k": where[0].p["k"]}
    t, s = np.array([q.t for q in where]), np.array([q.s for q in where])

    def value(z, t, fixed):
        own, at = {}, N
        for key, shape in sizes.items():
            own[key], at = z[at : at + (3 if shape else 1)].reshape(shape), at + (3 if shape else 1)
        return f(xp, t, z[:N], {**fixed, **constant, **own}) * 1.0

    def gradient(z, t, fixed, s):
        g = jax.grad(lambda z: s @ value(z, t, fixed))(z)
        return g, g

    with jax.enable_x64(True), np.errstate(all="ignore"):
        hess, grad = jax.vmap(jax.jacfwd(gradient, has_aux=True))(z, t, fixed, s)
        return np.asarray(grad), np.asarray(hess)
