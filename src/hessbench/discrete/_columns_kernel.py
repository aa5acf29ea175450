"""C source of the discrete adjoint with respect to parameters: the expressions of `_columns`, written out for one problem.

The forward solve is that of `_kernel`; the probes' tangents see the parameters too. Of each stage a kernel computes the entries
that can differ from zero, for `VW` stages at once, in this order and layout `O[block][entry][lane]`:

    J = F_,y    A = F_,u    YY = q . F_,yy    YU = q . F_,yu        and adds    UU = q . F_,uu    to one sum over all stages
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

from .._model.derivatives import Array
from ._build import LEVELS
from ._columns_template import SWEEPS
from ._differentiate import forward, gradient, reachable
from ._emit import Table, Writer, function
from ._graph import CannotTrace, Node
from ._kernel import Entries
from ._probe_template import BY_COLUMNS
from ._stepper import KICK_EVERY, KICK_ROWS
from ._tableau import Pair
from ._template import FORWARD, VECTORS
from ._trace import Traced
from ._unrolled import Weights, matrix_times

LARGE, MOST_OPERATIONS = 3000, 25_000  # compile in seconds, and in half a minute
STORED = ("J", "A", "YY", "YU")


@dataclass(frozen=True, eq=False)
class ColumnsKernel:
    """Source and what is needed to call it: sizes, the columns of the entries, the active parameters, `places` of `Parts`."""

    source: str
    width: int
    n: int
    columns: int
    stages: int
    fixed: int
    entries: int
    jacobian: int
    shared: Entries
    autonomous: bool
    params: tuple[str, ...]
    active: tuple[int, ...]
    level: str
    places: dict[str, Entries]

    @property
    def m(self) -> int:
        """Inputs of the traced function."""
        return self.n

    @property
    def granule(self) -> int:
        """Segments are multiples of this many steps, so that they begin at a vector of stages."""
        return self.width // gcd(self.width, self.stages)


class Parts:
    """Entries and expressions of the blocks J, A, YY, YU, UU (lower triangle) and of the slopes with tangents."""

    def __init__(self, traced: Traced, probes: int) -> None:
        g, n, active = traced.graph, traced.size, traced.active
        one, x = g.const(1.0), [g.leaf("x", k) for k in range(n)]
        u = [g.leaf("u", k) for k in active]
        seeds = {leaf: {k: one} for k, leaf in enumerate([*x, *u])}
        rows = forward(traced.outputs, seeds)
        bars = gradient(traced.outputs, [g.leaf("s", k) for k in range(n)], [*x, *u])
        self.pulled, curved = bars[n:], forward(bars, seeds)
        at: dict[str, list[tuple[int, int, Node]]] = {name: [] for name in ("J", "A", "YY", "YU", "UU")}
        for r, row in enumerate(rows):
            for c, node in sorted(row.items()):
                at["J" if c < n else "A"].append((r, c if c < n else c - n, node))
        for r, row in enumerate(curved):
            for c, node in sorted(row.items()):
                if r >= n and n <= c <= r:
                    at["UU"].append((r - n, c - n, node))
                elif r < n:
                    node = node if c >= n or c <= r else curved[c].get(r, node)
                    at["YY" if c < n else "YU"].append((r, c if c < n else c - n, node))
        self.entries: dict[str, Entries] = {name: [(r, c) for r, c, _ in part] for name, part in at.items()}
        self.nodes = {name: [node for _, _, node in part] for name, part in at.items()}
        self.slopes = list(traced.outputs)
        for r in range(probes):
            along = {leaf: {0: g.leaf("w", (1 + r) * n + k)} for k, leaf in enumerate(x)}
            along |= {leaf: {0: g.leaf("p", traced.inputs + r * len(u) + k)} for k, leaf in enumerate(u)}
            self.slopes += [row.get(0, g.const(0.0)) for row in forward(traced.outputs, along)]
        everything = [*traced.outputs, *(node for part in self.nodes.values() for node in part)]
        read = reachable(everything)
        self.autonomous = not any(node.op == "leaf" and node.args[0] == "t" for node in read)
        self.operations = len(read)

    def functions(self, outputs: list[Node], table: Table) -> str:
        """The C functions `slope`, `slopes`, `jacobian`, `pull_parameters` and `second`."""
        scalar = ["double t", "const double *restrict X", "const double *restrict C", "double *restrict G"]
        vectors = ["const vd *T", "const vd *restrict X", "const double *restrict C"]
        stored = [node for name in STORED for node in self.nodes[name]]

        def point(name: str, nodes: list[Node]) -> str:
            body = Writer(table.name, False).body(nodes, [f"G[{k}]" for k in range(len(nodes))])
            return function(name, scalar, body, "double")

        def batch(name: str, heads: list[str], nodes: list[Node], added: list[Node]) -> str:
            targets = [f"O[{k}]" for k in range(len(nodes))] + [f"U[{k}]" for k in range(len(added))]
            body = Writer(table.name, True, time="T[0]").body([*nodes, *added], targets, len(added))
            return function(name, [*vectors, *heads], body, "vd")

        multipliers, out, sums = "const vd *restrict L", "vd *restrict O", "vd *restrict U"
        return (
            point("slope", outputs)
            + point("slopes", self.slopes)
            + batch("jacobian", [out], self.nodes["J"], [])
            + batch("pull_parameters", [multipliers, sums], [], self.pulled)
            + batch("second", [multipliers, out, sums], stored, self.nodes["UU"])
        )


def generate_columns(
    traced: Traced, columns: tuple[int, ...], total: int, pair: Pair, probes: int, width: int
) -> ColumnsKernel:
    """Write the kernel. Active parameter k is column `columns[k]` of `total`; `width` doubles per vector.

    Raises `CannotTrace` where the code would be too large to compile in reasonable time.
    """
    parts, table, n, s = Parts(traced, probes), Table(), traced.size, pair.stages
    if parts.operations > MOST_OPERATIONS:
        raise CannotTrace(f"its derivatives take {parts.operations} operations, more than {MOST_OPERATIONS}")
    weights, (a, c) = Weights(pair, False), pair.extended()
    e = {k: [(r, columns[j]) for r, j in part] if k in ("A", "YU") else part for k, part in parts.entries.items()}
    own, vectors = sum(len(e[name]) for name in STORED), -(-total // width)
    functions = parts.functions(traced.outputs, table)
    source = "\n".join([
        f"#define VW {width}\n#define N {n}\n#define COLUMNS {total}\n#define M {n}\n#define S {s}\n#define TANGENTS {probes}",
        f"#define KICK_EVERY {KICK_EVERY}\n#define KICK_ROWS {KICK_ROWS}",
        "#define Q ((1 + TANGENTS) * M)\n#define SECOND 0",
        f"#define AUTONOMOUS {int(parts.autonomous)}\n#define EXPONENT ({pair.exponent!r})",
        f"#define STRETCH {pair.stretch!r}\n#define LIMITED {pair.limited!r}",
        *(f"#define N{name} {len(e[name])}" for name in STORED),
        f"#define NP {len(columns)}\n#define NE {own}\n#define NUU {len(e['UU'])}",
        VECTORS,
        f"static const double NODES[S + 1] = {{{_numbers(c)}}};",
        f"static const double WEIGHTS[S + 1][S] = {{{', '.join(f'{{{_numbers(row)}}}' for row in a)}}};",
        *(f"static const int {name}ROW[] = {_places(e[name], 0)}, {name}COL[] = {_places(e[name], 1)};" for name in STORED),
        f"static const int PCOL[] = {{{', '.join(map(str, columns))}}};",
        table.source(),
        functions,
        weights.stepping(),
        FORWARD,
        weights.multipliers(e["J"]),
        weights.tangents(),
        matrix_times("times_jacobian", e["J"], n, vectors),
        matrix_times("times_contraction", e["YY"], n, vectors),
        SWEEPS,
        BY_COLUMNS,
    ])  # fmt: skip
    shared = [(columns[i], columns[j]) for i, j in e["UU"]]
    return ColumnsKernel(
        source, width, n, total, s, max(1, len(table.slots)), own, len(e["J"]), shared, parts.autonomous,
        traced.params, traced.active, LEVELS[parts.operations > LARGE], parts.entries,
    )  # fmt: skip


def _numbers(row: Array) -> str:
    return ", ".join(repr(float(v)) for v in row)


def _places(entries: Entries, k: int) -> str:
    return "{" + (", ".join(str(entry[k]) for entry in entries) or "0") + "}"
