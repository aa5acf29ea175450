"""Random right-hand sides over everything that can be recorded, their derivatives as C, and what they should be.

`python -m tests.discrete.expressions 20000` checks so many expressions and prints those that differ.
"""

import ctypes
import random
import sys
from dataclasses import dataclass

import numpy as np

from hessbench.discrete._build import load
from hessbench.discrete._compiled import flat_params
from hessbench.discrete._differentiate import forward, gradient
from hessbench.discrete._emit import Table, Writer
from hessbench.discrete._template import VECTORS
from hessbench.discrete._trace import record

N, WIDTH, POINTS = 3, 4, 8
GRID = (-2.0, -1.0, -0.5, 0.0, 0.0, 0.5, 1.0, 2.0)  # few values, so that ties and zeros are frequent
VARIED = ("a", "n", "v")
UNARY = """exp log sin cos tan tanh sinh cosh arctan arcsin arccos expm1 log1p exp2 log2 log10 cbrt arcsinh arccosh arctanh abs
    absolute fabs floor ceil trunc rint sign sqrt square reciprocal negative deg2rad rad2deg nan_to_num""".split()
BINARY = """maximum minimum fmax fmin arctan2 hypot logaddexp logaddexp2 copysign power heaviside fmod remainder floor_divide
    add subtract multiply divide""".split()
EXPONENTS = "2 3 -1 -2 0.5 -0.5 1.5 -1.5 19 -3 0 1 2.0 0.3 2.5 20 -2.5 p['n'] p['a'] t p['k']".split()
NUMBERS = "0.0 1.0 2.0 -1.0 0.5 3 -2 0.3 1.5".split()
SHAPED = (
    "xp.cumsum({0})", "xp.cumprod({0})", "xp.roll({0}, 1)", "xp.concatenate([{0}[1:], {1}[:1]])", "xp.stack([{2}, {3}, t])",
    "({0} * xp.sum({1}))", "({0} + xp.mean({1}))", "({0} - xp.max({1}))", "({0} * xp.min({1}))", "({0} + xp.prod({1}))",
    "xp.flip({0})", "({0} + {1}.sum())", "({0} + {1}.mean())", "xp.array([{2}, 1.0, {3}])", "(xp.outer({0}, {1}) @ {0})",
    "({0} * xp.dot({0}, {1}))", "(p['m'] @ {0})", "xp.einsum('ij,j->i', p['m'], {0})", "{0}[p['k']]", "{0}[np.array([2, 0, 1])]",
    "xp.reshape(xp.tile({0}, 2), (2, 3))[1]", "({0} * xp.sum({4}))", "xp.where(xp.any({4}), {0}, {1})",
    "xp.where(xp.all({4}), {0}, {1})", "xp.select([{4}, {0} > 0], [{0}, {1}], 0.5)", "xp.interp({0}, [-1.0, 0.0, 1.0], p['v'])",
    "xp.interp({0}, p['q'], p['w'])", "xp.interp({0}, p['q'], y)", "({0} * xp.var({1}))", "xp.diff({0}, append=0.0)", "xp.where(p['mask'], {0}, {1})",
    "({4} * {0})", "({0} + {4})", "(1.0 * {4})", "({0} ** {4})", "xp.where({4}, {0}, {1})", "xp.where({4}, {2}, {0})",
    "xp.clip({0}, {2}, {3})", "xp.clip({0}, -1.0, 1.0)", "xp.where({4}, xp.sqrt({0}), {1})", "xp.maximum({0}, 0)",
    "xp.where({0} > 0, xp.log({0}), {1})", "({0} / {0})", "(xp.sqrt({0}) ** 2)", "(({0} ** 2) ** 0.5)", "({0} - {0})",
)  # fmt: skip


