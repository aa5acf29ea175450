/* The last function of every kernel: it calls what the sweeps call, so that they can be looked at (`_probe`). */
/* For checks: at `count` vectors of points for each of `sets` of parameters. F: slopes with tangents W as `slopes` has them,
   then as `slope` has them, for one point after the other; J: `jacobian`; O and U: CURVED, if O is not null. */
__attribute__((cold)) void probe(long count, long sets, long params, const double *P, double *C, const double *T,
                                 const double *X, const double *W, const double *L, double *F, double *J, double *O,
                                 double *U) {
  for (long k = 0; k < sets; k++) {
    prepare(P + k * params, C);
    for (long b = 0; b < count; b++, T += VW, X += M * VW, L += M * VW, J += NJ * VW, U += NU * VW) {
      for (long l = 0; l < VW; l++, F += Q + M) {
        vd x[KV], f[KV];
        memset(x, 0, sizeof x);
        for (int r = 0; r < M; r++) ((double *)x)[r] = X[r * VW + l];
        memcpy((double *)x + M, W, TANGENTS * M * 8);
        slopes(T[l], (double *)x, C, (double *)f);
        memcpy(F, f, Q * 8);
        slope(T[l], (double *)x, C, (double *)f);
        memcpy(F + Q, f, M * 8);
      }
      jacobian((vd *)T, (vd *)X, C, (vd *)J);
      if (O) {
        CURVED(T, X, C, L, O, U)
        O += NO * VW;
      }
    }
  }
}
