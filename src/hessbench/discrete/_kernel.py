"""C source of one problem's discrete adjoint: its expressions, its tableau and its sparsity written out.

The forward solve is the same in all kernels; the probes' tangents see the parameters too. Three backward sweeps exist, which
carry different things:

    dense     all tangents over a segment, and their curvature, by the state alone (see `_dense`)
    sparse    a matrix backward, one block of columns at a time, by the state alone (`_kernel_sparse`)
    columns   tangents of all columns, state and parameters (`_columns`); or of single directions, for products

Of each stage the last one computes the entries that can differ from zero, for `VW` stages at once, in the layout
`O[block][entry][lane]`; the others compute J and YY. By the state alone the columns sweep takes 1.5 to 3 times as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import Protocol

from .._integrate.pairs import FIRST, MAX_FACTOR, MIN_FACTOR, SAFETY, Pair
from .._model.derivatives import Array
from ._build import LEVELS, fixed_part
from ._columns import Columns
from ._emit import Table
from ._expressions import BLOCKS, BY_COLUMNS, BY_STATE, Entries, Expressions
from ._functions import scalars, vectors
from ._graph import CannotTrace
from ._kernel_sparse import sparse_backward
from ._stepper import KICK_EVERY, KICK_ROWS
from ._trace import Traced
from ._unrolled import Weights, accumulation, matrix_times

# compile within some five seconds with the first level, and in ten seconds to half a minute with the second
LARGE, MOST_OPERATIONS = 12_000, 60_000
LARGE_COLUMNS, MOST_COLUMNS = 3000, 25_000  # the same where the sweep is by columns, in statements


PROBED_BY_STATE = """
#define NU 0
#define NO NYY
#define CURVED(T, X, C, L, O, U) contraction((vd *)T, (vd *)X, C, (vd *)L, (vd *)O);
"""
PROBED_BY_COLUMNS = """
#define NU (NUU + NP)
#define NO NE
#define CURVED(T, X, C, L, O, U) \\
  second((vd *)T, (vd *)X, C, (vd *)L, (vd *)O, (vd *)U); \\
  pull_parameters((vd *)T, (vd *)X, C, (vd *)L, (vd *)U + NUU);
