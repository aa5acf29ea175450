/* The sweeps of the second-order discrete adjoint over the steps that `forward` of `radau.c` took; formulas in `sweeps.py`. */
typedef struct { const double *lu; const int *pivots; } Factors;

/* The factors of step k: those that were kept, or made again. */
static Factors factors_of(long k, double t, double h, const double *X, const double *C, const double *LUS, const int *PIVOTS) {
  static _Thread_local double lu[LU_SIZE(ROWS, KL3, KU3)], J[S][SOME(NJ)];
  static _Thread_local int pivots[ROWS];
  if (LUS) return (Factors){LUS + k * lu_size, PIVOTS + k * ROWS};
  jacobians(t, h, X, C, J);
  factorise_stages(h, J, lu, pivots);
  return (Factors){lu, pivots};
}

/* The costate lam (N) from step `steps` back to the start; multipliers QS (3 N for each step); G (NP) adds up A^T q. */
void costates(long steps, const double *C, const double *ts, const double *hs, const double *XS, const double *LUS,
              const int *PIVOTS, double *lam, double *QS, double *G) {
  LOCAL double b[ROWS], A[SOME(NA)];
  memset(G, 0, NP * 8);
  for (long k = steps - 1; k >= 0; k--) {
    const double t = ts[k], h = hs[k], *X = XS + k * ROWS;
    double *Q = QS + k * ROWS;
    Factors f = factors_of(k, t, h, X, C, LUS, PIVOTS);
    memset(b, 0, sizeof b);
    for (int i = 0; i < N; i++) b[AT(i, 2)] = lam[i];
    solve_transposed(STAGES, f.lu, f.pivots, b);
    for (int i = 0; i < N; i++) {
      const double *m = b + AT(i, 0);
      lam[i] = m[0] + m[1] + m[2];
      for (int j = 0; j < S; j++) Q[j * N + i] = h * (AIJ[0][j] * m[0] + AIJ[1][j] * m[1] + AIJ[2][j] * m[2]);
    }
    if (NA)
      for (int j = 0; j < S; j++) {
        by_params(t + NODES[j] * h, X + j * N, C, A);
        for (int e = 0; e < NA; e++) G[ACOL[e]] += A[e] * Q[j * N + AROW[e]];
      }
  }
}

/* The entries of all stages, for sweeps of several panels: AS (NA) and ES (NE for each stage). */
void entries(long steps, const double *C, const double *ts, const double *hs, const double *XS, const double *QS, double *AS,
             double *ES) {
  for (long k = 0; k < steps; k++)
    for (int j = 0; j < S; j++) {
      const double t = ts[k] + NODES[j] * hs[k], *X = XS + k * ROWS + j * N;
      by_params(t, X, C, AS + (k * S + j) * NA);
      second(t, X, C, QS + k * ROWS + j * N, ES + (k * S + j) * NE);
    }
}

/* A panel of tangents v (N) along directions d (NP) in the parameters, over all steps; VS keeps those of the stages. */
void push(long steps, const double *C, const double *ts, const double *hs, const double *XS, const double *LUS,
          const int *PIVOTS, const double *AS, const panel *d, panel *v, panel *VS) {
  LOCAL panel drift[S][N];
  for (long k = 0; k < steps; k++) {
    const double h = hs[k];
    panel *b = VS + k * ROWS;
    Factors f = factors_of(k, ts[k], h, XS + k * ROWS, C, LUS, PIVOTS);
    if (NA) memset(drift, 0, sizeof drift);
    for (int j = 0; j < S && NA; j++)
      for (int e = 0; e < NA; e++) {
        double a = h * AS[(k * S + j) * NA + e];
        EACH drift[j][AROW[e]].v[w] += a * d[ACOL[e]].v[w];
      }
    for (int n = 0; n < N; n++)
      for (int i = 0; i < S; i++) {
        panel *x = b + AT(n, i);
        *x = v[n];
        if (NA) {
          EACH x->v[w] += AIJ[i][0] * drift[0][n].v[w] + AIJ[i][1] * drift[1][n].v[w] + AIJ[i][2] * drift[2][n].v[w];
        }
      }
    solve_panel(STAGES, f.lu, f.pivots, b);
    for (int n = 0; n < N; n++) v[n] = b[AT(n, 2)];
  }
}

/* The derivative of the costate along the same directions, lam (N), back to the start; `out` (NP) adds up the parameters' part. */
void pull(long steps, const double *C, const double *ts, const double *hs, const double *XS, const double *LUS,
          const int *PIVOTS, const double *AS, const double *ES, const panel *d, const panel *VS, panel *lam, panel *out) {
  LOCAL panel b[ROWS], q[S][N];
  for (long k = steps - 1; k >= 0; k--) {
    const double h = hs[k];
    const panel *V = VS + k * ROWS;
    Factors f = factors_of(k, ts[k], h, XS + k * ROWS, C, LUS, PIVOTS);
    memset(b, 0, sizeof b);
    for (int n = 0; n < N; n++) b[AT(n, 2)] = lam[n];
    for (int j = 0; j < S; j++) {
      const double *E = ES + (k * S + j) * NE;
      for (int e = 0; e < NYY; e++) { EACH b[AT(YYROW[e], j)].v[w] += E[e] * V[AT(YYCOL[e], j)].v[w]; }
      E += NYY;
      for (int e = 0; e < NYU; e++) {
        EACH b[AT(YUROW[e], j)].v[w] += E[e] * d[YUCOL[e]].v[w];
        EACH out[YUCOL[e]].v[w] += E[e] * V[AT(YUROW[e], j)].v[w];
      }
      E += NYU;
      for (int e = 0; e < NUU; e++) {
        EACH out[UUROW[e]].v[w] += E[e] * d[UUCOL[e]].v[w];
        if (UUROW[e] != UUCOL[e]) { EACH out[UUCOL[e]].v[w] += E[e] * d[UUROW[e]].v[w]; }
      }
    }
    solve_panel_transposed(STAGES, f.lu, f.pivots, b);
    for (int n = 0; n < N; n++) {
      const panel *m = b + AT(n, 0);
      EACH lam[n].v[w] = m[0].v[w] + m[1].v[w] + m[2].v[w];
      if (NA)
        for (int j = 0; j < S; j++) {
          EACH q[j][n].v[w] = h * (AIJ[0][j] * m[0].v[w] + AIJ[1][j] * m[1].v[w] + AIJ[2][j] * m[2].v[w]);
        }
    }
    for (int j = 0; j < S && NA; j++)
      for (int e = 0; e < NA; e++) { EACH out[ACOL[e]].v[w] += AS[(k * S + j) * NA + e] * q[j][AROW[e]].v[w]; }
  }
}

/* For checks: what the sweeps evaluate, at `count` points. */
void probe(long count, const double *P, double *C, const double *T, const double *X, const double *L, double *F, double *J,
           double *A, double *E) {
  prepare(P, C);
  for (long k = 0; k < count; k++) {
    slope(T[k], X + k * N, C, F + k * N);
    jacobian(T[k], X + k * N, C, J + k * NJ);
    by_params(T[k], X + k * N, C, A + k * NA);
    second(T[k], X + k * N, C, L + k * N, E + k * NE);
  }
}
