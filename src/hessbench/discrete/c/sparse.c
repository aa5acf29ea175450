/* The sweep back by the state alone: the matrix-adjoint recursion (see `_sparse`), one vector of columns at a time. For a
   block of VW columns everything that a step needs stays in the first two caches, and no matrix product is dense but S Phi,
   which skips the rows of Phi that a step does not reach from the block. */
/* out = a phi for one block of columns; `at` lists the rows of phi that are not zero. */
static void times_columns(const double *a, const vd *phi, const int *at, int count, vd *out) {
  int r = 0;
  for (; r + 8 <= N; r += 8) {
    const double *p = a + r * NV * VW;
    vd o0 = {0}, o1 = {0}, o2 = {0}, o3 = {0}, o4 = {0}, o5 = {0}, o6 = {0}, o7 = {0};
    for (int e = 0; e < count; e++) {
      int k = at[e];
      vd f = phi[k];
      o0 += p[k] * f; o1 += p[NV * VW + k] * f; o2 += p[2 * NV * VW + k] * f; o3 += p[3 * NV * VW + k] * f;
      o4 += p[4 * NV * VW + k] * f; o5 += p[5 * NV * VW + k] * f; o6 += p[6 * NV * VW + k] * f; o7 += p[7 * NV * VW + k] * f;
    }
    out[r] = o0; out[r + 1] = o1; out[r + 2] = o2; out[r + 3] = o3;
    out[r + 4] = o4; out[r + 5] = o5; out[r + 6] = o6; out[r + 7] = o7;
  }
  for (; r < N; r++) {
    vd o = {0};
    for (int e = 0; e < count; e++) o += a[r * NV * VW + at[e]] * phi[at[e]];
    out[r] = o;
  }
}

/* As the dense sweep's: segments of `seg` steps from `steps` back to `first`; lam, Sm and W (or null) are carried along. */
void backward(long first, long steps, long seg, long stored, const double *C, const double *ts, const double *hs,
              const double *ys, double *XS, double *TS, double *work, double *lam, vd *Sm, vd *W) {
  long blocks = (seg * S + VW - 1) / VW;
  double *J = work, *L = J + blocks * NJ * VW, *Z = L + blocks * M * VW;
  static _Thread_local double js[S][NJ], zs[S][NYY + 1];
  static _Thread_local vd next[N * NV], wide[N * NV], moved[N];
  memset(L, 0, blocks * M * VW * 8);
  for (long k0 = (steps - 1) / seg * seg; k0 >= first; k0 -= seg) {
    long k1 = k0 + seg < steps ? k0 + seg : steps;
    segment(k0, k1, seg, stored, C, ts, hs, ys, XS, TS, J, L, Z, lam);
    for (long k = k1 - 1; k >= k0; k--) {
      for (int i = 0; i < S; i++) {
        long g = (k - k0) * S + i;
        const double *from_j = J + g / VW * NJ * VW + g % VW, *from_z = Z + g / VW * NYY * VW + g % VW;
        for (int e = 0; e < NJ; e++) js[i][e] = from_j[e * VW];
        for (int e = 0; e < NYY; e++) zs[i][e] = from_z[e * VW];
      }
      for (int b = 0; b < NV; b++) {
        static _Thread_local vd K[S][N], V[S][N], unit[N], phi[N];
        int at[N], count = 0;
        memset(unit, 0, sizeof unit);
        for (int l = 0; l < VW && b * VW + l < N; l++) unit[b * VW + l][l] = 1;
        for (int i = 0; i < S; i++) {
          local_stage(i, unit, hs[k], K, V[i]);
          local_jacobian(js[i], V[i], K[i]);
        }
        local_stage(S, unit, hs[k], K, phi);
        for (int r = 0; r < N; r++) if (total(phi[r] * phi[r]) != 0) at[count++] = r;
        times_columns((double *)Sm, phi, at, count, moved);
        if (W) {
          vd w[N];
          times_columns((double *)W, phi, at, count, w);
          for (int r = 0; r < N; r++) wide[r * NV + b] = w[r];
        }
        for (int i = S - 1; i >= 0; i--) {
          local_multiplier(i, moved, hs[k], K, phi);
          local_pull(js[i], phi, zs[i], V[i], K[i]);
        }
        local_sum(moved, K, phi);
        for (int r = 0; r < N; r++) next[r * NV + b] = phi[r];
      }
      memcpy(Sm, next, sizeof next);
      if (W) memcpy(W, wide, sizeof wide);
    }
  }
  if (first == 0) symmetrise((double *)Sm);
}
