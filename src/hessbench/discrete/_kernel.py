"""C source of one problem's discrete adjoint: its expressions, its tableau and its sparsity written out.

Two backward sweeps exist. `dense` carries all tangents and sums curvature (see `_dense`); `sparse` walks a matrix
backward, one block of columns at a time (see `_kernel_sparse`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import Protocol

from ._build import LEVELS
from ._differentiate import Rows, Sum, forward, gradient, reachable
from ._emit import Table, Writer, function, operations
from ._graph import CannotTrace, Node
from ._kernel_sparse import sparse_backward
from ._probe_template import BY_STATE
from ._stepper import KICK_EVERY, KICK_ROWS
from ._tableau import Pair
from ._template import BACKWARD, FORWARD, SYMMETRISE, VECTORS
from ._trace import Traced
from ._unrolled import Weights, accumulation, matrix_times

Entries = list[tuple[int, int]]
LARGE, MOST_OPERATIONS = 12_000, 60_000  # compile within some five seconds with the first level, ten with the second


@dataclass(frozen=True, eq=False)
class Kernel:
    """Source and what is needed to call it: sizes, positions of the Jacobian's and contraction's entries, sweep."""

    source: str
    width: int
    n: int
    m: int
    stages: int
    fixed: int
    jacobian: Entries
    contraction: Entries
    autonomous: bool
    second_order: bool
    sparse: bool
    params: tuple[str, ...]
    level: str = LEVELS[0]

    @property
    def granule(self) -> int:
        """Segments are multiples of this many steps, so that they begin at a vector of stages."""
        return self.width // gcd(self.width, self.stages)


class Expressions:
    """Slopes with tangents, Jacobian and contraction of a traced function; `autonomous` if none reads the time."""

    def __init__(self, traced: Traced, probes: int) -> None:
        g, m = traced.graph, traced.size
        self.m, self.second_order, self.params = m, traced.second_order, traced.params
        self.traced, one = traced, g.const(1.0)
        x = [g.leaf("x", k) for k in range(m)]
        rows = forward(traced.outputs, {x[k]: {k: one} for k in range(m)})
        self.jacobian, self.jacobian_nodes = _entries(rows)
        bar = gradient(traced.outputs, [g.leaf("s", k) for k in range(m)], x)
        self.contraction, self.contraction_nodes = _entries(
            _symmetric(forward(bar, {x[k]: {k: one} for k in range(m)}))
        )
        self.slopes = [*traced.outputs, *(d for r in range(1, probes + 1) for d in self._tangent(rows, x, r))]
        everything = [*traced.outputs, *self.jacobian_nodes, *self.contraction_nodes]
        self.autonomous = not any(n.op == "leaf" and n.args[0] == "t" for n in reachable(everything))

    def _tangent(self, rows: Rows, x: list[Node], r: int) -> list[Node]:
        """`J w_r`, by a product with the Jacobian's entries or by forward mode, whichever is shorter."""
        g, m = self.traced.graph, self.traced.size
        w = [g.leaf("w", r * m + k) for k in range(m)]
        by_entries = []
        for row in rows:
            total = Sum(g)
            for k, entry in row.items():
                total.add(g.mul(entry, w[k]), g.const(1.0))
            by_entries.append(total.node())
        out = forward(self.traced.outputs, {x[k]: {0: w[k]} for k in range(m)})
        by_forward = [row.get(0, g.const(0.0)) for row in out]
        return min(by_forward, by_entries, key=lambda nodes: operations([*self.traced.outputs, *nodes]))

    def functions(self, table: Table) -> str:
        """The C functions `slope`, `slopes`, `jacobian` and `contraction`."""
        scalar = ["double t", "const double *restrict X", "const double *restrict C", "double *restrict G"]
        vector = ["const vd *T", "const vd *restrict X", "const double *restrict C"]
        multipliers, out = "const vd *restrict L", "vd *restrict O"

        def point(name: str, nodes: list[Node]) -> str:
            body = Writer(table.name, False).body(nodes, [f"G[{k}]" for k in range(len(nodes))])
            return function(name, scalar, body, "double")

        def batch(name: str, heads: list[str], nodes: list[Node]) -> str:
            body = Writer(table.name, True, time="T[0]").body(nodes, [f"O[{k}]" for k in range(len(nodes))])
            return function(name, heads, body, "vd")

        return (
            point("slope", self.traced.outputs)
            + point("slopes", self.slopes)
            + batch("jacobian", [*vector, out], self.jacobian_nodes)
            + batch("contraction", [*vector, multipliers, out], self.contraction_nodes)
        )


