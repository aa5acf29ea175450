/* Sweeps by columns, in segments of steps; entries of each stage are stored in the order J, A, YY, YU (see `_expressions`). */
/* Repeats the last stage in the rest of its vector, so that all lanes are finite; multipliers are zero there. */
static void pad(double *X, double *T, double *L, long count) {
  for (long g = count; g % VW; g++) {
    for (int r = 0; r < M; r++) {
      X[(g / VW * M + r) * VW + g % VW] = X[((count - 1) / VW * M + r) * VW + (count - 1) % VW];
      L[(g / VW * M + r) * VW + g % VW] = 0;
    }
    if (!AUTONOMOUS) T[g] = T[count - 1];
  }
}

static void multipliers_of(long k0, long k1, const double *C, const double *hs, double *X, double *T, double *J, double *L,
                           double *lam) {
  long used = ((k1 - k0) * S + VW - 1) / VW;
  for (long b = 0; b < used; b++)
    jacobian((vd *)T + (AUTONOMOUS ? 0 : b), (vd *)(X + b * M * VW), C, (vd *)(J + b * NJ * VW));
  for (long k = k1 - 1; k >= k0; k--) multipliers(hs[k], (k - k0) * S, J, L, lam);
  pad(X, T, L, (k1 - k0) * S);
}

/* The costate from step `steps` back to `from`, in segments of `seg` steps (seg * S a multiple of VW). If not `stored`, XS, TS
   and LS hold one segment, refilled from the states ys. J: Jacobians of a segment. `ends` keeps the costate at the end of
   every segment, `sums` (NP) what is added up for the gradient in the parameters, G (COLUMNS). */
void costates(long from, long steps, long seg, long stored, const double *C, const double *ts, const double *hs,
              const double *ys, double *XS, double *TS, double *LS, double *J, double *lam, double *ends, vd *sums,
              double *G) {
  for (long k0 = (steps - 1) / seg * seg; k0 >= from; k0 -= seg) {
    long k1 = k0 + seg < steps ? k0 + seg : steps, at = stored ? k0 * S : 0, used = ((k1 - k0) * S + VW - 1) / VW;
    double *X = XS + at * M, *T = AUTONOMOUS ? TS : TS + at, *L = LS + at * M;
    if (!stored) replay(k0, k1, ys + k0 / seg * N, C, ts, hs, X, T);
    memcpy(ends + k0 / seg * N, lam, N * 8);
    multipliers_of(k0, k1, C, hs, X, T, J, L, lam);
    for (long b = 0; b < used; b++)
      pull_parameters((vd *)T + (AUTONOMOUS ? 0 : b), (vd *)(X + b * M * VW), C, (vd *)(L + b * M * VW), sums);
  }
  for (int e = 0; e < NP; e++) G[PCOL[e]] = total(sums[e]);
}

/* Entries O of the stages of steps k0 .. k1, the segment that begins at k0; U (NU vectors) collects q . F_,uu. */
void entries(long k0, long k1, long seg, long stored, const double *C, const double *ts, const double *hs, const double *ys,
             double *XS, double *TS, double *LS, double *J, const double *ends, double *O, vd *U) {
  long at = stored ? k0 * S : 0, used = ((k1 - k0) * S + VW - 1) / VW;
  double *X = XS + at * M, *T = AUTONOMOUS ? TS : TS + at, *L = LS + at * M, lam[N];
  if (!stored) {
    replay(k0, k1, ys + k0 / seg * N, C, ts, hs, X, T);
    memcpy(lam, ends + k0 / seg * N, sizeof lam);
    multipliers_of(k0, k1, C, hs, X, T, J, L, lam);
  }
  for (long b = 0; b < used; b++)
    second((vd *)T + (AUTONOMOUS ? 0 : b), (vd *)(X + b * M * VW), C, (vd *)(L + b * M * VW), (vd *)(O + b * NE * VW), U);
}

/* Tangents V of the stages of a segment and Z = YY V + 2 YU, rows of COLUMNS; phi (N rows) is carried over it. */
void all_tangents(long steps, const double *hs, const double *O, vd *phi, vd *V, vd *Z) {
  static _Thread_local vd K[S][M * NV];
  for (long k = 0; k < steps; k++) {
    for (int i = 0; i < S; i++) {
      long g = k * S + i;
      const double *o = O + g / VW * NE * VW + g % VW;
      vd *v = V + g * M * NV, *z = Z + g * M * NV;
      tangents(i, phi, hs[k], K, v);
      times_jacobian(o, v, K[i]);
      for (int e = 0; e < NA; e++) ((double *)K[i])[AROW[e] * NV * VW + ACOL[e]] += o[(NJ + e) * VW];
      times_contraction(o + (NJ + NA) * VW, v, z);
      for (int e = 0; e < NYU; e++) ((double *)z)[YUROW[e] * NV * VW + YUCOL[e]] += 2 * o[(NJ + NA + NYY + e) * VW];
    }
    advance(phi, hs[k], K);
  }
}

