/* Products of dense matrices for the sweep, as loops over tiles that are held in registers: the code does not grow with N. */
#define TILE VW /* rows of a tile, three vectors wide */
#define PANELS(rows, call) \
  for (long j = 0; j < NV; j += 3) { \
    const long up = rows; \
    for (long i = 0; i < up; i += TILE) \
      switch (NV - j) { case 1: call(1) break; case 2: call(2) break; default: call(3) } \
  }

/* O = A V for A (M, M), of which entry e is entries[e * VW]. */
static __attribute__((unused)) void dense_times(const double *restrict entries, const vd *restrict V, vd *restrict O) {
  ROOM(double, A, M * M + TILE * M);
  for (long e = 0; e < M * M; e++) A[e] = entries[e * VW];
#define PRODUCT(w) { \
    vd s[TILE][w]; \
    memset(s, 0, sizeof s); \
    for (long c = 0; c < M; c++) \
      UNROLL for (int l = 0; l < TILE; l++) UNROLL for (int v = 0; v < w; v++) s[l][v] += A[(i + l) * M + c] * V[c * NV + j + v]; \
    for (int l = 0; l < TILE && i + l < M; l++) for (int v = 0; v < w; v++) O[(i + l) * NV + j + v] = s[l][v]; \
  }
  PANELS(M, PRODUCT)
#undef PRODUCT
}

/* The upper triangle of C += V^T Z for S * M rows, those of one stage at a time. */
static void accumulate(const vd *restrict V, const vd *restrict Z, vd *restrict C) {
  for (long stage = 0; stage < S; stage++, V += M * NV, Z += M * NV) {
#define SUM(w) { \
      vd s[TILE][w]; \
      memset(s, 0, sizeof s); \
      for (long k = 0; k < M; k++) { \
        const double *a = (const double *)(V + k * NV) + i; \
        UNROLL for (int l = 0; l < TILE; l++) UNROLL for (int v = 0; v < w; v++) s[l][v] += a[l] * Z[k * NV + j + v]; \
      } \
      for (int l = 0; l < TILE && i + l < N; l++) for (int v = 0; v < w; v++) C[(i + l) * NV + j + v] += s[l][v]; \
    }
    PANELS((j + 3 < NV ? j + 3 : NV) * VW, SUM)
#undef SUM
  }
}