class Parts(Protocol):
    """What `assemble` has to know of a right-hand side of `m` rows: pattern and kind; C functions come beside it."""

    m: int
    second_order: bool
    autonomous: bool
    params: tuple[str, ...]
    jacobian: Entries
    contraction: Entries


def generate(
    traced: Traced, pair: Pair, probes: int, width: int, sparse: bool | None = None, patient: bool = False
) -> Kernel:
    """Write the kernel. `width` doubles per vector; with `sparse=None` an operation count chooses the sweep.

    Raises `CannotTrace` for so many operations that compiling them takes longer than people wait, unless they are `patient`.
    """
    parts, table = Expressions(traced, probes), Table()
    count = sum(map(operations, (parts.slopes, parts.jacobian_nodes, parts.contraction_nodes)))
    if count > MOST_OPERATIONS and not patient:
        raise CannotTrace(f"its derivatives take {count} operations, more than {MOST_OPERATIONS}")
    if sparse is None:
        n = parts.m * (2 if parts.second_order else 1)
        sparse = prefers_sparse(n, parts.m, len(parts.jacobian), len(parts.contraction), pair)
    functions = parts.functions(table)
    level = LEVELS[count > LARGE]
    return assemble(parts, table.source() + functions, max(1, len(table.slots)), pair, probes, width, sparse, level)


def assemble(
    parts: Parts, functions: str, fixed: int, pair: Pair, probes: int, width: int, sparse: bool, level: str = LEVELS[0]
) -> Kernel:
    """The kernel around the C `functions` prepare, slope, slopes, jacobian and contraction, which read `fixed` numbers."""
    m, s, jacobian, contraction = parts.m, pair.stages, parts.jacobian, parts.contraction
    n = m * (2 if parts.second_order else 1)
    weights = Weights(pair, parts.second_order)
    nodes = ", ".join(repr(float(c)) for c in pair.extended()[1])
    if sparse:
        sweep = sparse_backward(weights, n, jacobian, contraction)
    else:
        rows = -(-n // width)
        products = matrix_times("times_jacobian", jacobian, m, rows) + matrix_times(
            "times_contraction", contraction, m, rows
        )
        sweep = weights.tangents() + products + accumulation(n, width) + BACKWARD
    source = "\n".join([
        f"#define VW {width}\n#define N {n}\n#define COLUMNS N\n#define M {m}\n#define S {s}\n#define TANGENTS {probes}",
        f"#define KICK_EVERY {KICK_EVERY}\n#define KICK_ROWS {KICK_ROWS}",
        f"#define Q ((1 + TANGENTS) * M)\n#define SECOND {int(parts.second_order)}",
        f"#define AUTONOMOUS {int(parts.autonomous)}\n#define EXPONENT ({pair.exponent!r})",
        f"#define STRETCH {pair.stretch!r}\n#define LIMITED {pair.limited!r}",
        f"#define NJ {len(jacobian)}\n#define NZ {len(contraction)}",
        VECTORS,
        f"static const double NODES[S + 1] = {{{nodes}}};",
        functions,
        weights.stepping(),
        FORWARD,
        weights.multipliers(jacobian),
        SYMMETRISE,
        sweep,
        BY_STATE,
    ])  # fmt: skip
    return Kernel(
        source,
        width,
        n,
        m,
        s,
        fixed,
        jacobian,
        contraction,
        parts.autonomous,
        parts.second_order,
        sparse,
        parts.params,
        level,
    )


def prefers_sparse(n: int, m: int, jacobian: int, contraction: int, pair: Pair) -> bool:
    """Whether the columnwise sweep takes fewer operations per stage than carrying all tangents. First order only."""
    if m < n:
        return False
    combine = (pair.a != 0).sum() / pair.stages
    dense = n * (combine * n + jacobian + contraction + n * n)
    columns = n * (2 * combine * n + 2 * jacobian + contraction + n * n / pair.stages)
    return n > 16 and bool(columns < 0.7 * dense)


def _entries(rows: Rows) -> tuple[Entries, list[Node]]:
    at = [(r, c) for r, row in enumerate(rows) for c in sorted(row)]
    return at, [rows[r][c] for r, c in at]


def _symmetric(rows: Rows) -> Rows:
    """Both triangles from the lower one, so that each pair of entries is one expression."""
    out: Rows = [{} for _ in rows]
    for r, row in enumerate(rows):
        for c, node in row.items():
            if c <= r:
                out[r][c] = out[c][r] = node
    return out
