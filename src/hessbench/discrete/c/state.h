/* What the sweeps back by the state alone have in common. */
static void symmetrise(double *a) {
  for (int r = 0; r < N; r++)
    for (int j = 0; j < r; j++)
      a[r * NV * VW + j] = a[j * NV * VW + r] = 0.5 * (a[r * NV * VW + j] + a[j * NV * VW + r]);
}

/* Jacobians J, multipliers L and contractions Z of the stages of steps k0 .. k1, the segment that begins at k0; lam is carried
   back over it. If not `stored`, XS and TS are refilled from the states ys. */
static void segment(long k0, long k1, long seg, long stored, const double *C, const double *ts, const double *hs,
                    const double *ys, double *XS, double *TS, double *J, double *L, double *Z, double *lam) {
  long used = ((k1 - k0) * S + VW - 1) / VW, at = stored ? k0 * S : 0;
  double *X = XS + at * M, *T = AUTONOMOUS ? TS : TS + at;
  if (!stored) replay(k0, k0, k1, ys + k0 / seg * N, C, ts, hs, X, T);
  for (long b = 0; b < used; b++)
    jacobian((vd *)T + (AUTONOMOUS ? 0 : b), (vd *)(X + b * M * VW), C, (vd *)(J + b * NJ * VW));
  for (long k = k1 - 1; k >= k0; k--) multipliers(hs[k], (k - k0) * S, J, L, lam);
  for (long b = 0; b < used; b++)
    contraction((vd *)T + (AUTONOMOUS ? 0 : b), (vd *)(X + b * M * VW), C, (vd *)(L + b * M * VW), (vd *)(Z + b * NYY * VW));
}
