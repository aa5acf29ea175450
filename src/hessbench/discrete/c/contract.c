/* All second derivatives along multipliers, from packed coefficients. Follows `packed.c` and `sums`. */
INLINE const vec *reduce(long pairs, long rows, long ld, const vec *t, const double *q, double *out, const int w) {
  for (long p = 0; p < pairs; p += VW, t += VW * w)
    for (long r = 0; r < rows; r++) {
      const vec *by = (const vec *)(q + r * ld);
      vec sum[VW];
      UNROLL for (int l = 0; l < VW; l++) sum[l] = t[l * w] * by[0];
      UNROLL for (int v = 1; v < w; v++)
        UNROLL for (int l = 0; l < VW; l++) sum[l] += t[l * w + v] * by[v];
      *(vec *)(out + r * pairs + p) += sums(sum);
    }
  return t;
}

/* out (rows, n, n) for q (rows, ld); work (rows, pairs) is zero; `pairs` is a multiple of VW. */
void contract(long n, long ld, long vectors, long pairs, long rows, const double *packed, const double *q, double *work,
              double *out) {
  const vec *t = (const vec *)packed;
  for (long chunks = (vectors + MOST - 1) / MOST, at = 0, w; chunks; chunks--, at += w) {
    w = (vectors - at + chunks - 1) / chunks;
#define CALL(width) t = reduce(pairs, rows, ld, t, q + at * VW, work, width)
    WIDTHS(CALL)
#undef CALL
  }
  for (long r = 0; r < rows; r++, out += n * n) {
    const double *from = work + r * pairs;
    for (long i = 0; i < n; i++)
      for (long j = i; j < n; j++) out[i * n + j] = out[j * n + i] = *from++;
  }
}
