"""The C source for one problem: sizes, patterns and recorded functions in front of `cvodes.c`; and whether SUNDIALS is here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from .._errors import Unavailable
from ..discrete._build import CompilerError, fixed_part, load
from ..discrete._emit import Table, Writer, function
from ..discrete._expressions import Entries, Expressions
from ..discrete._functions import scalars
from ..discrete._graph import CannotTrace, Node
from ..discrete._trace import Traced

LIBRARIES = ("-lsundials_cvodes", "-lsundials_nvecserial", "-lsundials_sunlinsoldense", "-lsundials_sunmatrixdense")
SPARSE_LIBRARIES = ("-lsundials_sunlinsolklu", "-lsundials_sunmatrixsparse", "-lklu", "-I/usr/include/suitesparse")
OLDEST = 6
SPARSE_FROM, SPARSE_BELOW = 40, 0.2  # states, and share of entries, from which on KLU is faster than dense factors
MOST_OPERATIONS = 200_000  # compile within two minutes
PROBE = f"""
#include <cvodes/cvodes.h>
#include <nvector/nvector_serial.h>
#include <sundials/sundials_version.h>
#include <sunlinsol/sunlinsol_dense.h>
#if SUNDIALS_VERSION_MAJOR < {OLDEST} || defined(SUNDIALS_SINGLE_PRECISION)
#error too old
#endif
void *hessbench_probe[] = {{(void *)CVodeCreate, (void *)N_VNew_Serial, (void *)SUNLinSol_Dense}};
"""
KLU_PROBE = PROBE + "#include <sunlinsol/sunlinsol_klu.h>\nvoid *hessbench_klu = (void *)SUNLinSol_KLU;\n"


@cache
def missing() -> str | None:
    """What has to be installed before CVODES can be used, one sentence; `None` if it can be."""
    try:
        load(PROBE, libraries=LIBRARIES)
    except (CompilerError, OSError):
        return (
            f"SUNDIALS {OLDEST} or newer with CVODES, its headers and a C compiler that finds both; on Debian: "
            f"apt-get install libsundials-dev."
        )
    except Unavailable as reason:
        return str(reason)
    return None


@cache
def has_klu() -> bool:
    """Whether this SUNDIALS has KLU, for sparse systems."""
    try:
        load(KLU_PROBE, libraries=(*LIBRARIES, *SPARSE_LIBRARIES))
    except (CompilerError, Unavailable, OSError):
        return False
    return True


@dataclass(frozen=True, eq=False)
class Source:
    """C `text`, what to link, and the layout: entries of `J`, `A`, `YY`, `YU`, `UU`, by states and active parameters."""

    text: str
    libraries: tuple[str, ...]
    level: str
    params: tuple[str, ...]
    active: tuple[int, ...]
    entries: dict[str, Entries]
    sparse: bool


def generate(traced: Traced, columns: tuple[int, ...], total: int) -> Source:
    """The source for `traced`; active parameter k is column `columns[k]` of `total`.

    Raises `CannotTrace` where it would take minutes to compile.
    """
    parts, table, n = Expressions(traced, 0), Table(), traced.size
    if parts.statements > MOST_OPERATIONS:
        raise CannotTrace(f"its derivatives take {parts.statements} operations, more than {MOST_OPERATIONS}")
    entries, nodes = parts.places, parts.nodes
    by_column = {
        name: [(columns[i] if name == "UU" else i, columns[j]) for i, j in entries[name]] for name in ("A", "YU", "UU")
    }
    placed = {"J": entries["J"], "A": by_column["A"], "YY": entries["YY"], "YU": by_column["YU"], "UU": by_column["UU"]}
    sparse = n >= SPARSE_FROM and len(entries["J"]) < SPARSE_BELOW * n * n and has_klu()
    state, fixed = ["double t", "const double *restrict X"], "const double *restrict C"

    def point(name: str, heads: list[str], outputs: list[Node]) -> str:
        body = Writer(table.name, False).body(outputs, [f"G[{k}]" for k in range(len(outputs))])
        return function(name, [*heads, fixed, "double *restrict G"], body, "double")

    second = [node for name in ("YY", "YU", "UU") for node in nodes[name]]
    functions = [
        point("slope", state, traced.outputs),
        point("jacobian", state, nodes["J"]),
        point("by_u", state, nodes["A"]),
        point("second", [*state, "const double *restrict L"], second),
    ]
    text = "\n".join([
        f"#define SPARSE {int(sparse)}\n{fixed_part('sundials', 'headers.h')}",
        f"#define N {n}\n#define K {total}\n#define FIXED {len(table.slots)}",
        *(f"#define N{name} {len(part)}" for name, part in placed.items()),
        *(f"static const int {name}_R[] = {_numbers(r for r, _ in part)}, {name}_C[] = {_numbers(c for _, c in part)};"
          for name, part in placed.items()),
        _patterns(n, entries["J"]) if sparse else "",
        scalars(),
        table.source(),
        *functions,
        fixed_part("sundials", "cvodes.c"),
        POINT,
    ])  # fmt: skip
    libraries = (*LIBRARIES, *SPARSE_LIBRARIES) if sparse else LIBRARIES
    level = "-O2" if parts.statements < 20_000 else "-O1"
    return Source(text, libraries, level, traced.params, traced.active, entries, sparse)


# what the recorded functions give at one point, for comparison with NumPy
POINT = """
void at_point(const double *p, double t, const double *y, const double *s, double *values, double *first, double *more) {
  double *fixed = malloc(sizeof(double) * (FIXED + 1));
  prepare(p, fixed);
  slope(t, y, fixed, values);
  jacobian(t, y, fixed, first);
  by_u(t, y, fixed, first + NJ);
  second(t, y, s, fixed, more);
  free(fixed);
}
"""


def _numbers(values: object) -> str:
    return f"{{{', '.join(map(str, values)) or '0'}}}"  # type: ignore[call-overload]


def _patterns(n: int, entries: Entries) -> str:
    """Compressed columns of the Jacobian and of its transpose, each with the whole diagonal."""
    out = []
    for prefix, pairs in (("", entries), ("T", [(c, r) for r, c in entries])):
        places = sorted({*((c, r) for r, c in pairs), *((i, i) for i in range(n))})
        at = {place: k for k, place in enumerate(places)}
        starts = np.searchsorted([c for c, _ in places], np.arange(n + 1))
        out += [
            f"static const sunindextype {prefix}COLP[] = {_numbers(starts.tolist())};",
            f"static const sunindextype {prefix}ROWI[] = {_numbers(r for _, r in places)};",
            f"static const int {prefix}J_AT[] = {_numbers(at[c, r] for r, c in pairs)};",
        ]
    return "\n".join(out)
