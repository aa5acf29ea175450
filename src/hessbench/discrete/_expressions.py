"""Derivatives of a recorded right-hand side as expressions, in blocks, and the C functions that compute them.

    J = F_,y    A = F_,u    YY = q . F_,yy    YU = q . F_,yu    UU = q . F_,uu  (lower triangle)

By the initial state alone there is nothing to differentiate by but the state: A, YU and UU are empty.
"""

from __future__ import annotations

from ._differentiate import Sum, forward, gradient, reachable
from ._emit import Table, Writer, function, operations
from ._graph import Node
from ._trace import Traced

Entries = list[tuple[int, int]]
BLOCKS = ("J", "A", "YY", "YU", "UU")


class Expressions:
    """Entries and expressions of the blocks, and of the slopes with tangents; `autonomous` if none reads the time."""

    def __init__(self, traced: Traced, probes: int) -> None:
        g, m, active = traced.graph, traced.size, traced.active
        self.m, self.second_order, self.params = m, traced.second_order, traced.params
        self.traced, one, x = traced, g.const(1.0), [g.leaf("x", k) for k in range(m)]
        u = [g.leaf("u", k) for k in active]
        seeds = {leaf: {k: one} for k, leaf in enumerate([*x, *u])}
        rows = forward(traced.outputs, seeds)
        bars = gradient(traced.outputs, [g.leaf("s", k) for k in range(m)], [*x, *u])
        self.pulled, curved = bars[m:], forward(bars, seeds)
        at: dict[str, list[tuple[int, int, Node]]] = {name: [] for name in BLOCKS}
        for r, row in enumerate(rows):
            for c, node in sorted(row.items()):
                at["J" if c < m else "A"].append((r, c if c < m else c - m, node))
        for r, row in enumerate(curved):
            for c, node in sorted(row.items()):
                if r >= m and m <= c <= r:
                    at["UU"].append((r - m, c - m, node))
                elif r < m:
                    node = node if c >= m or c <= r else curved[c].get(r, node)  # one expression for both triangles
                    at["YY" if c < m else "YU"].append((r, c if c < m else c - m, node))
        self.places: dict[str, Entries] = {name: [(r, c) for r, c, _ in part] for name, part in at.items()}
        self.nodes = {name: [node for _, _, node in part] for name, part in at.items()}
        self.slopes = list(traced.outputs)
        for k in range(probes):
            w = [g.leaf("w", (1 + k) * m + j) for j in range(m)]
            p = [g.leaf("p", traced.inputs + k * len(u) + j) for j in range(len(u))]
            self.slopes += self._tangent(rows, dict(zip([*x, *u], [*w, *p], strict=True)))
        blocks = [node for part in self.nodes.values() for node in part]
        read = reachable([*traced.outputs, *blocks])
        self.autonomous = not any(node.op == "leaf" and node.args[0] == "t" for node in read)
        self.statements = len(read)
        self.operations = sum(map(operations, (self.slopes, self.nodes["J"], self.nodes["YY"])))

    def _tangent(self, rows: list[dict[int, Node]], along: dict[Node, Node]) -> list[Node]:
        """`J w + A p`, by a product with the entries or by forward mode, whichever is shorter."""
        g, outputs, moved = self.traced.graph, self.traced.outputs, list(along.values())
        by_entries = []
        for row in rows:
            total = Sum(g)
            for k, entry in row.items():
                total.add(g.mul(entry, moved[k]), g.const(1.0))
            by_entries.append(total.node())
        out = forward(outputs, {leaf: {0: w} for leaf, w in along.items()})
        by_forward = [row.get(0, g.const(0.0)) for row in out]
        return min(by_forward, by_entries, key=lambda nodes: operations([*outputs, *nodes]))

    def functions(self, table: Table, stored: tuple[str, ...]) -> str:
        """The C functions `slope`, `slopes` and `jacobian`, and those of the second derivatives.

        These are `contraction` where only the block YY is `stored`, else `second`, which stores these blocks and adds UU, and
        `pull_parameters`.
        """
        scalar = ["double t", "const double *restrict X", "const double *restrict C", "double *restrict G"]
        vectors = ["const vd *T", "const vd *restrict X", "const double *restrict C"]
        multipliers, out, sums = "const vd *restrict L", "vd *restrict O", "vd *restrict U"

        def point(name: str, nodes: list[Node]) -> str:
            body = Writer(table.name, False).body(nodes, [f"G[{k}]" for k in range(len(nodes))])
            return function(name, scalar, body, "double")

        def batch(name: str, heads: list[str], nodes: list[Node], added: list[Node]) -> str:
            targets = [f"O[{k}]" for k in range(len(nodes))] + [f"U[{k}]" for k in range(len(added))]
            body = Writer(table.name, True, time="T[0]").body([*nodes, *added], targets, len(added))
            return function(name, [*vectors, *heads], body, "vd")

        first = (
            point("slope", self.traced.outputs)
            + point("slopes", self.slopes)
            + batch("jacobian", [out], self.nodes["J"], [])
        )
        kept = [node for name in stored for node in self.nodes[name]]
        if stored == BY_STATE:
            return first + batch("contraction", [multipliers, out], kept, [])
        pulled = batch("pull_parameters", [multipliers, sums], [], self.pulled)
        return first + pulled + batch("second", [multipliers, out, sums], kept, self.nodes["UU"])


BY_STATE, BY_COLUMNS = ("YY",), ("J", "A", "YY", "YU")  # the blocks that a kernel stores for each stage
