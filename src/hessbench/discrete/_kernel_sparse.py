"""The sparse backward sweep as C: the matrix-adjoint recursion (see `_sparse`), one vector of columns at a time.

For a block of `VW` columns everything that a step needs stays in the first two caches, no matrix product is dense but
`S Phi`, and that skips the rows of `Phi` that a step does not reach from the block.
"""

from __future__ import annotations

import numpy as np

from ._build import fixed_part
from ._unrolled import MOST_UNROLLED, Weights, loop, matrix_times, plus


def sparse_backward(
    weights: Weights, n: int, jacobian: list[tuple[int, int]], contraction: list[tuple[int, int]]
) -> str:
    """The sweep and the functions that it is made of."""
    pair, s = weights.pair, weights.pair.stages
    a, _ = pair.extended()
    stages = "".join(
        f"  case {i}:\n    for (int r = 0; r < N; r++) V[r] = U[r]{plus('h', a[i], 'K[{}][r]')};\n    break;\n"
        for i in range(s + 1)
    )
    multipliers = "".join(
        f"  case {i}:\n    for (int r = 0; r < N; r++) Z[r] = h * {float(pair.b[i])!r} * U[r]"
        f"{plus('h', np.append(np.zeros(i + 1), pair.a[i + 1 :, i]), 'K[{}][r]')};\n    break;\n"
        for i in range(s)
    )
    head = "(int i, const vd *restrict U, double h, vd (*restrict K)[N], vd *restrict"
    return (
        f"static void local_stage{head} V) {{\n  switch (i) {{\n{stages}  }}\n}}\n"
        f"static void local_multiplier{head} Z) {{\n  switch (i) {{\n{multipliers}  }}\n}}\n"
        "static void local_sum(const vd *restrict U, vd (*restrict K)[N], vd *restrict O) {\n"
        f"  for (int r = 0; r < N; r++) O[r] = U[r]{plus('1.0', np.ones(s), 'K[{}][r]')};\n}}\n"
        + matrix_times("local_jacobian", jacobian, n, 1, "1")
        + _pull(jacobian, contraction)
        + fixed_part("discrete", "sparse.c")
    )


def _pull(jacobian: list[tuple[int, int]], contraction: list[tuple[int, int]]) -> str:
    """`local_pull(J, z, Z, V, O)`: O = J^T z + Z V."""
    head = (
        "static void local_pull(const double *restrict J, const vd *restrict z, const double *restrict Z, "
        "const vd *restrict V, vd *restrict O) {\n"
    )
    if len(jacobian) + len(contraction) > MOST_UNROLLED:
        body = loop(jacobian, "O[COL[e]] += J[e] * z[ROW[e]];") + "  }\n  {\n"
        body += loop(contraction, "O[ROW[e]] += Z[e] * V[COL[e]];")
        return f"{head}  memset(O, 0, N * sizeof(vd));\n  {{\n{body}  }}\n}}\n"
    rows: dict[int, list[str]] = {}
    for e, (r, c) in enumerate(jacobian):
        rows.setdefault(c, []).append(f"J[{e}] * z[{r}]")
    for e, (r, c) in enumerate(contraction):
        rows.setdefault(r, []).append(f"Z[{e}] * V[{c}]")
    lines = "".join(f"  O[{r}] = {' + '.join(terms)};\n" for r, terms in sorted(rows.items()))
    return f"{head}  memset(O, 0, N * sizeof(vd));\n{lines}}}\n"
