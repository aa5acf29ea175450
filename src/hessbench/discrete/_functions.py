"""The elementary functions that can be recorded: their NumPy meaning, their name in C, and their derivatives.

Every function here is that of NumPy at every number, ties, zeros and nan included. Steps (`sign`, `floor`, ...) have derivative
zero; jumps and kinks of other functions are written with conditions (see `_operations`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ._graph import Graph, Node

LN2, LN10 = math.log(2.0), math.log(10.0)


@dataclass(frozen=True)
class Function:
    """`numpy` evaluates it, `c` is its name in C, and `partials(graph, value, arguments)` are its derivatives by each.

    `bounded`: finite at every finite argument, so that zero times it is zero.
    """

    numpy: np.ufunc
    c: str
    partials: Callable[[Graph, Node, Sequence[Node]], list[Node]] | None = None
    bounded: bool = False
    positive: bool = False

    @property
    def step(self) -> bool:
        """Whether it is constant between jumps."""
        return self.partials is None


def _one(slope: Callable[[Graph, Node, Node], Node]) -> Callable[[Graph, Node, Sequence[Node]], list[Node]]:
    return lambda g, value, arguments: [slope(g, value, arguments[0])]


def _over(g: Graph, a: Node, c: float = 1.0) -> Node:
    return g.scale(g.const(c), g.power(a, -1.0))


def _plus(g: Graph, a: Node, c: float) -> Node:
    return g.add(a, g.const(c))


def _powers(g: Graph, value: Node, arguments: Sequence[Node]) -> list[Node]:
    x, y = arguments
    over = g.power(value, -1.0)
    return [g.mul(x, over), g.mul(y, over)]


def _angle(g: Graph, value: Node, arguments: Sequence[Node]) -> list[Node]:
    y, x = arguments
    over = g.power(g.add(g.power(x, 2.0), g.power(y, 2.0)), -1.0)
    return [g.mul(x, over), -g.mul(y, over)]


def _shares(base: str) -> Callable[[Graph, Node, Sequence[Node]], list[Node]]:
    return lambda g, value, arguments: [g.function(base, g.add(a, -value)) for a in arguments]


def _rest(rounding: str) -> Callable[[Graph, Node, Sequence[Node]], list[Node]]:
    def partials(g: Graph, value: Node, arguments: Sequence[Node]) -> list[Node]:
        a, b = arguments
        whole = (
            g.function(rounding, a, b)
            if rounding == "floor_divide"
            else g.function(rounding, g.mul(a, g.power(b, -1.0)))
        )
        return [g.const(1.0), -whole]

    return partials


FUNCTIONS: dict[str, Function] = {
    "exp": Function(np.exp, "exp", _one(lambda g, v, a: v), positive=True),
    "sqrt": Function(np.sqrt, "sqrt", _one(lambda g, v, a: g.scale(g.const(0.5), g.power(a, -0.5))), positive=True),
    "exp2": Function(np.exp2, "exp2", _one(lambda g, v, a: g.scale(g.const(LN2), v)), positive=True),
    "expm1": Function(np.expm1, "expm1", _one(lambda g, v, a: g.function("exp", a))),
    "log": Function(np.log, "log", _one(lambda g, v, a: _over(g, a))),
    "log2": Function(np.log2, "log2", _one(lambda g, v, a: _over(g, a, 1 / LN2))),
    "log10": Function(np.log10, "log10", _one(lambda g, v, a: _over(g, a, 1 / LN10))),
    "log1p": Function(np.log1p, "log1p", _one(lambda g, v, a: _over(g, _plus(g, a, 1.0)))),
    "sin": Function(np.sin, "sin", _one(lambda g, v, a: g.function("cos", a)), bounded=True),
    "cos": Function(np.cos, "cos", _one(lambda g, v, a: -g.function("sin", a)), bounded=True),
    "tan": Function(np.tan, "tan", _one(lambda g, v, a: _plus(g, g.mul(v, v), 1.0)), bounded=True),
    "tanh": Function(np.tanh, "tanh", _one(lambda g, v, a: _plus(g, -g.mul(v, v), 1.0)), bounded=True),
    "sinh": Function(np.sinh, "sinh", _one(lambda g, v, a: g.function("cosh", a))),
    "cosh": Function(np.cosh, "cosh", _one(lambda g, v, a: g.function("sinh", a)), positive=True),
    "arctan": Function(np.arctan, "atan", _one(lambda g, v, a: _over(g, _plus(g, g.mul(a, a), 1.0))), bounded=True),
    "arcsin": Function(np.arcsin, "asin", _one(lambda g, v, a: g.power(_plus(g, -g.mul(a, a), 1.0), -0.5))),
    "arccos": Function(np.arccos, "acos", _one(lambda g, v, a: -g.power(_plus(g, -g.mul(a, a), 1.0), -0.5))),
    "arcsinh": Function(np.arcsinh, "asinh", _one(lambda g, v, a: g.power(_plus(g, g.mul(a, a), 1.0), -0.5)), bounded=True),
    "arccosh": Function(
        np.arccosh, "acosh",
        _one(lambda g, v, a: g.mul(g.power(_plus(g, a, 1.0), -0.5), g.power(_plus(g, a, -1.0), -0.5))),
    ),
    "arctanh": Function(np.arctanh, "atanh", _one(lambda g, v, a: _over(g, _plus(g, -g.mul(a, a), 1.0)))),
    "cbrt": Function(np.cbrt, "cbrt", _one(lambda g, v, a: _over(g, g.power(v, 2.0), 1 / 3)), bounded=True),
    "arctan2": Function(np.arctan2, "atan2", _angle, bounded=True),
    "hypot": Function(np.hypot, "hypot", _powers, bounded=True, positive=True),
    "logaddexp": Function(np.logaddexp, "log_add_exp", _shares("exp"), bounded=True),
    "logaddexp2": Function(np.logaddexp2, "log_add_exp2", _shares("exp2"), bounded=True),
    "sign": Function(np.sign, "sign_of", bounded=True),
    "floor": Function(np.floor, "floor", bounded=True),
    "ceil": Function(np.ceil, "ceil", bounded=True),
    "trunc": Function(np.trunc, "trunc", bounded=True),
    "rint": Function(np.rint, "rint", bounded=True),
    "floor_divide": Function(np.floor_divide, "floor_divide"),
    "remainder": Function(np.remainder, "modulo", _rest("floor_divide")),
    "fmod": Function(np.fmod, "fmod", _rest("trunc")),
}  # fmt: skip

SCALARS = r"""
#include <math.h>
/* Keeps a product apart from a sum that follows it: a condition is to see both rounded, as NumPy does. */
#if defined(__SSE2__)
#define APART(a) __asm__("" : "+x"(a))
#else
#define APART(a) __asm__("" : "+m"(a))
#endif
static inline double times(double a, double b) { double c = a * b; APART(c); return c; }
static inline double less(double a, double b) { return a < b; }
static inline double less_equal(double a, double b) { return a <= b; }
static inline double equal(double a, double b) { return a == b; }
static inline double negated(double a) { return a == 0; }
static inline double both(double a, double b) { return a != 0 && b != 0; }
static inline double either(double a, double b) { return a != 0 || b != 0; }
static inline double unlike(double a, double b) { return (a != 0) != (b != 0); }
static inline double signed_(double a) { return signbit(a) != 0; }
static inline double choose(double c, double x, double y) { return c != 0 ? x : y; }
static inline double sign_of(double a) { return a > 0 ? 1.0 : a < 0 ? -1.0 : a == 0 ? 0.0 : a; }
static inline double modulo(double a, double b) {
  double m = fmod(a, b);
  if (b == 0) return m;
  return m == 0 ? copysign(0.0, b) : (b < 0) != (m < 0) ? m + b : m;
}
static inline double floor_divide(double a, double b) {
  if (b == 0) return a / b;
  double m = fmod(a, b), d = (a - m) / b;
  if (m != 0 && (b < 0) != (m < 0)) d -= 1.0;
  if (d == 0) return copysign(0.0, a / b);
  double f = floor(d);
  return d - f > 0.5 ? f + 1.0 : f;
}
static inline double log_add_exp(double a, double b) {
  if (a == b) return a + 0.693147180559945309417232121458;
  double d = a - b;
  return d > 0 ? a + log1p(exp(-d)) : d <= 0 ? b + log1p(exp(d)) : d;
}
static inline double log_add_exp2(double a, double b) {
  if (a == b) return a + 1;
  double d = a - b, per = 1.44269504088896340735992468100;
  return d > 0 ? a + per * log1p(exp2(-d)) : d <= 0 ? b + per * log1p(exp2(d)) : d;
}
/* b^m log(b)^q, 0 in the limit at b = 0; a coefficient of 0 comes before a power that is infinite. */
static inline double power_term(double c, double b, double m, int q) {
  if (c == 0) return 0;
  if (b == 0 && q && m >= 0) return 0;
  double p = c * pow(b, m);
  return q == 2 ? p * log(b) * log(b) : q ? p * log(b) : p;
}
/* The derivative of b^n, j times by b and k times by n, j + k <= 2. */
static inline double powers(double b, double n, int j, int k) {
  double c0 = j == 0 ? 1 : j == 1 ? n : n * (n - 1), c1 = j == 0 ? 0 : 1;
  if (k == 0) return power_term(c0, b, n - j, 0);
  if (k == 1) return power_term(c1, b, n - j, 0) + power_term(c0, b, n - j, 1);
  return power_term(c0, b, n, 2);
}
"""


def vectors() -> str:
    """The same for vectors of numbers; a condition is a mask of bits, as long as a number."""
    one = " ".join(f"LANES({f.c})" for name, f in FUNCTIONS.items() if f.numpy.nin == 1 and name != "sqrt")
    two = " ".join(f"LANES2({f.c})" for f in FUNCTIONS.values() if f.numpy.nin == 2)
    return VECTORS.replace("ONE", one).replace("TWO", two)


VECTORS = r"""
static inline vd vtimes(vd a, vd b) { vd c = a * b; __asm__("" : "+m"(c)); return c; }
static inline vd vless(vd a, vd b) { return (vd)(a < b); }
static inline vd vless_equal(vd a, vd b) { return (vd)(a <= b); }
static inline vd vequal(vd a, vd b) { return (vd)(a == b); }
static inline vd vnegated(vd a) { return (vd)~(vl)a; }
static inline vd vboth(vd a, vd b) { return (vd)((vl)a & (vl)b); }
static inline vd veither(vd a, vd b) { return (vd)((vl)a | (vl)b); }
static inline vd vunlike(vd a, vd b) { return (vd)((vl)a ^ (vl)b); }
static inline vd vsigned_(vd a) { return (vd)((vl)a < 0); }
static inline vd vholds(vd a) { return (vd)(a != 0); }
static inline vd vchoose(vd c, vd x, vd y) { return (vd)(((vl)c & (vl)x) | (~(vl)c & (vl)y)); }
#define LANES(f) static inline vd v##f(vd a) { for (int l = 0; l < VW; l++) a[l] = f(a[l]); return a; }
#define LANES2(f) static inline vd v##f(vd a, vd b) { for (int l = 0; l < VW; l++) a[l] = f(a[l], b[l]); return a; }
ONE
TWO LANES2(pow)
static inline vd vpowers(vd b, vd n, int j, int k) {
  for (int l = 0; l < VW; l++) b[l] = powers(b[l], n[l], j, k);
  return b;
}
"""