def expression(below, depth=3):
    """The text of a vector of three numbers; `below(n)` draws a whole number from 0 to n - 1."""

    def pick(choices):
        return choices[below(len(choices))]

    def number(depth):
        return pick(("t", "p['a']", "p['n']", "y[0]", "y[2]", "p['b']", pick(NUMBERS), pick(NUMBERS)))

    def vector(depth):
        kind = below(10) if depth > 0 else 9
        if kind < 2:
            return f"xp.{pick(UNARY)}({vector(depth - 1)})"
        if kind < 4:
            a, b = vector(depth - 1), vector(depth - 1) if below(2) else number(depth)
            return f"({a} {pick('+-*/')} {b})"
        if kind == 4:
            return f"({vector(depth - 1)} ** {pick(EXPONENTS)})"
        if kind == 5:
            return pick(("(2.0 ** {})", "(p['a'] ** {})", "(1 / {})", "({} % 2)", "({} // 0.5)", "(2 - {})")).format(
                vector(depth - 1)
            )
        if kind == 6:
            return f"xp.{pick(BINARY)}({vector(depth - 1)}, {vector(depth - 1) if below(2) else number(depth)})"
        if kind < 9:
            return pick(SHAPED).format(
                vector(depth - 1), vector(depth - 1), number(depth), number(depth), condition(depth - 1)
            )
        return pick(("y", "y[::-1]", "p['v']", "y", "p['w']", "p['k']", "(y * p['a'])", "(y - p['v'])"))

    def condition(depth):
        kind = below(8) if depth > 0 else below(5)
        if kind < 5:
            sign = pick(("<", "<=", ">", ">=", "==", "!="))
            return f"({vector(depth - 1)} {sign} {pick((number(depth), vector(depth - 1)))})"
        if kind == 5:
            return f"({condition(depth - 1)} {pick('&|^')} {condition(depth - 1)})"
        if kind == 6:
            name = pick(("logical_and", "logical_or", "logical_xor"))
            return f"xp.{name}({vector(depth - 1)}, {condition(depth - 1)})"
        single = pick(("(~{})", "xp.logical_not({})")).format(condition(depth - 1))
        return pick((single, f"xp.isfinite({vector(depth - 1)})", f"xp.isnan({vector(depth - 1)})", "p['mask']"))

    return vector(depth)


def usable(below, depth, point):
    """An expression that NumPy computes: it has no whole numbers to negative powers, for example."""
    while True:
        text = expression(below, depth)
        try:
            value(text, point)
        except (TypeError, ValueError):
            continue
        return text


@dataclass
class Point:
    """Where an expression is evaluated."""

    t: float
    y: np.ndarray
    p: dict[str, np.ndarray]
    s: np.ndarray


def points(below, count=POINTS):
    """Points of the grid; the last quarter lie off it."""

    def draw(n=None, off=0.0):
        flat = np.array([GRID[below(len(GRID))] + off * (below(1000) / 1000 - 0.5) for _ in range(n or 1)])
        return flat if n else flat[0]

    out = []
    for k in range(count):
        off = 0.7 if k >= count * 3 // 4 else 0.0
        p = {"a": draw(off=off), "n": draw(off=off) + 1.0, "v": draw(3, off), "b": draw(off=off), "w": draw(3, off)}
        p |= {"q": np.cumsum(1.0 + below(2) * np.ones(3)) - 3.0, "m": draw(9, off).reshape(3, 3)}
        p = {key: np.asarray(value) for key, value in p.items()}
        p |= {"mask": np.array([True, False, True]), "k": np.array([2, 0, 1])}
        out.append(Point(float(draw(off=off)), draw(3, off), p, np.array([1.0, -0.75, 0.5])))
    return out


def function(text):
    """The expression as a right-hand side."""
    return eval(f"lambda xp, t, y, p: {text}")


def compiled(texts, p, level="-O1", derived=True):
    """For each expression a function of a `Point` that gives value (3,), Jacobian (3, 8), Hessian (8, 8) of `s . f`, twice:
    for a number and for vectors of numbers. The last two are 0 unless `derived`."""
    parts, calls = [f"#define VW {WIDTH}\n#define N 1\n#define M 1\n#define Q 1\n#define COLUMNS 1\n", VECTORS], []
    for k, text in enumerate(texts):
        traced = record(function(text), N, p, VARIED, mechanical=False)
        g, one = traced.graph, traced.graph.const(1.0)
        inputs = [*(g.leaf("x", i) for i in range(N)), *(g.leaf("u", i) for i in traced.active)]
        seeds = {leaf: {i: one} for i, leaf in enumerate(inputs)}
        rows, second = [], []
        if derived:
            rows = forward(traced.outputs, seeds)
            second = forward(gradient(traced.outputs, [g.leaf("s", i) for i in range(N)], inputs), seeds)
        at = [(0, i, node) for i, node in enumerate(traced.outputs)]
        at += [(1 + r, c, node) for r, row in enumerate(rows) for c, node in row.items()]
        at += [(4 + r, c, node) for r, row in enumerate(second) for c, node in row.items()]
        nodes, table, width = [node for *_, node in at], Table(), len(inputs)
        targets = [f"G[{r * width + c}]" for r, c, _ in at]
        head = "const double *restrict C"
        body = Writer(table.name, False).body(nodes, targets)
        wide = Writer(table.name, True, time="T[0]").body(nodes, targets)
        parts += [
            f"void scalar_{k}(double t, const double *restrict X, const double *restrict L, {head}, double *restrict G) {{\n{body}}}\n"
            f"void vector_{k}(const vd *T, const vd *restrict X, const vd *restrict L, {head}, vd *restrict G) {{\n{wide}}}\n",
            table.source().replace("prepare(", f"prepare_{k}("),
        ]
        calls.append((traced, max(1, len(table.slots)), width))
    code, _ = load("".join(parts), level)
    return [_caller(code, k, *call) for k, call in enumerate(calls)]


