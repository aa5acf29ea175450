"""What happens at events, evaluated at many places at once: slopes, jumps and roots with their derivatives, in C or NumPy.

v = (y, a, t) (K,),  slopes (M,) with that of a running loss behind those of the states,  jump h (N,),  root g
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .._model.derivatives import Array
from .._model.problem import Problem
from ._build import fixed_part, load
from ._emit import Table, Writer, function, literal, operations
from ._events import Events, slope_of
from ._functions import scalars
from ._graph import CannotTrace, Node
from ._kernel import MOST_OPERATIONS
from ._roots import CLOSE, DIP, FLAT, GRAZED, NEAR, PROBE
from ._smooth import Smooth, smooth

LIMITS = {"NEAR": NEAR, "FLAT": FLAT, "PROBE": PROBE, "GRAZED": GRAZED, "DIP": DIP, "CLOSE": CLOSE}


def slopes(problem: Problem) -> Smooth:
    """The slopes (M,) as a function of v. Raises `InvalidInput` where they cannot be recorded."""
    return smooth(problem.name, "rhs", slope_of(problem))


@dataclass(frozen=True, eq=False)
class Functions:
    """Those of the events that jump, in NumPy; `numbers` are theirs. Batches stand along the first axis."""

    events: Events

    @cached_property
    def numbers(self) -> list[int]:
        """Of the events with a jump."""
        return [e for e, jump in enumerate(self.events.jumps) if jump is not None]

    @cached_property
    def roots(self) -> dict[int, Smooth]:
        """Of those that are found as roots."""
        return {e: root for e, root in self.events.roots.items() if e in self.numbers}

    @cached_property
    def slope(self) -> Smooth:
        return slopes(self.events.problem)

    def jump(self, e: int) -> Smooth:
        """Of event `e`, which has one."""
        found = self.events.jumps[e]
        assert found is not None
        return found

    def field(self, v: Array) -> tuple[Array, Array]:
        """Slopes (B, M) and their derivatives (B, M, K) at v (B, K)."""
        return self.slope.value(v.T).T, np.moveaxis(self.slope.first(v.T), -1, 0)

    def first(self, v: Array, of: Array, found: Array) -> tuple[Array, Array]:
        """Derivatives of the jumps (B, N, K) of events `of` (B,), and of the roots (B, K) of those that were `found`."""
        h, g = np.zeros((len(v), self.events.problem.dim, v.shape[1])), np.zeros(v.shape)
        for e in np.unique(of).astype(int):
            at = of == e
            h[at] = np.moveaxis(self.jump(e).first(v[at].T), -1, 0)
            at = at & found
            if at.any():
                g[at] = self.roots[e].first(v[at].T)[0].T
        return h, g

    def second(self, v: Array, of: Array, lam: Array, mu: Array) -> Array:
        """(B, K, K): `lam . h'' + mu g''` at v (B, K), with `lam` (B, N) and `mu` (B,)."""
        out = np.zeros((len(v), v.shape[1], v.shape[1]))
        for e in np.unique(of).astype(int):
            at = of == e
            out[at] = np.moveaxis(self.jump(e).second(v[at].T, lam[at].T), -1, 0)
            if e in self.roots:
                out[at] += np.moveaxis(self.roots[e].second(v[at].T, mu[None, at]), -1, 0)
        return out


class FunctionsInC(Functions):
    """The same by C, and `march`, the solve through them for a kernel with `tangents` in its error norm (`_compiled_legs`).

    Raises `CannotTrace` for too many operations, `Unavailable` without a compiler, `CompilerError` where it fails.
    """

    def __init__(self, events: Events, tangents: int) -> None:
        super().__init__(events)
        table, numbers, k = Table(), self.numbers, events.size
        written = [_written(table, "field", _firsts(self.slope))]
        for e in numbers:
            written += [_written(table, f"jump_{e}", _firsts(self.jump(e)))]
            written += [_written(table, f"jump_bent_{e}", _seconds(self.jump(e), k), added=True)]
        for e, root in self.roots.items():
            written += [_written(table, f"root_{e}", _firsts(root))]
            written += [_written(table, f"root_bent_{e}", _seconds(root, k), added=True)]
        sizes = {
            "N": events.problem.dim, "M": self.slope.size, "PA": events.places.size, "KV": k, "TANGENTS": tangents,
            "EVENTS": len(events.problem.events), "WATCHED": len(self.roots),
            "WATCHED_ONES": f"{{{', '.join(map(str, self.roots)) or '-1'}}}",
            **{key: literal(value) for key, value in LIMITS.items()},
        }  # fmt: skip
        source = "\n".join(
            [
                *(f"#define {key} {value}" for key, value in sizes.items()),
                "#include <string.h>",
                scalars(),
                table.source(),
                f"static double C[{max(1, len(table.slots))}];",
                *written,
                *(_chosen(name, of) for name, of in self._kinds.items()),
                *(fixed_part("discrete", name) for name in ("jumps.c", "events.c", "roots.c")),
            ]
        )
        self.code, self.m = load(source)[0], self.slope.size
        self.code.ready.argtypes, self.code.ready.restype = [], None
        self.code.ready()
        self.code.march.argtypes, self.code.march.restype = [ctypes.c_void_p], ctypes.c_long
        for name, count in (("fields", 3), ("firsts", 5), ("seconds", 4)):
            getattr(self.code, name).argtypes = [ctypes.c_long] + [ctypes.c_void_p] * count
            getattr(self.code, name).restype = None

    @property
    def _kinds(self) -> dict[str, list[int]]:
        return {"jump": self.numbers, "jump_bent": self.numbers, "root": [*self.roots], "root_bent": [*self.roots]}

    def field(self, v: Array) -> tuple[Array, Array]:
        f, first = np.empty((len(v), self.m)), np.empty((len(v), self.m, v.shape[1]))
        self.code.fields(len(v), v.ctypes.data, f.ctypes.data, first.ctypes.data)
        return f, first

    def first(self, v: Array, of: Array, found: Array) -> tuple[Array, Array]:
        h, g = np.empty((len(v), self.events.problem.dim, v.shape[1])), np.empty(v.shape)
        which = np.where(found, of, -1.0)
        given = (v, of, which, h, g)
        self.code.firsts(len(v), *(a.ctypes.data for a in given))
        return h, g

    def second(self, v: Array, of: Array, lam: Array, mu: Array) -> Array:
        out, w = np.empty((len(v), v.shape[1], v.shape[1])), np.column_stack([lam, mu])
        self.code.seconds(len(v), v.ctypes.data, of.ctypes.data, w.ctypes.data, out.ctypes.data)
        return out


def _firsts(f: Smooth) -> list[tuple[Node, str]]:
    """Values and Jacobian, and where they go."""
    values = [(node, f"o[{i}]") for i, node in enumerate(f.nodes)]
    return values + [(node, f"o[{f.size + r * f.inputs + c}]") for (r, c), node in f.first_entries.items()]


def _seconds(f: Smooth, k: int) -> list[tuple[Node, str]]:
    """The Hessian (k, k) of the weighted sum."""
    places = {(r * k + c, c * k + r): node for (r, c), node in f.second_entries.items()}
    return [(node, f"o[{i}]") for both, node in places.items() for i in dict.fromkeys(both)]


def _written(table: Table, name: str, outputs: list[tuple[Node, str]], added: bool = False) -> str:
    """A function of the inputs X and weights L that sets what is not zero of `o`, or adds to it."""
    nodes = [node for node, _ in outputs]
    if (count := operations(nodes)) > MOST_OPERATIONS:
        raise CannotTrace(f"derivatives at events take {count} operations, more than {MOST_OPERATIONS}")
    body = Writer(table.name, False).body(nodes, [text for _, text in outputs], len(nodes) if added else 0)
    heads = ["const double *restrict X", "const double *restrict L", "double *restrict o"]
    return function(name, heads, body, "double")


def _chosen(name: str, numbers: list[int]) -> str:
    """That of event e."""
    cases = "".join(f"  case {e}: {name}_{e}(X, L, o); break;\n" for e in numbers)
    head = f"static void {name}(int e, const double *X, const double *L, double *o)"
    return f"{head} {{\n  switch (e) {{\n{cases}  default: (void)X, (void)L, (void)o;\n  }}\n}}\n"
