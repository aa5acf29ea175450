/* A dense quadratic right-hand side as loops. Before this come LD (numbers of a padded row), VECTORS of it, PAIRS, and
   `packed_jacobian`, which is `packed.c`. C holds the constant, the linear and the packed coefficients (see `_quadratic`). */
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
