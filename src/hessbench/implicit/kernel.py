"""C source of the implicit discrete adjoint for one problem: its recorded expressions, then the files of `c`.

States are renumbered so that the Jacobian's diagonals lie close together (reverse Cuthill-McKee); where that leaves a narrow
band, as for a reaction-diffusion system, the factors of a step take `O(N)` numbers and operations, else they are dense.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._integrate.pairs import MIN_FACTOR, SAFETY
from .._model.derivatives import Array
from ..discrete._build import LEVELS, fixed_part
from ..discrete._emit import Table, Writer, function
from ..discrete._expressions import Entries, Expressions
from ..discrete._functions import scalars
from ..discrete._graph import CannotTrace, Node
from ..discrete._trace import Traced
from . import radau, stepper

LARGE, HUGE, MOST_OPERATIONS = (
    3000,
    12_000,
    80_000,
)  # from which on compiled for less speed, without optimisation, not at all
BAND = 0.6  # share of N that a band's rows may take at most; beyond, the dense form is as good
MOST_DENSE = 64  # states from which on LAPACK is faster than the loops of a dense kernel
WIDEST = 4  # vectors of a panel
SECOND = ("YY", "YU", "UU")


@dataclass(frozen=True, eq=False)
class Kernel:
    """Source and what is needed to call it: `width` columns of a panel, sizes of tables, `places` by block of `Expressions`."""

    source: str
    level: str
    vector: int
    width: int
    n: int
    lu: int
    fixed: int
    band: tuple[int, int] | None
    params: tuple[str, ...]
    active: tuple[int, ...]
    places: dict[str, Entries]

    @property
    def second(self) -> int:
        """Number of second derivatives of a stage."""
        return sum(len(self.places[name]) for name in SECOND)


def generate(traced: Traced, columns: int, probes: int, vector: int) -> Kernel:
    """Write the kernel for up to `columns` directions at once; `vector` doubles per vector register.

    Raises `CannotTrace` where the code would be too large, or dense and large enough for LAPACK to be faster.
    """
    parts, table, n = Expressions(traced, 0), Table(), traced.size
    if parts.statements > MOST_OPERATIONS:
        raise CannotTrace(f"its derivatives take {parts.statements} operations, more than {MOST_OPERATIONS}")
    place, low, high = ordered(parts.places["J"], n)
    if low == n - 1 and n > MOST_DENSE:
        raise CannotTrace(f"its Jacobian has no band, and {n} states are more than {MOST_DENSE}")
    blocks, wide = parts.places, min(WIDEST, -(-columns // vector))
    functions = _functions(parts, traced.outputs, table)
    if parts.statements > HUGE:
        functions = functions.replace("__attribute__((noinline))", '__attribute__((noinline, optimize("O0")))')
    source = "\n".join([
        scalars(),
        "#include <string.h>",
        f"#define VW {vector}\n#define PW {wide}\n#define N {n}\n#define NP {len(traced.active)}\n#define TANGENTS {probes}",
        f"#define KL {low}\n#define KU {high}",
        f"#define MU {radau.MU!r}\n#define EXPONENT ({radau.EXPONENT!r})\n#define SAFETY {SAFETY!r}",
        f"#define MIN_FACTOR {MIN_FACTOR!r}\n#define MAX_FACTOR {radau.MAX_FACTOR!r}\n#define DIVERGES {stepper.DIVERGES!r}",
        f"#define ROUND_OFF {stepper.ROUND_OFF!r}\n#define SAME {stepper.SAME!r}\n#define NOISE {stepper.NOISE!r}",
        f"#define CORRECTIONS {stepper.CORRECTIONS}\n#define REFACTORED {stepper.REFACTORED}",
        f"static const double AIJ[3][3] = {_rows(radau.A)}, NODES[3] = {_row(radau.C)}, ESTIMATE[3] = {_row(radau.E)};",
        f"static const int PLACE[] = {_whole(place)};",
        *(f"#define N{'J' if key == 'J' else key} {len(at)}" for key, at in blocks.items()),
        *(
            f"static const int {key}ROW[] = {_whole([r for r, _ in at])}, {key}COL[] = {_whole([c for _, c in at])};"
            for key, at in blocks.items()
        ),
        table.source(),
        functions,
        fixed_part("implicit", "linear.c"),
        fixed_part("implicit", "radau.c"),
        fixed_part("implicit", "sweeps.c"),
    ])  # fmt: skip
    band = None if low == n - 1 else (low, high)
    size = 3 * n
    lu = size * size if band is None else size * (2 * (3 * low + 2) + 3 * high + 3)
    return Kernel(
        source, LEVELS[parts.statements > LARGE], vector, wide * vector, n, lu, max(1, len(table.slots)), band,
        traced.params, traced.active, blocks,
    )  # fmt: skip


def ordered(jacobian: Entries, n: int) -> tuple[list[int], int, int]:
    """Places of the states in the order of the factors, and diagonals below and above; dense if not worth it."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    dense = list(range(n)), n - 1, n - 1
    if n < 4 or not jacobian:
        return dense
    rows, cols = np.array(jacobian).T
    pattern = csr_array((np.ones(rows.size), (rows, cols)), shape=(n, n))
    order = reverse_cuthill_mckee(csr_array(pattern + pattern.T), symmetric_mode=True)
    place = np.empty(n, dtype=int)
    place[order] = np.arange(n)
    gaps = place[rows] - place[cols]
    low, high = int(max(0, gaps.max())), int(max(0, -gaps.min()))
    return (place.tolist(), low, high) if 2 * low + high + 1 < BAND * n else dense


def _functions(parts: Expressions, outputs: list[Node], table: Table) -> str:
    """The C functions `slope`, `jacobian`, `by_params` and `second`, of one point."""
    point = ["double t", "const double *restrict X", "const double *restrict C"]

    def written(name: str, heads: list[str], target: str, nodes: list[Node]) -> str:
        body = Writer(table.name, False).body(nodes, [f"{target}[{k}]" for k in range(len(nodes))])
        return function(name, [*point, *heads, f"double *restrict {target}"], body, "double")

    second = [node for name in SECOND for node in parts.nodes[name]]
    return (
        written("slope", [], "G", outputs)
        + written("jacobian", [], "O", parts.nodes["J"])
        + written("by_params", [], "O", parts.nodes["A"])
        + written("second", ["const double *restrict L"], "O", second)
    )


def _row(row: Array) -> str:
    return "{" + ", ".join(repr(float(v)) for v in row) + "}"


def _rows(rows: Array) -> str:
    return "{" + ", ".join(map(_row, rows)) + "}"


def _whole(numbers: list[int]) -> str:
    return "{" + (", ".join(map(str, numbers)) or "0") + "}"