def _caller(code, k, traced, slots, width):
    size = (4 + width) * width

    def aligned(values):
        raw = np.zeros(len(values) * WIDTH + 8)
        start = (-raw.ctypes.data // 8) % 8
        out = raw[start : start + len(values) * WIDTH].reshape(-1, WIDTH)
        out[:] = np.asarray(values)[:, None]
        return out

    def address(a):
        return ctypes.c_void_p(a.ctypes.data)

    def call(point):
        table, values = np.zeros(slots), flat_params(traced.params, point.p)
        getattr(code, f"prepare_{k}")(ctypes.c_void_p(values.address), address(table))
        out, wide = np.zeros(size), aligned(np.zeros(size))
        t, y, s = aligned([point.t]), aligned(point.y), aligned(point.s)
        getattr(code, f"scalar_{k}")(
            ctypes.c_double(point.t), address(point.y), address(point.s), address(table), address(out)
        )
        getattr(code, f"vector_{k}")(address(t), address(y), address(s), address(table), address(wide))
        blocks = (out, wide[:, -1].copy())
        return [(b[:N], b[width : 4 * width].reshape(N, width), b[4 * width :].reshape(width, width)) for b in blocks]

    return call


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


def value(text, point, kind=np.float64):
    """What NumPy gives, in doubles or in wider numbers."""
    p = {key: v.astype(kind) if v.dtype.kind == "f" else v for key, v in point.p.items()}
    with np.errstate(all="ignore"):
        try:
            return np.asarray(function(text)(np, kind(point.t), point.y.astype(kind), p), dtype=np.float64)
        except TypeError:  # NumPy's `interp` has doubles only
            if kind is np.float64:
                raise
            return value(text, point)


def same(ours, theirs, slack):
    """Whether all are close, and not finite where the others are not."""
    with np.errstate(all="ignore"):
        close = np.abs(ours - theirs) <= slack
    return np.all(close | (ours == theirs) | (np.isnan(ours) & np.isnan(theirs)))


def differences(texts, where, by_jax=True):
    """Sentences on expressions whose compiled form differs from NumPy or from JAX."""
    out = []
    for text, call in zip(texts, compiled(texts, where[0].p, derived=bool(by_jax)), strict=True):
        results = [call(point) for point in where]
        values = [(value(text, point), value(text, point, np.longdouble)) for point in where]
        for point, both, (exact, wide) in zip(where, results, values, strict=True):
            with np.errstate(all="ignore"):
                slack = 1e-12 * np.abs(exact) + 1e3 * np.abs(exact - wide) + 1e-14
            for form, (ours, _, _) in zip(("number", "vector"), both, strict=True):
                if not same(ours, exact, np.where(np.isfinite(slack), slack, np.inf)):
                    out.append(f"{text} at {_shown(point)}: {form} {ours}, NumPy {exact}")
        if not by_jax:
            continue
        known = derivatives(text, where)
        for k, (point, both, (exact, _)) in enumerate(zip(where, results, values, strict=True)):
            if not np.all(np.isfinite(exact)):
                continue
            for form, (_, jac, hess) in zip(("number", "vector"), both, strict=True):
                pulled = point.s @ np.where(np.isfinite(jac), jac, np.nan)
                pairs = (("gradient", pulled, known[0][k]), ("Hessian", hess, known[1][k]))
                for what, a, b in pairs:
                    if not np.all(np.isfinite(b)):
                        continue
                    scale = np.max(np.abs(b)) + np.max(np.abs(exact))
                    with np.errstate(all="ignore"):
                        gap = np.max(np.abs(a - b))
                    if not gap <= 1e-9 * scale + 1e-11:
                        out.append(f"{text} at {_shown(point)}: {what}, {form}, differs by {gap} from JAX")
    return out


def _shown(point):
    return f"t={point.t}, y={point.y.tolist()}, " + ", ".join(
        f"{k}={np.asarray(v).tolist()}" for k, v in point.p.items() if k not in ("mask", "k")
    )


def main(count, start=0, by_jax=1, batch=100):
    """The number of expressions that differ among `count`, which are printed."""
    total = 0
    for seed in range(start, start + -(-count // batch)):
        below = random.Random(seed).randrange
        where = points(below)
        texts = [usable(below, 1 + below(4), where[0]) for _ in range(batch)]
        found = differences(texts, where, by_jax)
        total += len({sentence.split(" at t=")[0] for sentence in found})
        for sentence in found:
            print(seed, sentence, flush=True)
        print(f"batch {seed}: {total} of {(seed - start + 1) * batch} expressions differ", flush=True)
    return total


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])) > 0)
