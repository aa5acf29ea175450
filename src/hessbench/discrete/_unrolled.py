"""The parts of a kernel that a tableau or a sparsity pattern writes out: no coefficient that is zero is ever multiplied."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from .._integrate.pairs import Pair
from .._model.derivatives import Array
from ._emit import literal

MOST_UNROLLED = 2048  # products written out one by one; more become a loop over an index table


class Weights:
    """A tableau as C. In second order, stages are those of the Nystrom form.

    For `q' = v, v' = g(t, q)` the slopes of `q` can be eliminated, because they are stage values of `v`:

        Q_i = q + c_i h v + h^2 (a a)_ij g_j,   q_new = q + h v + h^2 (b a)_j g_j,   v_new = v + h b_j g_j

    which halves the stages' size and skips the arithmetic on the trivial half. Source: Hairer, Norsett & Wanner, Solving
    Ordinary Differential Equations I, section II.14.
    """

    def __init__(self, pair: Pair, second_order: bool) -> None:
        self.pair, self.second = pair, second_order
        a, b = pair.a, pair.b
        self.a = product(a, a) if second_order else a  # multiplies h^2 or h
        self.bq = product(b, a) if second_order else b
        extended, _ = pair.extended()
        self.eq = [np.append(product(e, extended), 0.0) if second_order else e for e in pair.errors]

    @property
    def _scale(self) -> str:
        return "h * h" if self.second else "h"

    def stepping(self) -> str:
        """`stage`, `finish` and `error`."""
        cases = "".join(
            f"  case {i}:\n    for (int v = 0; v < KV; v++)\n      x[v] = {self._base(i, 'z->zq[v]', 'z->zv[v]')}"
            f"{plus('hh', self.a[i], 'K[{}][v]')};\n    break;\n"
            for i in range(1, self.pair.stages)
        )
        finish = f"    zn->zq[v] = {self._base(-1, 'z->zq[v]', 'z->zv[v]')}{plus('hh', self.bq, 'K[{}][v]')};\n"
        if self.second:
            finish += f"    zn->zv[v] = z->zv[v]{plus('h', self.pair.b, 'K[{}][v]')};\n"
        blocks = self._error("zq", "hh", self.eq) + (self._error("zv", "h", self.pair.errors) if self.second else "")
        two = len(self.pair.errors) == 2
        share = "total(s0) * total(s0) / (total(s0) + 0.01 * total(s1))" if two else "total(s0)"
        return (
            "static __attribute__((noinline))\n"
            "void stage(int i, const State *z, double h, vd (*restrict K)[KV], vd *restrict x) {\n"
            f"  const double hh = {self._scale};\n  switch (i) {{\n{cases}  }}\n}}\n"
            "static __attribute__((noinline)) void finish(const State *z, double h, vd (*restrict K)[KV], State *zn) {\n"
            f"  const double hh = {self._scale};\n  for (int v = 0; v < KV; v++) {{\n{finish}  }}\n"
            "  if (!SECOND) memset(zn->zv, 0, sizeof zn->zv);\n}\n"
            "static double error(const State *z, const State *zn, double h, vd (*K)[KV], double rtol, const State *atol) {\n"
            f"  const double hh = {self._scale};\n  vd s0 = {{0}}, s1 = {{0}};\n"
            f"  for (int v = 0; v < KV; v++) {{\n{blocks}  }}\n  (void)s1;\n  (void)hh;\n"
            f"  return total(s0) == 0 ? 0 : sqrt({share} / ((1 + TANGENTS) * N));\n}}\n"
        )

    def _error(self, part: str, factor: str, rows: Iterable[Array]) -> str:
        size = f"vlarger(vmagnitude(z->{part}[v]), vmagnitude(zn->{part}[v]))"
        lines = f"    {{ vd w = 1.0 / (atol->{part}[v] + rtol * {size});\n"
        for r, row in enumerate(rows):
            lines += f"      vd e{r} = w * (SPREAD(0.0){plus(factor, row, 'K[{}][v]')}); s{r} += e{r} * e{r};\n"
        return lines + "    }\n"

    def multipliers(self, jacobian: list[tuple[int, int]], full: bool = False) -> str:
        """`multipliers`: one step of the costate, storing the multipliers of its slopes in vectors of stages.

        One that is said to be `full` is a loop, whatever its size.
        """
        s, lines = self.pair.stages, ""
        for i in range(s - 1, -1, -1):
            later = np.append(np.zeros(i + 1), self.a[i + 1 :, i])
            if self.second:
                start = f"(hh * {literal(self.bq[i])}) * lq[v] + (h * {literal(self.pair.b[i])}) * lv[v]"
            else:
                start = f"(h * {literal(self.pair.b[i])}) * lq[v]"
            lines += (
                f"  for (int v = 0; v < MV; v++) q[v] = {start}{plus('hh', later, 'th[{}][v]')};\n"
                f"  keep(L, g + {i}, (double *)q);\n"
                f"  pull(J + (g + {i}) / VW * NJ * VW + (g + {i}) % VW, (double *)q, (double *)th[{i}]);\n"
            )
        ones = plus("1.0", np.ones(s), "th[{}][v]")
        if self.second:
            lines += f"  for (int v = 0; v < MV; v++) {{ lv[v] += h * (lq[v]{plus('1.0', self.pair.c, 'th[{}][v]')});\n"
            lines += f"    lq[v] += SPREAD(0.0){ones}; }}\n"
        else:
            lines += f"  for (int v = 0; v < MV; v++) lq[v] += SPREAD(0.0){ones};\n"
        return (
            "static inline void keep(double *L, long g, const double *q) {\n"
            "  double *to = L + g / VW * M * VW + g % VW;\n  for (int r = 0; r < M; r++) to[r * VW] = q[r];\n}\n"
            + (FULL_PULL if full else _pull(jacobian))
            + "static void multipliers(double h, long g, const double *J, double *L, double *lam) {\n"
            f"  const double hh = {self._scale};\n  vd th[S][MV], q[MV], lq[MV], lv[MV];\n"
            "  memset(th, 0, sizeof th); memset(lq, 0, sizeof lq); memset(lv, 0, sizeof lv); (void)hh;\n"
            "  memcpy(lq, lam, M * 8);\n  if (SECOND) memcpy(lv, lam + HALF, M * 8);\n"
            f"{lines}  memcpy(lam, lq, M * 8);\n  if (SECOND) memcpy(lam + HALF, lv, M * 8);\n}}\n"
        )

    def tangents(self) -> str:
        """`tangents` (of one stage, all columns) and `advance` (of the step)."""
        cases = "".join(
            f"  case {i}:\n    for (int v = 0; v < M * NV; v++) V[v] = {self._base(i, 'P[v]', 'P[M * NV + v]')}"
            f"{plus('hh', self.a[i], 'K[{}][v]')};\n    break;\n"
            for i in range(self.pair.stages)
        )
        advance = f"P[v] = {self._base(-1, 'P[v]', 'P[M * NV + v]')}{plus('hh', self.bq, 'K[{}][v]')};"
        if self.second:
            advance += f"\n    P[M * NV + v] += SPREAD(0.0){plus('h', self.pair.b, 'K[{}][v]')};"
        return (
            "static inline void tangents(int i, const vd *restrict P, double h, vd (*restrict K)[M * NV],\n"
            "                            vd *restrict V) {\n"
            f"  const double hh = {self._scale};\n  switch (i) {{\n{cases}  }}\n}}\n"
            "static inline void advance(vd *restrict P, double h, vd (*restrict K)[M * NV]) {\n"
            f"  const double hh = {self._scale};\n  for (int v = 0; v < M * NV; v++) {{\n    {advance}\n  }}\n}}\n"
        )

    def _base(self, i: int, q: str, v: str) -> str:
        c = 1.0 if i < 0 else self.pair.c[i]
        return f"{q} + ({literal(float(c))} * h) * {v}" if self.second and c else q


FULL_PULL = """static inline void pull(const double *J, const double *restrict q, double *restrict theta) {
  memset(theta, 0, M * 8);
  for (int r = 0; r < M; r++)
    for (int c = 0; c < M; c++) theta[c] += J[(r * M + c) * VW] * q[r];
}
"""


def _pull(jacobian: list[tuple[int, int]]) -> str:
    """`pull`: theta = J^T q."""
    head = "static inline void pull(const double *J, const double *restrict q, double *restrict theta) {\n"
    if len(jacobian) > MOST_UNROLLED:
        body = "  memset(theta, 0, M * 8);\n" + loop(jacobian, "theta[COL[e]] += J[e * VW] * q[ROW[e]];")
        return head + body + "}\n"
    columns: dict[int, list[str]] = {}
    for e, (r, c) in enumerate(jacobian):
        columns.setdefault(c, []).append(f"J[{e} * VW] * q[{r}]")
    return head + "".join(f"  theta[{c}] = {' + '.join(terms)};\n" for c, terms in columns.items()) + "}\n"


def matrix_times(name: str, entries: list[tuple[int, int]], m: int, vectors: int, stride: str = "VW") -> str:
    """`name(J, V, O)`: the sparse matrix with entries `J[e * stride]` times V (m, vectors), rows of vectors."""
    head = f"static inline void {name}(const double *restrict J, const vd *restrict V, vd *restrict O) {{\n"
    if len(entries) == m * m and m > 12:
        return head + _dense_times(m, vectors, stride) + "}\n"
    if len(entries) * vectors > MOST_UNROLLED:
        line = f"for (int v = 0; v < {vectors}; v++) O[ROW[e] * {vectors} + v] += J[e * {stride}] * V[COL[e] * {vectors} + v];"
        return head + f"  memset(O, 0, {m * vectors} * sizeof(vd));\n" + loop(entries, line) + "}\n"
    rows: list[list[tuple[int, int]]] = [[] for _ in range(m)]
    for e, (r, c) in enumerate(entries):
        rows[r].append((e, c))
    lines = []
    for r, row in enumerate(rows):
        for v in range(vectors):
            terms = " + ".join(f"J[{e} * {stride}] * V[{c * vectors + v}]" for e, c in row)
            lines.append(f"  O[{r * vectors + v}] = {terms or 'SPREAD(0.0)'};\n")
    return head + "".join(lines) + "}\n"


def _dense_times(m: int, vectors: int, stride: str) -> str:
    """The same where every entry can differ from zero: rows at a time, held in registers; the last ones may overlap."""
    rows = max(1, min(8, 24 // vectors))
    return (
        f"  for (int r = 0; r < {m}; r += {rows}) {{\n    if (r > {m - rows}) r = {m - rows};\n"
        f"    vd sum[{rows}][{vectors}];\n    memset(sum, 0, sizeof sum);\n    for (int c = 0; c < {m}; c++)\n"
        f"      UNROLL for (int l = 0; l < {rows}; l++)\n        UNROLL for (int v = 0; v < {vectors}; v++)\n"
        f"          sum[l][v] += J[((r + l) * {m} + c) * {stride}] * V[c * {vectors} + v];\n"
        f"    memcpy(O + r * {vectors}, sum, sizeof sum);\n  }}\n"
    )


def loop(entries: list[tuple[int, int]], line: str) -> str:
    rows, cols = (", ".join(str(entry[k]) for entry in entries) for k in (0, 1))
    return f"  static const int ROW[] = {{{rows}}}, COL[] = {{{cols}}};\n  for (int e = 0; e < {len(entries)}; e++) {line}\n"


def accumulation(n: int, width: int) -> str:
    """`accumulate(V, Z, C)`: the upper triangle of `C += V^T Z` for S * M rows, in tiles held in registers."""
    vectors = -(-n // width)
    across = vectors if vectors <= 3 else 2
    down = 24 // across
    out = ""
    for j in range(0, vectors, across):
        cols = range(j, min(j + across, vectors))
        for i in range(0, min(n, (cols[-1] + 1) * width), down):
            tile = [(r, v) for r in range(i, min(i + down, n)) for v in cols if (v + 1) * width > r]
            load = "".join(f"    vd c{r}_{v} = C[{r * vectors + v}];\n" for r, v in tile)
            rows = "".join(f"      const vd z{v} = Z[k * NV + {v}];\n" for v in cols)
            rows += "".join(f"      c{r}_{v} += a[{r}] * z{v};\n" for r, v in tile)
            save = "".join(f"    C[{r * vectors + v}] = c{r}_{v};\n" for r, v in tile)
            out += (
                f"  {{\n{load}    for (int k = 0; k < S * M; k++) {{\n"
                f"      const double *a = (const double *)(V + k * NV);\n{rows}    }}\n{save}  }}\n"
            )
    return f"static void accumulate(const vd *restrict V, const vd *restrict Z, vd *restrict C) {{\n{out}}}\n"


def plus(factor: str, weights: Array, name: str) -> str:
    """` + factor * (w_0 name_0 + ...)` over the weights that are not zero; nothing if there is none."""
    terms = [
        name.format(j) if w == 1 else f"{literal(float(w))} * {name.format(j)}" for j, w in enumerate(weights) if w
    ]
    if not terms:
        return ""
    inner = " + ".join(terms)
    return f" + ({inner})" if factor == "1.0" else f" + {factor} * ({inner})"


def product(left: Array, right: Array) -> Array:
    """`left @ right` of rounded coefficients; zero where rounding explains all of a sum, which then is zero in exact numbers.

    By half a unit in its last place each, a term is off by three (two factors and their product), a sum of s by s - 1 more.
    """
    sums, sizes = left @ right, np.abs(left) @ np.abs(right)
    return np.where(np.abs(sums) <= (len(right) + 2) * np.finfo(float).eps / 2 * sizes, 0.0, sums)