"""


@dataclass(frozen=True, eq=False)
class Kernel:
    """Source and what is needed to call it: sizes, `places` of the entries of each block, the sweep.

    N states, `m` inputs of the recorded function, COLUMNS `columns`; `at` are those of the active parameters, and `active` the
    places of these among the numbers `params`.
    """

    source: str
    level: str
    width: int
    n: int
    m: int
    stages: int
    fixed: int
    places: dict[str, Entries]
    autonomous: bool
    second_order: bool
    sweep: str
    params: tuple[str, ...]
    columns: int
    at: tuple[int, ...] = ()
    active: tuple[int, ...] = ()

    @property
    def granule(self) -> int:
        """Segments are multiples of this many steps, so that they begin at a vector of stages."""
        return self.width // gcd(self.width, self.stages)

    @property
    def stored(self) -> tuple[str, ...]:
        """The blocks that are stored for each stage, in this order."""
        return BY_COLUMNS if self.sweep == "columns" else BY_STATE

    @property
    def entries(self) -> int:
        """Numbers stored for each stage."""
        return sum(len(self.places[name]) for name in self.stored)

    @property
    def jacobian(self) -> Entries:
        """The places of J."""
        return self.places["J"]

    @property
    def shared(self) -> Entries:
        """The columns of the entries of UU."""
        return [(self.at[i], self.at[j]) for i, j in self.places["UU"]]


class Parts(Protocol):
    """What `assemble` has to know of a right-hand side of `m` rows: pattern and kind; C functions come beside it."""

    m: int
    second_order: bool
    autonomous: bool
    params: tuple[str, ...]
    places: dict[str, Entries]


def generate(
    traced: Traced,
    pair: Pair,
    probes: int,
    width: int,
    columns: Columns | None = None,
    sparse: bool | None = None,
    patient: bool = False,
    limit: int | None = None,
) -> Kernel:
    """Write the kernel by the state alone, or by all `columns`. `width` doubles per vector.

    By the state alone an operation count chooses the sweep if `sparse` is `None`. Raises `CannotTrace` for so many operations
    that compiling them takes longer than people wait, unless they are `patient`, and for more than `limit` in any case.
    """
    parts, table = Expressions(traced, probes), Table()
    if columns is None:
        count, large, most = parts.operations, LARGE, MOST_OPERATIONS
    else:
        count, large, most, patient = parts.statements, LARGE_COLUMNS, MOST_COLUMNS, False
    if limit is not None:
        most, patient = limit, False
    if count > most and not patient:
        raise CannotTrace(f"its derivatives take {count} operations, more than {most}")
    sweep = "columns"
    if columns is None:
        n, jacobian, contraction = parts.m * (2 if parts.second_order else 1), parts.places["J"], parts.places["YY"]
        fewer = prefers_sparse(n, parts.m, len(jacobian), len(contraction), pair)
        chosen = fewer if sparse is None else sparse
        sweep = "sparse" if chosen else "dense"
    functions = parts.functions(table, BY_STATE if columns is None else BY_COLUMNS)
    level = LEVELS[count > large]
    code = table.source() + functions
    return assemble(parts, code, max(1, len(table.slots)), pair, probes, width, sweep, level, columns, traced.active)


def assemble(
    parts: Parts, functions: str, fixed: int, pair: Pair, probes: int, width: int, sweep: str, level: str = LEVELS[0],
    columns: Columns | None = None, active: tuple[int, ...] = (), tiles: bool = False,
) -> Kernel:  # fmt: skip
    """The kernel around the C functions `prepare` and those of `Expressions.functions`, which read `fixed` numbers.

    Products of the dense sweep are written out for their size, or are loops over `tiles` for any.
    """
    m, s, second = parts.m, pair.stages, parts.second_order
    n = m * (2 if second else 1)
    total, at = (n, ()) if columns is None else (columns.total, tuple(columns.params.tolist()))
    weights = Weights(pair, second)
    head = [
        f"#define VW {width}\n#define N {n}\n#define COLUMNS {total}\n#define M {m}\n#define S {s}\n#define TANGENTS {probes}",
        f"#define KICK_EVERY {KICK_EVERY}\n#define KICK_ROWS {KICK_ROWS}",
        f"#define Q ((1 + TANGENTS) * M)\n#define SECOND {int(second)}",
        f"#define AUTONOMOUS {int(parts.autonomous)}\n#define EXPONENT ({pair.exponent!r})",
        f"#define SAFETY {SAFETY!r}\n#define MIN_FACTOR {MIN_FACTOR!r}\n#define MAX_FACTOR {MAX_FACTOR!r}",
        *(f"#define {name} {value!r}" for name, value in FIRST.items()),
        f"#define STRETCH {pair.stretch!r}\n#define LIMITED {pair.limited!r}",
        *(f"#define N{name} {len(parts.places[name])}" for name in BLOCKS),
        f"#define NP {len(at)}\n#define NE (NJ + NA + NYY + NYU)",
        scalars() + vectors(),
        f"static const double NODES[S + 1] = {{{_numbers(pair.extended()[1])}}};",
    ]
    if sweep == "columns":
        e = {k: [(r, at[j]) for r, j in part] if k in ("A", "YU") else part for k, part in parts.places.items()}
        tables, backward = _tables(e, at, pair), _columns_sweep(weights, e, n, -(-total // width))
    else:
        tables, backward = [], _state_sweep(weights, parts, n, width, sweep, tiles)
    pulled = weights.multipliers(parts.places["J"], tiles and len(parts.places["J"]) == m * m)
    body = [functions, weights.stepping(), _fixed("forward.c"), pulled, backward]
    body += [PROBED_BY_COLUMNS if sweep == "columns" else PROBED_BY_STATE, _fixed("probe.c")]
    source = "\n".join([*head, *tables, *body])
    return Kernel(
        source,
        level,
        width,
        n,
        m,
        s,
        fixed,
        parts.places,
        parts.autonomous,
        second,
        sweep,
        parts.params,
        total,
        at,
        active,
    )


def prefers_sparse(n: int, m: int, jacobian: int, contraction: int, pair: Pair) -> bool:
    """Whether the columnwise sweep takes fewer operations per stage than carrying all tangents. First order only."""
    if m < n:
        return False
    combine = (pair.a != 0).sum() / pair.stages
    dense = n * (combine * n + jacobian + contraction + n * n)
    columns = n * (2 * combine * n + 2 * jacobian + contraction + n * n / pair.stages)
    return n > 16 and bool(columns < 0.7 * dense)


def _state_sweep(weights: Weights, parts: Parts, n: int, width: int, sweep: str, tiles: bool) -> str:
    m, jacobian, contraction = parts.m, parts.places["J"], parts.places["YY"]
    if sweep == "sparse":
        return _fixed("state.h") + sparse_backward(weights, n, jacobian, contraction)
    rows = -(-n // width)
    products = matrix_times("times_jacobian", jacobian, m, rows) + matrix_times(
        "times_contraction", contraction, m, rows
    )
    sums = accumulation(n, width)
    if tiles:
        tiled, products, sums = _fixed("products.c"), "", ""
        for name, entries in (("times_jacobian", jacobian), ("times_contraction", contraction)):
            full = f"#define {name} dense_times\n"
            products += full if len(entries) == m * m else matrix_times(name, entries, m, rows)
        products = tiled + products
    return _fixed("state.h") + weights.tangents() + products + sums + _fixed("dense.c")


def _columns_sweep(weights: Weights, e: dict[str, Entries], n: int, vectors: int) -> str:
    products = matrix_times("times_jacobian", e["J"], n, vectors) + matrix_times(
        "times_contraction", e["YY"], n, vectors
    )
    return weights.tangents() + products + _fixed("columns.c")


def _tables(e: dict[str, Entries], at: tuple[int, ...], pair: Pair) -> list[str]:
    """Index tables of the blocks, and the tableau."""
    rows = ", ".join(f"{{{_numbers(row)}}}" for row in pair.extended()[0])
    return [
        f"static const double WEIGHTS[S + 1][S] = {{{rows}}};",
        *(
            f"static const int {name}ROW[] = {_places(e[name], 0)}, {name}COL[] = {_places(e[name], 1)};"
            for name in BY_COLUMNS
        ),
        f"static const int PCOL[] = {{{', '.join(map(str, at)) or '0'}}};",
    ]


def _fixed(name: str) -> str:
    return fixed_part("discrete", name)


def _numbers(row: Array) -> str:
    return ", ".join(repr(float(v)) for v in row)


def _places(entries: Entries, k: int) -> str:
    return "{" + (", ".join(str(entry[k]) for entry in entries) or "0") + "}"
