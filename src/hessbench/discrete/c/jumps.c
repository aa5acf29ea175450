/* Derivatives at events. Before this come N states, M of them with a running loss, PA parameters, KV inputs v = (y, a, t), the
   table C, and functions of v that set what is not zero of

     field(v, 0, o)       o = F (M), F' (M, KV)         jump_bent(e, v, w, o)   o (KV, KV) += w . h''
     jump(e, v, 0, o)     o = h (N), h' (N, KV)         root_bent(e, v, w, o)   o (KV, KV) += w[0] g''
     root(e, v, 0, o)     o = g, g' (KV) */
void ready(void) { prepare(0, C); }

/* Slopes and Jacobians at `count` places V (KV). */
void fields(long count, const double *V, double *F, double *J) {
  static _Thread_local double o[M + M * KV];
  for (long k = 0; k < count; k++, V += KV, F += M, J += M * KV) {
    field(V, 0, o);
    memcpy(F, o, M * 8);
    memcpy(J, o + M, M * KV * 8);
  }
}

/* Jacobians of jumps `of`, and gradients of roots `found` (negative: none). */
void firsts(long count, const double *V, const double *of, const double *found, double *H, double *G) {
  for (long k = 0; k < count; k++, V += KV, H += N * KV, G += KV) {
    double h[N + N * KV], g[1 + KV];
    memset(h, 0, sizeof h);
    memset(g, 0, sizeof g);
    jump((int)of[k], V, 0, h);
    if (found[k] >= 0) root((int)of[k], V, 0, g);
    memcpy(H, h + N, N * KV * 8);
    memcpy(G, g + 1, KV * 8);
  }
}

/* Hessians of w . h + w[N] g. */
void seconds(long count, const double *V, const double *of, const double *w, double *out) {
  memset(out, 0, count * KV * KV * 8);
  for (long k = 0; k < count; k++, V += KV, w += N + 1, out += KV * KV) {
    jump_bent((int)of[k], V, w, out);
    root_bent((int)of[k], V, w + N, out);
  }
}
