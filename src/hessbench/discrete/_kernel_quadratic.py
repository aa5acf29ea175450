"""The parts of a kernel for a dense quadratic right-hand side, as loops: scalar code for it would take minutes to compile.

F_k = c_k + A_ki y_i + B_kij y_i y_j,  T_kij = B_kij + B_kji,  packed as `_model.quadratic` has it, in one chunk
J_ki = A_ki + T_kij y_j,    M_ij = q_k T_kij                 (of VW stages at a time, one in each component of a vector)
"""

from __future__ import annotations

import numpy as np

from .._model.derivatives import Array
from .._model.quadratic import Quadratic
from ._expressions import Entries
from ._kernel import Kernel, assemble
from ._quadratic import Packed, jacobian_loops
from ._tableau import Pair

FUNCTIONS = r"""
#define LD @LD@
#define VECTORS @VECTORS@
#define PAIRS @PAIRS@
#define LINEAR (C + LD)
#define PACKED (C + LD + N * LD)
#define ROW(i, j) (PACKED + PAIR(i, j) * VECTORS * VW)
#define PAIR(i, j) ((i) <= (j) ? (i) * (2 * N - (i) - 1) / 2 + (j) : (j) * (2 * N - (j) - 1) / 2 + (i))

static void slope(double t, const double *restrict X, const double *restrict C, double *restrict G) {
  vd jac[N * LD / VW], value[LD / VW];
  packed_jacobian(N, LD, VECTORS, PAIRS, C, LINEAR, PACKED, X, (double *)jac, (double *)value);
  memcpy(G, value, N * 8);
}

static __attribute__((noinline)) void slopes(double t, const double *restrict X, const double *restrict C, double *restrict G) {
  vd jac[N * LD / VW], value[LD / VW];
  packed_jacobian(N, LD, VECTORS, PAIRS, C, LINEAR, PACKED, X, (double *)jac, (double *)value);
  memcpy(G, value, N * 8);
  for (int r = 1; r <= TANGENTS; r++) {
    memset(value, 0, sizeof value);
    for (int i = 0; i < N; i++)
      for (int v = 0; v < VECTORS; v++) value[v] += jac[i * (LD / VW) + v] * X[r * N + i];
    memcpy(G + r * N, value, N * 8);
  }
}

/* O[k * N + i] for the states X of VW stages. */
static void jacobian(const vd *T, const vd *restrict X, const double *restrict C, vd *restrict O) {
  for (int i = 0; i < N; i++)
    for (int k = 0; k < VECTORS * VW; k += VW) {
      vd sum[VW];
      UNROLL for (int l = 0; l < VW; l++) sum[l] = SPREAD(LINEAR[i * LD + k + l]);
      for (int j = 0; j < N; j++) {
        const double *t = ROW(i, j) + k;
        UNROLL for (int l = 0; l < VW; l++) sum[l] += t[l] * X[j];
      }
      for (int l = 0; l < VW && k + l < N; l++) O[(k + l) * N + i] = sum[l];
    }
}

/* O[i * N + j] for the multipliers L of VW stages. */
static void contraction(const vd *T, const vd *restrict X, const double *restrict C, const vd *restrict L, vd *restrict O) {
  for (int i = 0; i < N; i++)
    for (int j = i; j < N; j += VW) {
      vd sum[VW];
      UNROLL for (int l = 0; l < VW; l++) sum[l] = SPREAD(0.0);
      const double *t = ROW(i, j);
      for (int k = 0; k < N; k++)
        UNROLL for (int l = 0; l < VW; l++) sum[l] += t[l * VECTORS * VW + k] * L[k];
      for (int l = 0; l < VW && j + l < N; l++) O[i * N + j + l] = O[(j + l) * N + i] = sum[l];
    }
}
"""


class DenseQuadratic:
    """What `assemble` asks of a right-hand side, and `coefficients`, which the functions read as `C`."""

    second_order, autonomous, params = False, True, ()

    def __init__(self, terms: Quadratic, width: int) -> None:
        n = self.m = len(terms.bilinear)
        self.packed = packed = Packed(terms, width, most=n)
        everywhere = [(k, i) for k in range(n) for i in range(n)]
        self.places: dict[str, Entries] = {"J": everywhere, "A": [], "YY": everywhere, "YU": [], "UU": []}
        beyond = np.zeros(width * packed.vectors * width)  # `contraction` reads whole vectors of pairs from any pair on
        self.coefficients = np.concatenate([packed.constant, packed.linear.ravel(), packed.data, beyond])

    def functions(self) -> str:
        """The C functions `slope`, `slopes`, `jacobian` and `contraction`."""
        out, packed = FUNCTIONS, self.packed
        for name in ("ld", "vectors", "pairs"):
            out = out.replace(f"@{name.upper()}@", str(getattr(packed, name)))
        loops = jacobian_loops(packed.width, [packed.vectors])
        return loops.replace("void jacobian", "static void packed_jacobian") + out


def quadratic_kernel(terms: Quadratic, pair: Pair, probes: int, width: int) -> tuple[Kernel, Array]:
    """The kernel of the dense quadratic right-hand side, and the coefficients that it reads."""
    parts = DenseQuadratic(terms, width)
    prepare = "void prepare(const double *P, double *C) {}\n"  # they stay as they are
    kernel = assemble(parts, prepare + parts.functions(), parts.coefficients.size, pair, probes, width, "dense")
    return kernel, parts.coefficients
