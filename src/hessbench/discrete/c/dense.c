/* The sweep back by the state alone: all columns of the tangents over each segment, and then products of matrices. */
/* out = a b for N x N matrices with rows padded to NV vectors; `transposed` takes a^T b. */
static void product(const double *a, int transposed, const vd *b, vd *out) {
  for (int r = 0; r < N; r++) {
    vd acc[NV];
    memset(acc, 0, sizeof acc);
    for (int k = 0; k < N; k++) {
      double f = transposed ? a[k * NV * VW + r] : a[r * NV * VW + k];
      for (int v = 0; v < NV; v++) acc[v] += f * b[k * NV + v];
    }
    memcpy(out + r * NV, acc, sizeof acc);
  }
}

/* Segments of `seg` steps (seg * S a multiple of VW), from step `steps` back to step `from`, at which one begins. If not
   `stored`, XS and TS hold one segment, refilled from the states ys. `work`: Jacobians, multipliers, contractions of a
   segment. lam (N), Sm (N x N, padded rows) and W (the same, or null) are carried from y1 to y0. */
void backward(long from, long steps, long seg, long stored, const double *C, const double *ts, const double *hs,
              const double *ys, double *XS, double *TS, double *work, double *lam, vd *Sm, vd *W) {
  long blocks = (seg * S + VW - 1) / VW;
  double *J = work, *L = J + blocks * NJ * VW, *Z = L + blocks * M * VW;
  static _Thread_local vd phi[N * NV], temp[N * NV], c[N * NV], stages[S * M * NV], zs[S * M * NV], K[S][M * NV];
  memset(L, 0, blocks * M * VW * 8);
  for (long k0 = (steps - 1) / seg * seg; k0 >= from; k0 -= seg) {
    long k1 = k0 + seg < steps ? k0 + seg : steps;
    segment(k0, k1, seg, stored, C, ts, hs, ys, XS, TS, J, L, Z, lam);
    memset(phi, 0, sizeof phi);
    memset(c, 0, sizeof c);
    for (int r = 0; r < N; r++) ((double *)phi)[r * NV * VW + r] = 1;
    for (long k = k0; k < k1; k++) {
      for (int i = 0; i < S; i++) {
        long g = (k - k0) * S + i;
        vd *v = stages + i * M * NV;
        tangents(i, phi, hs[k], K, v);
        times_jacobian(J + g / VW * NJ * VW + g % VW, v, K[i]);
        times_contraction(Z + g / VW * NYY * VW + g % VW, v, zs + i * M * NV);
      }
      accumulate(stages, zs, c);
      advance(phi, hs[k], K);
    }
    for (int r = 0; r < N; r++)
      for (int j = 0; j < r; j++) ((double *)c)[r * NV * VW + j] = ((double *)c)[j * NV * VW + r];
    product((double *)Sm, 0, phi, temp);
    product((double *)phi, 1, temp, Sm);
    for (int i = 0; i < N * NV; i++) Sm[i] += c[i];
    symmetrise((double *)Sm);
    if (W) { product((double *)W, 0, phi, temp); memcpy(W, temp, sizeof temp); }
  }
}