/* One direction: d (COLUMNS) in the parameters, v (N) in the state, carried over a segment; V keeps those of the stages. */
void push(long steps, const double *hs, const double *O, const double *d, double *v, double *V) {
  double K[S][N], x[N];
  for (long b = 0; b < (steps * S + VW - 1) / VW; b++) {
    const vd *o = (const vd *)(O + b * NE * VW) + NJ;
    vd *ad = (vd *)(V + b * N * VW);
    memset(ad, 0, N * sizeof(vd));
    for (int e = 0; e < NA; e++) ad[AROW[e]] += o[e] * d[ACOL[e]];
  }
  for (long k = 0; k < steps; k++) {
    for (int i = 0; i < S; i++) {
      long g = k * S + i;
      const double *o = O + g / VW * NE * VW + g % VW;
      double *keep = V + g / VW * N * VW + g % VW;
      for (int r = 0; r < N; r++) {
        double sum = 0;
        for (int j = 0; j < i; j++) sum += WEIGHTS[i][j] * K[j][r];
        x[r] = v[r] + hs[k] * sum;
        K[i][r] = keep[r * VW];
        keep[r * VW] = x[r];
      }
      for (int e = 0; e < NJ; e++) K[i][JROW[e]] += o[e * VW] * x[JCOL[e]];
    }
    for (int r = 0; r < N; r++) {
      double sum = 0;
      for (int j = 0; j < S; j++) sum += WEIGHTS[S][j] * K[j][r];
      v[r] += hs[k] * sum;
    }
  }
  for (long g = steps * S; g % VW; g++)
    for (int r = 0; r < N; r++) V[(g / VW * N + r) * VW + g % VW] = 0;
}

/* The derivative of the costate along that direction, carried back over a segment; H (COLUMNS vectors) collects the product.
   W: room for one number per stage and state. */
void pull_back(long steps, const double *hs, const double *O, const double *d, const double *V, double *W, double *lam, vd *H) {
  double theta[S][N], q[N];
  long blocks = (steps * S + VW - 1) / VW;
  for (long b = 0; b < blocks; b++) {
    const vd *yy = (const vd *)(O + b * NE * VW) + NJ + NA, *yu = yy + NYY, *v = (const vd *)(V + b * N * VW);
    vd *w = (vd *)(W + b * N * VW);
    memset(w, 0, N * sizeof(vd));
    for (int e = 0; e < NYY; e++) w[YYROW[e]] += yy[e] * v[YYCOL[e]];
    for (int e = 0; e < NYU; e++) {
      w[YUROW[e]] += yu[e] * d[YUCOL[e]];
      H[YUCOL[e]] += yu[e] * v[YUROW[e]];
    }
  }
  for (long k = steps - 1; k >= 0; k--) {
    for (int i = S - 1; i >= 0; i--) {
      long g = k * S + i;
      const double *o = O + g / VW * NE * VW + g % VW;
      double *w = W + g / VW * N * VW + g % VW;
      for (int r = 0; r < N; r++) {
        double sum = WEIGHTS[S][i] * lam[r];
        for (int j = i + 1; j < S; j++) sum += WEIGHTS[j][i] * theta[j][r];
        q[r] = hs[k] * sum;
        theta[i][r] = w[r * VW];
        w[r * VW] = q[r];
      }
      for (int e = 0; e < NJ; e++) theta[i][JCOL[e]] += o[e * VW] * q[JROW[e]];
    }
    for (int r = 0; r < N; r++) for (int i = 0; i < S; i++) lam[r] += theta[i][r];
  }
  for (long g = steps * S; g % VW; g++)
    for (int r = 0; r < N; r++) W[(g / VW * N + r) * VW + g % VW] = 0;
  for (long b = 0; b < blocks; b++) {
    const vd *a = (const vd *)(O + b * NE * VW) + NJ, *q_all = (const vd *)(W + b * N * VW);
    for (int e = 0; e < NA; e++) H[ACOL[e]] += a[e] * q_all[AROW[e]];
  }
}
